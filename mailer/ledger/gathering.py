"""What the lanes of a send have asked for since the last commit, written in one transaction.

    Gathering    settlements, commits, releases and claims; the next batch of the writer takes all that is in it by then

The send's row is read, and locked, once a batch: what it says of state and epoch holds until the commit. Settlements are
evidence and are written whoever owns the send, as are releases, which find nothing of theirs once another has it; commits and
claims are for its owner.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection, func, select, update

from mailer.delivery.state import DeliveryState, SendKind, SendState
from mailer.delivery.warmup import WarmUp
from mailer.ledger.claims import claim, commit, release
from mailer.ledger.errors import FencedError
from mailer.ledger.sends import GOING, finish_cancelling
from mailer.ledger.settlements import accept, settle
from mailer.ledger.statement import Statement, given
from mailer.ledger.tables import send
from mailer.ledger.warmup import count_gone, hand_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailer.delivery.records import Claim, Settlement


@dataclass(frozen=True, slots=True)
class Request:
    """A lane asks for up to `limit` deliveries that are due at `now`."""

    limit: int
    now: float

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError("a lane claims at least one")


class Owner(Protocol):
    """Whose requests gather. `out`: the attempts that may have left (Attempts); the writer's thread alone changes it."""

    send_id: int
    epoch: int
    warmup: WarmUp
    resend_uncertain: bool
    out: dict[int, int]

    def close(self, gathering: "Gathering") -> None:
        """Let nothing more into it: it is being written."""

    def leftovers(self) -> "list[Settlement]":
        """Hand over what earlier batches failed to write."""

    def ended(self, gathering: "Gathering", error: BaseException | None) -> None:
        """It is durable, or not."""

    def press(self) -> None:
        """Those who waited have been told; from the event loop."""


