"""Sending from the desk: preview, confirmation, approval, and that one form makes one send, which can be undone."""

import asyncio
import datetime as dt
import html
import json
import re
from unittest.mock import patch
from urllib.parse import quote

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from mailer.delivery.states import DeliveryState, SendState
from mailer.ledger.store.scratch_connection import ScratchConnection
from mailer.ledger.store.tables import delivery
from mailer.relay import Relay
from mailer.service.dispatches.approvals import NotApprovedError
from mailer.service.dispatches.dispatch_list import list_dispatches
from mailer.service.lists.sync import sync_list
from mailer.service.lists.sync_before_query import ListSource
from mailer.service.sends.plan import plan_send
from mailer.service.sends.scheduler import due_sends, start_sends_when_due
from mailer.service.sends.start import SendOrder, start_send
from mailer.service.sends.verify import verify_send
from tests.support.deskpages import At, signed_in
from tests.support.livesends import carry
from tests.support.patience import until_holds
from tests.support.site import site_in
from tests.support.workspaces import DISPATCH, make_workspace

SEND = "/desk/dispatches/tide/send"
LAST = f"{SEND}/last?chosen=1&list=readers"
ROWS = ("ana@example.com,Ana,Porto Novo", "ben@example.net,Ben,", "eva@example.org,Eva,Lisbon", "bad@@x,,")
PLACEHOLDER = DISPATCH.replace("The harbour master", "TODO The harbour master")


@pytest.fixture
def settings():
    return {}


@pytest.fixture
def site(tmp_path, database_url, settings):
    make_workspace(tmp_path, rows=ROWS)
    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    with site_in(tmp_path, database_url=SecretStr(url), **settings) as made:
        yield made


@pytest.fixture
def mara(site, visitor):
    return At(visitor, signed_in(site, "editor"))


@pytest.fixture
def wim(site, visitor):
    return At(visitor, signed_in(site, "editor", name="Wim Baas"))


