"""What a person says of their own mail, all the way: to the list's file, the next send, and a letter to a new address."""

import asyncio
import re

import pytest

from mailer.addresses import parse_address
from mailer.ledger.subscribers.address_changes import AddressChange
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState
from mailer.service.subscribers.address_change import confirm_address_change, read_address_change
from mailer.service.subscribers.personal_data import find_profile, profile_object, subject_copy
from tests.contract.service.test_transactional import ANA, BASE, app, caught, parsed  # noqa: F401 - a fixture
from tests.support.ledger_cases import join, mailed_page
from tests.support.workspaces import mailer

HEAD = "email,first_name,city\n"
ROWS = "ana@x.org,Ana,Porto\nbo@x.org,Bo,Faro\n"
DAY = 86_400.0


def told(desk):
    """The file after a sync, without the days."""
    desk.sync()
    return re.sub(r"\d{4}-\d\d-\d\d", "DAY", desk.read())


def test_a_pause_is_written_to_the_file_and_ends_there_too(desk, clock):
    desk.sync(HEAD + ROWS)
    wishes = desk.ledger.preferences
    wishes.pause("ana@x.org", clock() + 14 * DAY, source="person")
    paused = "email,first_name,city,status,since\nana@x.org,Ana,Porto,paused,DAY\nbo@x.org,Bo,Faro\n"
    assert told(desk) == paused
    assert told(desk) == paused
    clock.forward(14 * DAY)
    assert told(desk) == paused.replace("paused", "subscribed")
    assert desk.member("ana@x.org").status == "subscribed"


def test_own_fields_go_into_messages_and_exports_and_never_over_the_files_cells(desk):
    desk.sync(HEAD + ROWS)
    desk.ledger.preferences.set_profile("ana@x.org", {"readers": {"city": "Lisboa", "first_name": ""}}, source="person")
    assert told(desk) == HEAD + ROWS
    assert desk.member("ana@x.org").values == {"city": "Lisboa"}
    desk.sync(HEAD + ROWS.replace("Porto", "Braga"))
    assert desk.member("ana@x.org").values == {"city": "Lisboa"}


def test_a_move_marks_the_old_row_and_appends_a_new_one_with_its_cells(desk, clock):
    desk.sync(HEAD + ROWS)
    desk.ledger.preferences.set_profile("ana@x.org", {"readers": {"city": "Lisboa"}}, source="person")
    desk.ledger.address_changes.request(
        mailed_page(desk.ledger, parse_address("ana@x.org")), parse_address("Ana@new.example")
    )
    [letter] = desk.ledger.transactional.of("ana@new.example")
    assert desk.ledger.address_changes.confirm(letter.id, source="person") is AddressChange.DONE
    moved = (
        "email,first_name,city,status,since\nana@x.org,Ana,Porto,unsubscribed,DAY\nbo@x.org,Bo,Faro\n"
        "Ana@new.example,Ana,Lisboa,subscribed,DAY\n"
    )
    assert told(desk) == moved
    assert told(desk) == moved
    clock.forward(DAY)
    old_upload = desk.sync(HEAD + ROWS, allow_removals=True)
    assert [each.identity for each in old_upload.first_blocked] == ["ana@x.org"]
    person = find_profile(desk.app, parse_address("ana@x.org"))
    assert (person.formerly, person.later) == ((), ("ana@new.example",))
    theirs = profile_object(subject_copy(person))
    assert "new.example" not in str(theirs)
    assert find_profile(desk.app, parse_address("ana@new.example")).formerly == ("ana@x.org",)


def test_formulas_of_readers_are_escaped_on_their_way_into_the_file_and_those_of_admins_are_not(desk):
    desk.sync("email,first_name,city\nana@x.org,=A1,+351\n")
    desk.sign_up("bo@x.org", first_name='=HYPERLINK("x")', city="Faro;+1")
    desk.ledger.preferences.set_profile("ana@x.org", {"readers": {"city": "-2"}}, source="person")
    desk.ledger.address_changes.request(
        mailed_page(desk.ledger, parse_address("ana@x.org")), parse_address("ana@new.example")
    )
    [letter] = desk.ledger.transactional.of("ana@new.example")
    assert desk.ledger.address_changes.confirm(letter.id, source="person") is AddressChange.DONE
    lines = told(desk).splitlines()
    assert lines[1] == "ana@x.org,=A1,+351,unsubscribed,DAY"
    assert sorted(lines[2:]) == [
        "ana@new.example,=A1,'-2,subscribed,DAY",
        """bo@x.org,"'=HYPERLINK(""x"")",Faro;'+1,subscribed,DAY""",
    ]
    assert told(desk).splitlines() == lines
    assert desk.member("bo@x.org").values == {"first_name": '=HYPERLINK("x")', "city": "Faro;+1"}


