"""Before a send: what would go to whom, as a value that is shown; then the send itself, frozen in one transaction.

    plan = plan_send(newsroom, name, lists, ...)     nothing is written but NAME.rejected.csv
    send = start_send(newsroom, plan)                or schedule: `at`

Raises UsageError, ListError, ProblemsFoundError, AlreadySentError, EditionError, LedgerError.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mailer.audience.address import Address, parse_address
from mailer.audience.gather import Audience, Recipient, gather
from mailer.audience.listfile import ListFile, open_list
from mailer.audience.rejected import keep_rejected
from mailer.audience.row import Finding
from mailer.delivery.message import Composer, Message
from mailer.delivery.records import Claim, NewDelivery
from mailer.delivery.state import SendKind
from mailer.edition.model import Edition, Values
from mailer.errors import ProblemsFoundError, UndecidedError, UsageError
from mailer.ledger.records import AlreadySentError, NewEdition, NewSend, Repeat, Send
from mailer.service.compiling import Checked, check, compile_checked
from mailer.service.newsroom import Newsroom
from mailer.service.running import load_edition

SHOWN_FINDINGS = 20
NOT_NAMED = Claim(delivery_id=0, identity="", address="reader@example.org", fields={}, attempt=1, date=0)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPlan:
    """Everything that is decided before a send; `sample` is the message of the first reader."""

    checked: Checked
    edition: Edition
    lists: tuple[str, ...]
    exclude: tuple[str, ...]
    repeat: Repeat
    head: Head
    sample: Message
    audience: Audience = field(repr=False)
    last_tested: str | None = None

    @property
    def differs_from_test(self) -> bool:
        return self.last_tested is not None and self.last_tested != self.edition.digest


def plan_send(
    newsroom: Newsroom,
    name: str,
    lists: Sequence[str],
    *,
    exclude: Sequence[str] = (),
    repeat: Repeat = Repeat.REFUSE,
    digest: str = "",
) -> SendPlan:
    """Compile the dispatch `name` and count its audience. `digest`: refuse any other edition."""
    checked = check(newsroom, name, lists)
    edition = compile_checked(newsroom, checked)
    if digest and not (len(digest) >= 8 and edition.digest.startswith(digest.lower())):
        raise UndecidedError(
            f"What is on disk compiles to edition {edition.digest[:16]}, not to {digest[:16]}.",
            "See what changed, test it, and name the new digest.",
        )
    chosen = tuple(dict.fromkeys(lists or (checked.dispatch.lists if checked.dispatch else ())))
    if not chosen:
        raise UsageError("No list is named.", "Name one with --to LIST, or with lists: in the dispatch.")
    _refuse_repetition(newsroom, edition.slug, chosen, repeat)
    audience = open_audience(newsroom, chosen, exclude, edition.fields)
    sample = compose_for(newsroom, edition)(next(iter(audience.recipients()), None) or _nobody(chosen))
    return SendPlan(
        checked=checked,
        edition=edition,
        lists=chosen,
        exclude=tuple(dict.fromkeys(exclude)),
        repeat=repeat,
        head=_count(newsroom, audience, edition, repeat),
        sample=sample,
        audience=audience,
        last_tested=newsroom.ledger.editions.last_tested(edition.slug),
    )


def start_send(newsroom: Newsroom, plan: SendPlan, *, at: float | None = None) -> Send:
    """Freeze the edition, and the audience unless the send is for later (`at`, seconds since the epoch)."""
    new = NewSend(
        edition=new_edition(plan.edition),
        lists=plan.lists,
        exclude=plan.exclude,
        key_name=newsroom.keys.names[0],
        at=at,
        repeat=plan.repeat,
    )
    return newsroom.ledger.freezer.create(new, () if at else deliveries(plan.audience.recipients(), plan.edition))


def start_due(newsroom: Newsroom, send: Send) -> Send:
    """Freeze the audience of a scheduled send whose time has come, from the lists as they are now."""
    edition = load_edition(newsroom, send)
    audience = open_audience(newsroom, send.lists, send.exclude, edition.fields)
    with keep_rejected(audience.lists) as keep:
        return newsroom.ledger.freezer.freeze_audience(send.id, deliveries(audience.recipients(keep), edition))


def start_test(newsroom: Newsroom, name: str, emails: Sequence[str], *, reader: str | None = None) -> Send:
    """A send of kind `test` to `emails`: each with the fields of its own row of a list, or all with those of `reader`."""
    checked = check(newsroom, name)
    edition = compile_checked(newsroom, checked)
    lists = newsroom.workspace.list_names()
    as_reader = find_reader(newsroom, reader, lists, edition.fields) if reader else None
    to: dict[str, Recipient] = {}
    for address in map(parse_address, emails):
        known = as_reader or _row_of(newsroom, address, lists, edition.fields)
        to[address.identity] = Recipient(address.identity, address.envelope, known.fields if known else {})
    new = NewSend(
        kind=SendKind.TEST, edition=new_edition(edition), lists=(), key_name=newsroom.keys.names[0], repeat=Repeat.AGAIN
    )
    return newsroom.ledger.freezer.create(new, deliveries(iter(to.values()), edition))


def find_reader(newsroom: Newsroom, email: str, lists: Sequence[str], fields: frozenset[str]) -> Recipient:
    """The reader with this address on one of `lists`. Raises UsageError when there is none."""
    address = parse_address(email)
    found = _row_of(newsroom, address, lists, fields)
    if found is None:
        where = f"on the list {lists[0]}" if len(lists) == 1 else f"on any of the lists {', '.join(lists) or '(none)'}"
        raise UsageError(f"{address.display} is not {where}.", "Name a reader of a list; see subscribers/.")
    return found


def _row_of(newsroom: Newsroom, address: Address, lists: Sequence[str], fields: frozenset[str]) -> Recipient | None:
    return open_audience(newsroom, lists, (), fields).find(address.identity) if lists else None


def open_audience(newsroom: Newsroom, lists: Sequence[str], exclude: Sequence[str], fields: frozenset[str]) -> Audience:
    workspace = newsroom.workspace

    def opened(names: Sequence[str]) -> list[ListFile]:
        return [open_list(workspace.list_file(name), name) for name in names]

    return gather(opened(lists), exclude=opened(exclude), fields=fields)


def deliveries(recipients: Iterator[Recipient], edition: Edition) -> Iterator[NewDelivery]:
    wanted = edition.fields
    for each in recipients:
        fields = {name: value for name, value in each.fields.items() if name in wanted}
        yield NewDelivery(identity=each.identity, address=each.address, fields=fields, skip=each.skip)


def compose_for(newsroom: Newsroom, edition: Edition) -> Callable[[Recipient], Message]:
    """Makes messages that are only looked at: their tokens name nobody."""
    marks = newsroom.marks(newsroom.keys.names[0], inert=True)
    composer = Composer(edition, newsroom.letterhead, marks, eight_bit=newsroom.settings.eight_bit)

    def compose(recipient: Recipient) -> Message:
        claim = Claim(
            delivery_id=0,
            identity=recipient.identity,
            address=recipient.address,
            fields=recipient.fields,
            attempt=1,
            date=newsroom.clock(),
        )
        return composer.compose(claim)

    return compose


def new_edition(edition: Edition) -> NewEdition:
    return NewEdition(
        digest=edition.digest,
        slug=edition.slug,
        title=edition.title,
        subject=edition.subject,
        language=edition.language,
        json=edition.to_json(),
        images=edition.images,
    )


def _refuse_repetition(newsroom: Newsroom, slug: str, lists: Sequence[str], repeat: Repeat) -> None:
    """Say early what the freeze would say: the dispatch already goes, or went, to one of these lists."""
    found = newsroom.ledger.sends.latest(slug, lists)
    if found and (repeat is Repeat.REFUSE or not found.is_ended):
        raise AlreadySentError(found)


def _nobody(lists: Sequence[str]) -> Recipient:
    raise ProblemsFoundError(f"Nobody can be mailed: {', '.join(lists)} has no row with an address that can be used.")


def _count(newsroom: Newsroom, audience: Audience, edition: Edition, repeat: Repeat) -> Head:
    suppressed = newsroom.ledger.suppressions.lookup()
    got_it = newsroom.ledger.report.who_got(edition.slug) if repeat is Repeat.NEW_READERS else frozenset()
    skipped: Counter[str] = Counter()
    tally: Counter[str] = Counter()
    shown: list[str] = []
    keys = set()

    with keep_rejected(audience.lists) as keep:

        def report(source: ListFile, finding: Finding) -> None:
            tally["findings"] += 1
            if len(shown) < SHOWN_FINDINGS:
                shown.append(source.describe(finding))
            keep(source, finding)

        def watched() -> Iterator[Recipient]:
            for each in audience.recipients(report):
                if each.identity in got_it:
                    tally["got it before"] += 1
                    continue
                reason = suppressed(each.identity) or each.skip
                skipped[reason] += 1
                if not reason and edition.chains:
                    keys.add(edition.key(Values(fields=each.fields, address=each.address, token="")))
                yield each

        frozen = sum(1 for _ in watched())
    edition.refuse_too_many(keys)
    counts = audience.count()
    to_mail = skipped.pop("", 0)
    assert frozen == to_mail + skipped.total()
    return Head(
        to_mail=to_mail,
        skipped=dict(skipped),
        excluded=counts.excluded,
        rejected=counts.rejected,
        duplicates=counts.duplicates,
        got_it_before=tally["got it before"],
        findings=tuple(shown),
        more_findings=tally["findings"] - len(shown),
        variants=max(1, len(keys)),
    )
