"""Those who watch sends in browsers: one look a second at each send, shared by all of them.

    watches.look(send_id)                     how it stands now, for a page
    async for event in watches.follow(...)    what has changed, piece by piece, for a page that is there

A send is looked at as long as somebody follows it, in a thread, and each piece of the page is drawn once for all; who follows is
told only pieces that are others than the last time. One who comes late, or again after the server was away, is told all.
"""

import asyncio
import json
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field

from mailer.app import App
from mailer.errors import MailerError
from mailer.service.sends.monitor import SendMonitor, SendSnapshot
from mailer.web.sse import ServerSentEvent

EVERY = 1.0  # seconds
OVER = 5.0  # seconds between two looks at a send that has ended: its uncertain ones may still be decided
_KEPT = 32  # sends whose counts are kept, should somebody come back

Pieces = Mapping[str, str]
"""HTML by the id of the element that it is in."""
Draw = Callable[[SendSnapshot, bool, tuple[SendSnapshot, Pieces] | None], Pieces]
"""Makes the pieces of a page for who may send, or for who may not, out of a look and those of the look before."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Topic:
    """A send that is followed: what was drawn last, and for how many, by whether they may send."""

    number: int = 0
    look: SendSnapshot | None = None
    drawn: dict[bool, Pieces] = field(default_factory=dict)
    told: dict[tuple[int, bool], ServerSentEvent] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    followers: Counter[bool] = field(default_factory=Counter)
    task: asyncio.Task[None] | None = None

    def publish(self, look: SendSnapshot, drawn: dict[bool, Pieces]) -> None:
        self.number += 1
        self.look, self.drawn = look, drawn
        self.told.clear()
        self.news.set()
        self.news = asyncio.Event()

    def change(self, before: int, pieces: Pieces, *, may_send: bool) -> ServerSentEvent | None:
        """What is another one than in `pieces`, which were those of the look `before`; the same for all who had that."""
        key = before, may_send
        if key not in self.told:
            new = {name: html for name, html in self.drawn[may_send].items() if pieces.get(name) != html}
            self.told[key] = ServerSentEvent(name="look", data=json.dumps(new) if new else "")
        return self.told[key] if self.told[key].data else None


class SendBroadcaster:
    """The watches of one desk, on one event loop; `look` is for any thread."""

    def __init__(self, app: App, draw: Draw) -> None:
        self._app = app
        self._draw = draw
        self._lock = threading.Lock()  # on what follows
        self._watches: OrderedDict[int, SendMonitor] = OrderedDict()
        self._followed: dict[int, _Topic] = {}

    def look(self, send_id: int) -> SendSnapshot:
        """How a send stands at this moment. Raises UnknownSendError, LedgerError."""
        return self._watch(send_id).snapshot(anew=True)

    async def subscribe(self, send_id: int, *, may_send: bool) -> AsyncGenerator[ServerSentEvent, None]:
        """All pieces, then those that change. Ends never."""
        followed = self._followed.get(send_id)
        if followed is None:
            followed = self._followed[send_id] = _Topic()
        if followed.task is None:
            followed.task = asyncio.create_task(self._keep_looking(send_id, followed))
        followed.followers[may_send] += 1
        seen = -1
        pieces: Pieces = {}
        try:
            while True:
                while followed.number == seen or may_send not in followed.drawn:
                    await followed.news.wait()
                event = followed.change(seen, pieces, may_send=may_send)
                seen, pieces = followed.number, followed.drawn[may_send]
                if event:
                    yield event
        finally:
            followed.followers[may_send] -= 1
            if not followed.followers.total():
                followed.task.cancel()
                if self._followed.get(send_id) is followed:
                    del self._followed[send_id]

    async def _keep_looking(self, send_id: int, followed: _Topic) -> None:
        while True:
            pause = EVERY
            try:
                look, drawn = await asyncio.to_thread(self._look_and_draw, send_id, followed)
            except MailerError as error:  # the ledger may be there again in a moment
                _log.warning("send %d cannot be watched: %s", send_id, error)
            except Exception:  # noqa: BLE001 - a bug must not leave all who follow, and who come later, without a word
                _log.exception("send %d cannot be watched", send_id)
            else:
                followed.publish(look, drawn)
                pause = OVER if look.send.is_ended else EVERY
            await asyncio.sleep(pause)

    def _look_and_draw(self, send_id: int, followed: _Topic) -> tuple[SendSnapshot, dict[bool, Pieces]]:
        """For those kinds of visitors that there are."""
        look, then, drawn = self._watch(send_id).snapshot(), followed.look, followed.drawn
        kinds = [kind for kind in (True, False) if followed.followers[kind]]
        return look, {
            kind: self._draw(look, kind, (then, drawn[kind]) if then is not None and kind in drawn else None)
            for kind in kinds
        }

    def _watch(self, send_id: int) -> SendMonitor:
        with self._lock:
            watch = self._watches.pop(send_id, None) or SendMonitor(self._app, send_id)
            self._watches[send_id] = watch
            while len(self._watches) > _KEPT:
                self._watches.popitem(last=False)
        return watch
