"""Counts an audience before it is frozen: how many would be mailed, and why others would not.

The query is that of the freeze (mailer.ledger.sends.audience_query), so the numbers are the same. Raises EditionError for too
many variants, ValidationFailedError for an empty audience.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mailer.edition.merge_fields import ReaderValues, cached_expression
from mailer.edition.model import Edition
from mailer.errors import ValidationFailedError
from mailer.ledger.sends.audience import (
    AudienceCounts,
    count,
    count_empty,
    first_recipient,
    skipped_recipients,
    values_that_occur,
)
from mailer.ledger.sends.audience_query import Audience
from mailer.ledger.types.sends import Recipient
from mailer.ledger.types.syncs import SyncPlan
from mailer.service.lists.staged_file import SHOWN_FINDINGS
from mailer.service.lists.sync_before_query import SyncedLists

SHOWN_SKIPPED = 12


GOT_IT = "got it before, or may still get it from another send"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceSummary:
    """How many would be mailed, and why others would not. `skipped` counts those frozen without being mailed, by reason;
    `skipped_sample` has the first of them, address and reason.
    """

    to_mail: int
    skipped: Mapping[str, int]
    excluded: int
    rejected: int
    duplicates: int
    got_it_before: int
    findings: tuple[str, ...]
    more_findings: int
    variants: int
    skipped_sample: tuple[tuple[str, str], ...] = ()
    empty_fields: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
    """Fields that some of those to mail have nothing in: the name, how many, and the defaults that they get instead."""

    @property
    def left_out(self) -> tuple[tuple[int, str], ...]:
        """How many do not get it, each number with its reason."""
        reasons = sorted(self.skipped.items(), key=lambda item: -item[1])
        others = (
            (self.excluded, "excluded"),
            (self.got_it_before, GOT_IT),
            (self.rejected, "rejected row" if self.rejected == 1 else "rejected rows"),
            (self.duplicates, "duplicate row" if self.duplicates == 1 else "duplicate rows"),
        )
        return (*((number, reason) for reason, number in reasons), *(each for each in others if each[0]))


def count_audience(
    lists: SyncedLists,
    audience: Audience,
    edition: Edition,
    *,
    at: float,
    new_to: str = "",
    defaults: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[AudienceSummary, Recipient]:
    """Returns the summary, and the first recipient who would be mailed (or else skipped). `new_to`: leaves out who got that
    dispatch. `defaults`: field -> what readers get who have nothing in it.
    """
    counted = count(lists.conn, audience, at=at, new_to=new_to)
    found = first_recipient(lists.conn, audience, at=at, new_to=new_to)
    plans = [lists.plans[name] for name in audience.selection.lists]
    if found is None:
        raise _empty_audience_error(plans, counted)
    variants = _variants(lists, audience, edition, at=at, new_to=new_to)
    words = [each for plan in lists.plans.values() for each in plan.findings]
    more = sum(plan.more_findings for plan in lists.plans.values())
    on_several_lists = counted.people - counted.recipients - counted.excluded - counted.got_it
    reasons = {reason: number for reason, number in counted.reasons.items() if reason}
    sample = skipped_recipients(lists.conn, audience, at=at, limit=SHOWN_SKIPPED) if reasons else ()
    summary = AudienceSummary(
        to_mail=counted.reasons.get("", 0),
        skipped=reasons,
        excluded=counted.excluded,
        rejected=sum(plan.rejected for plan in plans),
        duplicates=sum(plan.duplicates for plan in plans) + (0 if audience.selection.where else on_several_lists),
        got_it_before=counted.got_it,
        findings=tuple(words[:SHOWN_FINDINGS]),
        more_findings=more + max(0, len(words) - SHOWN_FINDINGS),
        variants=variants,
        skipped_sample=tuple((each.address, each.reason) for each in sample),
        empty_fields=_empty_fields(lists, audience, defaults or {}, at=at, new_to=new_to),
    )
    return summary, found


def _empty_fields(
    lists: SyncedLists, audience: Audience, defaults: Mapping[str, tuple[str, ...]], *, at: float, new_to: str
) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    if not defaults:
        return ()
    counts = count_empty(lists.conn, audience, tuple(sorted(defaults)), at=at, new_to=new_to)
    return tuple((name, number, defaults[name]) for name, number in counts.items() if number)


def _variants(lists: SyncedLists, audience: Audience, edition: Edition, *, at: float, new_to: str) -> int:
    """Returns how many variants occur: conditions are evaluated once for each combination of the values that they use."""
    asked = tuple(sorted(frozenset().union(*(cached_expression(source).fields for source in edition.conditions))))
    if not asked:
        return 1
    keys = set()
    for fields in values_that_occur(lists.conn, audience, asked, at=at, new_to=new_to):
        keys.add(edition.key_for(ReaderValues(fields=fields, address="", token="")))
        edition.check_variant_limit(keys)
    return max(1, len(keys))


def _empty_audience_error(plans: list[SyncPlan], counted: AudienceCounts) -> ValidationFailedError:
    counts = (
        (sum(plan.rejected for plan in plans), "without a valid address"),
        (counted.excluded, "excluded"),
        (counted.got_it, GOT_IT),
    )
    why = ", ".join(f"{number:,} {words}" for number, words in counts if number)
    lists = ", ".join(plan.list for plan in plans)
    rows = sum(plan.people + plan.duplicates + plan.rejected for plan in plans)
    return ValidationFailedError(
        f"No reader would get this: {lists} has {rows:,} {'row' if rows == 1 else 'rows'}{f' ({why})' if why else ''}.",
        "No send was created.",
    )
