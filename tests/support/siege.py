"""A send under faults: a workspace on one of the databases, its judge, and the proof that nobody was lost or mailed twice.

siege = Siege(folder, database_url, programs, judge, readers=400)
siege.start(*SEND, faults=...)               runs the program, to be killed or waited for
siege.finish()                               resumes the send until it has ended
siege.prove(uncertain_at_most=8)             checks the ledger against the journal; raises AssertionError
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from mailer.app import App
from mailer.delivery.states import OPEN_STATES, DeliveryState, SendState
from mailer.ledger.types.sends import Summary
from mailer.service.sends.verify import verify_send
from tests.support.judge import Journal
from tests.support.patience import until
from tests.support.programs import Process, Programs
from tests.support.workspaces import Ran, make_workspace

S = DeliveryState
SHORT = {"stall": 10.0}  # seconds: nothing waits long for a lease holder that is stopped in a transaction
SEND = ("send", "tide", "--to", "readers", "--yes", "--json")
RESUME = ("resume", "1", "--json")
CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Proof:
    """The state of a send: by the ledger, and by the judge."""

    summary: Summary
    states: Mapping[str, DeliveryState]  # by address
    accepted: Counter[str]

    def count(self, *states: DeliveryState) -> int:
        return self.summary.count(*states)


class Siege:
    def __init__(
        self,
        folder: Path,
        database_url: str,
        programs: Programs,
        judge: Journal,
        *,
        readers: int,
        port: int,
        connections: int = CONNECTIONS,
        domains: tuple[str, ...] = ("example.com",),
        **settings: str,
    ) -> None:
        self.folder = folder
        self.judge = judge
        self.everybody = [f"reader{n}@{domains[n % len(domains)]}" for n in range(readers)]
        self._programs = programs
        self._started: list[Process] = []
        self._url = self.database_url = database_url
        rows = [f"{address},R{n},{'Porto Novo' if n % 3 else 'Lisbon'}" for n, address in enumerate(self.everybody)]
        settings = {"CONNECTIONS": str(connections), "DATABASE_URL": database_url, **settings}
        make_workspace(folder, port=port, rows=rows, **settings)

    def start(self, *arguments: str, faults: Mapping[str, Any] | None = None) -> Process:
        process = self._programs.start(self.folder, *arguments, faults={**SHORT, **(faults or {})})
        self._started.append(process)
        return process

    def run(self, *arguments: str, faults: Mapping[str, Any] | None = None) -> Ran:
        return self.start(*arguments, faults=faults).wait()

    def until_free(self) -> None:
        """Waits until the send has no lease holder; the lease of a process that has ended is made to expire."""
        with App.open(self.folder) as app:
            owner = app.ledger.sends.holder_pid(1)
            if any(process.pid == owner and process.poll() is not None for process in self._started):
                self.expire_lease()
            until(lambda: app.ledger.sends.holder_pid(1) is None)

    def expire_lease(self) -> None:
        """Makes the lease of a dead process expire now."""
        if not self._url.startswith("sqlite"):
            with psycopg.connect(self._url, autocommit=True) as conn:
                conn.execute("UPDATE send_shard SET expires_at = 0")

    def finish(self) -> Ran:
        """Resumes the send once it has no lease holder, until it has ended."""
        self.until_free()
        ran = self.run(*RESUME)
        assert ran.code in {0, 1, 3}, f"{ran.code}: {ran.out}{ran.err}"
        return ran

    def exists(self) -> bool:
        """Whether the send was frozen before its process died."""
        with App.open(self.folder) as app:
            return bool(app.ledger.sends.all())

    def counts(self) -> dict[DeliveryState, int]:
        with App.open(self.folder) as app:
            found = app.ledger.sends.summary(1).counts
        return {state: number for state, number in found.items() if number}

    def prove(self, *, uncertain_at_most: int = 0, state: SendState = SendState.FINISHED) -> Proof:
        """Checks that every recipient is accounted for, none twice, the uncertain ones named and few, and the ledger sound."""
        with App.open(self.folder) as app:
            summary = app.ledger.sends.summary(1)
            states = {row.email: row.state for row in app.ledger.report.rows(1)}
            verification = verify_send(app, 1)
        accepted = self.judge.accepted
        assert self.judge.empty == 0, "no empty message anywhere"
        assert summary.send.state is state
        assert summary.frozen == len(self.everybody) == sum(summary.counts.values())
        if summary.send.is_ended:
            assert summary.count(*OPEN_STATES) == 0
        assert verification.ok, [check for check in verification.checks if not check.ok]
        assert not [address for address, times in accepted.items() if times > 1], "nobody twice"
        assert len(set(self.judge.message_ids)) == len(self.judge.message_ids), "each message once"
        recorded = {address for address, found in states.items() if found is S.ACCEPTED}
        assert recorded <= set(accepted), "nobody is accepted in the ledger only"
        for address in self.everybody:
            found = states[address]
            if address in accepted:
                assert found in {S.ACCEPTED, S.UNCERTAIN}, f"{address} got it, and is {found}"
            elif summary.send.is_ended:
                assert found in {S.FAILED, S.UNCERTAIN, S.SKIPPED}, f"{address} is lost"
            if self.judge.refuses(address):
                assert found not in {S.ACCEPTED, S.UNCERTAIN}
        assert summary.count(S.UNCERTAIN) <= uncertain_at_most
        self.prove_sound()
        return Proof(summary, states, accepted)

    def prove_sound(self) -> None:
        """Checks the integrity of the database itself."""
        if self._url.startswith("sqlite"):
            with closing(sqlite3.connect(self.folder / "mailer.db")) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
