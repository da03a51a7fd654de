"""The judge of a send: a server that records, with fsync, each message that it accepts before it answers.

    judge = Judge(folder / "accepted.jsonl", delay=0.003)
    with served(judge): ...
    judge.strike(40, process.kill)                 # at event number 40 from now, whatever it is
    judge.strike_at("MAIL", 3, process.kill)       # when the third MAIL has come; that connection gets no more answers
    with judge.holding(40): ...                    # from event number 40 on no end of DATA is answered, until the block ends

`strike_at` also knows KEPT (a message is in the journal, and not answered) and TEXT (in the middle of one).

A ledger is checked against its journal: `accepted` counts the recipients in it. `empty` counts messages without a text that
would have been delivered. As a Scripted server it takes replies by command; in addition, KEPT_THEN_DROPPED as the reply to end
of DATA records the message and closes the connection without a reply.
"""

import asyncio
import hashlib
import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailer.smtp.debug_server import read_journal
from tests.support.patience import PATIENCE
from tests.support.scripted import DROP, GOOD, Scripted

KEPT_THEN_DROPPED = "kept, then dropped"
IN_THE_TEXT = 2000  # octets
_MESSAGE_ID = re.compile(rb"(?im)^Message-ID:\s*(\S+)")
Act = Callable[[], object]


@dataclass(slots=True)
class _Strike:
    """An action for when `left` more events of `verb` ("" for any) have come."""

    left: int
    act: Act
    verb: str
    seconds: float
    done: threading.Event


class Journal:
    """The messages that a server accepted, by its journal file."""

    empty = 0

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def accepted(self) -> Counter[str]:
        """How often each recipient got a message."""
        return Counter(line["recipient"] for line in read_journal(self.path))

    @property
    def message_ids(self) -> list[str]:
        return [line["message_id"] for line in read_journal(self.path)]

    def refuses(self, _address: str) -> bool:
        return False


class Judge(Journal, Scripted):
    """`delay`: seconds before each end of DATA is answered; shares of addresses are chosen by a hash, the same in every run.

    The first `late` messages are recorded, and answered `late_by` seconds later.
    """

    def __init__(
        self,
        journal: Path,
        *,
        delay: float = 0.0,
        late: int = 0,
        late_by: float = 0.0,
        refuse_share: float = 0.0,
        greylist_share: float = 0.0,
        extensions: tuple[str, ...] = ("PIPELINING",),
        **replies: list[str],
    ) -> None:
        Journal.__init__(self, journal)
        Scripted.__init__(self, extensions=extensions, **replies)
        self.delay = delay
        self._late, self._late_by = late, late_by
        self._is_holding = False
        self.under_way = 0  # messages whose end of DATA has come and is not answered
        self.greylisted: set[str] = set()
        self._refuse_share = refuse_share
        self._greylist_share = greylist_share
        self._recipients: dict[int, str] = {}  # by connection
        self._strike: _Strike | None = None
        self._lock = threading.Lock()
        self._file = journal.open("a", encoding="utf-8")

    def refuses(self, address: str) -> bool:
        return _share(address, "refuse") < self._refuse_share

    def greylists(self, address: str) -> bool:
        return _share(address, "greylist") < self._greylist_share

    def strike(self, after: int, act: Act, *, seconds: float = 0.0) -> threading.Event:
        """Calls `act` `seconds` after the event number `after` from now; the returned event is set when it was called."""
        return self._arm(_Strike(after, act, "", seconds, threading.Event()))

    def strike_at(self, verb: str, nth: int, act: Act) -> threading.Event:
        """Calls `act` when the `nth` `verb` has come; the connection that sent it gets no more answers."""
        return self._arm(_Strike(nth, act, verb, 0.0, threading.Event()))

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def holding(self, after: int) -> Iterator[None]:
        """Waits for `after` events; within the block no end of DATA is answered, so that a send stays under way."""
        held = self.strike(after, self._hold)
        assert held.wait(PATIENCE), "so many events did not come"
        try:
            yield
        finally:
            self._is_holding = False

    def _hold(self) -> None:
        self._is_holding = True

    def disarm(self) -> None:
        with self._lock:
            self._strike = None

    def _arm(self, strike: _Strike) -> threading.Event:
        with self._lock:
            self._strike = strike
        return strike.done

    async def breaks_off(self, text: bytes, line: bytes) -> bool:
        if len(text) - len(line) < IN_THE_TEXT <= len(text) and self._is_struck("TEXT"):
            await _for_ever()
        return await super().breaks_off(text, line)

    async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        if self._is_struck(verb):
            await _for_ever()
        if verb == "END_OF_DATA":
            self.under_way += 1
            try:
                return await self._judge(writer)
            finally:
                self.under_way -= 1
        if verb == "RCPT":
            address = self.log[-1].partition("<")[2].partition(">")[0]
            if (reply := self._policy(address)) and not self.replies[verb]:
                self.replies[verb].append(reply)
            self._recipients.pop(id(writer), None)
        elif verb == "DATA" and id(writer) not in self._recipients and not self.replies[verb]:
            self.replies[verb].append("503 5.5.1 no valid recipients")
        going = await super().answer(verb, writer)
        if verb == "RCPT" and going and self._last.startswith("2"):
            self._recipients[id(writer)] = address
        return going

    async def _judge(self, writer: asyncio.StreamWriter) -> bool:
        """Records the message, then answers its end of DATA."""
        recipient, text = self._recipients.pop(id(writer), ""), self.messages[-1]
        waiting = self.replies["END_OF_DATA"]
        if self.delay:
            await asyncio.sleep(self.delay)
        while self._is_holding:
            await asyncio.sleep(0.002)
        if not recipient:
            waiting.appendleft("554 5.5.1 no valid recipients")
        reply = waiting[0] if waiting else GOOD["END_OF_DATA"]
        if reply.startswith("2") or reply == KEPT_THEN_DROPPED:
            self.keep(recipient, text)
            if self._is_struck("KEPT"):
                await _for_ever()
        if reply == KEPT_THEN_DROPPED:
            waiting[0] = DROP
        if self._late:
            self._late -= 1
            await asyncio.sleep(self._late_by)
            writer.write(GOOD["END_OF_DATA"].encode() + b"\r\n")
            return True
        return await super().answer("END_OF_DATA", writer)

    def keep(self, recipient: str, text: bytes) -> None:
        found = _MESSAGE_ID.search(text)
        self.empty += not found
        line = {"message_id": found[1].decode() if found else "", "recipient": recipient, "at": time.time()}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _policy(self, address: str) -> str:
        if self.refuses(address):
            return "550 5.1.1 no such person here"
        if self.greylists(address) and address not in self.greylisted:
            self.greylisted.add(address)
            return "451 4.7.1 greylisted, come again later"
        return ""

    def _is_struck(self, verb: str) -> bool:
        """Carries out the action that is due at this event; returns whether it was for an event of this name."""
        with self._lock:
            strike = self._strike
            if strike is None or strike.verb not in {"" if verb in GOOD else verb, verb}:
                return False
            strike.left -= 1
            if strike.left > 0:
                return False
            self._strike = None
        if strike.seconds:
            asyncio.get_running_loop().call_later(strike.seconds, _do, strike)
            return False
        _do(strike)
        return bool(strike.verb)


async def _for_ever() -> None:
    await asyncio.Event().wait()


def _do(strike: _Strike) -> None:
    strike.act()
    strike.done.set()


def _share(address: str, salt: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{salt}:{address}".encode()).digest()[:4], "big") / 2**32
