"""Unsubscribing by the link in a message, and undoing it.

    read_unsubscribe_link      the delivery that a token belongs to; changes nothing
    unsubscribe                unsubscribes at once, from everything; idempotent
    undo_unsubscribe           undoes one opt-out, with the undo token of its answer
    record_reason              records why the subscriber left, with that token, too

An undo token is a token of Purpose.UNDO over a fingerprint of the delivery and of the instant of the opt-out in the ledger.
Nothing is stored for it. Only the answer to the request that unsubscribed somebody contains one: a later request finds them
unsubscribed and gets none, so that somebody with a forwarded message can undo nobody's opt-out but the one that they made
themselves. The token is valid for UNDO_FOR seconds, and only while that opt-out is the latest: not after another opt-out (which
renews the instant), an erasure, a complaint or a bounce. The ledger compares the instant again inside its transaction, so that
no other opt-out can come in between.

An opt-out, and its undo, include the addresses that the subscriber has taken since the message.

An invalid token, or one whose delivery the ledger does not have, gives None. All functions but `unsubscribe` block. Raises
LedgerError.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from mailer.addresses import mask_address
from mailer.app import App
from mailer.audience.list_settings import public_lists
from mailer.csv.rows import Status
from mailer.ledger.types.deliveries import Delivery
from mailer.ledger.types.subscribers import LeavingReason, Membership, StatusSource
from mailer.ledger.types.suppressions import Suppression, SuppressionReason, SuppressResult, UnsuppressStatus
from mailer.line_sanitizer import clean_line
from mailer.link_tokens import MAX_NUMBER, Purpose, is_inert
from mailer.service.subscribers.reader_language import language_of_message

UNDO_FOR = 3600.0  # seconds
_STEPS_BACK = 5.0  # seconds that a clock may have been set back since


class OptOutSource(StrEnum):
    """How somebody opted out, as recorded in the ledger's history."""

    ONE_CLICK = "one-click"  # a mail client's button, RFC 8058
    PAGE = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeLink:
    """The subscriber that an unsubscribe link is for. `language` is the message's.

    `masked`: the masked address that the message was sent to, "" once erased.
    `is_unsubscribed`: the subscriber opted out already, or has left each of their lists.
    `paused_until`: the end of a pause that the subscriber set. `has_several_lists`: so they can leave some only; public ones.
    """

    inert: bool = False  # of a test message or the archive
    masked: str = ""
    language: str = ""
    is_unsubscribed: bool = False
    paused_until: float | None = None
    has_several_lists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeResult:
    """The result of an opt-out. `undo_token` undoes it; "" if the subscriber was unsubscribed already."""

    link: UnsubscribeLink
    undo_token: str = ""


class UndoResult(StrEnum):
    """The result of an undo."""

    BACK = "back"  # no opt-out is active any more
    TOO_LATE = "too late"  # the undo token is invalid, or another suppression is active


def read_unsubscribe_link(app: App, token: str) -> UnsubscribeLink | None:
    """Returns the subscriber that `token` is for."""
    if is_inert(token):
        return UnsubscribeLink(inert=True)
    delivery = _delivery(app, token)
    if delivery is None:
        return None
    identities = app.ledger.suppressions.identities_of_delivery(delivery.id)
    memberships = _memberships(app, identities)
    return UnsubscribeLink(
        masked=mask_address(delivery.address),
        language=language_of_message(app, delivery),
        is_unsubscribed=_has_left(memberships) or all(_has_opted_out(app, identity) for identity in identities),
        paused_until=paused_until(memberships, app.clock()),
        has_several_lists=_has_several_lists(app, memberships),
    )


def _memberships(app: App, identities: Iterable[str]) -> list[Membership]:
    """Returns the memberships of a subscriber under each of their addresses."""
    return [each for identity in identities for each in app.ledger.members.of(identity)]


def _has_opted_out(app: App, identity: str) -> bool:
    suppression = app.ledger.suppressions.get(identity)
    return suppression is not None and suppression.reason.is_by_recipient


def _has_several_lists(app: App, memberships: Iterable[Membership]) -> bool:
    """Returns whether more than one public list mails the subscriber."""
    mailed = {each.list for each in memberships if each.is_mailed}
    public = public_lists(app.workspace.subscribers, app.workspace.list_names(), skip_invalid=True)
    return len(mailed & {each.name for each in public}) > 1


def _has_left(memberships: Iterable[Membership]) -> bool:
    """Returns whether the subscriber has unsubscribed from each list that they were on."""
    present = [each.status for each in memberships if each.removed_at is None]
    return bool(present) and all(each is Status.UNSUBSCRIBED for each in present)


def paused_until(memberships: Iterable[Membership], now: float) -> float | None:
    """Returns when the last pause that the subscriber set on one of these lists ends; None without one."""
    ends = [
        each.paused_until
        for each in memberships
        if each.removed_at is None
        and each.status_source is StatusSource.PERSON
        and each.effective_status(now) is Status.PAUSED
    ]
    return max((end for end in ends if end is not None), default=None)


