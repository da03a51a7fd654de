"""A worker: a process that composes messages and speaks SMTP for the owner of a send, its parent (mailer.service.crew).

    main(descriptor)     serve the owner at the other end of that socket, until it hangs up

It gets its orders there, opens no database and no list, and decides nothing: which claim goes when, and whether it may, the
owner says. It ends with its owner, however that ends: when the socket does, and on Linux by a signal of the kernel's. Ctrl-C and
SIGTERM are for the owner, which lets what is under way end.
"""

import asyncio
import ctypes
import gc
import os
import pickle
import signal
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import uvloop

from mailer.delivery.carriage import Local, UnmadeError, local_carriages
from mailer.delivery.channel import Channel, Word, pack_failure, pack_outcome, unpack_claim
from mailer.delivery.connection import ConnectionFailure, Limits
from mailer.delivery.fence import Fence
from mailer.delivery.message import Composer
from mailer.edition.model import Edition
from mailer.errors import MailerError
from mailer.relay import Relay
from mailer.service.newsroom import Newsroom
from mailer.settings import Settings, redact
from mailer.workspace import Workspace

if TYPE_CHECKING:
    from mailer.delivery.records import Claim

_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a worker has to know of a send. They hold secrets, and travel through the socket alone."""

    owner: int  # its process
    workspace: Workspace
    settings: Settings
    edition: Edition
    key_name: str
    sender_profile: str | None
    inert: bool
    eight_bit: bool
    local_hostname: str
    limits: Limits

    def composer(self, newsroom: Newsroom | None = None) -> Composer:
        newsroom = newsroom or Newsroom(self.workspace, self.settings)
        marks = newsroom.marks(self.key_name, inert=self.inert)
        return Composer(self.edition, newsroom.sender_profile_of(self.sender_profile), marks, eight_bit=self.eight_bit)


def main(descriptor: int) -> None:
    """Work for who is at the other end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(socket.socket(fileno=descriptor)))


async def _serve(sock: socket.socket) -> None:
    worker = _Worker()
    await asyncio.get_running_loop().create_unix_connection(lambda: worker.channel, sock=sock)
    await asyncio.Event().wait()  # until `_end`


def _end() -> NoReturn:
    """The owner is gone: nothing here may outlive it, not for a moment."""
    os._exit(0)


class _Worker:
    """What the owner tells, in its order."""

    _settings: Settings
    _fence: Fence
    _open: Callable[[Relay], Awaitable[Local]]

    def __init__(self) -> None:
        self.channel = Channel(self.on_note, _end, on_orders=self.on_orders)
        self._held: dict[int, _Hold] = {}

    def on_orders(self, frame: bytes) -> None:
        orders: Orders = pickle.loads(frame)  # noqa: S301 - from our parent, through a socket of its making
        self._settings, self._fence = orders.settings, Fence(orders.owner)
        if os.getppid() != orders.owner:
            _end()
        try:
            self._open = local_carriages(
                orders.composer().compose, limits=orders.limits, local_hostname=orders.local_hostname
            )
        except Exception as error:  # noqa: BLE001 - the owner tells its person
            self.channel.tell(Word.UNFIT, *self._told(error))
        else:
            self.channel.tell(Word.READY)

    def on_note(self, word: Word, arguments: list[Any]) -> None:
        if word is Word.BEAT:
            (self._fence.until,) = arguments
            for hold in self._held.values():
                hold.look()
            self.channel.tell(Word.BEAT)
            return
        number, *rest = arguments
        if word is Word.OPEN:
            self._held[number] = _Hold(number, self, self._open(self._settings.relay[rest[0]]))
        elif number in self._held:  # else it has ended, and the owner is about to hear of it
            self._held[number].on_note(word, rest)

    def may_send(self) -> bool:
        return self._fence.allows()

    def tell_fault(self, number: int, fault: Exception) -> None:
        self.channel.tell(Word.UNMADE, number, *self._told(fault))

    def forget(self, number: int) -> None:
        del self._held[number]
        self.channel.tell(Word.ENDED, number)

    def _told(self, fault: Exception) -> tuple[str, str, int, str]:
        if isinstance(fault, MailerError):
            return fault.message, fault.next_step, fault.exit_code, ""
        return "", "", 2, redact("".join(traceback.format_exception(fault)), self._settings)


class _Hold:
    """One carriage, and what the owner wants of it."""

    def __init__(self, number: int, worker: _Worker, opening: Awaitable[Local]) -> None:
        self._number = number
        self._worker = worker
        self._carriage: Local | None = None
        self._claims: asyncio.Queue[Claim | None] = asyncio.Queue()  # None: enough
        self._answer: asyncio.Future[bool] | None = None  # to what was offered
        self._next: Claim | None = None
        self._is_busy = False
        self._task = asyncio.create_task(self._serve(opening), name=f"carriage {number}")

    def on_note(self, word: Word, arguments: list[Any]) -> None:
        match word:
            case Word.CARRY:
                self._claims.put_nowait(unpack_claim(*arguments))
            case Word.GO:
                self._next = unpack_claim(*arguments)
                self._reply(allowed=True)
            case Word.WITHHOLD:
                self._reply(allowed=False)
            case Word.QUIT if not self._is_busy:
                self._claims.put_nowait(None)
            case _:
                self._close()

    def look(self) -> None:
        """Notice a connection that has ended while it had nothing to do."""
        if self._carriage and not self._carriage.is_open and not self._is_busy:
            self._claims.put_nowait(None)

    async def _serve(self, opening: Awaitable[Local]) -> None:
        channel, number = self._worker.channel, self._number
        try:
            try:
                carriage = self._carriage = await opening
            except ConnectionFailure as failure:
                channel.tell(Word.UNOPENED, number, pack_failure(failure))
                return
            channel.tell(Word.OPENED, number, carriage.pipelining)
            await self._work(carriage)
            await carriage.quit()
        except Exception as error:  # noqa: BLE001 - the owner tells its person
            self._worker.tell_fault(number, error)
        finally:
            self._worker.forget(number)

    async def _work(self, carriage: Local) -> None:
        """Carry one claim after another, as long as the connection lasts and the owner wants."""
        while carriage.is_open and (claim := await self._claims.get()):
            self._is_busy, self._next = True, None
            try:
                outcome = await carriage.deliver(claim, self)
            except UnmadeError as error:
                self._worker.tell_fault(self._number, error.fault)
            else:
                self._worker.channel.tell(Word.OUTCOME, self._number, carriage.is_open, pack_outcome(outcome))
            self._is_busy = self._go_on(carriage)

    def _go_on(self, carriage: Local) -> bool:
        """The claim that was to follow is next, without being asked for again."""
        follows = self._next is not None and carriage.is_open
        if follows:
            self._claims.put_nowait(self._next)
        return follows

    async def commit(self, _claim: "Claim") -> bool:
        """The relay waits for the text: ask the owner."""
        self._answer = asyncio.get_running_loop().create_future()
        self._worker.channel.tell(Word.OFFERED, self._number)
        return await self._answer

    def may_send(self, _claim: "Claim") -> bool:
        return self._worker.may_send()

    def following(self) -> "Claim | None":
        return self._next

    def _reply(self, *, allowed: bool) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(allowed)

    def _close(self) -> None:
        if self._carriage is None:
            self._task.cancel()
        else:
            self._carriage.close()
            self._reply(allowed=False)
        self._claims.put_nowait(None)
