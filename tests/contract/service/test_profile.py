"""A subscriber is found by the index while a list file is unchanged since its sync, and in the file otherwise."""

import shutil
import time

import pytest

from mailer.addresses import parse_address
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.service.file_cache import TICK
from mailer.service.lists.file_digests import find_digest
from mailer.service.subscribers import personal_data
from mailer.service.subscribers.personal_data import find_profile, lists_with, profile_object, subject_copy
from tests.support.ledger_cases import mailed_page

HEAD = "email,first_name,city,status\n"
ROWS = (
    "not an address,,,\n"
    "Ana@x.org,Ana,Porto,\n"
    "bo@x.org,Bo,Faro,unsubscribed\n"
    "ana@x.org,Again,Porto,\n"
    "cy@x.org,Cy,Faro,paused\n"
    "di@x.org,Di,Faro,\n"
)
PEOPLE = ("ana@x.org", "bo@x.org", "cy@x.org", "di@x.org", "new@x.org", "moved@x.org", "nobody@x.org")


@pytest.fixture
def files_read(monkeypatch):
    """The list files that are read, as it happens."""
    read = []
    open_list = personal_data.open_list

    def reading(path, name):
        read.append(name)
        return open_list(path, name)

    monkeypatch.setattr(personal_data, "open_list", reading)
    return read


def settle(desk):
    """Let some moments pass: what the file system says of a file that was just written may still be the same after a write."""
    time.sleep(2 * TICK / 1e9)
    find_digest(desk.app, "readers")


def found(desk, email):
    return find_profile(desk.app, parse_address(email)), lists_with(desk.app, parse_address(email))


def test_an_unchanged_file_is_not_read(desk, files_read):
    desk.sync(HEAD + ROWS)
    settle(desk)
    ana, lists = found(desk, "ana@x.org")
    assert ([each.line for each in ana.lists], lists) == ([3], ("readers",))
    assert found(desk, "nobody@x.org")[1] == ()
    assert files_read == []


def test_a_changed_file_is_read_until_it_is_synced_again(desk, files_read):
    desk.sync(HEAD + ROWS)
    settle(desk)
    text = desk.read()
    desk.write(text.replace("bo@x.org", "be@x.org"))  # as long as before
    assert found(desk, "bo@x.org")[1] == ()
    assert found(desk, "be@x.org")[1] == ("readers",)
    assert files_read
    settle(desk)
    assert found(desk, "be@x.org")[1] == ("readers",)
    desk.sync(allow_removals=True)
    settle(desk)
    files_read.clear()
    assert found(desk, "be@x.org")[1] == ("readers",)
    assert files_read == []


def test_a_list_that_was_never_synced_is_read(desk, files_read):
    desk.make("others", "email,name\nana@x.org,Ana\n")
    assert found(desk, "ana@x.org")[1] == ("others",)
    assert "others" in files_read


def test_the_index_and_the_file_give_the_same_answer(desk, clock):
    desk.sync(HEAD + ROWS)
    desk.leave("cy@x.org")
    desk.ledger.erasure.erase("di@x.org", source="page")
    desk.sign_up("new@x.org", first_name="Nia")
    asked_by = mailed_page(desk.ledger, parse_address("ana@x.org"))
    desk.ledger.address_changes.request(asked_by, parse_address("moved@x.org"))
    [letter] = desk.ledger.transactional.of("moved@x.org")
    desk.ledger.address_changes.confirm(letter.id, source="person")
    for _ in range(3):  # before a sync that writes the file, right after it, and after the next one
        settle(desk)
        by_index = [found(desk, email) for email in PEOPLE]
        shutil.rmtree(desk.app.workspace.state / "lists")
        touched = desk.read()
        desk.path.unlink()
        desk.write(
            touched
        )  # the same content in a new file, whose digest is not kept: but it is the one that was synced
        assert [found(desk, email) for email in PEOPLE] == by_index
        desk.write(touched + "\n")  # another content with the same rows: it is read
        assert [found(desk, email) for email in PEOPLE] == by_index
        desk.write(touched)
        desk.sync()
    assert [len(each.lists) for each, _ in by_index] == [1, 1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("reason", ["unsubscribed", "by hand"])
def test_a_suppressed_subscriber_is_called_subscribed_on_no_list(desk, clock, reason):
    desk.sync(HEAD + ROWS)
    clock.now += 60
    desk.ledger.suppressions.suppress("ana@x.org", SuppressionReason(reason), source="page")
    person, _ = found(desk, "ana@x.org")
    (entry,) = person.lists
    assert (entry.status, entry.since, entry.by) == ("unsubscribed", clock.now, "page")
    assert [each["status"] for each in profile_object(subject_copy(person))["lists"]] == ["unsubscribed"]
    desk.sync("email\n", allow_removals=True)
    assert [each.status for each in found(desk, "ana@x.org")[0].lists] == ["removed"]
