"""Plans a send: edition, recipients and warnings, to be shown and confirmed.

    plan = plan_send(app, name, lists, ...)     counts the audience; start.py syncs the lists and starts the send
    dry_run_recipients(app, plan)               the recipients, without a send

A plan that a person is to confirm counts the files by a dry run (ListSource.FILE); `mailer send --yes` syncs them first. The
numbers of a plan are those of the freeze, unless somebody unsubscribes in between. Raises UsageError, ListError, DispatchError,
UnclearColumnError, AlreadySentError, EditionError, LedgerError.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default as default_policy
from tempfile import TemporaryFile

from mailer.app import App
from mailer.delivery.states import DeliveryState
from mailer.edition.model import Edition
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.sends.audience import recipients
from mailer.ledger.sends.audience_query import Audience
from mailer.ledger.types.sends import AlreadySentError, Recipient, Repeat
from mailer.mime.composer import Message
from mailer.relay import Relay, is_loopback_url
from mailer.service.dispatches.check_and_compile import CheckResult, DispatchError, check_dispatch, compile_checked
from mailer.service.dispatches.lint import lint_edition
from mailer.service.dispatches.sample_message import sample_composer
from mailer.service.lists.audience_selection import audience_spec, frozen_audience, lists_in
from mailer.service.lists.sync_before_query import ListSource, synced_lists
from mailer.service.lists.unclear_columns import require_clear_columns
from mailer.service.sends.audience_summary import AudienceSummary, count_audience
from mailer.service.sends.schedule_time import describe_schedule_time

_NO_POSTAL_ADDRESS = "MAILER_POSTAL_ADDRESS is not set: many countries’ laws require a postal address in every message."
_RESTORE_WARNING = 30 * 86_400  # seconds after a restore: by then a dispatch that it lost is old
SHORTEST_DIGEST = 8  # characters of a digest that name an edition


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPlan:
    """All that is decided before a send. `sample` is the message of the first recipient; `warnings` are sentences.

    `outdated_lists`: lists that were counted as of their last sync, although their files have changed since.
    """

    checked: CheckResult
    edition: Edition
    lists: tuple[str, ...]
    exclude: tuple[str, ...]
    where: str
    repeat: Repeat
    summary: AudienceSummary
    sample: Message
    audience: Audience
    last_tested: str | None = None
    warnings: tuple[str, ...] = ()
    outdated_lists: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The subject that the first recipient sees."""
        encoded = message_from_bytes(self.sample.without_dot_stuffing())["Subject"]
        return str(make_header(decode_header(encoded.replace("\r\n", ""))))

    @property
    def html(self) -> str:
        """The HTML that the first recipient gets."""
        message = message_from_bytes(self.sample.without_dot_stuffing(), policy=default_policy)
        part = message.get_body(("html",))
        return str(part.get_content()) if part else ""

    @property
    def differs_from_test(self) -> bool:
        return self.last_tested is not None and self.last_tested != self.edition.digest


def plan_send(
    app: App,
    name: str,
    lists: Sequence[str],
    *,
    exclude: Sequence[str] = (),
    where: str = "",
    repeat: Repeat = Repeat.REFUSE,
    digest: str = "",
    source: ListSource = ListSource.SYNC,
) -> SendPlan:
    """Compiles the dispatch `name` and counts the audience on its lists. `digest`: refuses any other edition.

    Unless the lists are synced, nothing is written, and no ledger is created.
    """
    checked = check_dispatch(app, name, lists)
    edition = compile_checked(app, checked)
    _refuse_other(edition, digest)
    checked = lint_edition(app, checked, edition)
    if checked.has_errors:
        raise DispatchError(checked)
    chosen = tuple(dict.fromkeys(lists or (checked.dispatch.lists if checked.dispatch else ())))
    if not chosen:
        raise UsageError("The send has no list.", "Add lists: to the dispatch. Or name one with --to LIST.")
    require_working_links(app.settings.base_url, app.settings.relay)
    has_ledger = source is ListSource.SYNC or app.has_ledger
    if has_ledger:
        _refuse_repetition(app, edition.slug, chosen, repeat)
    selection = audience_spec(app, chosen, exclude=exclude, where=where)
    audience = frozen_audience(app, selection, edition)
    with synced_lists(app, lists_in(selection), source) as lists_now:
        require_clear_columns(lists_now.plans[each] for each in chosen)
        new_to = edition.slug if repeat is Repeat.NEW_READERS else ""
        defaults = checked.dispatch.defaults if checked.dispatch else {}
        summary, first = count_audience(lists_now, audience, edition, at=app.clock(), new_to=new_to, defaults=defaults)
    return SendPlan(
        checked=checked,
        edition=edition,
        lists=chosen,
        exclude=selection.exclude,
        where=where.strip(),
        repeat=repeat,
        summary=summary,
        sample=sample_composer(app, edition)(first),
        audience=audience,
        last_tested=app.ledger.editions.last_tested(edition.slug) if has_ledger else None,
        warnings=(
            *_warnings(app, summary, checked, chosen),
            *(_restore_warnings(app, edition.slug, chosen) if has_ledger else ()),
            *(_cancelled_warnings(app, edition.slug, chosen) if has_ledger and repeat is Repeat.REFUSE else ()),
        ),
        outdated_lists=lists_now.outdated,
    )


