"""The door out: what a visit changes, and what it never does."""

import re
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from mailer.addresses import mask_address
from mailer.delivery.states import DeliveryState
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.link_tokens import PLACEHOLDER, Purpose
from mailer.service.subscribers.unsubscribe import UNDO_FOR
from tests.support.site import ANA, BEN, KEY, PHOTO, Site, site_in, visiting

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
QUERY = "List-Unsubscribe=One-Click&undo=x&_method=POST"
BOUNDARY = "----a-boundary"
MULTIPART = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--{BOUNDARY}--\r\n'
).encode()


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        yield made


@pytest.fixture
def visitor(site):
    with visiting(site) as made:
        yield made


@pytest.fixture
def send(site):
    return site.send()


@pytest.fixture
def link(site, send):
    return f"/u/{site.token(send)}"


def seal_of(response):
    found = re.search(r'name="undo" value="([^"]+)"', response.text)
    return found[1] if found else ""


def test_looking_changes_nothing_however_often_and_however_it_is_asked(site, visitor):
    letter = site.letter("[[2026-03-02-crane]]")
    send = site.send(letter)
    site.begin(send)
    token = site.token(send)
    values = ReaderValues(address=ANA, token=token)
    variant = letter.variant(letter.key_for(values))
    message = fill(variant.html, values) + fill(variant.text, values)
    links = {urlsplit(link).path for link in re.findall(r"https://letter\.example\.org[^\s\"<>]*", message)}
    assert links >= {f"/u/{token}", "/archive/a-letter", f"/media/{PHOTO.name}", "/archive/2026-03-02-crane"}
    odd = {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender", "X-HTTP-Method-Override": "POST"}
    requests = [
        ("HEAD" if number % 3 == 0 else "GET", QUERY if number % 2 else "", odd if number % 5 else {})
        for number in range(200)
    ]
    before = site.contents()
    for link in links:
        assert visitor.look(link, *requests) == {404 if "crane" in link else 200}
    assert site.contents() == before
    assert visitor.post(f"/u/{token}").status_code == 200
    assert site.reason() == "unsubscribed"


@pytest.mark.parametrize(
    ("body", "source"),
    [
        ({"data": ONE_CLICK}, "one-click"),
        ({"data": {"list-unsubscribe": "x"}}, "page"),
        (
            {"content": MULTIPART, "headers": {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}},
            "one-click",
        ),
        ({"files": {"List-Unsubscribe": (None, "One-Click")}}, "one-click"),
        ({"content": b"List-Unsubscribe=One-Click"}, "one-click"),  # no Content-Type
        ({"content": b"List-Unsubscribe=one-click\r\n"}, "page"),
        ({"content": b"", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, "page"),
        ({}, "page"),
        ({"data": {**ONE_CLICK, "undo": "x"}}, "one-click"),
        ({"json": {"List-Unsubscribe": "One-Click"}}, "page"),
        ({"content": b"garbage", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, "page"),
        ({"content": b"garbage", "headers": {"Content-Type": "multipart/form-data"}}, "page"),
        ({"content": b"&".join([b"a=b"] * 100)}, "page"),
    ],
)
def test_a_post_unsubscribes_at_once_whatever_its_body(site, visitor, link, body, source):
    answer = visitor.post(link, **body)
    assert answer.status_code == 200
    assert not answer.has_redirect_location
    assert "set-cookie" not in answer.headers
    assert site.reason() == "unsubscribed"
    assert site.reason(BEN) == ""
    assert [change.source for change in site.ledger.suppressions.history(ANA.lower())] == [source]


def test_it_takes_effect_for_a_send_that_is_under_way(site, visitor, send, link):
    site.begin(send)
    visitor.post(link, data=ONE_CLICK)
    assert site.ledger.sends.summary(send.id).counts == {DeliveryState.PENDING: 1, DeliveryState.SKIPPED: 1}


def test_it_is_for_the_person_not_for_one_spelling_of_the_address(site, visitor, send):
    other = site.send(site.letter("Another."), "ana.reis@EXAMPLE.com".lower())
    visitor.post(f"/u/{site.token(other, 'ana.reis@example.com')}")
    assert site.ledger.sends.summary(send.id).count(DeliveryState.SKIPPED) == 1


def test_posting_again_is_the_same_answer_and_no_new_history(site, visitor, link):
    answers = [visitor.post(link, data=ONE_CLICK) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({re.sub(r'value="[^"]+"', "", answer.text) for answer in answers}) == 1
    assert len(site.ledger.suppressions.history(ANA.lower())) == 1


def test_the_erased_may_still_leave(site, visitor, link):
    site.ledger.erasure.erase(ANA.lower(), source="test")
    assert visitor.get(link).status_code == 200
    answer = visitor.post(link, data=ONE_CLICK)
    assert answer.status_code == 200
    assert "example.com" not in answer.text
    assert "erased" not in answer.text
    assert not seal_of(answer)
    assert site.reason() == "erased"


def test_the_inert_token_is_a_page_and_nobodys(site, visitor, send):
    before = site.contents()
    for method in ("GET", "HEAD", "POST"):
        assert visitor.request(method, f"/u/{PLACEHOLDER}").status_code == 200
    assert "test message" in visitor.post(f"/u/{PLACEHOLDER}", data=ONE_CLICK).text
    assert visitor.post(f"/u/{PLACEHOLDER}", data={"undo": "x"}).status_code == 404
    assert site.contents() == before


def test_a_token_of_another_purpose_or_delivery_is_nothing(site, visitor, send):
    keys = site.app.keys
    tokens = [keys.issue(purpose, 1) for purpose in Purpose if purpose is not Purpose.UNSUBSCRIBE]
    tokens.append(keys.issue(Purpose.UNSUBSCRIBE, 2**62))
    before = site.contents()
    for token in tokens:
        for method in ("GET", "HEAD", "POST"):
            assert visitor.request(method, f"/u/{token}").status_code == 404
    assert site.contents() == before


@pytest.mark.parametrize(
    "path",
    ["/u/", "/u", "/u/x/y", "/u/%00", "/u/..%2f..%2fetc", "/u/" + "b" * 26, "/u/" + "a" * 5000, "/u/%ff%fe", "/u/אבג"],
)
def test_a_garbled_link_is_a_plain_404(site, visitor, send, path):
    before = site.contents()
    for method in ("GET", "POST"):
        answer = visitor.request(method, path)
        assert answer.status_code == 404
        assert "This page does not exist." in answer.text
    assert site.contents() == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    garbled=st.one_of(
        st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/?#"), min_size=1, max_size=60),
        st.tuples(st.integers(0, 38), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567")),
    )
)
def test_no_text_that_nobody_issued_opens_the_door(site, visitor, send, garbled):
    token = site.token(send)
    if isinstance(garbled, tuple):
        place, letter = garbled
        forged = token[:place] + letter + token[place + 1 :]
    else:
        forged = garbled
    if forged in {token, PLACEHOLDER, ".", ".."}:
        return
    for method in ("GET", "POST"):
        assert visitor.request(method, "/u/" + quote(forged, safe="")).status_code == 404
    assert site.reason() == ""


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=300),
    content_type=st.sampled_from(
        [
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=b",
            "multipart/form-data; boundary=",
            "multipart/form-data; charset=nonsense; boundary=b",
            "text/plain",
            "",
            "ü",
        ]
    ),
    framed=st.booleans(),
)
def test_no_body_hinders_leaving(site, visitor, link, body, content_type, framed):
    content = b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n" + body + b"\r\n--b--" if framed else body
    if b"undo" in content:
        return
    site.ledger.suppressions.undo(ANA.lower(), source="test")
    answer = visitor.post(link, content=content, headers={"Content-Type": content_type.encode()})
    assert answer.status_code == 200
    assert site.reason() == "unsubscribed"


def test_undo_takes_the_no_back(site, visitor, link):
    answer = visitor.post(link)
    back = visitor.post(link, data={"undo": seal_of(answer)})
    assert back.status_code == 200
    assert "You are on the list again." in back.text
    assert site.reason() == ""
    again = visitor.post(link, data={"undo": seal_of(answer)})  # a second click
    assert again.status_code == 200
    assert site.reason() == ""


def test_undo_brings_no_skipped_delivery_back(site, visitor, send, link):
    visitor.post(link, data={"undo": seal_of(visitor.post(link))})
    assert site.ledger.sends.summary(send.id).count(DeliveryState.SKIPPED) == 1


@pytest.mark.parametrize("wrong", ["", "x", "a" * 26, "b" * 26, "ü", "x" * 4000])
def test_undo_needs_the_seal_of_the_answer(site, visitor, link, wrong):
    visitor.post(link)
    answer = visitor.post(link, data={"undo": wrong})
    assert answer.status_code == 409
    assert site.reason() == "unsubscribed"


def test_the_link_itself_undoes_nothing(site, visitor, send, link):
    visitor.post(link)
    assert visitor.post(link, data={"undo": site.token(send)}).status_code == 409
    assert site.reason() == "unsubscribed"


def test_a_seal_is_for_one_delivery_only(site, visitor, send, link):
    visitor.post(link)
    other = f"/u/{site.token(send, BEN)}"
    seal = seal_of(visitor.post(other))
    assert visitor.post(link, data={"undo": seal}).status_code == 409
    assert site.reason() == "unsubscribed"


def test_undo_is_for_one_hour(site, visitor, link):
    seal = seal_of(visitor.post(link))
    site.clock.forward(UNDO_FOR + 1)
    assert visitor.post(link, data={"undo": seal}).status_code == 409
    assert site.reason() == "unsubscribed"


def test_who_left_long_ago_is_not_brought_back_by_leaving_again(site, visitor, link):
    visitor.post(link)
    site.clock.forward(UNDO_FOR + 1)
    answer = visitor.post(link)
    assert answer.status_code == 200
    assert not seal_of(answer)


def test_who_left_by_another_way_is_not_brought_back_by_the_link(site, visitor, link):
    site.ledger.suppressions.unsubscribe(ANA.lower(), source="command")
    assert not seal_of(visitor.post(link))


def test_a_later_no_voids_the_seal_of_an_earlier_one(site, visitor, link):
    first = seal_of(visitor.post(link))
    second = seal_of(visitor.post(link))
    assert visitor.post(link, data={"undo": first}).status_code == 409
    assert site.reason() == "unsubscribed"
    assert visitor.post(link, data={"undo": second}).status_code == 200
    assert site.reason() == ""


def test_a_seal_does_not_undo_the_no_after_the_undo(site, visitor, link):
    first = seal_of(visitor.post(link))
    visitor.post(link, data={"undo": first})
    site.clock.forward(1)
    visitor.post(link)
    assert visitor.post(link, data={"undo": first}).status_code == 409
    assert site.reason() == "unsubscribed"


def test_undo_resurrects_nobody_who_was_erased_or_complained(site, visitor, send, link):
    seal = seal_of(visitor.post(link))
    site.ledger.suppressions.suppress(ANA.lower(), SuppressionReason.COMPLAINED, source="test")
    assert visitor.post(link, data={"undo": seal}).status_code == 409
    assert site.reason() == "complained"
    site.ledger.erasure.erase(ANA.lower(), source="test")
    assert visitor.post(link, data={"undo": seal}).status_code == 409
    assert site.reason() == "erased"


def test_undo_takes_back_only_the_no_and_leaves_a_bounce(site, visitor, link):
    site.ledger.suppressions.suppress(ANA.lower(), SuppressionReason.BOUNCED, source="test")
    seal = seal_of(visitor.post(link))
    assert site.reason() == "unsubscribed"
    assert visitor.post(link, data={"undo": seal}).status_code == 200
    assert site.reason() == "bounced"
    assert visitor.post(link, data={"undo": seal}).status_code == 409
    assert site.reason() == "bounced"


def test_who_complained_may_leave_and_is_offered_no_undo(site, visitor, link):
    site.ledger.suppressions.suppress(ANA.lower(), SuppressionReason.COMPLAINED, source="test")
    answer = visitor.post(link)
    assert answer.status_code == 200
    assert not seal_of(answer)
    assert site.reason() == "complained"


def test_links_of_a_retired_key_unsubscribe_and_seals_end_with_their_key(tmp_path, site, visitor, send, link):
    seal = seal_of(visitor.post(link))
    site.app.close()
    keys = (SecretStr("the next secret key, also long enough"), SecretStr(KEY))
    settings = site.app.settings.model_copy(update={"secret_keys": keys})
    rotated = Site.__new__(Site)
    rotated.clock, rotated.app = site.clock, type(site.app)(site.app.workspace, settings, site.clock)
    with rotated.app, visiting(rotated) as later:
        assert later.post(link, data={"undo": seal}).status_code == 409
        assert rotated.reason() == "unsubscribed"
        rotated.ledger.suppressions.undo(ANA.lower(), source="x")
        assert later.get(link).status_code == 200
        assert seal_of(later.post(link))
        assert rotated.reason() == "unsubscribed"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ana.reis@example.com", "a…@example.com"),
        ("x@example.com", "x…@example.com"),
        ("ana@xn--bcher-kva.example", "a…@bücher.example"),
        ("दीपा@xn--p1b6ci4b4b3a.example", "द…@उदाहरण.example"),
        ("erased:5eed", ""),
        ("", ""),
    ],
)
def test_an_address_is_shown_as_only_its_owner_knows_it_again(address, shown):
    assert mask_address(address) == shown


def test_the_pages_never_show_the_whole_address(visitor, link):
    for answer in (visitor.get(link), visitor.post(link)):
        assert "A…@example.com" in answer.text
        assert "reis" not in answer.text.lower()


def test_hostile_addresses_are_text(site, visitor):
    send = site.send(site.letter(), "'<b>&\"@example.com")
    answer = visitor.get(f"/u/{site.token(send, chr(39) + '<b>&' + chr(34) + '@example.com')}")
    assert answer.status_code == 200
    assert "<b>" not in answer.text
