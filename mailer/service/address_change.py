"""Changing a reader's address: asked for on the preferences page, confirmed by a link that is mailed to the new address.

A token that nobody made, or whose request has expired, gives None. Blocking; raises LedgerError.
"""

from dataclasses import dataclass

from mailer.audience.address import Address
from mailer.audience.token import Purpose
from mailer.ledger.wishes import Move
from mailer.service.leaving import mask
from mailer.service.newsroom import Newsroom
from mailer.service.preferences_link import BY_READER, require_holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """A requested change of address. `masked` is the new address; `move` is the change, once confirmed."""

    masked: str
    move: Move | None = None


def ask_address(newsroom: Newsroom, token: str, new: Address) -> None:
    """Has a confirmation mailed to `new`. The page does not reveal whether that address is known."""
    holder = require_holder(newsroom, token, mailed=True)
    newsroom.ledger.wishes.ask_address(holder.number, new)


def read_move(newsroom: Newsroom, token: str) -> Moving | None:
    """Returns the change that the link in a confirmation is for; changes nothing."""
    number = newsroom.keys.read(Purpose.ADDRESS, token)
    letter = None if number is None else newsroom.ledger.wishes.asked_address(number)
    return None if letter is None else Moving(masked=mask(letter.address))


def confirm_move(newsroom: Newsroom, token: str) -> Moving | None:
    """Changes the address, as confirmed by the link in the mail to the new one."""
    number = newsroom.keys.read(Purpose.ADDRESS, token)
    asked = read_move(newsroom, token)
    if number is None or asked is None:
        return None
    return Moving(masked=asked.masked, move=newsroom.ledger.wishes.move(number, source=BY_READER))
