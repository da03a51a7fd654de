"""What a send would be, before it is confirmed: recipients, findings, approvals, and what blocks it."""

from dataclasses import dataclass

from mailer.dispatch.diagnostics import Diagnostic, Severity
from mailer.errors import MailerError
from mailer.ledger.sends.approvals import Approval
from mailer.ledger.types.errors import LedgerError
from mailer.ledger.types.sends import AlreadySentError, Send
from mailer.service.dispatches.compile import DispatchError
from mailer.service.dispatches.files import NoDispatchError, dispatch_path
from mailer.service.sends.plan import SendPlan, plan_send
from mailer.web.desk.render import Flash
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.sends.form import SendForm


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPreview:
    """What a send would be: its plan, or what blocks it.

    `problems` are errors and warnings of the dispatch; `earlier` is a send of it to one of these lists. `trouble` and
    `next_step` say what else blocks the send.
    """

    plan: SendPlan | None = None
    problems: tuple[Diagnostic, ...] = ()
    trouble: str = ""
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
    def must_accept(self) -> bool:
        """Whether the user must confirm that they send despite warnings."""
        return bool(self.warnings or (self.plan and self.plan.warnings))


def preview_send(request: DeskRequest, choice: SendForm, *, record: bool = False, rehearse: bool = True) -> SendPreview:
    """Returns what the send of `choice` would be. `record`, `rehearse`: how lists are synced, as in `plan_send`."""
    app, path = request.app, str(dispatch_path(request.app, request.path["name"]))
    if not choice.lists:
        return SendPreview()
    try:
        plan = plan_send(
            app,
            path,
            choice.lists,
            exclude=choice.exclude,
            where=choice.where,
            repeat=choice.repeat,
            record=record,
            rehearse=rehearse,
        )
    except DispatchError as error:
        errors = sum(each.severity is Severity.ERROR for each in error.checked.problems)
        words = f"{errors} thing{'s' if errors > 1 else ''} must be mended before it can leave."
        return SendPreview(trouble=words, problems=error.checked.problems)
    except AlreadySentError as error:
        return SendPreview(earlier=error.send)
    except (LedgerError, NoDispatchError):
        raise
    except MailerError as error:
        return SendPreview(trouble=error.message, next_step=error.next_step)
    approvals = app.ledger.approvals.of(plan.edition.digest)
    return SendPreview(
        plan=plan,
        problems=plan.checked.problems,
        approvals=approvals,
        may_send=not app.settings.approval or any(each.by != request.user.name for each in approvals),
    )


def is_ready(outlook: SendPreview) -> bool:
    return outlook.plan is not None and outlook.plan.head.to_mail > 0 and outlook.may_send


def blocker(choice: SendForm, outlook: SendPreview) -> Flash | None:
    """Returns why the send cannot be confirmed yet; None when only its time may be wrong."""
    if not choice.lists:
        return Flash("Choose a list first.", bad=True)
    if outlook.earlier:
        ended = "Say first who gets it: only new readers, or everybody once more."
        return Flash(ended if outlook.earlier.is_ended else "It is being sent already.", bad=True)
    if outlook.plan is None:
        return Flash("It cannot be sent like this: what is in the way stands beside the choice.", bad=True)
    if outlook.plan.head.to_mail == 0:
        return Flash("Nobody would get it. Choose another list or condition.", bad=True)
    if not outlook.may_send:
        return Flash("You cannot send it yet: another editor must approve it first.", bad=True)
    return None
