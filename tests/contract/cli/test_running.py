"""A send under way, seen from the command line: stopped, owned, resumed, halted, resolved (contract 3)."""

import math
import signal
import socket
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from tests.support.commands import Held, served
from tests.support.patience import PATIENCE, until
from tests.support.programs import Process, Programs
from tests.support.scripted import DROP, Scripted
from tests.support.workspaces import make_workspace, start_mailer

SEND = ("send", "tide", "--to", "readers", "--yes")
MANY = [f"r{n}@example.com,R{n},Lisbon" for n in range(150)]
FEW = [f"r{n}@example.com,R{n},Lisbon" for n in range(3)]
HUNG = "421 4.3.0 come back later"


def states(folder: Path) -> Counter[str]:
    with sqlite3.connect(folder / "mailer.db") as database:
        return Counter(state for (state,) in database.execute("select state from delivery"))


def under_way(programs: Programs, folder: Path, server: Held) -> Process:
    """A send in a process of its own that has delivered some of MANY."""
    make_workspace(folder, port=server.port, rows=MANY, CONNECTIONS="2")
    process = programs.start(folder, *SEND)
    until(lambda: len(server.messages) > 5 or process.poll() is not None)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_pauses_cleanly_and_says_how_to_go_on(here, programs, number):
    with served(Held(6)) as server:
        process = under_way(programs, here.folder, server)
        process.send_signal(number)
        server.limit += 50  # what is under way is answered
        ran = process.wait()
        assert ran.code == 4, ran.err
        assert "mailer resume 1" in ran.err
        assert "Traceback" not in ran.err
        assert ran.out.startswith("send 1 paused: 150 recipients = ")
        found = states(here.folder)
        assert set(found) == {"accepted", "pending"}
        assert found["accepted"] == len(server.messages)
        server.limit = math.inf
        assert here("resume", "1").code == 0
        assert len(server.messages) == 150


def test_while_a_process_sends_others_see_it_and_can_pause_and_cancel(here, programs):
    with served(Held(6)) as server:
        process = under_way(programs, here.folder, server)
        status = here("status", "1")
        assert status.code == 4
        assert f"(pid {process.pid})" in status.err
        resumed = here("resume", "1")
        assert resumed.code == 4
        assert f"(pid {process.pid})" in resumed.err
        assert here("resolve", "1", "--resend").code == 4
        assert here("send", "tide", "--to", "readers", "--again", "--yes").code == 4
        paused = here("pause", "1", "--json")
        assert paused.code == 0
        assert paused.json()["state"] == "paused"
        server.limit += 50
        ran = process.wait()
        assert ran.code == 4
        assert "paused by hand: paused. To resume it: mailer resume 1" in ran.err
        before = len(server.messages)
        server.limit = before + 3
        second = programs.start(here.folder, "resume", "1", "--json")
        until(lambda: len(server.messages) > before + 3)
        cancelled = here("cancel", "1")
        assert cancelled.code == 0, cancelled.err
        server.limit += 50
        ran = second.wait()
        assert ran.code == 0
        assert ran.json()["state"] == "cancelled"
        found = states(here.folder)
        assert set(found) == {"accepted", "skipped"}
        assert found["accepted"] == len(server.messages)
        reasons = here.json("report", "1")["reasons"]
        assert [(each["reason"], each["count"]) for each in reasons] == [("cancelled", found["skipped"])]
        repeated = here("send", "tide", "--to", "readers", "--dry-run")
        assert f"Send 1 was cancelled when {found['accepted']} of its recipients had it." in repeated.err
        assert "had it" not in here("send", "tide", "--to", "readers", "--new-readers", "--dry-run").err


def test_a_killed_send_is_named_as_interrupted_and_resumed(here, programs):
    with served(Held(6)) as server:
        process = under_way(programs, here.folder, server)
        process.kill()
        process.wait()
        status = here("status", "1")
        assert status.code == 4
        assert "it was interrupted. To resume it: mailer resume 1" in status.err
        server.limit = math.inf
        ended = here("resume", "1", "--json").json()
    assert ended["state"] == "finished"
    assert ended["accepted"] + ended["uncertain"] == 150
    assert ended["uncertain"] <= 2


