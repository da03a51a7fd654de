"""The judge of a send: a server that writes down, with fsync, what it accepts before it says so.

    judge = Judge(folder / "accepted.jsonl", delay=0.003)
    with served(judge): ...
    judge.strike(40, process.kill)                 # in the middle of whatever comes as number 40 from now
    judge.strike_at("MAIL", 3, process.kill)       # when the third MAIL has come; that connection gets no answer any more
    with judge.holding(40): ...                    # from event number 40 on no dot is answered, until the end of the block

`strike_at` also knows KEPT (a message is in the journal, and not answered) and TEXT (in the middle of one).

Its journal is the truth that a ledger is held against: `accepted` counts recipients in it. `empty` counts messages without
a text that would have been delivered. As a Scripted server it takes replies by command; beside those, KEPT_THEN_DROPPED as
the reply to a dot keeps the message and closes the connection without a word.
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
    """Something to be done when `left` more events of `verb` ("" for any) have come."""

    left: int
    act: Act
    verb: str
    seconds: float
    done: threading.Event


class Journal:
    """What a server accepted, by the file that it keeps."""

    empty = 0

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def accepted(self) -> Counter[str]:
        """How often each recipient got it."""
        return Counter(line["recipient"] for line in read_journal(self.path))

    @property
    def message_ids(self) -> list[str]:
        return [line["message_id"] for line in read_journal(self.path)]

    def refuses(self, _address: str) -> bool:
        return False


class Judge(Journal, Scripted):
    """`delay`: seconds before each dot is answered; shares of addresses are chosen by a hash, the same in every run.

    The first `late` dots are kept, and answered `late_by` seconds later.
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
        self.under_way = 0  # messages whose dot has come and is not answered
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
        """Have `act` called `seconds` after the event number `after` from now; the result is set when it was."""
        return self._arm(_Strike(after, act, "", seconds, threading.Event()))

    def strike_at(self, verb: str, nth: int, act: Act) -> threading.Event:
        """Have `act` called when the `nth` `verb` has come; whoever sent it gets no answer any more."""
        return self._arm(_Strike(nth, act, verb, 0.0, threading.Event()))

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def holding(self, after: int) -> Iterator[None]:
        """Within the block no dot is answered: so many events have come, and a send under way stays so."""
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
        if verb == "DOT":
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
        """Keep the message, then answer its dot."""
        recipient, text = self._recipients.pop(id(writer), ""), self.messages[-1]
        waiting = self.replies["DOT"]
        if self.delay:
            await asyncio.sleep(self.delay)
        while self._is_holding:
            await asyncio.sleep(0.002)
        if not recipient:
            waiting.appendleft("554 5.5.1 no valid recipients")
        reply = waiting[0] if waiting else GOOD["DOT"]
        if reply.startswith("2") or reply == KEPT_THEN_DROPPED:
            self.keep(recipient, text)
            if self._is_struck("KEPT"):
                await _for_ever()
        if reply == KEPT_THEN_DROPPED:
            waiting[0] = DROP
        if self._late:
            self._late -= 1
            await asyncio.sleep(self._late_by)
            writer.write(GOOD["DOT"].encode() + b"\r\n")
            return True
        return await super().answer("DOT", writer)

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
        """Do what is to be done at this event; whether it was for the event that has this name."""
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
