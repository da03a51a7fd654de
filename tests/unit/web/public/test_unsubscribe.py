"""Unsubscribing by link, and undoing it."""

import re
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from mailer.addresses import mask_address, parse_address
from mailer.delivery.states import DeliveryState
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.link_tokens import PLACEHOLDER, Purpose
from mailer.service.subscribers.unsubscribe import UNDO_FOR
from tests.support.ledger_cases import join
from tests.support.site import ANA, BEN, KEY, PHOTO, Site, visiting

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
QUERY = "List-Unsubscribe=One-Click&undo=x&_method=POST"
BOUNDARY = "----a-boundary"
MULTIPART = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--{BOUNDARY}--\r\n'
).encode()


@pytest.fixture
def send(site):
    return site.send()


@pytest.fixture
def link(site, send):
    return f"/u/{site.token(send)}"


def seal_of(response):
    found = re.search(r'name="undo" value="([^"]+)"', response.text)
    return found[1] if found else ""


def test_a_get_changes_nothing_however_often_it_is_repeated(site, visitor):
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
        assert visitor.look(link, *requests) == {404 if "crane" in link else 200}, link
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


def test_unsubscribing_applies_to_a_running_send(site, visitor, send, link):
    site.begin(send)
    visitor.post(link, data=ONE_CLICK)
    assert site.ledger.sends.summary(send.id).counts == {DeliveryState.PENDING: 1, DeliveryState.SKIPPED: 1}


def test_unsubscribing_applies_to_every_spelling_of_the_address(site, visitor, send):
    other = site.send(site.letter("Another."), "ana.reis@EXAMPLE.com".lower())
    visitor.post(f"/u/{site.token(other, 'ana.reis@example.com')}")
    assert site.ledger.sends.summary(send.id).count(DeliveryState.SKIPPED) == 1