def fields_of(page):
    """What the form of the last page would send, without what a person types."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text):
        if name != "csrf_token":
            found.setdefault(name, []).append(html.unescape(value))
    return found


def last_page(desk, path=LAST):
    page = desk.get(path)
    assert page.status_code == 200
    assert 'name="digest"' in page.text, page.text
    return fields_of(page)


def unescaped(page):
    return html.unescape(" ".join(page.text.split()))


def all_sends(site):
    return site.ledger.sends.all()


def test_before_a_send_one_sees_who_gets_it_and_who_is_left_out_and_why_and_nothing_changes(site, mara):
    site.ledger.suppressions.unsubscribe("ben@example.net", source="page")
    before = site.contents()
    page = mara.get(SEND).text
    assert re.search(r"readers get it</dt><dd>2<", page)
    assert "ben@example.net" in page and "unsubscribed" in page
    assert "bad@@x" in page
    count = f"{SEND}/count?chosen=1&list=readers"
    assert "<dd>1<" in mara.get(f"{count}&where=city == 'Lisbon'").text
    assert "town" in mara.get(f"{count}&where=town == 'Lisbon'").text
    assert "Choose a list" in mara.get(f"{SEND}/count?chosen=1").text
    assert "There is no list" in mara.get(f"{SEND}/count?chosen=1&list=../../etc/passwd").text
    last = mara.get(LAST).text
    assert "goes to 2 readers of the list “readers”. It starts 10 seconds after" in last
    assert "1 unsubscribed, 1 row without a valid address" in last
    assert site.contents() == before


def test_the_last_page_before_a_send_shows_the_lines_in_the_inboxes(mara):
    page = mara.get(f"{SEND}/last?chosen=1&list=readers").text
    for words in ('class="inbox phone"', 'class="inbox desktop"', "The tide table, for Ana</bdi>", "Apple Mail"):
        assert words in page


def test_before_a_send_one_sees_how_many_readers_get_a_default_instead_of_a_field(site, mara):
    name = "readers have no first name, and get"
    assert name not in unescaped(mara.get(SEND))
    file = site.app.workspace.list_file("readers")
    file.write_text(file.read_text("utf-8").replace(",Ana,", ",,").replace(",Ben,", ",,"), encoding="utf-8")
    sync_list(site.app, "readers")
    assert f"2 of 3 {name} “you” or “reader”." in unescaped(mara.get(SEND))
    site.ledger.suppressions.unsubscribe("ben@example.net", source="page")
    assert "1 of 2 readers has no first name, and gets “you” or “reader”." in unescaped(mara.get(SEND))


def test_before_a_send_notes_are_shown_such_as_a_link_to_a_dispatch_that_was_never_sent(site, mara):
    folder = site.app.workspace.dispatches
    (folder / "ebb.md").write_text(DISPATCH.replace("The tide table", "Ebb"), encoding="utf-8")
    (folder / "tide.md").write_text(f"{DISPATCH}\nAfter [[ebb]].\n", encoding="utf-8")
    page = unescaped(mara.get(SEND))
    assert "“ebb” was never sent, so it has no page in the archive; send it before this one." in page
    assert "you need not change anything" in page
    assert 'name="accept"' not in mara.get(LAST).text


@pytest.mark.parametrize("settings", [{"postal_address": ""}])
def test_what_the_person_who_runs_the_server_must_set_is_said_without_its_name_and_early(mara, visitor, site):
    admin = At(visitor, signed_in(site, "admin"))
    for page in (mara.get("/desk/settings"), admin.get("/desk/settings"), admin.get(LAST)):
        assert "postal address" in unescaped(page)
        assert "sk the person who runs the server to set it." in unescaped(page)
        assert "MAILER_" not in page.text and ".env" not in page.text


@pytest.mark.thinned
@pytest.mark.parametrize("settings", [{"approval": True}])
@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("list=readers", "Another editor must approve it"),
        ("chosen=1", "Choose a list first"),
        ("list=readers&where=town == 'Lisbon'", "See what to fix beside your selection"),
    ],
)
def test_who_cannot_go_on_is_told_why(mara, query, why):
    page = mara.get(f"{SEND}/last?{query}").text
    assert re.search(f'role="alert">[^<]*{why}', page)


def test_who_would_send_it_to_nobody_is_told_so(site, mara):
    for address in ("ana@example.com", "ben@example.net", "eva@example.org"):
        site.ledger.suppressions.unsubscribe(address, source="page")
    assert re.search('role="alert">Nobody would get it', mara.get(LAST).text)


def test_one_press_makes_one_send_that_is_taken_back_with_another(site, mara):
    form = last_page(mara)
    answer = mara.post(SEND, {**form, "number": "3"})
    send = all_sends(site)[0].send
    assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/sends/{send.id}")
    assert (send.state, send.created_by, send.scheduled_at, send.undoable) == (
        "scheduled",
        "Mara Lindqvist",
        site.clock() + 10,
        True,
    )
    for _ in range(2):  # a double click, the back button
        assert mara.post(SEND, {**form, "number": "3"}).headers["location"] == f"/desk/sends/{send.id}"
    site.clock.forward(4)
    page = mara.get(f"/desk/sends/{send.id}")
    assert "from-6" in page.text and ">Undo<" in page.text
    assert page.headers["refresh"] == "7"
    assert mara.post(f"/desk/sends/{send.id}/take-back").status_code == 303
    assert [(each.send.state, each.frozen) for each in all_sends(site)] == [("cancelled", 0)]
    mara.post(f"/desk/sends/{send.id}/take-back")
    mara.post(SEND, {**form, "number": "3"})
    assert len(all_sends(site)) == 1, "a form that was used makes no second send"
    assert [each.action for each in site.ledger.audit.entries() if each.action.startswith("send.")] == [
        "send.take-back",
        "send.take-back",
        "send.start",
    ]


def test_two_editors_who_press_at_once_make_one_send(site, mara, wim, visitor):
    forms = [{**last_page(desk), "number": "3"} for desk in (mara, wim)]
    answers = visitor.at_once(*(desk.posting(SEND, form) for desk, form in zip((mara, wim), forms, strict=True)))
    assert {answer.headers["location"] for answer in answers} == {f"/desk/sends/{all_sends(site)[0].send.id}"}
    assert len(all_sends(site)) == 1
    assert sum("set-cookie" in answer.headers for answer in answers) == 1, "the other one is told"


def test_a_double_click_that_is_under_way_twice_makes_one_send_and_says_nothing(site, mara, visitor):
    request = mara.posting(SEND, {**last_page(mara), "number": "3"})
    answers = visitor.at_once(request, request)
    assert {answer.headers["location"] for answer in answers} == {f"/desk/sends/{all_sends(site)[0].send.id}"}
    assert not any("set-cookie" in answer.headers for answer in answers)


def test_the_readers_of_a_send_that_can_be_taken_back_are_those_who_were_confirmed(relay, site, mara):
    mara.post(SEND, {**last_page(mara), "number": "3"})
    assert mara.get("/desk/sends/1").status_code == mara.get("/desk/sends/1/report").status_code == 200
    path = site.app.workspace.list_file("readers")
    path.write_text(path.read_text() + "late@example.com,Late,\n")
    sync_list(site.app, "readers")
    site.ledger.suppressions.unsubscribe("ben@example.net", source="page")
    site.ledger.sends.expire_unstarted()
    mara.post("/desk/sends/1/start")
    carry_all(site)
    summary = site.ledger.sends.summary(1)
    assert (summary.send.state, summary.counts) == (
        "finished",
        {DeliveryState.ACCEPTED: 2, DeliveryState.SKIPPED: 1},
    )
    assert sorted(line["recipient"] for line in relay.received()) == ["ana@example.com", "eva@example.org"]


def test_more_readers_than_were_confirmed_are_not_frozen(site, mara, monkeypatch):
    path = site.app.workspace.list_file("readers")

    def start_after_a_sync(app, plan, **options):
        path.write_text(path.read_text() + "late@example.com,Late,\n")
        sync_list(app, "readers")
        return start_send(app, plan, **options)

    form = last_page(mara)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("mailer.web.desk.sends.compose.start_send", start_after_a_sync)
        answer = mara.post(SEND, {**form, "number": "3"})
    assert (answer.status_code, all_sends(site)) == (422, ())
    assert "Now 4 readers would get it" in answer.text
    assert mara.post(SEND, {**fields_of(answer), "number": "4"}).status_code == 303
    assert all_sends(site)[0].frozen == 4


@pytest.mark.thinned
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"number": "2"}, "The number does not match. 3 readers"),
        ({"number": ""}, "The number does not match. 3 readers"),
        ({"digest": "0" * 64}, "The dispatch was changed"),
        ({"list": "nobody"}, "There is no list"),
        ({"where": "city == 'Nowhere'"}, "No reader would get this"),
        ({"where": "__import__('os')"}, 'Write: city == "Lisbon". Columns: '),
        ({"where": "city = Leeds"}, 'Write: city == "Leeds". Columns: '),
        ({"where": "Porto Novo"}, 'Write: city == "Porto Novo". Columns: '),
        ({"when": "later", "at": "2020-01-01T07:00"}, "in the past"),
        ({"when": "later", "at": "soon"}, "Enter a date and a time"),
        ({"form_token": ""}, "the form was incomplete"),
        ({"form_token": "x'; drop table send"}, "the form was incomplete"),
    ],
)
def test_what_is_not_said_rightly_sends_nothing(site, mara, changes, said):
    answer = mara.post(SEND, {**last_page(mara), "number": "3", **changes})
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)
    assert all_sends(site) == ()


def test_while_one_chooses_a_changed_list_is_counted_as_it_was_synced_and_holds_up_nobody(site, mara, monkeypatch):
    path = site.app.workspace.list_file("readers")
    sync_list(site.app, "readers")
    site.ledger.suppressions.unsubscribe("eva@example.org", source="page")
    page = mara.get(f"{SEND}/count?chosen=1&list=readers").text
    assert "has changed since" not in page, "only the file has not heard of it yet"
    assert "<dd>2</dd>" in page
    path.write_text(path.read_text() + "fay@example.org,Fay,Faro\n")
    with monkeypatch.context() as busy:
        busy.setattr(ScratchConnection, "dry_run", None)
        for page in (mara.get(f"{SEND}?chosen=1&list=readers"), mara.get(f"{SEND}/count?chosen=1&list=readers")):
            assert page.status_code == 200
            assert "The list “readers” has changed since" in page.text
            assert "<dd>2</dd>" in page.text
    assert "3 readers" in mara.get(LAST).text
    assert "has changed since" not in mara.get(LAST).text


def test_the_lists_changed_meanwhile_ask_for_the_new_number(site, mara):
    form = last_page(mara)
    path = site.app.workspace.list_file("readers")
    path.write_text(path.read_text() + "late@example.com,Late,\n")
    answer = mara.post(SEND, {**form, "number": "3"})
    assert "Now 4 readers would get it" in answer.text
    assert mara.post(SEND, {**fields_of(answer), "number": "4"}).status_code == 303


def test_errors_stand_in_the_way_with_their_remedy_and_warnings_are_accepted(site, mara):
    file = site.app.workspace.dispatches / "tide.md"
    file.write_text(DISPATCH.replace("source:", "sorce:"), encoding="utf-8")
    page = mara.get(LAST).text
    assert "Fix 2 errors before you can send it" in page
    assert "did you mean “source”" in page
    assert 'name="digest"' not in page
    file.write_text(PLACEHOLDER, encoding="utf-8")
    form = last_page(mara)
    assert "accept" in mara.get(LAST).text
    refused = mara.post(SEND, {**form, "number": "3"})
    assert (refused.status_code, all_sends(site)) == (422, ())
    assert "Tick “I understand, send anyway”" in refused.text
    assert mara.post(SEND, {**form, "number": "3", "accept": "1"}).status_code == 303


def test_a_finished_send_is_named_and_asks_who_gets_it_again(relay, site, mara):
    mara.post(SEND, {**last_page(mara), "number": "3"})
    page = mara.get(f"{SEND}/count?chosen=1&list=readers").text
    assert "Already being sent to readers" in page
    assert "everyone again" not in page
    site.ledger.sends.expire_unstarted()
    mara.post("/desk/sends/1/start")
    carry_all(site)
    page = mara.get(f"{SEND}/count?chosen=1&list=readers").text
    assert "Already sent to readers" in page
    assert "This was already sent. Send it now to" in page
    assert "those who have not got it" in page and "everyone again" in page
    assert last_page(mara, f"{LAST}&repeat=again")["repeat"] == ["again"]
    assert "No reader would get this" in mara.get(f"{LAST}&repeat=new-readers").text


@pytest.mark.parametrize("settings", [{"timezone": "Europe/Lisbon"}])
def test_a_time_is_that_of_the_zone_and_one_that_is_ambiguous_is_given_in_utc(site, mara):
    ambiguous = f"{LAST}&when=later&at=2027-10-31T01:30"
    page = mara.get(f"{ambiguous}&zone=Europe/Lisbon").text
    assert "01:30 is skipped, or comes twice" in page and "UTC as the time zone" in page
    assert "On <time" in mara.get(f"{ambiguous}&zone=UTC").text
    form = last_page(mara, f"{LAST}&when=later&at=2027-06-01T07:00&zone=Europe/Lisbon")
    assert mara.post(SEND, {**form, "number": "3"}).status_code == 303
    send = all_sends(site)[0].send
    assert (send.scheduled_at, send.undoable) == (1_811_829_600.0, False)  # 06:00 UTC
    page = mara.get(f"/desk/sends/{send.id}").text
    assert "1 Jun 2027, 07:00" in page and "Cancel this send" in page


def approve(desk, site, **more):
    digest = plan_send(site.app, "tide", ["readers"], source=ListSource.FILE).edition.digest
    return desk.post("/desk/dispatches/tide/approve", {"digest": digest, **more})


@pytest.mark.parametrize("settings", [{"approval": True}])
def test_a_second_person_approves_the_edition_and_a_changed_byte_voids_it(site, mara, wim):
    file = site.app.workspace.dispatches / "tide.md"
    assert "Another editor must approve it" in mara.get(LAST).text
    assert approve(mara, site).status_code == 303
    assert "Another editor must approve it, too" in mara.get(LAST).text
    assert 'name="digest"' in mara.get(LAST).text, "to take the approval back"
    form = last_page(wim)
    assert mara.post(SEND, {**form, "number": "3"}).status_code == 422
    listed = list_dispatches(site.app)[0]
    assert (listed.status, listed.approval.by) == ("approved", "Mara Lindqvist")
    assert "Mara Lindqvist" in wim.get("/desk/dispatches").text
    plan = plan_send(site.app, "tide", ["readers"])
    with pytest.raises(NotApprovedError, match="Only you have"):
        start_send(site.app, plan, ordered=SendOrder(by="Mara Lindqvist", token="x" * 20))
    file.write_text(DISPATCH.replace("patience", "calm"), encoding="utf-8")
    assert list_dispatches(site.app)[0].status == "checked"
    assert "Another editor must approve it" in wim.get(LAST).text
    with pytest.raises(NotApprovedError, match="Nobody has"):
        start_send(site.app, plan_send(site.app, "tide", ["readers"]))
    file.write_text(DISPATCH, encoding="utf-8")
    approve(mara, site, no_longer="1")
    assert wim.post(SEND, {**form, "number": "3"}).status_code == 422
    approve(mara, site)
    assert wim.post(SEND, {**form, "number": "3"}).status_code == 303


def test_the_command_line_asks_for_an_approval_too(here):
    make_workspace(here.folder, APPROVAL="true")
    ran = here("send", "tide", "--to", "readers", "--yes")
    assert (ran.code, "Nobody has approved" in ran.err) == (4, True)
    assert here.json("status") == {"sends": []}


@pytest.mark.parametrize("settings", [{"approval": True}])
def test_what_was_changed_since_it_was_looked_at_is_not_approved(site, mara):
    answer = mara.post("/desk/dispatches/tide/approve", {"digest": "0" * 64})
    assert "has changed since you opened it" in answer.text
    assert site.ledger.approvals.by_source() == {}


def carry_all(site):
    """A server's background, until it has looked round once and carried what it began."""
    told, looks = [], []

    def looking(newsroom):
        looks.append(due_sends(newsroom))
        return looks[-1]

    async def work():
        stop = asyncio.Event()
        task = asyncio.create_task(start_sends_when_due(site.app, stop, told.append))
        sends, grace = site.ledger.sends, site.app.settings.schedule_grace
        await until_holds(lambda: looks and not sends.run_by_server() and not sends.due(grace=grace))
        stop.set()
        await task

    with patch("mailer.service.sends.scheduler.due_sends", looking):
        asyncio.run(work())
    return told


