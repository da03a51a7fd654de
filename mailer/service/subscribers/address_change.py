"""Changes a subscriber's address: requested on the preferences page, confirmed by a link that is mailed to the new address.

An invalid token, or one whose request has expired, gives None. Blocking; raises LedgerError.
"""

from dataclasses import dataclass

from mailer.addresses import Address, mask_address
from mailer.app import App
from mailer.ledger.subscribers.preferences import AddressChange
from mailer.link_tokens import Purpose
from mailer.service.subscribers.preferences_link import BY_READER, require_holder


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChangeRequest:
    """A requested change of address. `masked` is the new address; `change` is its result, once confirmed."""

    masked: str
    change: AddressChange | None = None


def request_address_change(app: App, token: str, new: Address) -> None:
    """Has a confirmation mailed to `new`. The page does not reveal whether that address is known."""
    holder = require_holder(app, token, mailed=True)
    app.ledger.preferences.request_address_change(holder.number, new)


def read_address_change(app: App, token: str) -> AddressChangeRequest | None:
    """Returns the change that the link in a confirmation is for; changes nothing."""
    number = app.keys.read(Purpose.ADDRESS, token)
    asked = None if number is None else app.ledger.preferences.asked_address(number)
    return None if asked is None else AddressChangeRequest(masked=mask_address(asked.address))


def confirm_address_change(app: App, token: str) -> AddressChangeRequest | None:
    """Changes the address, as confirmed by the link in the mail to the new one."""
    number = app.keys.read(Purpose.ADDRESS, token)
    request = read_address_change(app, token)
    if number is None or request is None:
        return None
    return AddressChangeRequest(masked=request.masked, change=app.ledger.preferences.move(number, source=BY_READER))
