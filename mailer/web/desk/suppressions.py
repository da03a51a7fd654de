"""Who must not be mailed: looked through, added by hand, taken back where that is an admin's to do."""

import re

from starlette.responses import Response

from mailer.audience.address import parse_address
from mailer.errors import UsageError
from mailer.ledger.pseudonyms import is_marker
from mailer.ledger.types_accounts import Role
from mailer.ledger.types_suppressions import Lifting, SuppressionReason
from mailer.sanitize import clean
from mailer.service.leaving import mask
from mailer.web.desk.lists import HERE, by
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.visit import Visit

_HERE = f"{HERE}:suppressions"
_PAGE = 50
_MOST = 1000  # addresses at a time


def _show(visit: Visit) -> Response:
    words, wanted = clean(visit.query.get("q", "")).strip()[:100], visit.query.get("reason", "")
    reason = SuppressionReason(wanted) if wanted in set(SuppressionReason) else None
    table = visit.newsroom.ledger.suppressions
    found = table.page(words, reason, after=clean(visit.query.get("after", "")), limit=_PAGE + 1)
    return visit.page(
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


def _add(visit: Visit) -> Response:
    typed = [each for each in re.split(r"[\s,;]+", visit.form.raw("emails")) if each]
    if not typed or len(typed) > _MOST:
        raise UsageError(f"Name 1 to {_MOST:,} addresses.", "One a line, or with commas between.")
    addresses = [parse_address(each) for each in typed]
    for address in addresses:
        visit.newsroom.ledger.suppressions.suppress(address.identity, SuppressionReason.BY_HAND, source=by(visit))
    visit.record("suppression.add", ", ".join(mask(each.display) for each in addresses))
    words = f"{addresses[0].display} is" if len(addresses) == 1 else f"{len(addresses):,} addresses are"
    return visit.go(_HERE, f"{words} not mailed any more.")


def _remove(visit: Visit) -> Response:
    address = parse_address(visit.form.text("email"))
    done = visit.newsroom.ledger.suppressions.lift(address.identity, source=by(visit))
    if done.outcome is Lifting.REFUSED and done.suppression:
        raise UsageError(f"{address.display} is {done.suppression.reason}, which only that person can take back.")
    visit.record("suppression.remove", mask(address.display))
    still = f"is still {done.suppression.reason}" if done.suppression else "may be mailed again"
    return visit.go(_HERE, f"{address.display} {still}.")


ROUTES = (
    DeskRoute("GET", _HERE, Role.ADMIN, _show),
    DeskRoute("POST", _HERE, Role.ADMIN, _add),
    DeskRoute("POST", f"{_HERE}/remove", Role.ADMIN, _remove),
)
