"""Starts sends: freezes the edition and the audience in one transaction.

    start_send(app, plan)                   syncs the lists and starts the send planned by plan.py, or schedules it (`at`)
    start_scheduled(app, send)              starts a scheduled send when its time has come
    start_test(app, name, emails)           sends the real message to a few addresses

Raises NotApprovedError, TooManyTestsError, UsageError, ListError, DispatchError, AlreadySentError, EditionError, LedgerError.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mailer.addresses import Address, parse_address
from mailer.app import App
from mailer.delivery.states import SendKind
from mailer.edition.merge_fields import LIST_NAME
from mailer.edition.model import Edition
from mailer.errors import UsageError
from mailer.ledger.sends.audience_query import AudienceSpec
from mailer.ledger.types.sends import NewSend, Recipient, Repeat, Send
from mailer.service.dispatches.approvals import require_approval
from mailer.service.dispatches.check_and_compile import check_dispatch, compile_checked, edition_record
from mailer.service.dispatches.sample_message import made_up_fields
from mailer.service.lists.audience_selection import audience_spec, frozen_audience, lists_in
from mailer.service.lists.recipient_lookup import find_recipient, find_recipients
from mailer.service.lists.sync import BY_FILE, sync_list
from mailer.service.lists.unclear_columns import require_clear_columns
from mailer.service.sends.plan import SendPlan
from mailer.service.sends.run import load_edition


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOrder:
    """Who ordered a send by a form, and the form's token, which makes one send however often it is submitted.

    `undo_for`: the send starts so many seconds later, and can be undone until then.
    """

    by: str
    token: str
    undo_for: float = 0


def start_send(
    app: App,
    plan: SendPlan,
    *,
    at: float | None = None,
    confirmed: int | None = None,
    ordered: SendOrder | None = None,
) -> Send:
    """Freezes the edition, and the audience unless the send is scheduled (`at`, seconds since the epoch).

    `confirmed`: the number of recipients that a person confirmed; raises AudienceGrewError if more are found. `ordered`: at
    the desk; `serve` runs it. Raises NotApprovedError where MAILER_APPROVAL requires a second person.
    """
    require_approval(app, plan.edition.digest, by=ordered.by if ordered else "")
    if not at:
        _sync_lists(app, plan.audience.selection, plan.lists, by=BY_FILE)
    new = NewSend(
        edition=edition_record(plan.edition),
        lists=plan.lists,
        exclude=plan.exclude,
        where=plan.where,
        key_name=app.keys.names[0],
        sender_profile=app.sender_profile.to_json(),
        scheduled_at=at,
        repeat=plan.repeat,
        created_by=ordered.by if ordered else "",
        token=ordered.token if ordered else None,
        run_by_server=ordered is not None,
        undo_for=ordered.undo_for if ordered else 0,
        confirmed=confirmed,
        queue=app.settings.queue,
    )
    return app.ledger.creator.create(new, () if at else plan.audience)


def start_scheduled(app: App, send: Send, *, carried: bool = False) -> Send:
    """Starts a scheduled send whose time has come. Its audience, unless it is frozen, is that of the lists as they are now.

    `carried`: `serve` starts it, and runs it.
    """
    if send.is_frozen:
        return app.ledger.creator.start(send.id, planned_at=send.scheduled_at, carried=carried)
    edition = load_edition(app, send)
    selection = audience_spec(app, send.lists, exclude=send.exclude, where=send.where)
    _sync_lists(app, selection, send.lists, by=f"send {send.id}")
    audience = frozen_audience(app, selection, edition)
    return app.ledger.creator.start(send.id, audience, planned_at=send.scheduled_at, carried=carried)


def _sync_lists(app: App, selection: AudienceSpec, chosen: Sequence[str], *, by: str) -> None:
    """Syncs the lists of a selection. Raises UnclearColumnError if a chosen one has an unclear column."""
    plans = {name: sync_list(app, name, by=by, implicit=True) for name in lists_in(selection)}
    require_clear_columns(plans[name] for name in chosen)


def start_test(
    app: App,
    name: str,
    emails: Sequence[str],
    *,
    reader: str | None = None,
    made_up: bool = False,
    only_users: bool = False,
    ordered: SendOrder | None = None,
) -> Send:
    """Starts a send of kind `test` to `emails`: each with the fields of its own row of a list, or all with those of `reader`.

    Fields are read from the lists that the dispatch names, else from every list; if `made_up`, from none: `reader` has fields
    of a made-up reader, or else all fields are empty. `only_users`: `emails` must be addresses of users of the desk.
    `ordered`: at the desk; `serve` runs it.
    """
    addresses: dict[str, Address] = {}
    for address in map(parse_address, emails):
        addresses.setdefault(address.identity, address)
    if only_users:
        users = {parse_address(each.email).identity for each in app.ledger.users.all() if each.email}
        if not users.issuperset(addresses):
            raise UsageError(
                "These tests can only go to users of the desk.", "Ask an editor to send tests to other addresses."
            )
    checked = check_dispatch(app, name)
    edition = compile_checked(app, checked)
    lists = checked.dispatch.lists if checked.dispatch else ()
    fields: dict[str, Mapping[str, str]]
    if made_up:
        fields = dict.fromkeys(addresses, made_up_fields(reader, edition.fields)) if reader else {}
    elif reader:
        fields = dict.fromkeys(addresses, find_recipient(app, reader, lists, edition.fields).fields)
    else:
        known = find_recipients(app, addresses, lists, edition.fields)
        fields = {identity: row.fields for identity, row in known.items()}
    to = (Recipient(identity, address.envelope, fields.get(identity, {})) for identity, address in addresses.items())
    new = NewSend(
        kind=SendKind.TEST,
        edition=edition_record(edition),
        lists=(),
        key_name=app.keys.names[0],
        sender_profile=app.sender_profile.to_json(),
        repeat=Repeat.AGAIN,
        created_by=ordered.by if ordered else "",
        token=ordered.token if ordered else None,
        run_by_server=ordered is not None,
    )
    return app.ledger.creator.create(new, _deliveries(to, edition))


def _deliveries(recipients: Iterator[Recipient], edition: Edition) -> Iterator[Recipient]:
    wanted = edition.fields | {LIST_NAME}
    for each in recipients:
        fields = {name: value for name, value in each.fields.items() if name in wanted}
        yield Recipient(identity=each.identity, address=each.address, fields=fields, skip=each.skip)
