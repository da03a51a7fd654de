"""Counting an audience before it is frozen: how many would get it, who would not and why, in one pass over the lists.

The rules are those of the freeze (mailer.ledger.freeze), so that its numbers are these. Raises ListError, EditionError
for too many variants, ProblemsFoundError for an audience of nobody at all.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mailer.audience.gather import Audience, Recipient, Report
from mailer.audience.listfile import ListFile
from mailer.audience.rejected import keep_rejected
from mailer.audience.row import Finding
from mailer.edition.model import Edition, Values, VariantKey
from mailer.edition.slot import expression
from mailer.errors import ProblemsFoundError
from mailer.ledger.records import Repeat, SuppressionReason
from mailer.service.newsroom import Newsroom

SHOWN_FINDINGS = 50

Fate = Callable[[Recipient], str | None]
"""Why a recipient is frozen and skipped; "" for one who is mailed, None for one who has got it and is not frozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How many would get it, and why others would not. `skipped` counts those frozen without being mailed, by reason."""

    to_mail: int
    skipped: Mapping[str, int]
    excluded: int
    rejected: int
    duplicates: int
    got_it_before: int
    findings: tuple[str, ...]
    more_findings: int
    variants: int


def judge(newsroom: Newsroom | None, slug: str, repeat: Repeat) -> Fate:
    """The fate of recipients as the ledger of `newsroom` has it now; None: there is no ledger yet."""
    if newsroom is None:
        return lambda recipient: recipient.skip
    suppressed = newsroom.ledger.suppressions.lookup()
    got_it = newsroom.ledger.report.who_got(slug) if repeat is Repeat.NEW_READERS else frozenset()
    erased = SuppressionReason.ERASED.value

    def fate(recipient: Recipient) -> str | None:
        if recipient.identity in got_it:
            return None
        reason = suppressed(recipient.identity)
        return reason if reason == erased else recipient.skip or reason

    return fate


def count_audience(audience: Audience, edition: Edition, fate: Fate, *, keep: bool) -> tuple[Head, Recipient]:
    """The head, and the first reader who would be mailed (or else skipped). `keep`: keep rejected rows in their files."""
    fates: Counter[str | None] = Counter()
    rows: Counter[str] = Counter()
    variants = _Variants(edition)
    first_of: dict[bool, Recipient] = {}
    with _findings(audience, keep=keep) as findings:
        for each in audience.recipients(findings.add, rows):
            became = fate(each)
            fates[became] += 1
            if became == "":
                variants.add(each)
            if became is not None:
                first_of.setdefault(became == "", each)
    edition.refuse_too_many(variants.keys)
    got_it, to_mail = fates.pop(None, 0), fates.pop("", 0)
    first = first_of.get(True) or first_of.get(False)
    if first is None:
        raise _nobody(audience, rows, got_it)
    head = Head(
        to_mail=to_mail,
        skipped={reason: count for reason, count in fates.items() if reason},
        excluded=rows["excluded"],
        rejected=rows["rejected"],
        duplicates=rows["duplicates"],
        got_it_before=got_it,
        findings=tuple(findings.shown),
        more_findings=findings.count - len(findings.shown),
        variants=max(1, len(variants.keys)),
    )
    return head, first


class _Variants:
    """Which variants occur. Conditions are worked out once for each set of values that they ask for."""

    def __init__(self, edition: Edition) -> None:
        self.keys: set[VariantKey] = set()
        self._edition = edition
        self._asked = sorted(frozenset().union(*(expression(source).fields for source in edition.conditions)))
        self._seen: set[tuple[str, ...]] = set()

    def add(self, reader: Recipient) -> None:
        get = reader.fields.get
        values = tuple([get(name, "") for name in self._asked])
        if values not in self._seen:
            self._seen.add(values)
            self.keys.add(self._edition.key(Values(fields=reader.fields, address=reader.address, token="")))


class _Findings:
    """What was found in the lists: all of it counted, the first ones in words."""

    def __init__(self, keep: Report | None) -> None:
        self.count = 0
        self.shown: list[str] = []
        self._keep = keep

    def add(self, source: ListFile, finding: Finding) -> None:
        self.count += 1
        if len(self.shown) < SHOWN_FINDINGS:
            self.shown.append(source.describe(finding, kept=self._keep is not None))
        if self._keep:
            self._keep(source, finding)


@contextmanager
def _findings(audience: Audience, *, keep: bool) -> Iterator[_Findings]:
    if not keep:
        yield _Findings(None)
        return
    with keep_rejected((*audience.lists, *audience.exclude)) as keeper:
        yield _Findings(keeper)


def _nobody(audience: Audience, rows: Counter[str], got_it: int) -> ProblemsFoundError:
    counts = (
        (rows["rejected"], "no address that can be used"),
        (rows["excluded"], "an address that is excluded"),
        (got_it, "got it before"),
    )
    why = ", ".join(f"{count:,} {words}" for count, words in counts if count)
    lists = ", ".join(source.name for source in audience.lists)
    return ProblemsFoundError(
        f"Nobody would get this: {lists} has {rows['rows']:,} rows{f' ({why})' if why else ''}.", "No send was made."
    )
