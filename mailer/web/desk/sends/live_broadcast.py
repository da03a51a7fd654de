"""Broadcasts the progress of sends to browsers: one snapshot per send and second, shared by everybody who watches it.

    broadcaster.snapshot(send_id)                      the current state, for a page that is loaded
    async for event in broadcaster.subscribe(…)        the fragments of the page that changed, for a page that is open

A send is polled, in a thread, while it has subscribers. Each fragment of the page is rendered once per kind of user, and a
subscriber gets only the fragments that changed. A new subscriber, or one that reconnects, gets all of them.
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
from mailer.web.error_log_throttle import ErrorLog
from mailer.web.sse import ServerSentEvent

INTERVAL = 1.0  # seconds between two snapshots
ENDED_INTERVAL = 5.0  # seconds, of a send that has ended: its uncertain deliveries may still be resolved
_MAX_MONITORS = 32  # sends whose counts are kept for the next subscriber

Fragments = Mapping[str, str]
"""HTML by the id of the element that contains it."""
Render = Callable[[SendSnapshot, bool, tuple[SendSnapshot, Fragments] | None], Fragments]
"""Renders the fragments of a snapshot: for users who may send or who may not, given the previous snapshot and its fragments."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Topic:
    """A send with subscribers: its latest snapshot, and the fragments of it by whether their readers may send."""

    version: int = 0
    snapshot: SendSnapshot | None = None
    fragments: dict[bool, Fragments] = field(default_factory=dict)
    events: dict[tuple[int, bool], ServerSentEvent | None] = field(default_factory=dict)
    published: asyncio.Event = field(default_factory=asyncio.Event)
    subscribers: Counter[bool] = field(default_factory=Counter)
    task: asyncio.Task[None] | None = None

    def publish(self, snapshot: SendSnapshot, fragments: dict[bool, Fragments]) -> None:
        self.version += 1
        self.snapshot, self.fragments = snapshot, fragments
        self.events.clear()
        self.published.set()
        self.published = asyncio.Event()

    def event_since(self, version: int, fragments: Fragments, *, may_send: bool) -> ServerSentEvent | None:
        """Returns what differs from `fragments`, those of `version`; None if nothing does. Cached, for all subscribers."""
        key = version, may_send
        if key not in self.events:
            new = {name: html for name, html in self.fragments[may_send].items() if fragments.get(name) != html}
            self.events[key] = ServerSentEvent(name="fragments", data=json.dumps(new)) if new else None
        return self.events[key]


class SendBroadcaster:
    """The broadcasts of one desk, on one event loop. `snapshot` may be called from any thread."""

    def __init__(self, app: App, render: Render) -> None:
        self._app = app
        self._render = render
        self._lock = threading.Lock()  # guards _monitors
        self._monitors: OrderedDict[int, SendMonitor] = OrderedDict()
        self._topics: dict[int, _Topic] = {}

    def snapshot(self, send_id: int) -> SendSnapshot:
        """Returns the current state of a send. Raises UnknownSendError, LedgerError."""
        return self._monitor(send_id).snapshot(anew=True)

    async def subscribe(self, send_id: int, *, may_send: bool) -> AsyncGenerator[ServerSentEvent, None]:
        """Yields all fragments, then those that change, without end."""
        topic = self._topics.get(send_id)
        if topic is None:
            topic = self._topics[send_id] = _Topic()
        if topic.task is None:
            topic.task = asyncio.create_task(self._poll(send_id, topic))
        topic.subscribers[may_send] += 1
        seen = -1
        fragments: Fragments = {}
        try:
            while True:
                while topic.version == seen or may_send not in topic.fragments:
                    await topic.published.wait()
                event = topic.event_since(seen, fragments, may_send=may_send)
                seen, fragments = topic.version, topic.fragments[may_send]
                if event:
                    yield event
        finally:
            topic.subscribers[may_send] -= 1
            if not topic.subscribers.total():
                topic.task.cancel()
                if self._topics.get(send_id) is topic:
                    del self._topics[send_id]

    async def _poll(self, send_id: int, topic: _Topic) -> None:
        errors = ErrorLog(_log)
        while True:
            pause = INTERVAL
            try:
                snapshot, fragments = await asyncio.to_thread(self._take_snapshot, send_id, topic)
            except MailerError as error:  # the ledger may be readable again in a moment
                errors.write(f"send {send_id} cannot be watched: {error}", level=logging.WARNING)
            except Exception:  # noqa: BLE001 - a defect must not end the updates of all present and later subscribers
                _log.exception("send %d cannot be watched", send_id)
            else:
                topic.publish(snapshot, fragments)
                pause = ENDED_INTERVAL if snapshot.send.is_ended else INTERVAL
            await asyncio.sleep(pause)

    def _take_snapshot(self, send_id: int, topic: _Topic) -> tuple[SendSnapshot, dict[bool, Fragments]]:
        """Returns a snapshot and its fragments, for those kinds of users that are subscribed."""
        snapshot, before, rendered = self._monitor(send_id).snapshot(), topic.snapshot, topic.fragments
        kinds = [kind for kind in (True, False) if topic.subscribers[kind]]
        return snapshot, {
            kind: self._render(
                snapshot, kind, (before, rendered[kind]) if before is not None and kind in rendered else None
            )
            for kind in kinds
        }

    def _monitor(self, send_id: int) -> SendMonitor:
        with self._lock:
            monitor = self._monitors.pop(send_id, None) or SendMonitor(self._app, send_id)
            self._monitors[send_id] = monitor
            while len(self._monitors) > _MAX_MONITORS:
                self._monitors.popitem(last=False)
        return monitor
