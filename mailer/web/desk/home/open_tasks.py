"""What waits for a person, for each role what it can do itself: sends, approvals, feedback, columns, webhooks, settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from mailer.delivery.states import SendState
from mailer.ledger.reports.dashboard import ListGrowth
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.sends import Send
from mailer.service.dispatches.dispatch_list import DispatchStatus, DispatchSummary
from mailer.service.lists.unclear_columns import column_meanings
from mailer.service.sends.plan import setting_warnings
from mailer.web.desk.lists.list_path import path_of
from mailer.web.desk.plain_language import plain_text
from mailer.web.desk.request import DeskRequest

COMPLAINT_DAYS = 30
_MAX_APPROVALS = 3


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Something that a person must do, in words, and the page on which one does it."""

    words: str
    path: str
    is_urgent: bool = False


def open_tasks(
    request: DeskRequest,
    *,
    sends: tuple[Send, ...],
    dispatches: tuple[DispatchSummary, ...],
    lists: tuple[ListGrowth, ...],
    complaints: int,
    is_being_set_up: bool,
) -> tuple[OpenTask, ...]:
    """Returns what the user of `request` can do, the urgent first; nothing for writers, who write.

    `is_being_set_up`: the page has the list of what a new installation needs, which names the settings.
    """
    if not request.may(Role.EDITOR):
        return ()
    found = [*_of_sends(request, sends), *_approvals(request, dispatches)]
    if request.may(Role.ADMIN):
        found += [*_feedback(request, complaints), *_columns(request, lists), *_webhooks(request)]
        found += [] if is_being_set_up else _settings(request)
    return tuple(sorted(found, key=lambda each: not each.is_urgent))


def _of_sends(request: DeskRequest, sends: tuple[Send, ...]) -> Iterator[OpenTask]:
    for each in sends:
        path, is_stopped = f"/desk/sends/{each.id}", each.state in {SendState.PAUSED, SendState.OVERDUE}
        if each.state is SendState.OVERDUE:
            yield OpenTask(f"“{each.title}” was not sent in time: send it or cancel it.", path, is_urgent=True)
        elif is_stopped and not each.cancel_requested:
            yield OpenTask(f"“{each.title}” is paused: resume or cancel it.", path, is_urgent=True)
        elif each.reason and not is_stopped:
            yield OpenTask(f"“{each.title}” makes no progress: see why.", path, is_urgent=True)
    for undecided in request.app.ledger.dashboard.undecided():
        words = _count(undecided.count, "unconfirmed message", "unconfirmed messages")
        yield OpenTask(
            f"{words} of “{undecided.title}”: decide whether to send again.",
            f"/desk/sends/{undecided.id}",
            is_urgent=True,
        )


def _approvals(request: DeskRequest, dispatches: tuple[DispatchSummary, ...]) -> Iterator[OpenTask]:
    if not request.app.settings.approval:
        return
    waiting = [each for each in dispatches if each.status is DispatchStatus.CHECKED and not each.is_unfinished]
    for each in waiting[:_MAX_APPROVALS]:
        yield OpenTask(f"“{each.title}” has no approval yet.", f"/desk/dispatches/{quote(each.name)}/send")
    more = len(waiting) - _MAX_APPROVALS
    if more > 0:
        words = _count(more, "more dispatch has", "more dispatches have")
        yield OpenTask(f"{words} no approval yet.", "/desk/dispatches")


def _feedback(request: DeskRequest, complaints: int) -> Iterator[OpenTask]:
    if waiting := request.app.ledger.feedback.count_waiting():
        words = _count(waiting, "bounce or complaint needs", "bounces and complaints need")
        yield OpenTask(f"{words} your decision.", "/desk/lists:feedback?waiting=1")
    if complaints:
        words = _count(complaints, "complaint", "complaints")
        yield OpenTask(
            f"{words} in the last {COMPLAINT_DAYS} days: see who and why.", "/desk/lists:feedback?kind=complaint"
        )


def _columns(request: DeskRequest, lists: tuple[ListGrowth, ...]) -> Iterator[OpenTask]:
    known = request.app.workspace.list_names()
    for each in lists:
        if each.list not in known or not each.unclear:
            continue
        meanings = column_meanings(request.app, each.list)
        for column in each.unclear:
            if column.name not in meanings:
                words = f"Say what the column “{column.header}” of the list {each.list} means: nothing can be sent to it before."
                yield OpenTask(words, f"{path_of(each.list)}/settings#columns", is_urgent=True)


def _webhooks(request: DeskRequest) -> Iterator[OpenTask]:
    for webhook in request.app.ledger.webhooks.all():
        if webhook.paused_at is not None and webhook.pause_reason:
            yield OpenTask(
                f"Webhook {webhook.id} is paused because it failed.", f"/desk/settings/webhooks/{webhook.id}"
            )


def _settings(request: DeskRequest) -> Iterator[OpenTask]:
    for words in setting_warnings(request.app):
        yield OpenTask(plain_text(words), "/desk/settings/newsletter")


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
