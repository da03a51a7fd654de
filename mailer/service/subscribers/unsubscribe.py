"""Leaving, by the link in a letter: what it says, the person's no, and taking that back.

    read_link  what a token stands for; changes nothing
    leave      the no, at once, whatever was said before; idempotent
    take_back  the undo of one no, with the seal that the answer to it carried
    tell_why   why the person left, if they like to say, with that seal too

A seal is a token of Purpose.UNDO over a fingerprint of the delivery and of the instant of the no as the ledger has it.
Nothing is stored for it. It fits only while that very no is the last word: it is void once the person said no again (the
ledger renews the instant), was erased, complained or bounced. And only a no that began by such a link, at most UNDO_FOR
seconds ago, can be taken back at all, so that a forwarded letter brings nobody back who left long ago, or elsewhere. The
ledger compares the instant once more inside its transaction, so no other no can slip in between.

A token that nobody made, or whose delivery the ledger does not know, is None. All but `leave` block. Raises LedgerError.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from mailer.addresses import AddressError, parse_address
from mailer.app import App
from mailer.ledger.types.deliveries import Delivery
from mailer.ledger.types.subscribers import LeavingReason
from mailer.ledger.types.suppressions import Suppression, SuppressionReason, SuppressResult, UnsuppressStatus
from mailer.link_tokens import MAX_NUMBER, Purpose, is_inert
from mailer.sanitize import clean

UNDO_FOR = 3600.0  # seconds
_STEPS_BACK = 5.0  # seconds that a clock may have been set back since


class OptOutSource(StrEnum):
    """How a no was said; what the ledger's history shows."""

    ONE_CLICK = "one-click"  # a mail client's button, RFC 8058
    PAGE = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeLink:
    """What an unsubscribe link stands for. `masked` is the address as its owner knows it again, "" once erased."""

    inert: bool = False  # of a test message or the archive: nobody's
    masked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeResult:
    """The answer to a no. `seal` takes it back; "" when there is nothing to be taken back here."""

    link: UnsubscribeLink
    undo_token: str = ""


class UndoResult(StrEnum):
    """What taking back came to."""

    BACK = "back"  # nothing of the person's stands against mailing any more
    TOO_LATE = "too late"  # the seal is void, or another reason stands


def read_link(app: App, token: str) -> UnsubscribeLink | None:
    """What `token` stands for."""
    if is_inert(token):
        return UnsubscribeLink(inert=True)
    delivery = _delivery(app, token)
    return _link(delivery) if delivery else None


async def unsubscribe(app: App, token: str, source: OptOutSource = OptOutSource.PAGE) -> UnsubscribeResult | None:
    """Unsubscribe the person, from the whole installation. No thread waits for the commit, which all who leave now share."""
    if is_inert(token):
        return UnsubscribeResult(link=UnsubscribeLink(inert=True))
    number = app.keys.read(Purpose.UNSUBSCRIBE, token)
    if number is None:
        return None
    suppressed = await asyncio.wrap_future(app.ledger.suppressions.unsubscribe_delivery(number, source=source.value))
    if suppressed is None or suppressed.changed:  # nothing is read
        return _departure(app, number, suppressed)
    return await asyncio.to_thread(_departure, app, number, suppressed)


def _departure(app: App, number: int, suppressed: SuppressResult | None) -> UnsubscribeResult | None:
    if suppressed is None:
        return None
    standing = suppressed.suppression
    is_new = suppressed.changed or _is_new(app, standing)  # what it changed began with this very no
    seal = app.keys.issue(Purpose.UNDO, _fingerprint(number, standing.at)) if is_new else ""
    return UnsubscribeResult(link=UnsubscribeLink(masked=mask(suppressed.address)), undo_token=seal)


def undo(app: App, token: str, seal: str) -> UndoResult | None:
    """Undo the no that `seal` was the answer to. Done already, with a seal that is ours: it is done."""
    delivery = _delivery(app, token)
    if delivery is None:
        return None
    sealed = app.keys.read(Purpose.UNDO, seal)
    if sealed is None:
        return UndoResult.TOO_LATE
    standing = app.ledger.suppressions.get(delivery.identity)
    if standing is None:
        return UndoResult.BACK
    if sealed != _fingerprint(delivery.id, standing.at) or not _is_new(app, standing):
        return UndoResult.TOO_LATE
    lifted = app.ledger.suppressions.undo(delivery.identity, source=OptOutSource.PAGE.value, said_at=standing.at)
    return UndoResult.TOO_LATE if lifted.outcome is UnsuppressStatus.REFUSED else UndoResult.BACK


def record_reason(app: App, token: str, seal: str, reason: LeavingReason, words: str) -> bool | None:
    """Keep why the person said the no that `seal` was the answer to; the last word counts. False: the seal is void."""
    delivery = _delivery(app, token)
    if delivery is None:
        return None
    sealed = app.keys.read(Purpose.UNDO, seal)
    standing = app.ledger.suppressions.get(delivery.identity)
    if standing is None or sealed != _fingerprint(delivery.id, standing.at) or not _is_new(app, standing):
        return False
    said = "\n".join(clean(line).strip() for line in words.splitlines()).strip()
    app.ledger.preferences.give_reason(delivery.identity, standing.at, reason, said)
    return True


def mask(address: str) -> str:
    """`address` as only its owner knows it again, a…@example.com; "" for what is no address, such as an erased one."""
    try:
        local, _, domain = parse_address(address).display.rpartition("@")
    except AddressError:
        return ""
    return f"{local[0]}…@{domain}"


def _delivery(app: App, token: str) -> Delivery | None:
    number = app.keys.read(Purpose.UNSUBSCRIBE, token)
    return None if number is None else app.ledger.report.delivery(number)


def _link(delivery: Delivery) -> UnsubscribeLink:
    return UnsubscribeLink(masked=mask(delivery.address))


def _fingerprint(delivery_id: int, at: float) -> int:
    """A number for one no: 63 bits, which a token carries."""
    return int.from_bytes(sha256(f"{delivery_id} {at.hex()}".encode()).digest()[:8], "big") & MAX_NUMBER


def _is_new(app: App, standing: Suppression) -> bool:
    """Whether `standing` is a no that began by a link in a letter, so lately that it may be taken back."""
    if standing.reason is not SuppressionReason.UNSUBSCRIBED:
        return False
    began = app.ledger.suppressions.history(standing.identity)[-1]  # standing, so something began it
    return began.source in set(OptOutSource) and -_STEPS_BACK <= app.clock() - began.at <= UNDO_FOR
