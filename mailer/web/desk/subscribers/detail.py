"""One subscriber on all lists: everything that is known of them, editing their rows, unsubscribing and erasing them."""

from urllib.parse import quote

from starlette.responses import Response

from mailer.addresses import Address, mask_address, parse_address
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.types.accounts import Role
from mailer.service.lists.members import edit_member, editable_fields, erase_subscriber, remove_member
from mailer.service.subscribers.profile import SubscriberProfile, find_profile
from mailer.web.desk.lists.members import typed_fields
from mailer.web.desk.lists.overview import HERE, ONE, actor, name_of, redirect_to_sync
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.subscribers.timeline import timeline

_READER = f"{HERE}:reader"


def _show(request: DeskRequest) -> Response:
    address = parse_address(request.query.get("email", ""))
    profile = find_profile(request.app, address, read_files=False)
    request.record_look("reader.show", mask_address(address.display))
    members = {each.list: each for each in request.app.ledger.members.of(address.identity)}
    known = request.app.workspace.list_names()
    fields = {each.list: editable_fields(request.app, each.list) for each in profile.lists if each.list in known}
    return request.page(
        "reader",
        heading=profile.display,
        profile=profile,
        is_on=[each for each in profile.lists if each.status != "removed"],
        members=members,
        fields=fields,
        timeline=timeline(profile),
    )


def _edit(request: DeskRequest) -> Response:
    name, address = name_of(request), _address(request)
    try:
        edit_member(request.app, name, address.identity, typed_fields(request), by=actor(request))
    except NeedsConfirmationError as error:
        return redirect_to_sync(request, name, error)
    request.record("reader.edit", name, mask_address(address.display))
    return request.redirect(_path_of(address), f"Changed in {name}.csv.")


def _remove(request: DeskRequest) -> Response:
    name, address = name_of(request), _address(request)
    try:
        remove_member(request.app, name, address.identity, by=actor(request))
    except NeedsConfirmationError as error:
        return redirect_to_sync(request, name, error)
    request.record("reader.remove", name, mask_address(address.display))
    return request.redirect(_path_of(address), f"Taken out of {name}.csv. The list’s history can bring the row back.")


def _unsubscribe(request: DeskRequest) -> Response:
    address = _address(request)
    done = request.app.ledger.suppressions.unsubscribe(address.identity, source=actor(request))
    request.record("reader.unsubscribe", mask_address(address.display))
    under_way = f" {done.skipped} under way will not go out." if done.skipped else ""
    words = "is unsubscribed from everything." if done.changed else f"was {done.suppression.reason} already."
    return request.redirect(_path_of(address), f"{address.display} {words}{under_way}")


def _confirm_erase(request: DeskRequest) -> Response:
    profile = find_profile(request.app, parse_address(request.query.get("email", "")), read_files=False)
    return request.page("erase", heading=f"Erase {profile.display}?", profile=profile, rows=_rows(profile))


def _erase(request: DeskRequest) -> Response:
    address, typed = _address(request), request.form.text("typed")
    if not typed or parse_address(typed).identity != address.identity:
        raise UsageError(
            "Nothing was erased: what you typed is another address.", f"Go back, and type {address.display} to say so."
        )
    done = erase_subscriber(request.app, address.identity, by=actor(request))
    request.record("reader.erase", mask_address(address.display), f"{done.erased.deliveries} deliveries")
    rows = f" Their rows are out of {', '.join(done.removed_from)}." if done.removed_from else ""
    left = "".join(f" Their row is still in {name}.csv: {error}" for name, error in done.failed.items())
    return request.redirect(HERE, f"Erased, for good.{rows}{left}", bad=bool(left))


def _rows(profile: SubscriberProfile) -> list[str]:
    return [each.list for each in profile.lists if each.line]


def _address(request: DeskRequest) -> Address:
    return parse_address(request.form.text("email"))


def _path_of(address: Address) -> str:
    return f"{_READER}?email={quote(address.display)}"


ROUTES = (
    DeskRoute("GET", _READER, Role.ADMIN, _show),
    DeskRoute("POST", f"{ONE}/members/edit", Role.ADMIN, _edit),
    DeskRoute("POST", f"{ONE}/members/remove", Role.ADMIN, _remove),
    DeskRoute("POST", f"{_READER}/unsubscribe", Role.ADMIN, _unsubscribe),
    DeskRoute("GET", f"{_READER}/erase", Role.ADMIN, _confirm_erase),
    DeskRoute("POST", f"{_READER}/erase", Role.ADMIN, _erase),
)