async def unsubscribe(app: App, token: str, source: OptOutSource = OptOutSource.PAGE) -> UnsubscribeResult | None:
    """Unsubscribes the subscriber of `token` from everything. It waits for the commit on the event loop, without a thread."""
    if is_inert(token):
        return UnsubscribeResult(link=UnsubscribeLink(inert=True))
    number = app.keys.read(Purpose.UNSUBSCRIBE, token)
    if number is None:
        return None
    suppressed = await asyncio.wrap_future(app.ledger.suppressions.unsubscribe_delivery(number, source=source.value))
    if suppressed is None:
        return None
    if suppressed.changed and source is OptOutSource.ONE_CLICK:  # no database read, so no thread: nobody sees this page
        return _result(app, number, suppressed, language="")
    return await asyncio.to_thread(_read_result, app, number, suppressed)


def _read_result(app: App, number: int, suppressed: SuppressResult) -> UnsubscribeResult:
    delivery = app.ledger.report.delivery(number)
    language = language_of_message(app, delivery) if delivery else ""
    memberships = _memberships(app, app.ledger.suppressions.identities_of_delivery(number))
    has_several = _has_several_lists(app, memberships)
    return _result(app, number, suppressed, language=language, has_several_lists=has_several)


def _result(
    app: App, number: int, suppressed: SuppressResult, *, language: str, has_several_lists: bool = False
) -> UnsubscribeResult:
    """Returns the result of an opt-out, with an undo token if it changed anything."""
    fingerprint = _fingerprint(number, suppressed.suppression.at)
    undo_token = app.keys.issue(Purpose.UNDO, fingerprint) if suppressed.changed else ""
    masked = mask_address(suppressed.address)
    link = UnsubscribeLink(masked=masked, language=language, has_several_lists=has_several_lists)
    return UnsubscribeResult(link=link, undo_token=undo_token)


def undo_unsubscribe(app: App, token: str, undo_token: str) -> UndoResult | None:
    """Undoes the opt-out that `undo_token` belongs to. Idempotent."""
    delivery = _delivery(app, token)
    if delivery is None:
        return None
    fingerprint = app.keys.read(Purpose.UNDO, undo_token)
    if fingerprint is None:
        return UndoResult.TOO_LATE
    active = _suppressions(app, delivery)
    if not active:
        return UndoResult.BACK
    of_this_opt_out = [each for each in active if _is_of(app, each, delivery, fingerprint)]
    results = [
        app.ledger.suppressions.undo(each.identity, source=OptOutSource.PAGE.value, said_at=each.at).outcome
        for each in of_this_opt_out
    ]
    return UndoResult.TOO_LATE if not results or UnsuppressStatus.REFUSED in results else UndoResult.BACK


def is_undo_token(app: App, token: str, undo_token: str) -> bool:
    """Returns whether `undo_token` still undoes the opt-out that it belongs to."""
    delivery, fingerprint = _delivery(app, token), app.keys.read(Purpose.UNDO, undo_token)
    return delivery is not None and any(
        _is_of(app, each, delivery, fingerprint) for each in _suppressions(app, delivery)
    )


def record_reason(app: App, token: str, undo_token: str, reason: LeavingReason, words: str) -> bool | None:
    """Records the reason for the opt-out that `undo_token` belongs to; the latest counts. False: the token is no longer valid."""
    delivery = _delivery(app, token)
    if delivery is None:
        return None
    fingerprint = app.keys.read(Purpose.UNDO, undo_token)
    of_this_opt_out = [each for each in _suppressions(app, delivery) if _is_of(app, each, delivery, fingerprint)]
    if not of_this_opt_out:
        return False
    text = "\n".join(clean_line(line).strip() for line in words.splitlines()).strip()
    latest = of_this_opt_out[-1]  # the present address, so that one subscriber counts once
    app.ledger.leaving_reasons.record(latest.identity, latest.at, reason, text)
    return True


def _suppressions(app: App, delivery: Delivery) -> list[Suppression]:
    """Returns the active suppressions of the recipient, and of the addresses that they have taken since."""
    identities = app.ledger.suppressions.identities_of_delivery(delivery.id)
    return [found for identity in identities if (found := app.ledger.suppressions.get(identity)) is not None]


def _is_of(app: App, suppression: Suppression, delivery: Delivery, fingerprint: int | None) -> bool:
    """Returns whether `suppression` is the opt-out with this fingerprint, recent enough to be undone."""
    return fingerprint == _fingerprint(delivery.id, suppression.at) and _is_new(app, suppression)


def _delivery(app: App, token: str) -> Delivery | None:
    number = app.keys.read(Purpose.UNSUBSCRIBE, token)
    return None if number is None else app.ledger.report.delivery(number)


def _fingerprint(delivery_id: int, at: float) -> int:
    """Returns a number of 63 bits, which fits into a token, for one opt-out of a delivery."""
    return int.from_bytes(sha256(f"{delivery_id} {at.hex()}".encode()).digest()[:8], "big") & MAX_NUMBER


def _is_new(app: App, suppression: Suppression) -> bool:
    """Returns whether `suppression` is an opt-out by a link in a message, recent enough to be undone."""
    if suppression.reason is not SuppressionReason.UNSUBSCRIBED:
        return False
    began = app.ledger.suppressions.history(suppression.identity)[-1]  # active, so there is a history
    is_by_link = began.source in set(OptOutSource) and began.at == suppression.at  # not renewed since
    return is_by_link and -_STEPS_BACK <= app.clock() - began.at <= UNDO_FOR