@pytest.fixture
def relay(settings, catcher):
    settings["relay"] = (Relay(host="127.0.0.1", port=catcher.port),)
    return catcher


def test_the_server_carries_tests_and_sends(relay, site, mara):
    wim = signed_in(site, "writer")
    writer = At(mara.visitor, wim)
    page = writer.get("/desk/dispatches/tide/test")
    once = fields_of(page)["form_token"][0]
    form = {"form_token": once, "to": "wim@example.org", "typed": "guest@example.net, refuse@example.com"}
    refused = writer.post("/desk/dispatches/tide/test", form)
    assert (refused.status_code, "can only go to users of the desk" in refused.text) == (422, True)
    assert writer.post("/desk/settings/email", {"email": "ana@example.com"}).status_code == 403
    for _ in range(2):
        assert mara.post("/desk/dispatches/tide/test", form).headers["location"] == "/desk/dispatches/tide/test"
    assert "hx-get" in writer.get("/desk/dispatches/tide/test/outcomes").text
    carry_all(site)
    page = writer.get("/desk/dispatches/tide/test").text
    assert sorted(line["recipient"] for line in relay.received()) == ["guest@example.net", "wim@example.org"]
    assert "accepted" in page and "failed: 550" in page
    assert "wim@example.org" in page and "guest@example.net" not in page, "it may be a reader"
    assert "guest@example.net" in mara.get("/desk/dispatches/tide/test").text
    assert "guest@" not in repr(site.ledger.audit.entries()), "who is erased is in no log"
    assert all_sends(site) == ()
    mara.post(SEND, {**last_page(mara), "number": "3"})
    site.clock.forward(9)
    assert carry_all(site) == ["send 2 (tide) was not started: no server was running in which it could be undone"]
    assert site.ledger.sends.get(2).state is SendState.OVERDUE
    page = mara.get("/desk/sends/2").text
    assert "This send has not started." in page
    assert mara.post("/desk/sends/2/start").status_code == 303
    assert mara.post("/desk/sends/2/start").status_code == 303
    carry_all(site)
    summary = site.ledger.sends.summary(2)
    assert (summary.send.state, summary.count(DeliveryState.ACCEPTED)) == ("finished", 3)
    assert "too late to undo" in unsaid(mara.post("/desk/sends/2/take-back"), mara)
    assert "Mara Lindqvist" in mara.get("/desk/sends").text


