"""The preferences page: what each kind of link allows."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.addresses import parse_address
from mailer.csv.rows import Status
from mailer.ledger.types.subscribers import LeavingReason, StatusSource
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState
from mailer.link_tokens import PLACEHOLDER, MailedLink, Purpose, TokenKeys, new_link_secret
from mailer.service.lists.sync import sync_list
from mailer.service.subscribers.personal_data import find_profile
from mailer.service.subscribers.preferences_link import MAILED_LINK_FOR, NONCE_FOR
from tests.support.ledger_cases import join
from tests.support.site import ANA, BEN, KEY, site_in, visiting

IDENTITY = ANA.lower()
DAY = 86_400.0
LISTS = {
    "daily": 'title = "The Daily Tide"\ndescription = "Each morning."\npublic = true\nown_fields = ["first_name"]\n',
    "weekly": 'title = "The Week"\npublic = true\nown_fields = ["first_name", "city"]\n',
    "donors": "",
}


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        folder = tmp_path / "subscribers"
        folder.mkdir()
        for name, text in LISTS.items():
            (folder / f"{name}.csv").write_text("email\n", encoding="utf-8")
            if text:
                (folder / f"{name}.toml").write_text(text, encoding="utf-8")
        join(made.ledger, "daily", parse_address(ANA), source="form")
        yield made


@pytest.fixture
def visitor(site):
    with visiting(site) as made:
        yield made


@pytest.fixture
def own(site):
    """The link that is mailed to the address alone."""
    return site.mailed_page()


@pytest.fixture
def passed_on(site, visitor):
    """The link that a message leads to, and that may be forwarded."""
    page = visitor.get(f"/u/{site.token(site.send())}")
    return re.search(r'href="(/preferences/[a-z2-7]{26})"', page.text)[1]


def nonce_of(page):
    return re.search(r'name="nonce" value="([^"]+)"', page.text)[1]


def say(visitor, link, **fields):
    nonce = fields.pop("nonce", None) or nonce_of(visitor.get(link))
    return visitor.post(link, data={"nonce": nonce, **fields})


def standing(site, identity=IDENTITY):
    return {each.list: each.status.value for each in site.ledger.members.of(identity)}


def test_the_page_shows_the_present_state_and_the_link_of_a_message_a_masked_address(site, visitor, own, passed_on):
    for link, lists in ((own, [("daily", " checked"), ("weekly", "")]), (passed_on, [("daily", " checked")])):
        page = visitor.get(link)
        assert page.status_code == 200
        assert ("A…\u2060@example.com" in page.text) == (link == passed_on)
        assert ("Ana.Reis@example.com" in page.text) == (link == own)
        assert re.findall(r'name="list\.(\w+)" value="yes"( checked)?', page.text) == lists
        assert "donors" not in page.text
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "set-cookie" not in page.headers


def test_a_get_changes_nothing(site, visitor, own, passed_on):
    before = site.contents()
    for link in (own, passed_on, f"{own}/erase"):
        assert visitor.look(link, *[("HEAD" if n % 2 else "GET", "do=leave", {}) for n in range(50)]) == {200}
    assert site.contents() == before


def test_lists_can_be_joined_and_left(site, visitor, own):
    page = say(visitor, own, do="lists", **{"list.weekly": "yes", "list.donors": "yes", "list.nothing": "yes"})
    assert "Saved." in page.text
    assert standing(site) == {"daily": "unsubscribed", "weekly": "subscribed"}
    assert re.findall(r'name="list\.(\w+)" value="yes" checked', page.text) == ["weekly"]
    joined, consent = site.ledger.signups.consents(IDENTITY)
    assert joined.list == "daily"
    assert consent.list == "weekly"
    assert consent.words.startswith("By choosing a newsletter and saving, you agree to receive it by e-mail.")


def test_lists_that_are_not_shown_are_not_changed(site, visitor, own):
    join(site.ledger, "donors", parse_address(ANA), source="form")
    page = say(visitor, own, do="lists")
    assert "You also get 1 other newsletter from us. It stops when" in page.text
    assert standing(site) == {"daily": "unsubscribed", "donors": "subscribed"}


@pytest.mark.parametrize(
    ("language", "weeks"), [("en", "1 week"), ("en", "26 weeks"), ("ar", "أسبوعان"), ("ar", "4 أسابيع")]
)
def test_the_length_of_a_pause_has_the_plural_form_of_the_language(tmp_path, language, weeks):
    with site_in(tmp_path, language=language) as site, visiting(site) as visitor:
        (tmp_path / "subscribers").mkdir()
        (tmp_path / "subscribers" / "daily.csv").write_text("email\n", encoding="utf-8")
        join(site.ledger, "daily", parse_address(ANA), source="form")
        page = visitor.get(site.mailed_page())
        assert f">{weeks}</option>" in page.text


def test_only_own_fields_of_the_list_can_be_changed(site, visitor, own):
    page = say(
        visitor, own, do="fields", **{"own.first_name": "Ána\u202e\r\nReis", "own.city": "Porto", "own.status": "x"}
    )
    assert 'value="Ána Reis"' in page.text
    assert site.ledger.members.get("daily", IDENTITY).profile == {"first_name": "Ána Reis"}
    say(visitor, own, do="fields", **{"own.first_name": "<b>" + "x" * 500})
    assert len(site.ledger.members.get("daily", IDENTITY).profile["first_name"]) == 200
    assert "<b>x" not in visitor.get(own).text


def test_a_pause_ends_by_itself_or_by_resuming(site, visitor, own):
    page = say(visitor, own, do="pause", weeks="2")
    assert "You get no newsletters until" in page.text
    member = site.ledger.members.get("daily", IDENTITY)
    assert (member.status, member.status_source, member.paused_until) == (
        Status.PAUSED, StatusSource.PERSON, site.clock() + 14 * DAY,
    )  # fmt: skip
    assert 'name="list.daily" value="yes" checked' in page.text
    say(visitor, own, do="lists", **{"list.daily": "yes"})
    assert standing(site) == {"daily": "paused"}
    site.clock.forward(14 * DAY)
    own = site.mailed_page()
    assert "You get no newsletters until" not in visitor.get(own).text
    say(visitor, own, do="pause", weeks="1")
    page = say(visitor, own, do="resume")
    assert "You get no newsletters until" not in page.text
    assert standing(site) == {"daily": "subscribed"}


@pytest.mark.parametrize("weeks", ["", "0", "-1", "3", "9" * 400, "1e9", "²"])
def test_a_pause_takes_only_the_lengths_of_the_page(site, visitor, own, weeks):
    assert say(visitor, own, do="pause", weeks=weeks).status_code == 400
    assert standing(site) == {"daily": "subscribed"}


def test_only_the_mailed_link_resubscribes_after_unsubscribing_from_everything(site, visitor, own, passed_on):
    page = say(visitor, passed_on, do="leave")
    assert site.reason() == "unsubscribed"
    assert "We send no newsletters to this address" in page.text
    assert "You can also use it to resubscribe." in page.text
    assert "To resubscribe, choose your newsletters here" in visitor.get(own).text
    say(visitor, passed_on, do="lists", **{"list.daily": "yes"})
    say(visitor, passed_on, do="resume")
    assert site.reason() == "unsubscribed"
    say(visitor, own, do="lists", **{"list.weekly": "yes"})
    assert site.reason() == ""
    assert standing(site) == {"daily": "unsubscribed", "weekly": "subscribed"}


def test_without_a_public_list_only_the_mailed_link_undoes_unsubscribing_from_everything(site, visitor, own, passed_on):
    for file in site.app.workspace.subscribers.glob("*.toml"):
        file.write_text("public = false\n")
    sync_list(site.app, "daily")
    refused = say(visitor, own, do="return")
    assert refused.status_code == 400
    page = say(visitor, passed_on, do="leave")
    sync_list(site.app, "daily")
    assert "You can also use it to resubscribe." in page.text
    assert "please write to us" not in page.text
    assert 'value="return"' not in page.text
    assert say(visitor, passed_on, do="return").status_code == 400
    assert site.reason() == "unsubscribed"
    assert 'value="return"' in visitor.get(own).text
    back = say(visitor, own, do="return")
    assert "Take a break" in back.text
    assert (site.reason(), standing(site)) == ("", {"daily": "subscribed"})
    assert [(each.change, each.source) for each in site.ledger.suppressions.history(IDENTITY)][-1] == (
        "lifted",
        "person",
    )
    sync_list(site.app, "daily")
    assert ",subscribed," in (site.app.workspace.subscribers / "daily.csv").read_text(encoding="utf-8")


def test_a_reader_who_complained_and_has_no_public_list_is_told_whom_to_write_to(site, visitor, own, passed_on):
    for file in site.app.workspace.subscribers.glob("*.toml"):
        file.write_text("public = false\n")
    site.ledger.suppressions.suppress(IDENTITY, SuppressionReason.COMPLAINED, source="test")
    contact = site.app.settings.sender.address
    for each in (visitor.get(passed_on), visitor.get(own)):
        assert f'To get newsletters again, please write to us. <a href="mailto:{contact}">' in each.text
        assert 'value="return"' not in each.text


@pytest.mark.parametrize(
    ("public", "use"), [("true", "to join newsletters, to end a break"), ("false", "to end a break.")]
)
def test_the_personal_link_is_offered_for_what_the_lists_allow(site, visitor, passed_on, public, use):
    for file in site.app.workspace.subscribers.glob("*.toml"):
        file.write_text(f"public = {public}\n")
    assert (f"You also need it {use}" in visitor.get(passed_on).text) is (public == "true")
    paused = say(visitor, passed_on, do="pause", weeks="2").text
    assert f"You also need it {use}" in paused and "Make the break longer" in paused
    assert "You also need it" not in say(visitor, passed_on, do="leave").text


def test_the_page_cannot_undo_a_suppression_by_an_admin(site, visitor, own):
    site.ledger.suppressions.suppress(IDENTITY, SuppressionReason.BY_HAND, source="x")
    page = visitor.get(own)
    assert "please write to us" in page.text
    say(visitor, own, do="lists", **{"list.weekly": "yes"})
    assert site.reason() == "by hand"


@pytest.mark.parametrize("do", ["address", "data", "download", "fields", "resume", "nonsense", ""])
def test_a_link_from_a_message_only_reduces_what_is_sent(site, visitor, passed_on, do):
    before = site.contents()
    page = say(visitor, passed_on, do=do, email="thief@example.net", **{"own.first_name": "Fay"})
    assert page.status_code == 400
    assert ANA not in page.text
    assert visitor.get(f"{passed_on}/erase").status_code == 404
    assert visitor.post(f"{passed_on}/erase", data={"nonce": "x"}).status_code == 404
    assert site.contents() == before


@pytest.mark.parametrize("value", ["Fay, pay at http://evil.example", "evil.example"])
def test_a_field_with_a_web_address_is_refused(site, visitor, own, value):
    page = say(visitor, own, do="fields", **{"own.first_name": value})
    assert page.status_code == 400
    assert "The field “\u2068First name\u2069” seems to have a web or e-mail address." in page.text
    assert f'value="{value}"' in page.text
    assert site.ledger.members.get("daily", IDENTITY).profile == {}


def test_nobody_moves_to_an_address_that_a_spreadsheet_would_run(site, visitor, own):
    assert say(visitor, own, do="address", email="=cmd@example.net").status_code == 400
    assert site.ledger.transactional.of("=cmd@example.net") == ()


def test_the_link_of_a_message_shows_no_field(site, visitor, own, passed_on):
    say(visitor, own, do="fields", **{"own.first_name": "Aurélia"})
    assert "Aurélia" in visitor.get(own).text
    page = visitor.get(passed_on)
    assert "Aurélia" not in page.text
    assert "own.first_name" not in page.text


def test_the_link_of_a_message_joins_no_list_and_records_no_consent(site, visitor, passed_on):
    consents = site.ledger.signups.consents(IDENTITY)
    say(visitor, passed_on, do="lists", **{"list.daily": "yes", "list.weekly": "yes", "list.donors": "yes"})
    assert standing(site) == {"daily": "subscribed"}
    say(visitor, passed_on, do="lists", **{"list.weekly": "yes"})
    assert standing(site) == {"daily": "unsubscribed"}
    say(visitor, passed_on, do="lists", **{"list.daily": "yes"})
    assert standing(site) == {"daily": "unsubscribed"}
    assert site.ledger.signups.consents(IDENTITY) == consents


def test_the_link_of_a_message_extends_a_pause_and_never_shortens_it(site, visitor, own, passed_on):
    say(visitor, own, do="pause", weeks="8")
    assert 'value="resume"' in visitor.get(own).text
    assert 'value="resume"' not in visitor.get(passed_on).text
    for weeks, until in (("1", 8), ("12", 12)):
        say(visitor, passed_on, do="pause", weeks=weeks)
        assert site.ledger.members.get("daily", IDENTITY).paused_until == site.clock() + 7 * until * DAY
    say(visitor, own, do="pause", weeks="1")
    assert site.ledger.members.get("daily", IDENTITY).paused_until == site.clock() + 7 * DAY


def test_a_mailed_link_works_for_48_hours_and_is_another_each_time(site, visitor, own):
    site.clock.forward(MAILED_LINK_FOR)
    nonce = nonce_of(visitor.get(own))
    site.clock.forward(1)
    before = site.contents()
    for path in (own, f"{own}/erase"):
        for page in (visitor.get(path), visitor.post(path, data={"do": "download", "nonce": nonce})):
            assert page.status_code == 410
            assert 'name="do" value="link"' in page.text
            assert "A…" not in page.text
    assert site.contents() == before
    again = site.mailed_page()
    assert again != own
    assert visitor.get(again).status_code == 200


def test_the_ledger_and_the_key_make_no_mailed_link(site, visitor, own):
    secret = own.rpartition("/")[2]
    assert secret not in str(site.contents())
    keys, numbers = site.app.keys, range(10)
    tokens = [keys.issue(purpose, number) for purpose in Purpose for number in numbers]
    digests = [each for row in site.contents() for each in re.findall(r"'([0-9a-f]{64})'", str(row))]
    assert keys.link_digest(MailedLink.PREFERENCES, secret) in digests
    for token in (*tokens, *digests, secret[:-1], f"{secret}a", f"{secret[:-2]}aa"):
        for path in ("preferences", "address", "confirm"):
            page = visitor.get(f"/{path}/{token}")
            assert page.status_code == 404 or "personal link" in page.text


def test_a_retired_key_only_unsubscribes(site, visitor, own):
    send = site.send()
    weak = re.search(r'href="(/preferences/[a-z2-7]{26})"', visitor.get(f"/u/{site.token(send)}").text)[1]
    old = f"/u/{site.token(send)}"
    in_message = old.replace("/u/", "/preferences/")
    assert "Your preferences" in visitor.get(in_message).text
    nonce = nonce_of(visitor.get(own))
    site.app.__dict__["keys"] = TokenKeys(["a new secret key of the tests, long enough to be one", KEY])
    for path in (weak, in_message, own, f"{own}/erase"):
        assert (
            visitor.get(path).status_code == visitor.post(path, data={"do": "leave", "nonce": nonce}).status_code == 404
        )
    page = visitor.get(old)
    assert page.status_code == 200
    assert 'href="/preferences"' in page.text
    site.ledger.suppressions.unsubscribe(IDENTITY, source="page")
    assert 'name="undo"' not in visitor.post(old).text  # somebody else's opt-out
    site.ledger.suppressions.undo(IDENTITY, source="x")
    undo = re.search(r'name="undo" value="([^"]+)"', visitor.post(old).text)[1]
    assert site.reason() == "unsubscribed"
    visitor.post(old, data={"undo": undo})
    assert site.reason() == ""


def test_the_personal_link_is_mailed_to_the_address_alone_once_a_day(site, visitor, passed_on):
    for number in range(3):
        page = say(visitor, passed_on, do="link")
        assert ("We are sending the link to " if number == 0 else "We have already sent a link to ") in page.text
        assert "Send me the link" not in page.text
    [letter] = site.ledger.transactional.of(IDENTITY)
    assert (letter.kind, letter.address) == (TransactionalKind.LINK, ANA)


def test_the_data_are_everything_that_is_known_as_a_file(site, visitor, own):
    site.send()
    answer = say(visitor, own, do="download")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-data.json"'
    data = json.loads(answer.text)
    assert data["email"] == ANA
    assert [each["list"] for each in data["lists"]] == ["daily"]
    assert [each["slug"] for each in data["deliveries"]] == ["a-letter"]
    assert [each["what"] for each in data["changes"]] == ["joined"]


def test_erasing_is_confirmed_on_a_second_page(site, visitor, own):
    site.send()
    assert f'href="{own}/erase"' in visitor.get(own).text
    asked = visitor.get(f"{own}/erase")
    assert "Erase all your data?" in asked.text
    assert visitor.post(f"{own}/erase").status_code == 409
    assert site.reason() == ""
    done = visitor.post(f"{own}/erase", data={"nonce": nonce_of(asked)})
    assert "Your data has been erased" in done.text
    assert site.reason() == "erased"
    assert visitor.get(own).status_code == visitor.post(own, data={"do": "leave"}).status_code == 404
    for row in site.contents():
        assert IDENTITY not in str(row).lower()


def ask(site, visitor, own, new="ana.new@example.net"):
    page = say(visitor, own, do="address", email=new)
    letters = [each for each in site.ledger.transactional.of(new.lower()) if each.kind is TransactionalKind.ADDRESS]
    return page, [f"/address/{site.mailed(each, MailedLink.ADDRESS)}" for each in letters]


def test_an_address_changes_only_after_confirmation_from_the_new_one(site, visitor, own):
    page, [link] = ask(site, visitor, own)
    assert "We send an e-mail to the new address, at most one a day." in page.text
    before = site.contents()
    assert "ana.new@example.net" in visitor.get(link).text
    assert site.contents() == before
    assert "Your address has been changed" in visitor.post(link).text
    assert "Your address has been changed" in visitor.post(link).text
    assert standing(site, "ana.new@example.net") == {"daily": "subscribed"}
    assert standing(site) == {"daily": "unsubscribed"}
    assert visitor.get(own).status_code == 410
    site.clock.forward(DAY)
    data = json.loads(say(visitor, site.mailed_page(), do="download").text)
    assert data["later"] == []
    assert "ana.new" not in json.dumps(data)
    theirs = say(visitor, site.mailed_page("ana.new@example.net"), do="download").json()
    assert theirs["formerly"] == [IDENTITY]


def notice(site):
    [mail] = [each for each in site.ledger.transactional.of(IDENTITY) if each.kind is TransactionalKind.MOVED]
    return f"/address/{site.mailed(mail, MailedLink.UNDO_MOVE)}"


def test_the_old_address_hears_of_a_change_and_can_undo_it(site, visitor, own):
    say(visitor, own, do="fields", **{"own.first_name": "Aurélia"})
    visitor.post(ask(site, visitor, own, "thief@example.net")[1][0])
    theirs = site.mailed_page("thief@example.net")
    link = notice(site)
    before = site.contents()
    page = visitor.get(link)
    assert "Ana.Reis@example.com" in page.text
    assert "thief" not in page.text
    assert site.contents() == before
    for _ in range(2):
        assert "has been undone" in visitor.post(link).text
        assert standing(site) == {"daily": "subscribed"}
        assert standing(site, "thief@example.net") == {"daily": "unsubscribed"}
    assert visitor.get(theirs).status_code == 410
    site.clock.forward(DAY)
    data = say(visitor, site.mailed_page("thief@example.net"), do="download").json()
    assert data["formerly"] == []
    assert IDENTITY not in json.dumps(data)
    assert "Aurélia" not in json.dumps(data)
    assert say(visitor, site.mailed_page(), do="download").json()["lists"][0]["fields"] == {"first_name": "Aurélia"}


def test_a_change_is_undone_for_14_days(site, visitor, own):
    visitor.post(ask(site, visitor, own)[1][0])
    link = notice(site)
    site.clock.forward(14 * DAY + 1)
    assert visitor.post(link).status_code == 409
    assert standing(site) == {"daily": "unsubscribed"}


def test_a_change_that_was_asked_for_by_a_void_link_is_void(site, visitor, own):
    _, [first] = ask(site, visitor, own)
    _, [second] = ask(site, visitor, own, "thief@example.net")
    visitor.post(first)
    visitor.post(notice(site))
    assert standing(site) == {"daily": "subscribed"}
    assert visitor.post(second).status_code == 409
    assert standing(site) == {"daily": "subscribed"}


def test_a_mail_to_a_new_address_is_sent_once_a_day_and_valid_for_72_hours(site, visitor, own):
    _, [link] = ask(site, visitor, own)
    assert ask(site, visitor, own)[1] == [link]
    site.clock.forward(72 * 3600 + 1)
    late = visitor.post(link)
    assert late.status_code == 409
    assert "Your address was not changed." in late.text
    assert standing(site) == {"daily": "subscribed"}


def test_a_change_of_address_neither_bypasses_nor_reveals_a_suppression(site, visitor, own):
    site.ledger.suppressions.unsubscribe("no@example.net", source="page")
    page, [link] = ask(site, visitor, own, "no@example.net")
    assert "We send an e-mail to the new address, at most one a day." in page.text
    assert visitor.post(link).status_code == 409
    assert standing(site, "no@example.net") == {}


@pytest.mark.parametrize("text", ["", "x", "a@@b.example", "a@b.example, c@d.example", "a@b.example\nBcc: c@d.example"])
def test_an_invalid_address_is_reported_at_its_field(site, visitor, own, text):
    page = say(visitor, own, do="address", email=text)
    assert page.status_code == 400
    assert 'aria-invalid="true"' in page.text
    assert site.ledger.transactional.counts() == {TransactionalState.SENT: 1}  # the link to this page


def test_requests_that_send_mail_are_rate_limited(site, visitor, own):
    nonce = nonce_of(visitor.get(own))
    statuses = [
        say(visitor, own, nonce=nonce, do="address", email=f"victim{n}@example.net").status_code for n in range(40)
    ]
    assert 429 in statuses
    assert sum(site.ledger.transactional.counts().values()) < 30


def test_a_nonce_is_valid_for_one_page_and_a_limited_time(site, visitor, own, passed_on):
    nonce = nonce_of(visitor.get(own))
    other = nonce_of(visitor.get(passed_on))
    for wrong in ("", "x", PLACEHOLDER, other):
        page = visitor.post(own, data={"do": "leave", "nonce": wrong})
        assert page.status_code == 409
        assert "press the button again" in page.text
    site.clock.forward(NONCE_FOR + 1)
    assert say(visitor, own, nonce=nonce, do="leave").status_code == 409
    assert site.reason() == ""
    site.clock.forward(-2 * NONCE_FOR)
    assert say(visitor, own, nonce=nonce, do="leave").status_code == 409
    assert site.reason() == ""


def test_invalid_links_are_not_found(site, visitor):
    keys, number = site.app.keys, 1
    wrong = [
        "x",
        keys.issue(Purpose.UNSUBSCRIBE, number),
        new_link_secret(),
        keys.issue(Purpose.PREFERENCES, 999),
    ]
    for token in wrong:
        for path in (f"/preferences/{token}", f"/preferences/{token}/erase", f"/address/{token}"):
            assert visitor.get(path).status_code == visitor.post(path, data={"do": "leave"}).status_code == 404, path
    inert = visitor.get(f"/preferences/{PLACEHOLDER}")
    assert inert.status_code == 200
    assert "This link doesn’t lead to anyone’s preferences" in inert.text
    assert visitor.post(f"/preferences/{PLACEHOLDER}", data={"do": "leave"}).status_code == 404


FIELDS = st.dictionaries(
    st.sampled_from(["do", "nonce", "weeks", "email", "list.daily", "own.first_name", "own.", "list.", "undo"]),
    st.sampled_from(["lists", "fields", "pause", "resume", "address", "data", "link", "4"]) | st.text(max_size=30),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=FIELDS, fresh=st.booleans())
def test_no_form_breaks_the_page(site, visitor, own, fields, fresh):
    if fresh:
        fields = {**fields, "nonce": nonce_of(visitor.get(own))}
    fields = {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}
    assert visitor.post(own, data=fields).status_code in {200, 400, 409, 429}


def test_the_reason_for_leaving_is_optional(site, visitor):
    link = f"/u/{site.token(site.send())}"
    page = visitor.post(link)
    seal = re.search(r'name="undo" value="([^"]+)"', page.text)[1]
    assert "Why are you leaving?" in page.text
    thanks = visitor.post(
        link, data={"undo": seal, "why": "too many", "words": "Every day!\r\n<b>Really</b>" + "x" * 600}
    )
    assert "Thank you for your answer" in thanks.text
    [reason] = site.ledger.leaving_reasons.of(IDENTITY)
    assert reason.reason is LeavingReason.TOO_MANY
    assert reason.words.startswith("Every day!\n<b>Really</b>")
    assert len(reason.words) == 500
    assert site.reason() == "unsubscribed"
    visitor.post(link, data={"undo": seal, "words": "none of these", "why": "nonsense"})
    [reason] = site.ledger.leaving_reasons.of(IDENTITY)
    assert (reason.reason, reason.words) == (LeavingReason.OTHER, "none of these")
    back = visitor.post(link, data={"undo": seal})
    assert re.search(r'href="/preferences/[a-z2-7]{26}"', back.text)
    assert site.reason() == ""


@pytest.mark.parametrize("fields", [{"why": ""}, {"words": "  "}, {"why": "", "words": ""}])
def test_an_empty_reason_is_not_recorded(site, visitor, fields):
    link = f"/u/{site.token(site.send())}"
    seal = re.search(r'name="undo" value="([^"]+)"', visitor.post(link).text)[1]
    again = visitor.post(link, data={"undo": seal, **fields}).text
    assert "You are unsubscribed" in again
    assert "You have not chosen a reason, and you don’t have to." in again
    assert again.count(f'name="undo" value="{seal}"') == 2  # the undo, and the question
    visitor.post(link, data={"undo": seal})
    assert "You are unsubscribed" not in visitor.post(link, data={"undo": seal, **fields}).text
    assert site.reason() == ""
    late = visitor.post(link, data={"undo": seal, "why": "other"})
    assert late.status_code == 409
    assert "Your answer could not be saved" in late.text
    assert site.ledger.leaving_reasons.of(IDENTITY) == ()


def test_an_undo_token_of_another_delivery_records_no_reason(site, visitor):
    send = site.send()
    seal = re.search(r'name="undo" value="([^"]+)"', visitor.post(f"/u/{site.token(send, BEN)}").text)[1]
    visitor.post(f"/u/{site.token(send)}")
    assert visitor.post(f"/u/{site.token(send)}", data={"undo": seal, "why": "other"}).status_code == 409
    assert site.ledger.leaving_reasons.of(IDENTITY) == ()


def test_one_form_saves_lists_and_fields(site, visitor, own):
    fields = {"list.daily": "yes", "list.weekly": "yes", "own.first_name": "Ana"}
    page = visitor.get(own)
    assert page.text.count(">Save</button>") == 1
    say(visitor, own, do="lists", **fields)
    assert standing(site) == {"daily": "subscribed", "weekly": "subscribed"}
    assert site.ledger.members.get("weekly", IDENTITY).profile == {"first_name": "Ana"}


def test_a_refused_field_saves_nothing_and_keeps_the_form(site, visitor, own):
    page = say(visitor, own, do="lists", **{"list.weekly": "yes", "own.first_name": "St.Gallen"})
    assert page.status_code == 400
    assert "“\u2068First name\u2069” seems to have a web or e-mail address." in page.text
    assert re.findall(r'name="list\.(\w+)" value="yes" checked', page.text) == ["weekly"]
    assert 'value="St.Gallen" aria-invalid="true"' in page.text
    assert standing(site) == {"daily": "subscribed"}


def test_a_list_that_is_joined_gets_the_fields_given_to_another(site, visitor, own):
    say(visitor, own, do="fields", **{"own.first_name": "Ana"})
    say(visitor, own, do="lists", **{"list.daily": "yes", "list.weekly": "yes"})
    assert site.ledger.members.get("weekly", IDENTITY).profile == {"first_name": "Ana"}


def test_the_lists_of_the_reader_come_first(site, visitor, own):
    say(visitor, own, do="lists", **{"list.weekly": "yes"})
    assert re.findall(r'name="list\.(\w+)"', visitor.get(own).text) == ["weekly", "daily"]


def test_the_consent_recorded_is_the_sentence_on_the_page(site, visitor, own, passed_on):
    shown = re.search(r'<p class="fact">(By choosing [^<]+)</p>', visitor.get(own).text)[1]
    assert "By choosing" not in visitor.get(passed_on).text
    say(visitor, own, do="lists", **{"list.weekly": "yes"})
    assert site.ledger.signups.consents(IDENTITY)[-1].words == shown


def test_the_page_says_how_long_a_pause_lasts_and_that_a_message_cannot_shorten_it(site, visitor, own, passed_on):
    assert "Your break lasts until" in say(visitor, own, do="pause", weeks="4").text
    page = say(visitor, passed_on, do="pause", weeks="1")
    assert "Saved." not in page.text
    assert "Nothing was changed: your break already lasts until" in page.text
    assert "Your break lasts until" in say(visitor, passed_on, do="pause", weeks="8").text


def test_a_reader_who_left_the_only_list_is_told_that_nothing_comes(site, visitor, passed_on):
    page = say(visitor, passed_on, do="lists")
    assert "We send no newsletters to this address at the moment." in page.text
    assert "Unsubscribe from everything" not in page.text
    assert "You can also use it to resubscribe." in page.text


def test_a_change_to_the_present_address_is_refused(site, visitor, own):
    page = say(visitor, own, do="address", email="ana.reis@EXAMPLE.com")
    assert page.status_code == 400
    assert "This is your present address." in page.text
    assert [each.kind for each in site.ledger.transactional.of(IDENTITY)] == [TransactionalKind.LINK]


def test_a_used_link_of_a_change_says_what_was_done(site, visitor, own):
    link = ask(site, visitor, own)[1][0]
    visitor.post(link)
    assert "Your address has been changed" in visitor.get(link).text
    undo = notice(site)
    assert "Undo the change of your address?" in visitor.get(undo).text
    visitor.post(undo)
    page = visitor.get(undo)
    assert "The change of your address has been undone" in page.text
    assert "<button" not in page.text


@pytest.mark.parametrize("one_click", [False, True])
def test_an_older_message_unsubscribes_the_present_address_and_keeps_the_undo_of_the_change(
    site, visitor, own, one_click
):
    send = site.send()
    site.begin(send)
    link = f"/u/{site.token(send)}"
    page = re.search(r'href="(/preferences/[a-z2-7]{26})"', visitor.get(link).text)[1]
    site.clock.forward(60)
    confirmation = ask(site, visitor, own)[1][0]
    visitor.post(confirmation)
    left = visitor.post(link, data={"List-Unsubscribe": "One-Click"} if one_click else {})
    assert "ana.new" not in left.text  # who has an old message learns no new address
    assert site.reason("ana.new@example.net") == site.reason() == "unsubscribed"
    assert "already unsubscribed" in visitor.get(link).text
    undo = re.search(r'name="undo" value="([^"]+)"', left.text)[1]
    assert "You are subscribed again" in visitor.post(link, data={"undo": undo}).text
    assert (site.reason("ana.new@example.net"), site.reason()) == ("", "")
    say(visitor, page, do="leave")
    assert site.reason("ana.new@example.net") == "unsubscribed"
    assert "ana.new" not in visitor.get(page).text
    taken_back = visitor.post(notice(site))
    assert "Your newsletters come to this address again." in taken_back.text
    assert (site.reason(), standing(site)) == ("", {"daily": "subscribed"})
    for answer in (visitor.get(confirmation), visitor.post(confirmation)):
        assert "Your newsletters go to your former address again." in answer.text


def test_a_change_of_address_that_is_not_possible_offers_no_button_but_what_to_do(site, visitor, own):
    _, [first] = ask(site, visitor, own)
    _, [second] = ask(site, visitor, own, "thief@example.net")
    visitor.post(first)
    undo = notice(site)
    site.ledger.suppressions.suppress(IDENTITY, SuppressionReason.BY_HAND, source="x")
    for link, what in ((undo, 'href="mailto:'), (second, 'href="/preferences"')):
        for answer in (visitor.get(link), visitor.post(link)):
            assert what in answer.text
            assert "<button" not in answer.text


def test_an_expired_link_has_a_new_one_mailed_by_a_button(site, visitor, own):
    site.clock.forward(MAILED_LINK_FOR + 1)
    for _ in range(2):
        page = visitor.post(own, data={"do": "link"})
        assert "We send the link to your address, at most once a day." in page.text
    assert len(site.ledger.transactional.of(IDENTITY)) == 2
    visitor.post(ask(site, visitor, site.mailed_page())[1][0])
    void = visitor.get(own)  # the address has changed: a link to the former one would be of no use
    assert (void.status_code, "<button" in void.text) == (410, False)


def test_the_answer_keeps_the_language_of_the_page(site, visitor, own, tmp_path):
    (tmp_path / "subscribers" / "daily.toml").write_text('public = true\nlanguage = "de"\n', encoding="utf-8")
    answer = say(visitor, own, do="lists", **{"list.daily": "yes", "list.weekly": "yes"})
    assert (answer.headers["content-language"], "Gespeichert." in answer.text) == ("de", True)
    site.ledger.preferences.set_lists(parse_address(ANA), {}, ["weekly"], source="x")
    confirmation = ask(site, visitor, own)[1][0]
    for page in (visitor.post(confirmation), visitor.get(notice(site)), visitor.get(own)):
        assert page.headers["content-language"] == "de"  # not of the list that was left


def test_a_link_that_nobody_has_leads_to_a_new_one_and_to_the_sign_up(site, visitor, own):
    visitor.post(f"{own}/erase", data={"nonce": nonce_of(visitor.get(f"{own}/erase"))})
    page = visitor.get(own)
    assert page.status_code == 404
    assert "This link does not work" in page.text
    assert 'href="/preferences"' in page.text
    assert 'href="/subscribe"' in page.text


def test_erasing_names_the_rows_that_are_left_in_list_files(site, visitor, own, tmp_path, caplog):
    (tmp_path / "subscribers" / "donors.csv").write_text(
        f"email,first_name\nben@example.net,\n{ANA},Ana\n", encoding="utf-8"
    )
    sync_list(site.app, "donors")
    question = visitor.get(f"{own}/erase")
    assert "Your address is also in a file from which our lists are made." in question.text
    page = visitor.post(f"{own}/erase", data={"nonce": nonce_of(question)})
    assert "Your address is still in a file from which our lists are made." in page.text
    assert "Delete the row from the list file: subscribers/donors.csv, line 3 as of its last sync." in caplog.text
    assert IDENTITY not in caplog.text.lower()
    for _ in range(2):
        assert sync_list(site.app, "donors").erased_lines == (3,)
    assert find_profile(site.app, parse_address(ANA)).lists[-1].status == "erased"


def test_erasing_a_reader_without_a_row_says_nothing_of_files(site, visitor, own, caplog):
    page = visitor.post(f"{own}/erase", data={"nonce": nonce_of(visitor.get(f"{own}/erase"))})
    assert "Your address is still" not in page.text
    assert "Delete the row" not in caplog.text


def test_the_data_are_shown_in_short_before_they_are_downloaded(site, visitor, own, passed_on):
    say(visitor, own, do="fields", **{"own.first_name": "Ana"})
    page = say(visitor, own, do="data")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "The Daily Tide" in page.text
    assert "<bdi>First name</bdi>: <bdi>Ana</bdi>" in page.text
    assert page.text.count("You have been getting it since ") == page.text.count("Signed up on ") == 1
    assert "We have sent you 0 issues." in page.text
    assert 'name="do" value="download"' in page.text
    assert visitor.post(own, data={"do": "download", "nonce": nonce_of(page)}).json()["email"] == ANA


def test_the_data_say_for_each_list_whether_it_mails_the_reader_and_why(site, visitor, own, tmp_path):
    (tmp_path / "subscribers" / "donors.csv").write_text(f"email\n{ANA}\n", encoding="utf-8")
    sync_list(site.app, "donors")
    say(visitor, own, do="lists", **{"list.weekly": "yes"})
    link = f"/u/{site.token(site.send())}"
    seal = re.search(r'name="undo" value="([^"]+)"', visitor.post(link).text)[1]
    visitor.post(link, data={"undo": seal, "why": "too many"})
    visitor.post(link, data={"undo": seal})
    say(visitor, own, do="pause", weeks="4")
    text = re.sub(r"<[^>]+>|[\u2068\u2069]", "", say(visitor, own, do="data").text)
    shown = re.sub(r"\s+", " ", text)
    assert re.search(r"The Daily Tide You have not been getting it since [^.]+[.] Signed up on", shown)
    assert re.search(r"The Week Paused until [^.]+[.] Signed up on", shown)
    assert re.search(r"donors Paused until [^.]+[.] We added you from our list of readers[.]", shown)
    assert re.search(r"Why you left, on [^:]+: Too many e-mails", shown)


def test_a_reader_who_left_every_list_is_already_unsubscribed(site, visitor, passed_on):
    link = f"/u/{site.token(site.send())}"
    page = visitor.get(link).text
    assert "If somebody forwarded it to you, please close this page." in page
    assert "Untick the newsletters that you no longer want, and save." in visitor.get(passed_on).text
    say(visitor, passed_on, do="lists")
    assert "You are already unsubscribed" in visitor.get(link).text
