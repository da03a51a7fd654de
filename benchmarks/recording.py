"""Events of a mail provider, recorded by this process: alone, and beside a send of another process on the same SQLite database.

    measure_recording(folder, count, log)   -> RecordingResult

They come one by one, as requests do, with UNDER_WAY not answered yet; all that wait share a commit. Half of them are bounces of
mailboxes that do not exist, which suppress, a quarter are about full mailboxes, and a quarter are complaints.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.relay import sink
from benchmarks.targets import Target
from benchmarks.unsubscribe import started
from benchmarks.workload import DISPATCH, LIST, SendOptions, reset_workspace, write_dispatch, write_readers
from mailer.app import App
from mailer.feedback.model import FeedbackKind, recipient_about
from mailer.ledger.types.feedback import FeedbackEvent, RecordStatus
from mailer.ledger.types.sends import Send
from mailer.link_tokens import Purpose
from mailer.service.feedback.record import submit_events
from mailer.service.sends.plan import plan_send
from mailer.service.sends.start import start_send
from mailer.smtp.refusal_reason import Reason

if TYPE_CHECKING:
    import subprocess
    from concurrent.futures import Future

COUNT = 20_000
TARGET_CPU = 60 / 100_000  # seconds: 100,000 events in a minute of one core
UNDER_WAY = 50
_KINDS = (
    (FeedbackKind.BOUNCE, Reason.USER_UNKNOWN, "5.1.1"),
    (FeedbackKind.BOUNCE, Reason.MAILBOX_FULL, "5.2.2"),
    (FeedbackKind.BOUNCE, Reason.USER_UNKNOWN, "5.1.1"),
    (FeedbackKind.COMPLAINT, Reason.FEEDBACK, ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvents:
    """One run. `cpu`: seconds of the process that records."""

    events: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        return self.events / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResult:
    """`beside`: with a send running on the same machine, to the same database."""

    alone: RecordedEvents
    beside: RecordedEvents

    @property
    def targets(self) -> tuple[Target, ...]:
        cpu = self.beside.cpu / self.beside.events
        return (
            Target(
                what="CPU an event of a provider, beside a send", bound=TARGET_CPU * 1e6, value=cpu * 1e6, unit="µs"
            ),
            Target(
                what="events recorded beside a send, of those without one",
                bound=0.5,
                at_most=False,
                value=self.beside.rate / self.alone.rate,
                unit="x",
            ),
        )


def measure_recording(folder: Path, count: int, log: Callable[[str], None]) -> RecordingResult:
    """Records `count` events twice. Raises UnavailableError without smtp-sink."""
    write_readers(folder, 1)
    write_dispatch(folder, 16_000)
    runs: dict[bool, RecordedEvents] = {}
    for beside in (False, True):
        log("recording: with a send running" if beside else "recording: alone")
        write_readers(folder, count * 3)
        with sink() as relay:
            reset_workspace(folder, SendOptions(port=relay, connections=20))
            with App.open(folder) as app:
                send, events = _freeze(app, count)
                if not beside:
                    runs[beside] = _record(app, events)
                    continue
                command = [sys.executable, "-m", "mailer", "resume", str(send.id), "--no-wait"]
                with started(command, folder) as sender:
                    runs[beside] = _record(app, events)
                    require_running(sender)
    return RecordingResult(alone=runs[False], beside=runs[True])


def require_running(sender: "subprocess.Popen[bytes]") -> None:
    """Raises RuntimeError if the send ended earlier: then its list was too short."""
    if sender.poll() is not None:
        raise RuntimeError("the send ended before all events were recorded")


def _freeze(app: App, count: int) -> tuple[Send, list[FeedbackEvent]]:
    """A send of everybody, and an event about each of its last `count` readers, to whom it comes last."""
    send = start_send(app, plan_send(app, DISPATCH, [LIST]))
    rows = list(app.ledger.report.rows(send.id))[-count:]
    return send, [_event(app, number, row.delivery_id, row.email) for number, row in enumerate(rows)]


def _event(app: App, number: int, delivery_id: int, address: str) -> FeedbackEvent:
    kind, reason, status = _KINDS[number % len(_KINDS)]
    return FeedbackEvent(
        source="benchmark",
        source_id=f"event-{number}",
        kind=kind,
        recipient=recipient_about(
            address, reason, status=status, permanent=status == "5.1.1", words="550 5.1.1 unknown"
        ),
        message_id=f"<{app.keys.issue(Purpose.MESSAGE_ID, delivery_id)}@example.org>",
    )


def _record(app: App, events: Sequence[FeedbackEvent]) -> RecordedEvents:
    start, cpu = time.perf_counter(), time.process_time()
    waiting: deque[Future[tuple[RecordStatus, ...]]] = deque()
    statuses = []
    for event in events:
        waiting.append(submit_events(app, [event]))
        if len(waiting) >= UNDER_WAY:
            statuses += waiting.popleft().result()
    for future in waiting:
        statuses += future.result()
    if set(statuses) != {RecordStatus.RECORDED}:
        raise RuntimeError(f"not all were recorded: {set(statuses)}")
    return RecordedEvents(events=len(events), seconds=time.perf_counter() - start, cpu=time.process_time() - cpu)