def test_a_send_that_waits_is_finished_now_and_the_failed_are_retried(relay, site, mara):
    path = site.app.workspace.list_file("readers")
    path.write_text("email,first_name,city\nana@example.com,Ana,\nbo@example.com,Bo,\nrex@example.com,Rex,\n")
    mara.post(SEND, {**last_page(mara), "number": "3"})
    assert "Nothing to give up" in mara.follow(mara.get("/desk/sends/1/finish")).text
    site.ledger.sends.expire_unstarted()
    mara.post("/desk/sends/1/start")
    carry(site, site.ledger.sends.get(1), "accepted", "deferred", "failed")
    assert "Finish now: 1 not delivered…" in mara.get("/desk/sends/1").text
    before = site.contents()
    assert "Finish now: 1 not delivered</button>" in mara.get("/desk/sends/1/finish").text
    assert "is still being sent" in mara.follow(mara.get("/desk/sends/1/retry")).text
    assert site.contents() == before
    assert "Finished: 1 not delivered." in mara.follow(mara.post("/desk/sends/1/finish")).text
    summary = site.ledger.sends.summary(1)
    assert (summary.send.state, summary.count(DeliveryState.FAILED), summary.count(DeliveryState.ACCEPTED)) == (
        "finished",
        2,
        1,
    )
    assert "nothing" not in unsaid(mara.post("/desk/sends/1/finish"), mara).lower(), "it says what is left instead"
    assert "an editor ended the send" in mara.get("/desk/sends/1/report").text
    assert verify_send(site.app, 1).ok
    assert "Retry the 2 failed…" in mara.get("/desk/sends/1").text
    plan = mara.get("/desk/sends/1/retry").text
    assert "Send to 1 reader</button>" in plan and "left out" in plan
    again = mara.post("/desk/sends/1/retry").headers["location"]
    assert mara.post("/desk/sends/1/retry").headers["location"] == again == "/desk/sends/2", "a double click"
    carry_all(site)
    assert sorted(line["recipient"] for line in relay.received()) == ["bo@example.com"]
    assert site.ledger.sends.get(2).created_by == "Mara Lindqvist"
    assert mara.post("/desk/sends/2/retry").headers["location"] == "/desk/sends/2", "nobody is left"