class Gathering:
    """A Job of the writer: see the module's page."""

    is_repeatable = True
    is_quick = True

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self.loop = loop  # in which those wait that ask for an answer
        self._owner = owner
        self._out = owner.out
        self.settlements: list[Settlement] = []
        self.waiting: list[tuple[int, asyncio.Future[None]]] = []  # for the settlement of that place
        self.commits: list[tuple[Claim, asyncio.Future[bool]]] = []
        self.releases: list[tuple[Sequence[Claim], float, asyncio.Future[None]]] = []
        self.claims: list[tuple[Request, asyncio.Future[Sequence[Claim]]]] = []
        self._is_fenced = False
        self._illegal: dict[int, Exception] = {}
        self._committed: dict[int, int] = {}
        self._claimed: list[Claim] = []

    @property
    def is_ripe(self) -> bool:
        """Whether as many wait for it as have a message on the wire: who comes back from there makes the next batch."""
        on_the_wire = len(self._out) - len(self.settlements)
        return len(self.commits) + len(self.waiting) >= on_the_wire

    def run(self, conn: Connection) -> None:
        owner, send_id = self._owner, self._owner.send_id
        owner.close(self)
        self.settlements += owner.leftovers()  # so none is committed while the ledger lacks one that left before it
        self._illegal, self._committed, self._claimed = {}, {}, []
        state, epoch, cancelling, begun_at, settled_at, kind = _SEND.run(conn, send_id).fetchone()
        self._is_fenced = epoch != owner.epoch
        gone, at, warmup = 0, 0.0, WarmUp() if kind == SendKind.TEST else owner.warmup
        if self.settlements:
            at = max([settlement.at for settlement in self.settlements])
            gone = self._settle(conn, at)
            is_last = not self.commits  # as far as we know; of many a second, one tells the time well enough
            if settled_at is None or settled_at + (0 if is_last else 1) < at:
                _SETTLED.run(conn, at, send_id)
            if cancelling:
                finish_cancelling(conn, send_id, at=at)
        if self.commits and not self._is_fenced and state == SendState.RUNNING:
            wanted = {each.delivery_id: each.attempt for each, _ in self.commits if not self._is_out(each)}
            self._committed = commit(conn, wanted)
        for claims, released_at, _ in self.releases:
            release(conn, send_id, claims, at=released_at)
        count_gone(conn, warmup, gone, at)  # others wait for their turn from here to the commit
        if self.claims and not self._is_fenced and state in GOING:
            now = max(request.now for request, _ in self.claims)
            if limit := hand_out(conn, warmup, sum(request.limit for request, _ in self.claims), now):
                self._claimed = claim(conn, send_id, limit, now)
            if self._claimed and (state != SendState.RUNNING or begun_at is None):
                begun = {"state": SendState.RUNNING, "begun_at": func.coalesce(send.c.begun_at, now)}
                conn.execute(update(send).where(send.c.id == send_id).values(begun))

    def finish(self, error: BaseException | None) -> None:
        self._owner.close(self)  # it may never have run
        if error is None:
            self._are_back(self.settlements)
            self._out.update(self._committed)
            for claims, _, _ in self.releases:
                self._are_back(claims)
        self._owner.ended(self, error)
        self._answer(error)

    def _answer(self, error: BaseException | None) -> None:
        """Tell those who wait; from the writer's thread."""
        if self.waiting or self.commits or self.releases or self.claims:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._resolve, error)

    def _is_out(self, each: "Claim | Settlement") -> bool:
        return self._out.get(each.delivery_id) == each.attempt

    def _are_back(self, attempts: "Sequence[Claim | Settlement]") -> None:
        for each in attempts:
            if self._is_out(each):
                del self._out[each.delivery_id]

    def _settle(self, conn: Connection, at: float) -> int:
        """The quick way for acceptances of what is ours and out, the careful way for the rest. How many left."""
        quick: dict[int, Settlement] = {}
        careful: list[Settlement] = []
        for each in self.settlements:
            if each.state is DeliveryState.ACCEPTED and self._is_out(each) and each.delivery_id not in quick:
                quick[each.delivery_id] = each
            else:
                careful.append(each)
        gone = 0
        if quick:
            left = accept(conn, list(quick.values()), at=at)
            gone = len(quick) - len(left)
            careful += left
        if careful:
            settled = settle(conn, self._owner.send_id, careful, resend_uncertain=self._owner.resend_uncertain)
            wrong = {id(each): error for each, error in zip(careful, settled.errors, strict=True) if error}
            self._illegal = {n: wrong[id(each)] for n, each in enumerate(self.settlements) if id(each) in wrong}
            gone += settled.gone
        return gone

    @property
    def illegal(self) -> Exception | None:
        """The first error among settlements that nobody waits for."""
        awaited = {place for place, _ in self.waiting}
        return next((error for place, error in self._illegal.items() if place not in awaited), None)

    def _resolve(self, error: BaseException | None) -> None:
        for place, settled in self.waiting:
            _set(settled, None, error or self._illegal.get(place))
        for each, allowed in self.commits:  # a message is committed once
            _set(allowed, self._committed.pop(each.delivery_id, None) == each.attempt, error)
        for _, _, released in self.releases:
            _set(released, None, error)
        start = 0
        fence = fenced(self._owner.send_id) if self._is_fenced else None
        for request, share in self.claims:
            _set(share, tuple(self._claimed[start : start + request.limit]), error or fence)
            start += request.limit
        self._owner.press()


def fenced(send_id: int) -> FencedError:
    return FencedError(f"Another process has taken over send {send_id}.", f"See: mailer status {send_id}")


def _set(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if future.done():
        return  # its waiter was cancelled
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


_SEND = Statement(
    select(send.c.state, send.c.epoch, send.c.cancelling, send.c.begun_at, send.c.settled_at, send.c.kind)
    .where(send.c.id == given("send"))
    .with_for_update(key_share=True),
    "send",
)
_SETTLED = Statement(update(send).where(send.c.id == given("send")).values(settled_at=given("at", 0.0)), "at", "send")
