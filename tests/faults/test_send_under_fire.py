"""A send is proven against the judge: what the server's own fsynced journal says it accepted."""

import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailer.delivery.catcher import Behaviour, read_journal
from tests.support.workspaces import mailer, make_workspace, start_mailer

READERS, LANES = 2000, 8
GREYLIST, REFUSE, HANG_UP_AFTER = 0.05, 0.01, 50


@contextmanager
def judge(folder: Path) -> Iterator[int]:
    """The server in a process of its own, so that killing a sender leaves it standing; yields its port."""
    command = [sys.executable, "-m", "mailer.delivery.catcher", "--journal", str(folder / "accepted.jsonl"),
               "--greylist", str(GREYLIST), "--refuse", str(REFUSE), "--hang-up-after", str(HANG_UP_AFTER)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()


def readers() -> list[str]:
    return [f"reader{n}@example.com,R{n},{'Porto Novo' if n % 3 else 'Lisbon'}" for n in range(READERS)]


def expectations() -> tuple[set[str], set[str]]:
    """Who is to be accepted, and who refused."""
    behaviour = Behaviour(refuse_share=REFUSE, greylist_share=GREYLIST)
    everybody = {row.split(",")[0] for row in readers()}
    refused = {address for address in everybody if behaviour.refuses(address)}
    return everybody - refused, refused


def accepted_by_server(folder: Path) -> Counter[str]:
    return Counter(line["recipient"] for line in read_journal(folder / "accepted.jsonl"))


def states(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "mailer.db") as database:
        return dict(database.execute("select address, state from delivery"))


def test_everybody_is_accounted_for_and_nobody_gets_it_twice(tmp_path: Path) -> None:
    with judge(tmp_path) as port:
        make_workspace(tmp_path, port=port, rows=readers(), LANES=str(LANES))
        ran = mailer(tmp_path, "send", "tide", "--to", "readers", "--yes", "--json", timeout=120)
    wanted, refused = expectations()
    assert ran.code == 1, ran.err
    sent = ran.json()
    assert (sent["frozen"], sent["accepted"], sent["failed"], sent["uncertain"]) == (
        READERS,
        len(wanted),
        len(refused),
        0,
    )
    assert sent["state"] == "finished"
    assert accepted_by_server(tmp_path) == Counter(wanted)
    assert {address for address, state in states(tmp_path).items() if state == "failed"} == refused


@pytest.mark.parametrize("seed", [1])
def test_killed_at_any_instant_it_is_finished_by_resume(tmp_path: Path, seed: int, full: bool) -> None:
    chance = random.Random(seed)
    kills = 5 if full else 2
    with judge(tmp_path) as port:
        make_workspace(tmp_path, port=port, rows=readers(), LANES=str(LANES))
        command = ["send", "tide", "--to", "readers", "--yes"]
        done_before = 0
        for _ in range(kills):
            process = start_mailer(tmp_path, *command)
            # not a guess of time: killed when the server has a few more, wherever the sender is just then
            target = done_before + chance.randrange(20, READERS // (kills + 1))
            while process.poll() is None and sum(accepted_by_server(tmp_path).values()) < target:
                time.sleep(0.005)
            process.kill()
            process.communicate()
            done_before = sum(accepted_by_server(tmp_path).values())
            command = ["resume", "1"]
        ran = mailer(tmp_path, "resume", "1", "--json", timeout=120)
    sent = ran.json()
    wanted, refused = expectations()
    journal = accepted_by_server(tmp_path)
    ledger = states(tmp_path)
    uncertain = {address for address, state in ledger.items() if state == "uncertain"}
    assert max(journal.values()) == 1, "nobody twice"
    assert {address for address, state in ledger.items() if state == "accepted"} <= set(journal), "nobody only on paper"
    assert set(journal) <= {address for address, state in ledger.items() if state in {"accepted", "uncertain"}}
    assert wanted - set(journal) <= uncertain, "nobody lost without being named"
    assert {address for address, state in ledger.items() if state == "failed"} == refused
    assert len(uncertain) <= LANES * kills
    assert sent["frozen"] == READERS == sum(sent[name] for name in ("accepted", "failed", "skipped", "uncertain"))
    assert (sent["state"], ran.code) == ("finished", 3 if uncertain else 1)