def test_a_scheduled_send_gets_another_time_and_an_overdue_one_too(site, mara):
    later = {"number": "3", "when": "later", "at": "2027-02-01T07:00", "zone": "UTC"}
    mara.post(SEND, {**last_page(mara, f"{LAST}&when=later&at=2027-02-01T07:00&zone=UTC"), **later})
    time = "/desk/sends/1/time"
    assert 'value="2027-02-01T07:00"' in mara.get("/desk/sends/1").text
    wrong = mara.follow(mara.post(time, {"at": "2020-01-01T07:00", "zone": "UTC"})).text
    assert "in the past" in wrong and 'value="2020-01-01T07:00"' in wrong
    moved = dt.datetime(2027, 1, 16, 7, tzinfo=dt.UTC).timestamp()
    mara.post(time, {"at": "2027-01-16T07:00", "zone": "UTC"})
    assert (site.ledger.sends.get(1).scheduled_at, site.ledger.sends.get(1).state) == (moved, "scheduled")
    site.clock.forward(moved - site.clock() + 86_400 * 2 - 60)
    due_sends(site.app)
    assert site.ledger.sends.get(1).state == "overdue"
    mara.post(time, {"at": "2027-02-02T07:00", "zone": "UTC"})
    assert site.ledger.sends.get(1).state == "scheduled"
    mara.post("/desk/sends/1/take-back")
    assert "too late" in mara.follow(mara.post(time, {"at": "2027-02-03T07:00", "zone": "UTC"})).text