def test_without_waiting_it_stays_at_waiting(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=("greylist@example.com,G,", "ana@example.com,A,"), RETRY="600")
    ran = here(*SEND, "--no-wait", "--json")
    assert ran.code == 4
    assert ran.json()["state"] == "waiting"
    assert (ran.json()["deferred"], ran.json()["accepted"]) == (1, 1)
    assert "the rest is tried again at 20" in ran.err
    assert here("resume", "1", "--no-wait").code == 4


def test_waiting_for_retries_it_shows_the_next_time(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=("greylist@example.com,G,",), RETRY="2")
    ran = here(*SEND)
    assert ran.code == 0
    assert "the rest is tried again at 20" in ran.err


def test_failed_ones_make_exit_1_and_are_sent_to_again_by_resend(here, catcher, monkeypatch):
    make_workspace(here.folder, port=catcher.port, rows=("refuse@example.com,R,", "ana@example.com,A,"))
    ran = here(*SEND)
    assert ran.code == 1
    assert "mailer resend" not in ran.err, "the only one who failed is suppressed"
    refused = here("resend", "1", "--failed", "--yes")
    assert refused.code != 0
    assert "has no failed deliveries to send again" in refused.err
    again = here("resume", "1", "--json")
    assert again.code == 1, "its result again, with its exit"
    assert again.json()["failed"] == 1
    assert here("status", "1").code == 1
    here("suppress", "remove", "refuse@example.com")
    assert "to send to 1 of them again: mailer resend 1 --failed" in here("status", "1").err
    monkeypatch.setattr("mailer.cli.sends.resend.is_interactive", lambda: True)
    answers = iter((False, True))
    monkeypatch.setattr("mailer.cli.sends.plan_confirmation.click.confirm", lambda *_args, **_options: next(answers))
    refused = here("resend", "1", "--failed")
    assert refused.code == 4
    assert "1 reader whose delivery failed" in refused.err
    assert len(here.json("status")["sends"]) == 1
    resent = here.json("resend", "1", "--failed")
    assert (resent["send"], resent["frozen"], resent["failed"]) == (2, 1, 1)
    assert here("resend", "1").code == 2
    assert here("resend", "9", "--failed").code == 2
    assert len(catcher.received()) == 1


def test_what_is_deferred_beyond_its_lifetime_fails_as_expired(here):
    with served(Scripted(RCPT=["451 4.7.1 later"] * 50)) as server:
        make_workspace(here.folder, port=server.port, rows=FEW[:1], RETRY_FOR="1")
        ran = here(*SEND, "--json")
    assert ran.code == 1
    assert ran.json()["failed"] == 1
    (row,) = [line for line in here("report", "1", "--csv", "-").out.splitlines() if line.startswith("r0@")]
    assert row.startswith("r0@example.com,failed,expired,451,4.7.1,later,")


HALTS = [
    ({"MAIL": ["550 5.7.1 sender not welcome"] * 9}, "sender refused (550 5.7.1 sender not welcome)"),
    ({"CONNECT": ["554 5.7.1 go away"] * 9}, "554 5.7.1 go away"),
    ({"END_OF_DATA": ["554 5.7.1 spam"] * 99}, "refused 10 messages in a row (554 5.7.1 spam)"),
]


@pytest.mark.parametrize(("replies", "expected"), HALTS)
def test_a_fault_of_the_relay_pauses_the_send_and_fails_no_delivery(here, replies, expected):
    with served(Scripted(**replies)) as server:
        make_workspace(here.folder, port=server.port, rows=MANY[:30], CONNECTIONS="2")
        ran = here(*SEND)
    assert ran.code == 4, ran.err
    assert expected in ran.err
    assert "paused. To resume it: mailer resume 1" in ran.err
    assert set(states(here.folder)) == {"pending"}
    assert here("status", "1").out.count(expected) == 1


def test_a_relay_that_offers_no_tls_gets_no_message(here):
    with served(Scripted()) as server:
        make_workspace(here.folder, rows=FEW, RELAY=f"smtp+starttls://user:hush-hush@127.0.0.1:{server.port}")
        ran = here(*SEND)
        assert ran.code == 4
        assert f"127.0.0.1:{server.port}" in ran.err
        assert "starttls" in ran.err.lower()
        assert "hush-hush" not in ran.err
        assert not server.messages