def test_the_mail_to_a_new_address(app, catcher):  # noqa: F811 - the fixture that is imported above
    from mailer.service.transactional.delivery_job import deliver_transactional_mail

    ledger = app.ledger
    join(ledger, "harbour", parse_address("old@example.net"), source="form")
    ledger.address_changes.request(mailed_page(ledger, parse_address("old@example.net")), parse_address(ANA))

    async def run():
        stop = asyncio.Event()
        job = asyncio.create_task(deliver_transactional_mail(app, stop, print))
        async with asyncio.timeout(60):
            while ledger.transactional.due(app.clock(), 1, TransactionalKind.ADDRESS, TransactionalKind.MOVED):
                await asyncio.sleep(0.01)
        stop.set()
        await job

    asyncio.run(run())
    [letter] = ledger.transactional.of(ANA.lower())
    assert letter.state is TransactionalState.SENT
    [raw] = caught(catcher)
    message = parsed(raw)
    assert message["To"] == ANA
    assert message["Subject"] == "Please confirm your new address: The Harbour Letter"
    plain, html = (part.get_content() for part in message.iter_parts())
    [token] = re.findall(rf"{BASE}/address/([a-z2-7]{{26}})\b", plain)
    assert f'href="{BASE}/address/{token}"' in html
    assert "old@example.net" not in plain + html
    assert read_address_change(app, token).address == ANA
    assert confirm_address_change(app, token).change is AddressChange.DONE
    asyncio.run(run())
    [raw] = [each for each in caught(catcher) if parsed(each)["To"] == "old@example.net"]
    message = parsed(raw)
    assert message["Subject"] == "Your address was changed: The Harbour Letter"
    plain, html = (part.get_content() for part in message.iter_parts())
    [token] = re.findall(rf"{BASE}/address/([a-z2-7]{{26}})\b", plain)
    assert f'href="{BASE}/address/{token}"' in html
    assert "ana" not in (plain + html).lower()
    assert read_address_change(app, token).is_undo
    assert confirm_address_change(app, token).change is AddressChange.DONE


@pytest.fixture
def workspace(here, catcher):
    from tests.support.workspaces import make_workspace

    rows = ("ana@example.com,Ana,Porto Novo", "bo@example.com,Bo,Faro")
    return make_workspace(here.folder, port=catcher.port, rows=rows, ledger=False)


def test_everything_known_of_one_person_on_one_screen(here, workspace):
    assert here("send", "tide", "--to", "readers", "--yes").code == 0
    done = here("subscriber", "unsubscribe", "ana@example.com")
    assert "on no list" not in done.err
    shown = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "WHEN", here("subscriber", "show", "Ana@example.com").out)
    assert shown.splitlines() == [
        "Ana@example.com",
        "  gets no mail: unsubscribed since WHEN, by command line",
        "  on readers, line 2",
        "    first_name: Ana",
        "    city: Porto Novo",
        "  WHEN  suppressed (unsubscribed), by command line",
        "  WHEN  send 1 tide: accepted",
    ]


def test_unsubscribing_who_is_on_no_list_says_so_and_counts(here, workspace):
    done = here("subscriber", "unsubscribe", "anna@example.com")
    assert (done.code, done.out) == (0, "anna@example.com is now unsubscribed\n")
    assert "on no list" in done.err
    assert here.json("subscriber", "show", "anna@example.com")["suppression"]["reason"] == "unsubscribed"


def test_a_person_is_shown_from_files_alone_before_there_is_a_ledger(workspace):
    shown = mailer(workspace, "subscriber", "show", "ana@example.com")
    assert shown.out.splitlines() == [
        "ana@example.com",
        "  gets mail, on readers",
        "  on readers, line 2: subscribed",
        "    first_name: Ana",
        "    city: Porto Novo",
    ]
    assert not (workspace / "mailer.db").exists()