def test_the_archive_is_corrected_at_the_desk_and_the_report_says_who_left(relay, site, mara):
    mara.post(SEND, {**last_page(mara), "number": "3"})
    assert mara.get("/desk/sends/1/correct").status_code == 404, "it was not sent yet"
    site.ledger.sends.expire_unstarted()
    mara.post("/desk/sends/1/start")
    carry_all(site)
    same = mara.post("/desk/sends/1/correct", {"note": "Noon, not one."})
    assert same.status_code == 422 and 'value="Noon, not one."' in same.text
    file = site.app.workspace.dispatches / "tide.md"
    file.write_text(file.read_text("utf-8").replace("asks for patience", "thanks you"), "utf-8")
    assert mara.post("/desk/sends/1/correct", {"note": " "}).status_code == 422
    done = mara.post("/desk/sends/1/correct", {"note": "He thanks you."})
    assert (done.status_code, "He thanks you." in mara.visitor.get("/archive/tide").text) == (303, True)
    assert "Unsubscribed because of it" not in mara.get("/desk/sends/1/report").text
    row = next(iter(site.ledger.report.rows(1)))
    site.ledger.suppressions.unsubscribe_delivery(row.delivery_id, source="page").result()
    page = mara.get("/desk/sends/1/report").text
    assert "1 reader (33.3 % of the accepted) unsubscribed" in " ".join(page.split()) and row.email in page
    writer = At(mara.visitor, signed_in(site, "writer"))
    assert row.email not in writer.get("/desk/sends/1/report").text


