"""The ledger: the database that proves what happened to every recipient.

    with open_ledger(url, state_dir, clock=time.time) as ledger:
        send = ledger.freezer.create(new, audience)
        with ledger.own(send.id, retry_for=86400) as owned: ...

    sends         what there is, where it stands; pause, resume, cancel, resolve
    freezer       making sends
    own()         running one: the port that a sender sees
    suppressions  who must not be mailed
    members       who is on which list
    roll          the members of a list, page by page, searched and counted
    wishes        what people say of their own mail
    syncs         list files and members brought together
    signups       who asked for which list, confirmed it, and how they said so
    letters       letters to one person, to be delivered
    editions      what was sent, and its images
    approvals     who found which edition good
    report        deliveries and attempts
    gauge         how a send goes, in numbers
    verifier      what must hold of a send, checked
    people        who may sign in at the desk, and as what
    sessions      where they are signed in
    audit         who did what
    drafts        what the desk saved of dispatches, and when
    tokens        which programs may use the API, and for what
    answers       what they were answered, where nothing may be done twice
    webhooks      other programs that are told what happens
    outbox        what they are told, and how that went

Everything is synchronous but an owned send; on an event loop, call it in a thread. Raises LedgerError.
"""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from mailer.delivery.fence import steady
from mailer.delivery.warmup import Allowance, WarmUp
from mailer.ledger.answers import Answers
from mailer.ledger.approvals import Approvals
from mailer.ledger.audit import Audit
from mailer.ledger.core import LOCK_PATIENCE, Core
from mailer.ledger.database import open_database
from mailer.ledger.drafts import Drafts
from mailer.ledger.editions import Editions
from mailer.ledger.epoch import EpochKeeper
from mailer.ledger.errors import LedgerError
from mailer.ledger.freeze import Freezer
from mailer.ledger.gauge import Gauge
from mailer.ledger.lease import LENGTH
from mailer.ledger.letters import Letters
from mailer.ledger.locks import FileLock
from mailer.ledger.members import Members
from mailer.ledger.outbox import Outbox
from mailer.ledger.owned import OwnedSend, own
from mailer.ledger.people import People
from mailer.ledger.report import Report
from mailer.ledger.roll import Roll
from mailer.ledger.schema import upgrade
from mailer.ledger.sends import Sends
from mailer.ledger.sessions import Sessions
from mailer.ledger.signups import SignUps
from mailer.ledger.suppressions import Suppressions
from mailer.ledger.syncs import Syncs
from mailer.ledger.tokens import Tokens
from mailer.ledger.verify import Verifier
from mailer.ledger.warmup import allowance
from mailer.ledger.webhooks import Webhooks
from mailer.ledger.wishes import Wishes
from mailer.ledger.writer import Writer


class Ledger:
    """An open ledger; see the module's page. Made by open_ledger."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.sends = Sends(core)
        self.freezer = Freezer(core)
        self.suppressions = Suppressions(core)
        self.members = Members(core)
        self.roll = Roll(core)
        self.letters = Letters(core)
        self.signups = SignUps(core)
        self.wishes = Wishes(core)
        self.syncs = Syncs(core)
        self.editions = Editions(core)
        self.approvals = Approvals(core)
        self.report = Report(core)
        self.gauge = Gauge(core)
        self.verifier = Verifier(core)
        self.people = People(core)
        self.sessions = Sessions(core)
        self.audit = Audit(core)
        self.drafts = Drafts(core)
        self.tokens = Tokens(core)
        self.answers = Answers(core)
        self.webhooks = Webhooks(core)
        self.outbox = Outbox(core)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path | None:
        """The database's file, if it is one."""
        return self._core.database.path

    def own(self, send_id: int, *, retry_for: float, resend_uncertain: bool = False) -> OwnedSend | None:
        """Take a send over; None while a living process owns it (`sends.owner_pid` names it). See mailer.ledger.owned."""
        return own(self._core, send_id, retry_for=retry_for, resend_uncertain=resend_uncertain)

    def allowance(self, now: float) -> Allowance | None:
        """What the day of the warm-up plan has left at `now`; None: no limit."""
        with self._core.database.reading() as conn:
            return allowance(conn, self._core.warmup, now)

    def become_server(self) -> FileLock | None:
        """Hold the lock of the running `serve` until its `close`; None when another process is the server."""
        lock = self._core.serve_lock()
        if not lock.acquire(LOCK_PATIENCE):
            lock.close()
            return None
        lock.write_pid()
        return lock

    def server_pid(self) -> int | None:
        """The process of the running `serve`; None when there is none, 0 when it cannot be named."""
        lock = self._core.serve_lock()
        return None if lock.is_free() else lock.read_pid() or 0

    @property
    def core(self) -> Core:
        """What the parts of it share."""
        return self._core

    def close(self) -> None:
        """Write what waits, end the writer's thread, close the database. Once is enough, twice does no harm."""
        self._core.writer.close()
        lock = self._core.database.write_lock()
        try:
            with lock:
                self._core.database.close()
        except LedgerError:
            self._core.database.close()  # somebody holds the lock for long: then our connections are not the last
        finally:
            lock.close()


def open_ledger(
    url: str,
    state_dir: Path,
    *,
    clock: Callable[[], float] = time.time,
    accept_restored: bool = False,
    warmup: WarmUp | None = None,
    lease: float = LENGTH,
    steady: Callable[[], float] = steady,
) -> Ledger:
    """Open the ledger at `url`, creating it or bringing it to this version's schema.

    `state_dir` (`.mailer` of the workspace) holds the locks of running processes and is made when missing; a relative
    SQLite path is taken from the folder it is in. A database that is an older copy of what this folder has seen is refused
    (RestoredError), unless a person says `accept_restored`: then no send of it goes on unasked. `warmup`, `lease`
    and `steady`: see Core. Raises SettingsError for a wrong URL, LedgerError for the rest.
    """
    database = open_database(url, state_dir)
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"The folder {state_dir} cannot be made ({error.strerror}).", "Check that the workspace may be written."
        ) from error
    epoch = EpochKeeper(state_dir, database.name)
    writer = Writer(database, epoch)
    try:
        upgrade(database)
        if accept_restored:
            writer.call(epoch.accept)
        else:
            with database.reading() as conn:
                epoch.check(conn)
    except BaseException:
        writer.close()
        database.close()
        raise
    return Ledger(
        Core(
            database=database,
            writer=writer,
            clock=clock,
            state_dir=state_dir,
            warmup=warmup or WarmUp(),
            lease=lease,
            steady=steady,
        )
    )