def dry_run_recipients(app: App, plan: SendPlan) -> Iterator[Recipient]:
    """Yields the recipients of a send by `plan`; records nothing and holds no lock while it is iterated over."""
    new_to = plan.edition.slug if plan.repeat is Repeat.NEW_READERS else ""
    with TemporaryFile("w+", encoding="utf-8", errors="surrogatepass") as spool:
        with synced_lists(app, lists_in(plan.audience.selection), ListSource.FILE) as lists_now:
            for each in recipients(lists_now.conn, plan.audience, at=app.clock(), new_to=new_to):
                spool.write(json.dumps((each.identity, each.address, each.fields)) + "\n")
        spool.seek(0)
        for line in spool:
            yield Recipient(*json.loads(line))


def _refuse_other(edition: Edition, digest: str) -> None:
    """Raises NeedsConfirmationError if `edition` is not the one that `digest` names."""
    wanted = digest.strip().lower()
    if 0 < len(wanted) < SHORTEST_DIGEST:
        raise UsageError(f"The digest “{digest}” is too short.", f"Give at least {SHORTEST_DIGEST} characters.")
    if not edition.digest.startswith(wanted):
        raise NeedsConfirmationError(
            f"The dispatch is now the edition {edition.digest[:16]}, not {wanted[:16]}; nothing was sent.",
            "Check what changed, test it, and name the new digest.",
        )


def _refuse_repetition(app: App, slug: str, lists: Sequence[str], repeat: Repeat) -> None:
    """Raises AlreadySentError early, as the freeze would: the dispatch is being sent, or was sent, to one of these lists."""
    found = app.ledger.sends.latest(slug, lists)
    if found and (repeat is Repeat.REFUSE or not found.is_ended):
        raise AlreadySentError(found)


def setting_warnings(app: App, *, has_lint_rule: bool = False) -> tuple[str, ...]:
    """Returns what the settings lack for a send to readers. `has_lint_rule`: a rule of `check` requires the postal address."""
    settings = app.settings
    found = [] if settings.postal_address or has_lint_rule else [_NO_POSTAL_ADDRESS]
    if _is_local(app):
        found.append(f"MAILER_BASE_URL is {settings.base_url}: unsubscribe links and photos work on this machine only.")
    return (*found, *app.signing.warnings)


def _lists(names: Sequence[str]) -> str:
    return f"the list{'s' if len(names) > 1 else ''} {', '.join(dict.fromkeys(names))}"


def _warnings(app: App, summary: AudienceSummary, checked: CheckResult, chosen: Sequence[str]) -> Iterator[str]:
    """Yields the warnings to confirm before a send to readers."""
    named = checked.dispatch.lists if checked.dispatch else ()
    if named and set(named) != set(chosen):
        yield f"The dispatch names {_lists(named)}, but this send goes to {_lists(chosen)}."
    if not summary.to_mail:
        yield "No reader would get this."
    yield from setting_warnings(app, has_lint_rule=not _is_local(app))


def _restore_warnings(app: App, slug: str, chosen: Sequence[str]) -> Iterator[str]:
    """Warns of a dispatch that the ledger has never sent: if a backup was restored, it may have been sent after the backup."""
    restore = app.ledger.past_restore()
    if restore is None or app.clock() - restore.accepted_at > _RESTORE_WARNING or app.ledger.sends.latest(slug, chosen):
        return
    accepted, until = (
        at and describe_schedule_time(at, app.settings.timezone) for at in (restore.accepted_at, restore.recorded_until)
    )
    yield (
        f"The database was restored on {accepted}, and does not know what was sent {f'after {until}' if until else 'before'}. "
        "If this dispatch was sent, its readers would get it twice: look in the log of the relay first."
    )


def _cancelled_warnings(app: App, slug: str, chosen: Sequence[str]) -> Iterator[str]:
    """Warns of cancelled sends that some readers got."""
    for send in app.ledger.sends.cancelled(slug, chosen):
        got = app.ledger.sends.summary(send.id).count(DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN)
        if got:
            yield (
                f"Send {send.id} was cancelled when {got:,} of its recipients had it. They would get it again. "
                "To leave them out, send it only to those who have not got it."
            )


def _is_local(app: App) -> bool:
    return is_loopback_url(app.settings.base_url)


def require_working_links(base_url: str, relays: Sequence[Relay]) -> None:
    """Raises UsageError if messages would leave this machine with links, also to unsubscribe, that work only on it."""
    others = [relay for relay in relays if not relay.is_loopback]
    if others and is_loopback_url(base_url):
        raise UsageError(
            f"Readers could not unsubscribe: the links in their messages lead to {base_url}, which works on this machine only, "
            f"but the relay {others[0]} is on another machine.",
            "Set MAILER_BASE_URL to the address at which readers reach mailer serve.",
        )