def test_a_dispatch_may_have_a_name_in_any_script(site, mara):
    (site.app.workspace.dispatches / "潮の表.md").write_text(DISPATCH, encoding="utf-8")
    once = fields_of(mara.get("/desk/dispatches/潮の表/test"))["form_token"][0]
    answer = mara.post("/desk/dispatches/潮の表/test", {"form_token": once, "typed": "guest@example.net"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/dispatches/{quote('潮の表')}")


def unsaid(answer, desk):
    """The sentence that an answer leaves for the next page."""
    cookie = answer.headers["set-cookie"].partition(";")[0]
    return desk.get(
        answer.headers["location"], headers={"Cookie": f"{desk.headers_of('GET', None)['Cookie']}; {cookie}"}
    ).text


@pytest.mark.thinned
@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "No recipient was chosen"),
        ({"typed": "not-an-address"}, "is not an e-mail address (no @)"),
        ({"typed": "mara@example"}, "mara@example looks incomplete: is something missing after “example”?"),
        ({"typed": " ".join(f"r{n}@example.com" for n in range(26))}, "at most 25 addresses"),
        ({"typed": "ana@example.com", "as": "nobody@example.com"}, "is not on any list"),
        ({"typed": "ana@example.com", "form_token": "short"}, "the form was incomplete"),
    ],
)
def test_a_test_that_cannot_go_is_refused_with_a_sentence(site, mara, form, said):
    answer = mara.post("/desk/dispatches/tide/test", {"form_token": "t" * 24, **form})
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)
    assert site.ledger.sends.tests("tide", limit=1) == ()


