"""The ledger: the database that proves what happened to every recipient.

    with open_ledger(url, state_dir, clock=time.time) as ledger:
        send = ledger.creator.create(new, audience)
        with ledger.leases.acquire(send.id, retry_for=86400) as leased: ...

    sends           sends and their states; pause, resume, cancel, resolve
    creator         creates sends
    shards          the shards of a send, and which has something to send
    workers         processes on any machine that send shards
    leases          acquires a shard of a send for this process: the port that a sender uses
    warmup          the daily quota of the warm-up plan
    suppressions    addresses that must not be mailed
    erasure         erases a subscriber
    members         the members of lists
    member_search   the members of a list by page, with search and counts
    preferences     subscriber preferences
    address_changes, leaving_reasons    what subscribers change and say on their own pages
    syncs           syncs of list files and members
    signups         sign-ups, their confirmation and consents
    transactional   transactional mail to be delivered
    editions        editions that were sent, and their images
    approvals       approvals of editions
    feedback        what came back, and what people decided about it
    provider_tokens the tokens that requests of mail providers have used
    returned        the messages of a send that came back
    report          deliveries and attempts
    stats           statistics of a send
    dashboard       the queries of the first page of the desk
    verifier        checks the invariants of a send
    users           users of the desk and their roles
    sessions        the sessions of users
    two_factor      their second factors
    audit           the log of what users did
    revisions       earlier versions of dispatches
    api_tokens      tokens of the API and their scopes
    idempotency     stored responses to requests that must be done once
    webhooks        webhooks and the events that they subscribe to
    outbox          messages to webhooks and their attempts

All of it is synchronous, except a LeasedShard and the methods that are async or return a future: call it in a thread if there is
an event loop. Raises LedgerError.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, update

from mailer.boot_clock import boottime
from mailer.delivery.warmup import WarmUp
from mailer.ledger.accounts.api_tokens import ApiTokens
from mailer.ledger.accounts.audit_log import AuditLog
from mailer.ledger.accounts.dispatch_revisions import Revisions
from mailer.ledger.accounts.idempotency_keys import IdempotencyKeys
from mailer.ledger.accounts.sessions import Sessions
from mailer.ledger.accounts.two_factor import TwoFactors
from mailer.ledger.accounts.users import Users
from mailer.ledger.feedback.log import FeedbackLog
from mailer.ledger.feedback.provider_tokens import ProviderTokens
from mailer.ledger.queue.leased_shard import ShardLeases
from mailer.ledger.reports.dashboard import DashboardReport
from mailer.ledger.reports.deliveries import DeliveryReport
from mailer.ledger.reports.returned_messages import ReturnedMessages
from mailer.ledger.reports.stats import SendStats
from mailer.ledger.reports.verify import Verifier
from mailer.ledger.sends.approvals import Approvals
from mailer.ledger.sends.create import SendCreator
from mailer.ledger.sends.editions_and_archive import Editions
from mailer.ledger.sends.sends import Sends
from mailer.ledger.sends.shards import Shards
from mailer.ledger.sends.warmup_quota import WarmUpDays
from mailer.ledger.sends.workers import Workers
from mailer.ledger.store.database import Database, open_database
from mailer.ledger.store.file_locks import FileLock
from mailer.ledger.store.lease import LENGTH
from mailer.ledger.store.ledger_context import LOCK_PATIENCE, LedgerContext
from mailer.ledger.store.restore_detection import (
    AcceptedDatabase,
    OlderCopyError,
    PastRestore,
    RollbackGuard,
    past_restore,
)
from mailer.ledger.store.tables import meta
from mailer.ledger.store.upgrade import upgrade
from mailer.ledger.store.writer_thread import Writer
from mailer.ledger.subscribers.address_changes import AddressChanges
from mailer.ledger.subscribers.erasure import Erasure
from mailer.ledger.subscribers.leaving_reasons import LeavingReasons
from mailer.ledger.subscribers.member_search import MemberSearch
from mailer.ledger.subscribers.members import Members
from mailer.ledger.subscribers.preferences import Preferences
from mailer.ledger.subscribers.signups import Signups
from mailer.ledger.subscribers.suppressions import Suppressions
from mailer.ledger.subscribers.transactional_mail_queue import TransactionalQueue
from mailer.ledger.sync.syncs import ListSyncs
from mailer.ledger.types.errors import LedgerError, translating
from mailer.ledger.types.shards import SHARD_SIZE
from mailer.ledger.webhooks.outbox import Outbox
from mailer.ledger.webhooks.webhooks import Webhooks


class Ledger:
    """An open ledger; see the top of this module. Made by open_ledger."""

    def __init__(self, guard: RollbackGuard, context: LedgerContext) -> None:
        self._guard = guard
        self._context = context
        self.sends = Sends(context)
        self.creator = SendCreator(context)
        self.shards = Shards(context)
        self.workers = Workers(context)
        self.leases = ShardLeases(context)
        self.warmup = WarmUpDays(context)
        self.suppressions = Suppressions(context)
        self.erasure = Erasure(context)
        self.members = Members(context)
        self.member_search = MemberSearch(context)
        self.transactional = TransactionalQueue(context)
        self.signups = Signups(context)
        self.preferences = Preferences(context)
        self.address_changes = AddressChanges(context)
        self.leaving_reasons = LeavingReasons(context)
        self.syncs = ListSyncs(context)
        self.editions = Editions(context)
        self.approvals = Approvals(context)
        self.feedback = FeedbackLog(context)
        self.provider_tokens = ProviderTokens(context)
        self.returned = ReturnedMessages(context)
        self.report = DeliveryReport(context)
        self.stats = SendStats(context)
        self.dashboard = DashboardReport(context)
        self.verifier = Verifier(context)
        self.users = Users(context)
        self.sessions = Sessions(context)
        self.two_factor = TwoFactors(context)
        self.audit = AuditLog(context)
        self.revisions = Revisions(context)
        self.api_tokens = ApiTokens(context)
        self.idempotency = IdempotencyKeys(context)
        self.webhooks = Webhooks(context)
        self.outbox = Outbox(context)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def acquire_server_lock(self) -> FileLock | None:
        """Takes the lock of the running `serve`, held until its `close`; None if another process is the server."""
        lock = self._context.serve_lock()
        if not lock.acquire(LOCK_PATIENCE):
            lock.close()
            return None
        lock.write_pid()
        return lock

    def server_pid(self) -> int | None:
        """Returns the process id of the running `serve`; None if there is none, 0 if it is unknown."""
        lock = self._context.serve_lock()
        return None if lock.is_unlocked() else lock.read_pid() or 0

    def try_write(self) -> Future[None]:
        """Writes, durably, without changing anything that is recorded: it fails when unsubscribing would."""
        same = update(meta).where(meta.c.key == "ledger").values(value=meta.c.value)

        def work(conn: Connection) -> None:
            conn.execute(same)

        return self._context.writer.call(work)

    def accept_restored(self, *, if_refused: bool = False) -> AcceptedDatabase | None:
        """Accepts a restored or new database, and pauses its open sends, so that nothing is sent by itself.

        `if_refused`: only if the rollback guard refuses it; None if it does not.
        """
        accept = partial(self._guard.accept, at=self._context.clock(), if_refused=if_refused)
        return self._context.writer.call(accept).result()

    def past_restore(self) -> PastRestore | None:
        """Returns when a restored database was accepted last, and until when its records went; None if never."""
        with self._context.database.reading() as conn:
            return past_restore(conn)

    @property
    def context(self) -> LedgerContext:
        """What its parts share."""
        return self._context

    def close(self) -> None:
        """Writes what is queued, ends the writer thread, closes the database. A second call does nothing."""
        self._context.writer.close()
        lock = self._context.database.write_lock()
        try:
            with lock:
                self._context.database.close()
        except LedgerError:
            self._context.database.close()  # another process holds the lock: then our connections are not the last
        finally:
            lock.close()


def open_ledger(
    url: str,
    state_dir: Path,
    *,
    clock: Callable[[], float] = time.time,
    accept_restored: bool = False,
    warmup: WarmUp | None = None,
    shard_size: int = SHARD_SIZE,
    lease: float = LENGTH,
    is_worker: bool = False,
    steady: Callable[[], float] = boottime,
) -> Ledger:
    """Opens the ledger at `url`, creating it or upgrading it to this version's schema.

    `state_dir` (`.mailer` of the workspace) holds the locks of running processes and is created if missing; a relative SQLite
    path starts at its parent folder. A database that lacks what this folder has seen, an older copy or a new one, is refused
    (RestoredError), unless `accept_restored`: then call `accept_restored` of the ledger before anything else writes. `is_worker`:
    this process has no workspace. The rest: see LedgerContext.
    Raises SettingsError for a wrong URL, LedgerError for everything else.
    """
    database = open_database(url, state_dir)
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"The folder {state_dir} cannot be made ({error.strerror}).", "Check that the workspace may be written."
        ) from error
    guard = RollbackGuard(state_dir, database.name, is_worker=is_worker)
    writer = Writer(database, guard)
    try:
        upgrade(database)
        if not accept_restored:
            _check(database, guard)
    except BaseException:
        writer.close()
        database.close()
        raise
    return Ledger(
        guard,
        LedgerContext(
            database=database,
            writer=writer,
            clock=clock,
            state_dir=state_dir,
            warmup=warmup or WarmUp(),
            shard_size=shard_size,
            lease=lease,
            steady=steady,
        ),
    )


def _check(database: Database, guard: RollbackGuard) -> None:
    """Refuses a database that is or may be an older copy, and vouches for it for those who have not used it yet."""
    try:
        with database.reading() as conn:
            guard.check(conn)
            needs_vouching = guard.needs_vouching(conn)
    except OlderCopyError:
        with suppress(LedgerError), database.connect_writer() as conn, translating(database.name), conn.begin():
            guard.mark_as_older(conn)
        raise
    if needs_vouching:
        with database.connect_writer() as conn, translating(database.name), conn.begin():
            guard.vouch(conn)
