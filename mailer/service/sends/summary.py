"""The summary of a send for scripts and people: the send object, the proof line, the exit code, the next step."""

from collections import Counter
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from mailer.app import App
from mailer.delivery.run_result import RunResult, StopReason
from mailer.delivery.states import DeliveryState, SendState
from mailer.iso_time import format_iso
from mailer.ledger.types.sends import Send, Summary
from mailer.service.sends.schedule_time import describe_schedule_time

_S = DeliveryState
EXIT_DONE, EXIT_PROBLEMS, EXIT_UNCERTAIN, EXIT_WAITING = 0, 1, 3, 4
_WAITS = frozenset({SendState.PAUSED, SendState.WAITING, SendState.OVERDUE, SendState.RUNNING})


def send_object(summary: Summary) -> dict[str, object]:
    """Returns the send object. `pending` counts pending, claimed and sending; `at` is when it was to start, or was created."""
    send = summary.send
    return {
        "send": send.id,
        "slug": send.slug,
        "edition": send.digest,
        "state": send.state.value,
        "frozen": summary.frozen,
        "pending": summary.count(_S.PENDING, _S.CLAIMED, _S.SENDING),
        "deferred": summary.count(_S.DEFERRED),
        "accepted": summary.count(_S.ACCEPTED),
        "failed": summary.count(_S.FAILED),
        "skipped": summary.count(_S.SKIPPED),
        "uncertain": summary.count(_S.UNCERTAIN),
        "seconds": round(send.seconds, 3),
        "at": format_iso(send.scheduled_at if send.scheduled_at is not None else send.created_at),
    }


def proof_line(summary: Summary, skipped: Mapping[str, int] | None = None) -> str:
    """Returns the sum of the counts in words: every recipient is counted in exactly one state.

    `skipped`: the reasons for skipping recipients, with their numbers.
    """
    if not summary.send.is_frozen and not summary.send.is_ended:
        return "the recipients are counted when it starts"
    counts = send_object(summary)
    names = ("accepted", "failed", "skipped", "uncertain", "deferred", "pending")
    parts = {name: f"{counts[name]:,} {name}" for name in names if counts[name] or name == "accepted"}
    if skipped and "skipped" in parts:
        parts["skipped"] += f" ({', '.join(f'{number:,} {reason}' for reason, number in skipped.items())})"
    noun = "recipient" if counts["frozen"] == 1 else "recipients"
    return f"{counts['frozen']:,} {noun} = {' + '.join(parts.values())}"


def proof_line_with_reasons(app: App, summary: Summary) -> str:
    """Returns the proof line, with the reasons for skipping recipients."""
    if not summary.count(_S.SKIPPED):
        return proof_line(summary)
    skipped: Counter[str] = Counter()
    for each in app.ledger.report.reasons(summary.send.id, _S.SKIPPED):
        skipped[each.reason] += each.count
    return proof_line(summary, skipped)


def is_interrupted(app: App, summary: Summary) -> bool:
    """Whether nobody sends a running send: its process ended, and neither `serve` nor a worker is there to continue it."""
    send, ledger = summary.send, app.ledger
    return (
        send.state is SendState.RUNNING
        and not send.reason
        and ledger.sends.holder_pid(send.id) is None
        and not (send.run_by_server and ledger.server_pid() is not None)
        and not ledger.workers.takes(send.queue)
    )


def state_in_words(app: App, summary: Summary) -> str:
    """Returns the state of a send for people: also whether it was interrupted, or is being cancelled."""
    if summary.send.cancel_requested:
        return "being cancelled"
    return "interrupted" if is_interrupted(app, summary) else summary.send.state.value


def exit_code(summary: Summary) -> int:
    """Returns the first exit code that applies: waiting, uncertain, failed, done."""
    if summary.send.state in _WAITS:
        return EXIT_WAITING
    if summary.count(_S.UNCERTAIN):
        return EXIT_UNCERTAIN
    return EXIT_PROBLEMS if summary.count(_S.FAILED) else EXIT_DONE


def _next_step_of_paused(send: Send, ending: RunResult | None) -> str:
    if send.cancel_requested:
        return f"it is being cancelled. If the process that sends it has ended: mailer cancel {send.id}"
    why = "" if ending and ending.end is StopReason.STOPPED and not ending.reason else send.reason
    return f"{why + ': ' if why else ''}paused. To resume it: mailer resume {send.id}"


def next_step(summary: Summary, ending: RunResult | None = None, *, zone: ZoneInfo, resendable: int = 0) -> str:
    """Returns what a person can do now; "" if there is nothing to do. `resendable`: how many a resend would mail."""
    send = summary.send
    match send.state:
        case SendState.PAUSED:
            return _next_step_of_paused(send, ending)
        case SendState.WAITING:
            when = f" at {format_iso(summary.resumes_at)}" if summary.resumes_at else ""
            what = "is held back by MAILER_WARMUP and continues" if summary.held_until else "is tried again"
            return f"the rest {what}{when}. To continue: mailer resume {send.id}"
        case SendState.SCHEDULED | SendState.RUNNING if send.reason and (send.run_by_server or not send.is_frozen):
            return f"`mailer serve` tries it again every minute. To cancel it: mailer cancel {send.id}"
        case SendState.RUNNING if send.run_by_server:
            return f"it continues when `mailer serve` runs. To continue it here: mailer resume {send.id}"
        case SendState.RUNNING:
            return f"it was interrupted. To resume it: mailer resume {send.id}"
        case SendState.SCHEDULED:
            at = describe_schedule_time(send.scheduled_at or 0.0, zone)
            return f"it starts at {at}, if `mailer serve` is running. To cancel it: mailer cancel {send.id}"
        case SendState.OVERDUE:
            return f"it is overdue. To send it now: mailer resume {send.id}"
        case SendState.FINISHED if summary.count(_S.UNCERTAIN):
            return (
                f"to see the uncertain ones: mailer report {send.id}; "
                f"to decide: mailer resolve {send.id} --resend, or --assume-sent"
            )
        case SendState.FINISHED if summary.count(_S.FAILED):
            again = f"; to send to {resendable:,} of them again: mailer resend {send.id} --failed" if resendable else ""
            return f"to see the reasons: mailer report {send.id}{again}"
        case _:
            return ""