@pytest.mark.parametrize("typed", ["", "mara@example", "mara@@example.org"])
def test_a_wrong_address_is_reported_at_its_field(mara, typed):
    answer = mara.post("/desk/dispatches/tide/test", {"form_token": "t" * 24, "typed": typed})
    assert f'<input name="typed" value="{typed}"' in answer.text
    assert 'aria-describedby="wrong"' in answer.text


@pytest.mark.parametrize("path", ["/desk/sends/99", "/desk/sends/99999999999999999999", "/desk/dispatches/none/send"])
def test_what_is_not_there_is_a_page_that_says_so(mara, path):
    assert mara.get(path).status_code == 404


def test_a_test_of_a_writer_has_the_fields_of_a_made_up_reader(relay, site, mara):
    site.ledger.users.set_email(signed_in(site).user.id, "ana@example.com")
    wim = At(mara.visitor, signed_in(site, "writer"))
    for token, typed in (("a" * 24, ""), ("b" * 24, "first_name=Zoe, city=Lisbon")):
        form = {"form_token": token, "to": "ana@example.com", "as": typed}
        assert wim.post("/desk/dispatches/tide/test", form).status_code == 303
    carry_all(site)
    reports = [site.ledger.report.rows(send.id) for send in reversed(site.ledger.sends.tests("tide", limit=2))]
    assert [row.state for rows in reports for row in rows] == ["accepted", "accepted"]
    with site.ledger.context.database.reading() as conn:
        rows = conn.execute(select(delivery.c.fields).order_by(delivery.c.id)).scalars()
        assert [json.loads(fields).get("first_name") for fields in rows] == [None, "Zoe"]
    unknown = wim.post(
        "/desk/dispatches/tide/test", {"form_token": "c" * 24, "to": "ana@example.com", "as": "bo@x.org"}
    )
    assert (unknown.status_code, "is not a field of this dispatch" in unknown.text) == (422, True)


def test_tests_of_one_person_can_go_to_a_hundred_recipients_an_hour(site, mara):
    def test(number):
        typed = " ".join(f"r{number}-{n}@example.com" for n in range(25))
        return mara.post("/desk/dispatches/tide/test", {"form_token": f"{number}" * 24, "typed": typed})

    assert [test(number).status_code for number in range(5)] == [303, 303, 303, 303, 422]
    site.clock.forward(3601)
    assert test(5).status_code == 303


def test_an_admin_enters_the_address_for_tests_of_a_user(site, visitor):
    wim, ada = signed_in(site, "writer"), At(visitor, signed_in(site, "admin"))
    assert ada.post(f"/desk/settings/people/{wim.user.id}/email", {"email": "wim@example.net"}).status_code == 303
    assert site.ledger.users.get(wim.user.id).email == "wim@example.net"
