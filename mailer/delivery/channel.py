"""The talk between a send's owner and a worker: notes over a socket, many in one frame.

    Channel.tell(word, ...)      a note, on its way when the event loop comes round
    on_note(word, arguments)     for each that comes; on_end() once, when the other side is gone

A frame is its length in four octets and a JSON array of notes; a note is an array that begins with a Word. Notes come in the
order in which they were told. The first frame that a worker gets is another: its orders, as octets.

The codec below puts the records that travel into values that JSON has. What a worker says is data: nothing of it is run.
"""

import asyncio
import json
import struct
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, cast

from mailer.delivery.connection import ConnectionFailure
from mailer.delivery.lane import Outcome
from mailer.delivery.records import Claim, Reply, Stage
from mailer.delivery.state import DeliveryState
from mailer.delivery.verdict import Scope, Verdict

_LENGTH = struct.Struct("!I")
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode

Note = Sequence[Any]


class Word(StrEnum):
    """What a note is about. But for READY, UNFIT and BEAT its first argument is the number of a carriage."""

    # the owner's
    OPEN = "open"  # a carriage, to the relay of that place
    CARRY = "carry"  # this claim
    GO = "go"  # it is committed; then carry this claim, if there is one
    WITHHOLD = "withhold"  # it may not be sent
    QUIT = "quit"
    CLOSE = "close"  # at once
    # the worker's
    READY = "ready"  # for work
    UNFIT = "unfit"  # for it, and why
    OPENED = "opened"
    UNOPENED = "unopened"
    OFFERED = "offered"  # the relay waits for the text
    OUTCOME = "outcome"
    UNMADE = "unmade"  # the message cannot be made
    ENDED = "ended"  # nothing more comes of that carriage
    # both
    BEAT = "beat"  # alive; the owner’s says until when it owns the send


class Channel(asyncio.Protocol):
    """One end. `on_orders` gets the first frame as it is; without it that is notes, too."""

    def __init__(
        self,
        on_note: Callable[[Word, list[Any]], None],
        on_end: Callable[[], None],
        on_orders: Callable[[bytes], None] | None = None,
    ) -> None:
        self._on_note = on_note
        self._on_end = on_end
        self._on_orders = on_orders
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._incoming = bytearray()
        self._outgoing: list[Note] = []

    def tell(self, word: Word, *arguments: object) -> None:
        """Send a note. One that is told to somebody who is gone is lost, and `on_end` says so."""
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append((word, *arguments))

    def order(self, orders: bytes) -> None:
        """Send the first frame of all."""
        self._write(orders)

    def close(self) -> None:
        """Send what was told, then hang up."""
        self._flush()
        if self._transport:
            self._transport.close()

    def _flush(self) -> None:
        notes, self._outgoing = self._outgoing, []
        if notes:
            self._write(_encode(notes).encode("utf-8", "surrogatepass"))

    def _write(self, frame: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(_LENGTH.pack(len(frame)) + frame)

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        self._incoming += data
        start = 0
        while len(self._incoming) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._incoming, start)
            end = start + _LENGTH.size + length
            if len(self._incoming) < end:
                break
            frame = bytes(memoryview(self._incoming)[start + _LENGTH.size : end])
            start = end
            self._take(frame)
        del self._incoming[:start]

    def _take(self, frame: bytes) -> None:
        orders, self._on_orders = self._on_orders, None
        if orders:
            orders(frame)
            return
        for word, *arguments in json.loads(frame.decode("utf-8", "surrogatepass")):
            self._on_note(Word(word), arguments)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it ended
        self._on_end()


# the records that travel


def pack_claim(claim: Claim | None) -> list[object] | None:
    return None if claim is None else [*claim._replace(fields=dict(claim.fields))]


def unpack_claim(packed: list[Any] | None) -> Claim | None:
    return None if packed is None else Claim(*packed)


_FLAGS = ("halt", "close", "policy", "unexplained", "throttled", "suppress", "bare_550")


def pack_outcome(outcome: Outcome) -> list[object]:
    return [*_pack_verdict(outcome.verdict), outcome.stage, pack_reply(outcome.reply), outcome.withheld]


def unpack_outcome(packed: list[Any]) -> Outcome:
    state, scope, reason, flags, stage, reply, withheld = packed
    return Outcome(
        verdict=_unpack_verdict(state, scope, reason, flags),
        stage=Stage(stage),
        reply=unpack_reply(reply),
        withheld=withheld,
    )


@lru_cache  # most are the same few
def _pack_verdict(judged: Verdict) -> tuple[str, str, str, str]:
    return judged.state, judged.scope, judged.reason, " ".join(name for name in _FLAGS if getattr(judged, name))


@lru_cache
def _unpack_verdict(state: str, scope: str, reason: str, flags: str) -> Verdict:
    given = {name: name in flags.split() for name in _FLAGS}
    return Verdict(state=DeliveryState(state), scope=Scope(scope), reason=reason, **given)


def pack_reply(reply: Reply | None) -> list[object] | None:
    return None if reply is None else [reply.code, reply.enhanced, reply.text]


def unpack_reply(packed: list[Any] | None) -> Reply | None:
    if packed is None:
        return None
    code, enhanced, text = packed
    return Reply(code=code, enhanced=enhanced, text=text)


def pack_failure(failure: ConnectionFailure) -> list[object]:
    return [failure.stage, str(failure), pack_reply(failure.reply), failure.fatal]


def unpack_failure(packed: list[Any]) -> ConnectionFailure:
    stage, reason, reply, fatal = packed
    return ConnectionFailure(Stage(stage), reason, unpack_reply(reply), fatal=fatal)
