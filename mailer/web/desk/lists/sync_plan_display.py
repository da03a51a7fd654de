"""Shows what a sync would change."""

from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.syncs import SyncPlan
from mailer.web.desk.request import DeskRequest


def plan_summary(plan: SyncPlan) -> str:
    """Returns the result of a sync in words: `2 added, 1 removed.`"""
    unmailed = sum(plan.unmailed.values())
    counts = [
        (plan.joined - unmailed, "added"),
        (unmailed, "added without getting mail"),
        (plan.changed, "changed"),
        (plan.moved, "with a new status"),
        (plan.removed, "removed"),
        (plan.blocked - plan.blocked_joined, "not re-added"),
        (plan.rejected, "rejected"),
    ]
    words = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    encoding = (
        " The file’s encoding is now UTF-8, since a name did not fit the old one." if plan.encoding_changed else ""
    )
    return f"{words or 'no reader changed'}.{encoding}"


def suppressions_of(request: DeskRequest, plan: SyncPlan) -> dict[str, object]:
    """Returns the suppressions of the members that `plan` blocks or adds without mail, by address."""
    identities = {each.identity for each in plan.first_blocked} | {each.identity for each in plan.first_unmailed}
    found = {identity: request.app.ledger.suppressions.get(identity) for identity in identities}
    return {identity: suppression for identity, suppression in found.items() if suppression}


def with_desk_step(error: NeedsConfirmationError, *, with_removals: bool) -> NeedsConfirmationError:
    """Returns `error` with the next step at the desk instead of that of the command line."""
    if with_removals or "--allow-removals" not in error.next_step:
        return error
    return NeedsConfirmationError(
        error.message, "To remove them, go back, tick the box below the numbers, and confirm again."
    )
