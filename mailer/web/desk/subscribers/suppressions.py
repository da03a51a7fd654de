"""Who must not be mailed: looked through, added by hand, taken back where that is an admin's to do."""

import re

from starlette.responses import Response

from mailer.addresses import mask_address, parse_address
from mailer.errors import UsageError
from mailer.ledger.privacy.pseudonyms import is_marker
from mailer.ledger.types.accounts import Role
from mailer.ledger.types.suppressions import SuppressionReason, UnsuppressStatus
from mailer.sanitize import clean
from mailer.web.desk.lists.overview import HERE, by
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_HERE = f"{HERE}:suppressions"
_PAGE = 50
_MOST = 1000  # addresses at a time


def _show(request: DeskRequest) -> Response:
    words, wanted = clean(request.query.get("q", "")).strip()[:100], request.query.get("reason", "")
    reason = SuppressionReason(wanted) if wanted in set(SuppressionReason) else None
    table = request.app.ledger.suppressions
    found = table.page(words, reason, after=clean(request.query.get("after", "")), limit=_PAGE + 1)
    return request.page(
        "suppressions",
        heading="Who must not be mailed",
        words=words,
        reason=reason,
        reasons=tuple(SuppressionReason),
        counts=table.count(),
        found=found[:_PAGE],
        next=found[_PAGE - 1].identity if len(found) > _PAGE else "",
        is_marker=is_marker,
    )


def _add(request: DeskRequest) -> Response:
    typed = [each for each in re.split(r"[\s,;]+", request.form.raw("emails")) if each]
    if not typed or len(typed) > _MOST:
        raise UsageError(f"Name 1 to {_MOST:,} addresses.", "One a line, or with commas between.")
    addresses = [parse_address(each) for each in typed]
    for address in addresses:
        request.app.ledger.suppressions.suppress(address.identity, SuppressionReason.BY_HAND, source=by(request))
    request.record("suppression.add", ", ".join(mask_address(each.display) for each in addresses))
    words = f"{addresses[0].display} is" if len(addresses) == 1 else f"{len(addresses):,} addresses are"
    return request.redirect(_HERE, f"{words} not mailed any more.")


def _remove(request: DeskRequest) -> Response:
    address = parse_address(request.form.text("email"))
    done = request.app.ledger.suppressions.unsuppress(address.identity, source=by(request))
    if done.outcome is UnsuppressStatus.REFUSED and done.suppression:
        raise UsageError(f"{address.display} is {done.suppression.reason}, which only that person can take back.")
    request.record("suppression.remove", mask_address(address.display))
    still = f"is still {done.suppression.reason}" if done.suppression else "may be mailed again"
    return request.redirect(_HERE, f"{address.display} {still}.")


ROUTES = (
    DeskRoute("GET", _HERE, Role.ADMIN, _show),
    DeskRoute("POST", _HERE, Role.ADMIN, _add),
    DeskRoute("POST", f"{_HERE}/remove", Role.ADMIN, _remove),
)
