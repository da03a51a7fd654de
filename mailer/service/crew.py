"""The worker processes of one send, as their owner sees them.

    async with Crew(orders, count, held_until) as crew:
        Sender(..., open_carriage=crew.open)

A carriage is opened in the worker that has the fewest. A worker that ends by itself, or has not been heard of for long, is ended
for good and replaced, a few times; then the others go on without it. With none left `open` raises UnmannedError, in words for
a person. When the `with` ends, so do the workers.

A worker is a new interpreter rather than a fork: the owner has threads, a database and a lock that must die with it. It inherits
one socket; what it has to know, secrets too, goes through that, not through its arguments or environment.
"""

import asyncio
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Any, Self

from mailer.delivery.carriage import UnmannedError
from mailer.delivery.channel import Channel, Word, unpack_failure
from mailer.delivery.remote import Remote, told_fault
from mailer.relay import Relay
from mailer.service.worker import Orders

REPLACEMENTS = 3  # of one worker, in a send
BEAT = 1.0  # seconds between signs of life
SILENCE = 60  # beats without an answer: it hangs
LEAVE = 2.0  # seconds in which a worker ends when it was told to
_PROGRAM = "import sys; fd, *sys.path = sys.argv[1:]; from mailer.service.worker import main; main(int(fd))"


class _LostError(Exception):
    """A worker ended while a carriage was being opened in it."""


class Crew:
    """`held_until`: until when the send is certainly ours, on the clock of mailer.delivery.fence. For one event loop."""

    def __init__(self, orders: Orders, workers: int, held_until: Callable[[], float]) -> None:
        self._relays = orders.settings.relay
        frame = pickle.dumps(orders)
        self._workers = [_Worker(frame, held_until) for _ in range(workers)]
        self._numbers = count(1)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(worker.work()) for worker in self._workers]
        self._tasks.append(asyncio.create_task(self._beat()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def open(self, relay: Relay) -> Remote:
        """A carriage to `relay`. Raises ConnectionFailure, UnmannedError, and what a worker finds wrong with its orders."""
        place = self._relays.index(relay)
        while staff := [worker for worker in self._workers if not worker.is_gone]:
            worker = min(staff, key=lambda each: each.load)
            try:
                return await worker.open(next(self._numbers), place)
            except _LostError:
                continue
        last = self._workers[-1].last_end
        raise UnmannedError(f"the worker processes keep ending (the last one {last}; --workers 1 does without them)")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            for worker in self._workers:
                worker.beat()


class _Worker:
    """One place in the crew: a process, and those that replace it."""

    def __init__(self, frame: bytes, held_until: Callable[[], float]) -> None:
        self.is_gone = False  # for good
        self.last_end = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._frame = frame
        self._held_until = held_until
        self._ready: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self._channel: Channel | None = None
        self._ended = asyncio.Event()
        self._booked = 0  # carriages that are being opened
        self._opening: dict[int, asyncio.Future[Remote]] = {}
        self._carriages: dict[int, Remote] = {}
        self._unanswered = 0

    @property
    def load(self) -> int:
        return self._booked + len(self._carriages)

    async def work(self) -> None:
        """Be there until cancelled, or until too many have ended."""
        for _ in range(1 + REPLACEMENTS):
            try:
                await self._live()
            except OSError as error:
                self.last_end = f"could not be started: {error.strerror}"
            finally:
                self._desert()
            if self.is_gone:
                break
        self.is_gone = True

    async def open(self, number: int, place: int) -> Remote:
        self._booked += 1
        try:
            channel = await asyncio.shield(self._ready)
            opened: asyncio.Future[Remote] = asyncio.get_running_loop().create_future()
            self._opening[number] = opened
            channel.tell(Word.OPEN, number, place)
            try:
                return await opened
            except asyncio.CancelledError:
                channel.tell(Word.CLOSE, number)
                raise
        finally:
            self._booked -= 1
            self._opening.pop(number, None)

    def beat(self) -> None:
        """A sign of life, and until when it may go on; one that has answered none for long hangs."""
        self._unanswered += 1
        if self._channel and self._ready.done():
            self._channel.tell(Word.BEAT, self._held_until())
        if self._unanswered > SILENCE and self._process:
            self._process.kill()

    async def _live(self) -> None:
        """One process, from its start to its end."""
        loop = asyncio.get_running_loop()
        self._ended.clear()
        self._unanswered = 0
        process, ours = _start()
        self._process = process
        channel = self._channel = Channel(self._on_note, self._ended.set)
        try:
            await loop.create_unix_connection(lambda: channel, sock=ours)
            channel.order(self._frame)
            await self._ended.wait()
        finally:
            self._channel = None
            channel.close()
            self.last_end = await asyncio.to_thread(_end, process)
            self._process = None

    def _desert(self) -> None:
        """Nothing more comes from the process that was here."""
        ready, self._ready = self._ready, asyncio.get_running_loop().create_future()
        _fail(ready, _LostError())
        for opening in self._opening.values():
            _fail(opening, _LostError())
        for carriage in tuple(self._carriages.values()):
            carriage.desert()

    def _on_note(self, word: Word, arguments: list[Any]) -> None:
        self._unanswered = 0
        match word:
            case Word.BEAT:
                return
            case Word.READY if self._channel:
                self._channel.tell(Word.BEAT, self._held_until())
                self._ready.set_result(self._channel)
                return
            case Word.UNFIT:
                self.is_gone = True  # another would be no better
                _fail(self._ready, told_fault(arguments))
                return
        number, *rest = arguments
        match word:
            case Word.OPENED:
                self._opened(number, *rest)
            case Word.UNOPENED:
                if opening := self._opening.get(number):
                    _fail(opening, unpack_failure(*rest))
            case _:
                if carriage := self._carriages.get(number):
                    carriage.on_note(word, rest)

    def _opened(self, number: int, pipelining: bool) -> None:
        opening = self._opening.get(number)
        if self._channel is None or opening is None or opening.done():
            return  # its opener was cancelled, and has it closed
        carriage = Remote(number, self._channel, pipelining=pipelining, forget=self._forget)
        self._carriages[number] = carriage
        opening.set_result(carriage)

    def _forget(self, number: int) -> None:
        self._carriages.pop(number, None)


def _start() -> tuple["subprocess.Popen[bytes]", socket.socket]:
    """A new process, and our end of the socket to it. It is out of reach of the terminal's Ctrl-C."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno()), *sys.path],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                process_group=0,
            )
        except BaseException:
            ours.close()
            raise
    return process, ours


def _end(process: "subprocess.Popen[bytes]") -> str:
    """Wait for a process that has been hung up on; how it ended, in words."""
    try:
        code = process.wait(LEAVE)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    return f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # read, so that one that nobody awaits is not reported
