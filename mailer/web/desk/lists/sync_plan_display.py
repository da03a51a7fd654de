"""Shows what a sync would change."""

from collections import Counter
from dataclasses import dataclass

from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.syncs import SyncPlan
from mailer.service.lists.uploads import ImportCounts
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.status_labels import status_label

_WHY_UNMAILED: dict[str, str] = {
    SuppressionReason.BY_HAND: "blocked everywhere",
    SuppressionReason.UNSUBSCRIBED: "opted out",
}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRows:
    """A number of rows of an upload with what becomes of them. `tone`: a class of the page's styles; "" for none."""

    count: int
    label: str
    tone: str = ""


def import_counts(counts: ImportCounts) -> tuple[CountedRows, ...]:
    """Returns what becomes of the rows of an upload, in words: `286 will be mailed`, `6 blocked everywhere`."""
    unmailed = Counter(counts.unmailed) + Counter(counts.kept_out)
    found = [
        CountedRows(count=counts.mailed, label="will be mailed", tone="good" if counts.mailed else ""),
        *(
            CountedRows(
                count=unmailed[reason], label=_WHY_UNMAILED.get(reason, status_label(reason).lower()), tone="warn"
            )
            for reason in sorted(unmailed)
        ),
        CountedRows(count=counts.listed, label="already on the list"),
        CountedRows(count=counts.erased, label="not added (erased)", tone="warn"),
        CountedRows(count=counts.duplicates, label="duplicate" if counts.duplicates == 1 else "duplicates"),
        CountedRows(count=counts.rejected, label="rejected", tone="bad"),
        CountedRows(count=counts.removed, label="removed from the list", tone="bad"),
    ]
    return tuple(each for index, each in enumerate(found) if each.count or index == 0)


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
