"""One subscriber on all lists: all that is known, editing rows, unsubscribing and erasing them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailer.addresses import Address, mask_address, parse_address
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.subscribers import Membership
from mailer.service.lists.member_edits import edit_member, editable_fields, remove_member
from mailer.service.subscribers.erasure import erase_subscriber
from mailer.service.subscribers.personal_data import SubscriberProfile, find_profile
from mailer.web.desk.lists.list_path import HERE, ONE, name_of, needs_review, redirect_to_sync, without_command
from mailer.web.desk.lists.members import typed_fields
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.request import DeskRequest, actor
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sealed_query import seal_query
from mailer.web.desk.status_labels import status_label
from mailer.web.desk.subscribers.timeline import timeline

_READER = f"{HERE}:reader"
_SHORT_FORM = 6  # fields


@dataclass(frozen=True, slots=True, kw_only=True)
class _RefusedRow:
    """The form of a row of `list` that was refused: what was typed, by field, and why. `is_blocked_by_file`: the file has
    other changes that a person must review first.
    """

    list: str
    typed: Mapping[str, str]
    problem: str
    is_blocked_by_file: bool = False


def _show(request: DeskRequest) -> Response:
    if "email" not in request.query:
        return request.redirect(HERE)
    return _page(request, parse_address(request.query["email"]))


def _page(request: DeskRequest, address: Address, refused: _RefusedRow | None = None) -> Response:
    profile = find_profile(request.app, address, read_files=False)
    request.record_look("reader.show", mask_address(address.display), reader=address.identity)
    members = {each.list: each for each in request.app.ledger.members.of(address.identity)}
    known = request.app.workspace.list_names()
    fields = {each.list: editable_fields(request.app, each.list) for each in profile.lists if each.list in known}
    return request.page(
        "reader",
        status=422 if refused else 200,
        refused=refused,
        heading=profile.display,
        profile=profile,
        can_undo=request.app.ledger.suppressions.is_liftable_by(address.identity, actor(request)),
        is_on=[each for each in profile.lists if each.status != "removed"],
        members=members,
        fields=fields,
        folded={
            name: [] if refused and refused.list == name else _folded(fields[name], members.get(name))
            for name in fields
        },
        timeline=timeline(profile),
    )


def _folded(fields: Sequence[str], member: Membership | None) -> list[str]:
    """Returns the empty fields of a form with many fields: they are folded away."""
    if member is None or len(fields) <= _SHORT_FORM:
        return []
    empty = [field for field in fields if not member.fields.get(field) and field not in member.profile]
    return empty if len(empty) > 1 else []


def _edit(request: DeskRequest) -> Response:
    name, address = name_of(request), _address(request)
    try:
        edit_member(request.app, name, address.identity, typed_fields(request), by=actor(request))
    except (UsageError, NeedsConfirmationError) as error:
        refused = _RefusedRow(
            list=name,
            typed=typed_fields(request),
            problem=" ".join(filter(None, describe_error(without_command(error)))),
            is_blocked_by_file=needs_review(error),
        )
        return _page(request, address, refused)
    request.record("reader.edit", name, mask_address(address.display))
    return request.redirect(_path_of(request, address), f"Saved in the list {name}.")


def _remove(request: DeskRequest) -> Response:
    name, address = name_of(request), _address(request)
    try:
        remove_member(request.app, name, address.identity, by=actor(request))
    except NeedsConfirmationError as error:
        return redirect_to_sync(request, name, error)
    request.record("reader.remove", name, mask_address(address.display))
    message = f"{address.display} is removed from {name}. You can undo this on the History page of the list."
    return request.redirect(_path_of(request, address), message)


def _unsubscribe(request: DeskRequest) -> Response:
    address = _address(request)
    done = request.app.ledger.suppressions.unsubscribe(address.identity, source=actor(request), entered=True)
    request.record("reader.unsubscribe", mask_address(address.display))
    stopped = f" {done.skipped} message{'s' if done.skipped > 1 else ''} will not be sent." if done.skipped else ""
    reason = status_label(done.suppression.reason).lower()
    words = "is unsubscribed from all lists." if done.changed else f"already had the status “{reason}”."
    return request.redirect(_path_of(request, address), f"{address.display} {words}{stopped}")


def _confirm_erase(request: DeskRequest) -> Response:
    profile = find_profile(request.app, parse_address(request.query.get("email", "")), read_files=False)
    return request.page("erase", heading=f"Erase {profile.display}?", profile=profile, rows=_rows(profile))


def _erase(request: DeskRequest) -> Response:
    address, typed = _address(request), request.form.text("typed")
    if not typed or parse_address(typed).identity != address.identity:
        raise UsageError(
            "Nothing was erased: the address does not match.", f"To confirm, go back and type {address.display}."
        )
    done = erase_subscriber(request.app, address.identity, by=actor(request))
    request.record("reader.erase", mask_address(address.display), f"{done.erased.deliveries} deliveries")
    files = ", ".join(f"{name}.csv" for name in done.removed_from)
    rows = f" The row in {files} is deleted." if done.removed_from else ""
    left = "".join(f" The row in {name}.csv was not deleted: {error}" for name, error in done.failed.items())
    return request.redirect(HERE, f"The reader is erased.{rows}{left}", bad=bool(left))


def _rows(profile: SubscriberProfile) -> list[str]:
    return [each.list for each in profile.lists if each.line]


def _address(request: DeskRequest) -> Address:
    return parse_address(request.form.text("email"))


def _path_of(request: DeskRequest, address: Address) -> str:
    return f"{_READER}?{seal_query(request.app.keys, email=address.display)}"


ROUTES = (
    DeskRoute("GET", _READER, Role.ADMIN, _show),
    DeskRoute("POST", f"{ONE}/members/edit", Role.ADMIN, _edit),
    DeskRoute("POST", f"{ONE}/members/remove", Role.ADMIN, _remove),
    DeskRoute("POST", f"{_READER}/unsubscribe", Role.ADMIN, _unsubscribe),
    DeskRoute("GET", f"{_READER}/erase", Role.ADMIN, _confirm_erase),
    DeskRoute("POST", f"{_READER}/erase", Role.ADMIN, _erase),
)