def test_a_relay_that_cannot_be_reached_is_named_at_once_and_the_send_can_be_stopped(here):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    make_workspace(here.folder, port=port, rows=FEW)
    process = start_mailer(here.folder, *SEND)
    assert process.stderr
    line = next(line for line in process.stderr if "trying again" in line)
    assert line.startswith(f"127.0.0.1:{port}: ")
    assert "Ctrl-C pauses the send" in line
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4
    assert "mailer resume 1" in err
    assert set(states(here.folder)) == {"pending"}


# uncertain ones


def uncertain_send(here, server: Scripted, **settings: str) -> None:
    """A finished send of which r0, r1 are uncertain and r2 is accepted."""
    make_workspace(here.folder, port=server.port, rows=FEW, CONNECTIONS="1", **settings)
    ran = here(*SEND, "--json")
    assert ran.code == 3, ran.err
    assert (ran.json()["state"], ran.json()["uncertain"], ran.json()["accepted"]) == ("finished", 2, 1)
    assert "mailer resolve 1" in ran.err


def ids(server: Scripted) -> list[bytes]:
    return [next(line for line in text.splitlines() if line.startswith(b"Message-ID")) for text in server.messages]


def test_uncertain_ones_are_sent_again_with_the_same_message_id(here):
    with served(Scripted(END_OF_DATA=[DROP, DROP])) as server:
        uncertain_send(here, server)
        stranger = here("resolve", "1", "--resend", "r0@example.com", "r2@example.com")
        assert stranger.code == 2
        assert "r2@example.com" in stranger.err
        assert here.json("status", "1")["uncertain"] == 2, "nothing was decided"
        one = here("resolve", "1", "--resend", "R0@example.com", "--json")
        assert one.code == 3, "one is left"
        assert (one.json()["state"], one.json()["accepted"], one.json()["uncertain"]) == ("finished", 2, 1)
        rest = here("resolve", "1", "--resend")
        assert rest.code == 0
        found = ids(server)
    assert len(found) == 5
    assert len(set(found)) == 3


def test_uncertain_ones_may_be_taken_for_sent_and_are_counted_apart(here):
    with served(Scripted(END_OF_DATA=[DROP, DROP])) as server:
        uncertain_send(here, server)
        assert here("resolve", "1").code == 2
        assert here("resolve", "1", "--assume-sent", "r0@example.com").code == 3
        assert here("resolve", "1", "--assume-sent").code == 0
        assert len(server.messages) == 3
    report = here.json("report", "1")
    assert (report["accepted"], report["assumed"]) == (3, 2)
    assert "2 of the accepted: assumed, by resolve --assume-sent" in here("report", "1").out
    none_left = here("resolve", "1", "--assume-sent")
    assert none_left.code == 0
    assert "0 uncertain deliveries" in none_left.err


def test_resolving_a_paused_send_does_not_mail_the_rest_of_it(here):
    with served(Scripted(END_OF_DATA=[DROP, *["554 5.7.1 spam"] * 10])) as server:
        make_workspace(here.folder, port=server.port, rows=MANY[:20], CONNECTIONS="1")
        assert here(*SEND).code == 4
        before = len(server.messages)
        assert here.json("status", "1")["uncertain"] == 1
        ran = here("resolve", "1", "--resend")
        assert ran.code == 4
        assert "mailer resume 1" in ran.err
        assert len(server.messages) == before
        assert here("resume", "1").code == 0
    assert states(here.folder) == Counter(accepted=20)


def test_the_timeline_of_one_recipient_is_shown_in_words(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=("ana@example.com,A,", "refuse@example.com,R,"))
    here("send", "tide", "--to", "readers", "--yes")
    told = here("report", "1", "refuse@example.com", "ana@example.com")
    assert told.code == 1
    assert "refuse@example.com: " in told.out
    assert "550 5.1.1" in told.out
    assert "accepted" in told.out
    assert here("report", "1", "ana@example.com", "--json").code == 2
    assert here("report", "1", "stranger@example.com").code == 2
