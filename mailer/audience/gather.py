"""Who a send goes to: several lists, less those excluded, one recipient for one person.

`gather` reads nothing; an Audience reads its files anew for each pass, so that a count before the send is asked about
and the freeze after it are the same code. One list streams; several are merged in memory first.

Each identity comes once, at its first row, with its address as written there; a field has the first non-empty value
that a list has for it. Its status decides `skip`: a no (unsubscribed, bounced, complained, erased, or a word we do not
know) on any row of any of these lists counts; `unconfirmed` and `paused` count unless another of the lists says
subscribed. Excluded identities do not come at all, whatever their status on the excluding list.

For every pass: rows = rejected + duplicates + excluded + recipients.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mailer.audience.listfile import ListFile
from mailer.audience.row import Duplicate, Finding, Member, Rejected, Status

Report = Callable[[ListFile, Finding], None]


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person to be frozen into a send. `skip`: a status word, or "" to mail. Empty fields are left out."""

    identity: str
    address: str
    fields: Mapping[str, str] = field(default_factory=dict)
    skip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the rows. `skipped` counts by reason; `duplicates` also those across lists."""

    rows: int
    rejected: int
    duplicates: int
    excluded: int
    recipients: int
    skipped: Mapping[str, int]

    @property
    def to_mail(self) -> int:
        return self.recipients - sum(self.skipped.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    lists: tuple[ListFile, ...]
    exclude: tuple[ListFile, ...]
    fields: frozenset[str]

    def recipients(self, report: Report | None = None, tally: Counter[str] | None = None) -> Iterator[Recipient]:
        """Everybody, in the order of the lists; `report` is told every finding. Raises ListError.

        At the end `tally` has counted rows, rejected, duplicates and excluded.
        """
        return self._pass(Counter() if tally is None else tally, report)

    def count(self, report: Report | None = None) -> Counts:
        """A whole pass for its counts and findings. Raises ListError."""
        tally: Counter[str] = Counter()
        skipped = Counter(recipient.skip for recipient in self._pass(tally, report))
        recipients = skipped.total()
        del skipped[""]
        return Counts(
            rows=tally["rows"],
            rejected=tally["rejected"],
            duplicates=tally["duplicates"],
            excluded=tally["excluded"],
            recipients=recipients,
            skipped=dict(skipped),
        )

    def find(self, identity: str) -> Recipient | None:
        """The recipient of this identity, as a send would have it; None if it is not among them."""
        return next((recipient for recipient in self.recipients() if recipient.identity == identity), None)

    def _pass(self, tally: Counter[str], report: Report | None) -> Iterator[Recipient]:
        excluded = _identities(self.exclude, report)
        stops = _stops(self.lists)
        members = self._stream(self.lists[0], tally, report) if len(self.lists) == 1 else self._merge(tally, report)
        for member in members:
            identity = member.address.identity
            if identity in excluded:
                tally["excluded"] += 1
                continue
            status = stops.get(identity, member.status) if stops else member.status
            fields = {name: value for name, value in member.fields.items() if value}
            yield Recipient(
                identity, member.address.envelope, fields, "" if status is Status.SUBSCRIBED else status.value
            )

    def _stream(self, source: ListFile, tally: Counter[str], report: Report | None) -> Iterator[Member]:
        """The members of one list; everything else is counted and reported."""
        members = rejected = duplicates = 0
        for row in source.rows(self.fields):
            if isinstance(row, Member):
                members += 1
                yield row
                continue
            rejected += isinstance(row, Rejected)
            duplicates += isinstance(row, Duplicate)
            if report:
                report(source, row)
        tally.update(rows=members + rejected + duplicates, rejected=rejected, duplicates=duplicates)

    def _merge(self, tally: Counter[str], report: Report | None) -> Iterator[Member]:
        merged: dict[str, Member] = {}
        for source in self.lists:
            for member in self._stream(source, tally, report):
                identity = member.address.identity
                if known := merged.get(identity):
                    tally["duplicates"] += 1
                    merged[identity] = _together(known, member)
                else:
                    merged[identity] = member
        return iter(merged.values())


def gather(lists: Sequence[ListFile], *, exclude: Sequence[ListFile] = (), fields: frozenset[str]) -> Audience:
    """The audience of `lists` without that of `exclude`; recipients carry `fields`, as far as they have any."""
    if not lists:
        raise ValueError("an audience has a list")
    return Audience(lists=tuple(lists), exclude=tuple(exclude), fields=fields)


def _together(first: Member, later: Member) -> Member:
    filled = {name: value for name, value in later.fields.items() if value and not first.fields.get(name)}
    status = Status.SUBSCRIBED if later.status is Status.SUBSCRIBED else first.status
    return Member(first.line, first.address, {**first.fields, **filled}, status)


def _identities(lists: Sequence[ListFile], report: Report | None) -> set[str]:
    """Everybody on these lists. What is rejected there is reported too: it may be somebody to be left out."""
    identities: set[str] = set()
    for source in lists:
        for row in source.rows(frozenset()):
            if isinstance(row, Member):
                identities.add(row.address.identity)
            elif report:
                report(source, row)
    return identities


def _stops(lists: Sequence[ListFile]) -> dict[str, Status]:
    """Each identity that a row of these lists, not only its first, says no for. Read beforehand, where there can be any."""
    stops: dict[str, Status] = {}
    for source in lists:
        for row in source.rows(frozenset()) if source.columns.status is not None else ():
            if isinstance(row, Member) and row.status.stops:
                stops.setdefault(row.address.identity, row.status)
            elif isinstance(row, Duplicate) and row.status.stops:
                stops.setdefault(row.identity, row.status)
    return stops
