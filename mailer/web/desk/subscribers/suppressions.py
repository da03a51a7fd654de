"""The suppression list: search, adding addresses by hand, and removing suppressions that an admin may remove."""

import re

from starlette.responses import Response

from mailer.addresses import Address, mask_address, parse_address
from mailer.errors import UsageError
from mailer.ledger.privacy.pseudonyms import is_pseudonym
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.suppressions import SuppressionReason, UnsuppressStatus
from mailer.line_sanitizer import clean_line
from mailer.web.desk.lists.list_path import HERE
from mailer.web.desk.request import DeskRequest, actor
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.status_labels import status_label

_HERE = f"{HERE}:suppressions"
_PAGE_SIZE = 50
_MAX_ADDRESSES = 1000  # addresses at a time


def _show(request: DeskRequest) -> Response:
    return _page(request)


def _page(request: DeskRequest, typed: str = "", problems: tuple[str, ...] = ()) -> Response:
    """Shows the list, and the form with what was `typed`; `problems`: what is wrong with it."""
    words, wanted = clean_line(request.query.get("q", "")).strip()[:100], request.query.get("reason", "")
    reason = SuppressionReason(wanted) if wanted in set(SuppressionReason) else None
    suppressions = request.app.ledger.suppressions
    found = suppressions.page(words, reason, after=clean_line(request.query.get("after", "")), limit=_PAGE_SIZE + 1)
    return request.page(
        "suppressions",
        status=422 if problems else 200,
        typed=typed,
        problems=problems,
        heading="Suppression list",
        words=words,
        reason=reason,
        reasons=tuple(SuppressionReason),
        counts=suppressions.count(),
        found=found[:_PAGE_SIZE],
        next=found[_PAGE_SIZE - 1].identity if len(found) > _PAGE_SIZE else "",
        is_marker=is_pseudonym,
        can_remove=lambda each: suppressions.is_liftable_by(each.identity, actor(request)),
    )


def _add(request: DeskRequest) -> Response:
    typed = request.form.raw("emails")
    words = [each for each in re.split(r"[\s,;]+", typed) if each]
    if not words or len(words) > _MAX_ADDRESSES:
        return _page(request, typed, (f"Enter 1 to {_MAX_ADDRESSES:,} addresses, one per line.",))
    addresses: list[Address] = []
    problems: list[str] = []
    for word in words:
        try:
            addresses.append(parse_address(word))
        except UsageError as error:
            problems.append(error.message)
    if problems:
        return _page(request, typed, tuple(problems))
    for address in addresses:
        request.app.ledger.suppressions.suppress(address.identity, SuppressionReason.BY_HAND, source=actor(request))
    request.record("suppression.add", ", ".join(mask_address(each.display) for each in addresses))
    who = f"{addresses[0].display} gets" if len(addresses) == 1 else f"{len(addresses):,} addresses get"
    return request.redirect(_HERE, f"{who} no more mail.")


def _remove(request: DeskRequest) -> Response:
    address = parse_address(request.form.text("email"))
    done = request.app.ledger.suppressions.unsuppress(address.identity, source=actor(request), also_entered=True)
    if done.outcome is UnsuppressStatus.REFUSED and done.suppression:
        reason = status_label(done.suppression.reason).lower()
        raise UsageError(
            f"{address.display} was not removed: the status is “{reason}”.",
            "Only the person can undo their own opt-out.",
        )
    request.record("suppression.remove", mask_address(address.display))
    if done.suppression:
        reason = status_label(done.suppression.reason).lower()
        return request.redirect(_HERE, f"{address.display} still gets no mail: the status is “{reason}”.")
    return request.redirect(_HERE, f"{address.display} gets mail again.")


ROUTES = (
    DeskRoute("GET", _HERE, Role.ADMIN, _show),
    DeskRoute("POST", _HERE, Role.ADMIN, _add),
    DeskRoute("POST", f"{_HERE}/remove", Role.ADMIN, _remove),
)