def test_a_repeated_post_adds_no_history(site, visitor, link):
    answers = [visitor.post(link, data=ONE_CLICK) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert all("You are unsubscribed" in answer.text for answer in answers)
    assert answers[1].text == answers[2].text
    assert len(site.ledger.suppressions.history(ANA.lower())) == 1


def test_an_erased_reader_can_still_unsubscribe(site, visitor, link):
    site.ledger.erasure.erase(ANA.lower(), source="test")
    assert visitor.get(link).status_code == 200
    answer = visitor.post(link, data=ONE_CLICK)
    assert answer.status_code == 200
    assert "example.com" not in answer.text
    assert "erased" not in answer.text
    assert not seal_of(answer)
    assert site.reason() == "erased"


def test_the_inert_token_shows_a_page_and_unsubscribes_nobody(site, visitor, send):
    before = site.contents()
    for method in ("GET", "HEAD", "POST"):
        assert visitor.request(method, f"/u/{PLACEHOLDER}").status_code == 200
    assert "test message" in visitor.post(f"/u/{PLACEHOLDER}", data=ONE_CLICK).text
    assert visitor.post(f"/u/{PLACEHOLDER}", data={"undo": "x"}).status_code == 404
    assert site.contents() == before


def test_a_token_of_another_purpose_or_delivery_is_not_found(site, visitor, send):
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
        assert "This page does not exist" in answer.text
    assert site.contents() == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    garbled=st.one_of(
        st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/?#"), min_size=1, max_size=60),
        st.tuples(st.integers(0, 38), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567")),
    )
)
def test_a_text_that_was_not_issued_is_not_found(site, visitor, send, garbled):
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
def test_any_request_body_unsubscribes(site, visitor, link, body, content_type, framed):
    content = b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n" + body + b"\r\n--b--" if framed else body
    if b"undo" in content:
        return
    site.ledger.suppressions.undo(ANA.lower(), source="test")
    answer = visitor.post(link, content=content, headers={"Content-Type": content_type.encode()})
    assert answer.status_code == 200
    assert site.reason() == "unsubscribed"


def test_undo_removes_the_opt_out(site, visitor, link):
    answer = visitor.post(link)
    back = visitor.post(link, data={"undo": seal_of(answer)})
    assert back.status_code == 200
    assert "You are subscribed again" in back.text
    assert site.reason() == ""
    again = visitor.post(link, data={"undo": seal_of(answer)})  # a second click
    assert again.status_code == 200
    assert site.reason() == ""


def test_undo_does_not_revive_a_skipped_delivery(site, visitor, send, link):
    visitor.post(link, data={"undo": seal_of(visitor.post(link))})
    assert site.ledger.sends.summary(send.id).count(DeliveryState.SKIPPED) == 1


@pytest.mark.parametrize("wrong", ["", "x", "a" * 26, "b" * 26, "ü", "x" * 4000])
def test_undo_needs_the_undo_token_of_the_answer(site, visitor, link, wrong):
    visitor.post(link)
    answer = visitor.post(link, data={"undo": wrong})
    assert answer.status_code == 409
    assert site.reason() == "unsubscribed"


def test_the_unsubscribe_token_is_no_undo_token(site, visitor, send, link):
    visitor.post(link)
    assert visitor.post(link, data={"undo": site.token(send)}).status_code == 409
    assert site.reason() == "unsubscribed"


def test_an_undo_token_is_valid_for_one_delivery_only(site, visitor, send, link):
    visitor.post(link)
    other = f"/u/{site.token(send, BEN)}"
    seal = seal_of(visitor.post(other))
    assert visitor.post(link, data={"undo": seal}).status_code == 409
    assert site.reason() == "unsubscribed"


def test_undo_is_possible_for_one_hour(site, visitor, link):
    seal = seal_of(visitor.post(link))
    site.clock.forward(UNDO_FOR + 1)
    late = visitor.post(link, data={"undo": seal})
    assert late.status_code == 409
    assert "This can no longer be undone here" in late.text
    assert "please write to us" in late.text  # no list is public
    assert "sign up again" not in late.text
    assert site.reason() == "unsubscribed"


PUBLIC = "public = true\n"


def set_list(site, settings):
    folder = site.app.workspace.subscribers
    folder.mkdir(exist_ok=True)
    (folder / "readers.csv").write_text("email\n")
    (folder / "readers.toml").write_text(settings)


def add_list(site):
    (site.app.workspace.subscribers / "board.csv").write_text("email\n")
    (site.app.workspace.subscribers / "board.toml").write_text(PUBLIC)


@pytest.mark.parametrize(
    ("others", "choice", "after"),
    [
        (0, "Take a break or change your address", "take a break."),
        (
            1,
            "Unsubscribe from some newsletters only, take a break or change your address",
            "choose to get fewer e-mails.",
        ),
    ],
)
def test_the_page_offers_what_the_preferences_page_has(site, visitor, link, others, choice, after):
    set_list(site, PUBLIC)
    if others:
        add_list(site)
        for name in ("readers", "board"):
            join(site.ledger, name, parse_address(ANA))
    assert f">{choice}</a>" in visitor.get(link).text
    left = visitor.post(link)
    assert f"you can also {after}" in left.text
    assert f">{choice}</a>" in visitor.post(link, data={"undo": seal_of(left)}).text


def test_only_the_answer_to_the_request_that_unsubscribed_can_undo_it(site, visitor, send, link):
    other = f"/u/{site.token(site.send(site.letter('Another.')))}"  # an older message, forwarded
    own = seal_of(visitor.post(link))
    for again in (link, other):
        page = visitor.get(again)
        assert "You are already unsubscribed" in page.text
        assert "Yes, unsubscribe from everything" not in page.text
        assert not seal_of(page)
        for body in ({}, ONE_CLICK, {"undo": own} if again is other else {}):
            answer = visitor.post(again, data=body)
            assert not seal_of(answer)
            assert site.reason() == "unsubscribed"


def test_a_page_without_undo_shows_the_way_back(site, visitor, link):
    visitor.post(link)
    for page in (visitor.get(link), visitor.post(link)):
        assert "Do you want to get newsletters again?" in page.text
        assert re.search(r'href="/preferences/[a-z2-7]{26}">Your preferences</a>', page.text)
    set_list(site, "invalid")
    assert visitor.get(link).status_code == visitor.post(link).status_code == 200
    site.ledger.erasure.erase(ANA.lower(), source="test")
    for page in (visitor.get(link), visitor.post(link)):
        assert f'<a href="mailto:{site.app.settings.sender.address}">' in page.text


def test_an_address_blocked_by_an_admin_can_still_unsubscribe(site, visitor, link):
    site.ledger.suppressions.suppress(ANA, SuppressionReason.BY_HAND, source="x")
    assert "Yes, unsubscribe from everything" in visitor.get(link).text


def test_unsubscribing_again_does_not_make_an_old_opt_out_undoable(site, visitor, link):
    visitor.post(link)
    site.clock.forward(UNDO_FOR + 1)
    answer = visitor.post(link)
    assert answer.status_code == 200
    assert not seal_of(answer)


def test_the_link_cannot_undo_an_opt_out_made_elsewhere(site, visitor, link):
    site.ledger.suppressions.unsubscribe(ANA.lower(), source="command")
    assert not seal_of(visitor.post(link))


def test_a_later_opt_out_invalidates_an_earlier_undo_token(site, visitor, link):
    first = seal_of(visitor.post(link))
    visitor.post(link)
    assert visitor.post(link, data={"undo": first}).status_code == 409
    assert site.reason() == "unsubscribed"


def test_an_undo_token_does_not_undo_a_later_opt_out(site, visitor, link):
    first = seal_of(visitor.post(link))
    visitor.post(link, data={"undo": first})
    site.clock.forward(1)
    visitor.post(link)
    assert visitor.post(link, data={"undo": first}).status_code == 409
    assert site.reason() == "unsubscribed"


def test_undo_does_not_resubscribe_after_an_erasure_or_a_complaint(site, visitor, send, link):
    seal = seal_of(visitor.post(link))
    site.ledger.suppressions.suppress(ANA.lower(), SuppressionReason.COMPLAINED, source="test")
    assert visitor.post(link, data={"undo": seal}).status_code == 409
    assert site.reason() == "complained"
    site.ledger.erasure.erase(ANA.lower(), source="test")
    assert visitor.post(link, data={"undo": seal}).status_code == 409
    assert site.reason() == "erased"


def test_undo_removes_the_opt_out_and_keeps_a_bounce(site, visitor, link):
    site.ledger.suppressions.suppress(ANA.lower(), SuppressionReason.BOUNCED, source="test")
    seal = seal_of(visitor.post(link))
    assert site.reason() == "unsubscribed"
    assert visitor.post(link, data={"undo": seal}).status_code == 200
    assert site.reason() == "bounced"
    assert visitor.post(link, data={"undo": seal}).status_code == 409
    assert site.reason() == "bounced"


def test_a_reader_who_complained_can_unsubscribe_without_undo(site, visitor, link):
    site.ledger.suppressions.suppress(ANA.lower(), SuppressionReason.COMPLAINED, source="test")
    answer = visitor.post(link)
    assert answer.status_code == 200
    assert not seal_of(answer)
    assert site.reason() == "complained"


def test_links_of_a_retired_key_unsubscribe_and_undo_tokens_end_with_their_key(tmp_path, site, visitor, send, link):
    seal = seal_of(visitor.post(link))
    site.app.close()
    keys = (SecretStr("the next secret key, also long enough"), SecretStr(KEY))
    settings = site.app.settings.model_copy(update={"secret_keys": keys})
    rotated = Site.__new__(Site)
    rotated.clock, rotated.app = site.clock, type(site.app)(site.app.workspace, settings, site.clock)
    with rotated.app, visiting(rotated) as later:
        assert later.post(link, data={"undo": seal}).status_code == 409
        assert rotated.reason() == "unsubscribed"
        assert not seal_of(later.post(link))
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
def test_an_address_is_masked(address, shown):
    assert mask_address(address) == shown


def test_the_pages_never_show_the_whole_address(visitor, link):
    for answer in (visitor.get(link), visitor.post(link)):
        assert "A…\u2060@example.com" in answer.text
        assert "reis" not in answer.text.lower()


def test_hostile_addresses_are_escaped(site, visitor):
    send = site.send(site.letter(), "'<b>&\"@example.com")
    answer = visitor.get(f"/u/{site.token(send, chr(39) + '<b>&' + chr(34) + '@example.com')}")
    assert answer.status_code == 200
    assert "<b>" not in answer.text


def test_undoing_tells_a_paused_reader_how_long_the_pause_lasts(site, visitor, link):
    join(site.ledger, "readers", parse_address(ANA))
    site.ledger.preferences.pause(ANA.lower(), site.clock() + 14 * 86_400, source="page")
    page = visitor.post(link, data={"undo": seal_of(visitor.post(link))})
    assert "You are subscribed again" in page.text
    assert "You get no newsletters until" in page.text


def test_the_link_of_an_erased_reader_leads_to_the_sign_up(site, visitor, link):
    set_list(site, PUBLIC)
    site.ledger.erasure.erase(ANA.lower(), source="page")
    page = visitor.get(link)
    assert 'href="/subscribe"' in page.text
    assert "mailto:" not in page.text
