"""A preview of a send: its recipients, the findings of its dispatch, its approvals, and what blocks it."""

import re
from dataclasses import dataclass

from mailer.app import App
from mailer.audience.segments import SegmentError
from mailer.dispatch.diagnostics import Diagnostic, Severity
from mailer.errors import MailerError
from mailer.ledger.sends.approvals import Approval
from mailer.ledger.types.errors import LedgerError
from mailer.ledger.types.sends import AlreadySentError, Send
from mailer.service.dispatches.check_and_compile import DispatchError
from mailer.service.dispatches.check_concurrency import TooManyChecksError
from mailer.service.dispatches.files import NoDispatchError, dispatch_path
from mailer.service.lists.member_edits import editable_fields
from mailer.service.lists.sync_before_query import ListSource
from mailer.service.sends.plan import SendPlan, plan_send
from mailer.web.desk.flash import Flash
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.sends.send_form import SendForm


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPreview:
    """What a send would be: its plan, or the reason why there is none.

    `problems` are the findings of the dispatch. `earlier` is a send of the same dispatch to one of the lists.
    Any other error is in `error`, with its `next_step`. `may_send`: an approval, where one is needed, is there.
    """

    plan: SendPlan | None = None
    problems: tuple[Diagnostic, ...] = ()
    error: str = ""
    next_step: str = ""
    earlier: Send | None = None
    approvals: tuple[Approval, ...] = ()
    may_send: bool = True

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(each for each in self.problems if each.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(each for each in self.problems if each.severity is Severity.WARNING)

    @property
    def notes(self) -> tuple[Diagnostic, ...]:
        return tuple(each for each in self.problems if each.severity is Severity.NOTE)

    @property
    def must_accept(self) -> bool:
        """Whether the user must confirm that they send despite warnings."""
        return bool(self.warnings or (self.plan and self.plan.warnings))

    @property
    def is_ready(self) -> bool:
        """Whether the send can be confirmed."""
        return self.plan is not None and self.plan.summary.to_mail > 0 and self.may_send


def preview_send(request: DeskRequest, form: SendForm, source: ListSource) -> SendPreview:
    """Returns a preview of the send that `form` describes, with its lists counted as `source` says."""
    app, path = request.app, str(dispatch_path(request.app, request.path["name"]))
    if not form.lists:
        return SendPreview()
    try:
        with request.check_turn(request.path["name"]):
            plan = plan_send(
                app,
                path,
                form.lists,
                exclude=form.exclude,
                where=form.where,
                repeat=form.repeat,
                source=source,
            )
    except DispatchError as error:
        problems = error.checked.problems
        count = sum(each.severity is Severity.ERROR for each in problems)
        message = f"Fix {count} error{'s' if count > 1 else ''} before you can send it."
        return SendPreview(error=message, problems=problems)
    except AlreadySentError as error:
        return SendPreview(earlier=error.send)
    except (LedgerError, NoDispatchError, TooManyChecksError):  # answered by a page of their own: 503 and 404
        raise
    except MailerError as error:
        message, next_step = describe_error(error)
        if isinstance(error, SegmentError):
            next_step = _filter_example(app, form) or next_step
        return SendPreview(error=message, next_step=next_step)
    approvals = app.ledger.approvals.of(plan.edition.digest)
    return SendPreview(
        plan=plan,
        problems=plan.checked.problems,
        approvals=approvals,
        may_send=not app.settings.approval or any(each.by != request.user.name for each in approvals),
    )


def _filter_example(app: App, form: SendForm) -> str:
    """Returns how a filter on the chosen lists is written: with what was typed as a value, and the columns there are.

    A call of `list` or `received` compares no column, and has no example.
    """
    if re.match(r"(?:not\s+)?(?:list|received)\s*\(", form.where.strip()):
        return ""
    try:
        columns = tuple(dict.fromkeys(column for name in form.lists for column in editable_fields(app, name)))
    except MailerError:
        return ""
    if not columns:
        return ""
    column = "city" if "city" in columns else columns[-1]
    comparison = re.fullmatch(r"(\w+)\s*=+\s*[\"'“”]?(\w[\w ]*?)[\"'“”]?", form.where.strip())
    if comparison and comparison[1] in columns:
        column, value = comparison[1], comparison[2]
    else:
        value = form.where if re.fullmatch(r"\w[\w ]*", form.where) else "Lisbon"
    return f'Write: {column} == "{value}". Columns: {", ".join(columns)}.'


def blocking_reason(form: SendForm, preview: SendPreview) -> Flash | None:
    """Returns why the send cannot be confirmed yet; None if nothing but its time may be wrong."""
    if not form.lists:
        return Flash("Choose a list first.", bad=True)
    if preview.earlier:
        ended = "Choose who gets it: those who have not got it, or everyone again."
        return Flash(ended if preview.earlier.is_ended else "It is already being sent.", bad=True)
    if preview.plan is None:
        return Flash("It cannot be sent yet. See what to fix beside your selection.", bad=True)
    if preview.plan.summary.to_mail == 0:
        return Flash("Nobody would get it. Choose another list or filter.", bad=True)
    if not preview.may_send:
        return Flash("Another editor must approve it before you can send it.", bad=True)
    return None
