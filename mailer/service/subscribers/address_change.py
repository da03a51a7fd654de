"""Changes a subscriber's address: requested on the preferences page, confirmed by a link that is mailed to the new address.

The old address gets a mail with a link that takes the change back. Both links lead to the same functions. An invalid token, or
one whose mail was purged, gives None. Blocking; raises LedgerError.
"""

from dataclasses import dataclass

from mailer.addresses import Address, mask_address
from mailer.app import App
from mailer.ledger.subscribers.address_changes import AddressChange
from mailer.ledger.subscribers.transactional import QueuedMail
from mailer.link_tokens import MailedLink
from mailer.service.subscribers.preferences_link import BY_READER, require_holder


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChangeRequest:
    """A requested change of address, or its undoing. `masked` is the address that gets the mail afterwards.

    `change` is its result, once confirmed.
    """

    masked: str
    is_undo: bool
    change: AddressChange | None = None


def request_address_change(app: App, token: str, new: Address) -> None:
    """Has a confirmation mailed to `new`. The page does not reveal whether that address is known."""
    holder = require_holder(app, token, mailed=True)
    if holder.mail_id is not None:
        app.ledger.address_changes.request(holder.mail_id, new)


def read_address_change(app: App, token: str) -> AddressChangeRequest | None:
    """Returns the change, or the undoing, that a link is for; changes nothing."""
    found = _linked_mail(app, token)
    return None if found is None else AddressChangeRequest(masked=mask_address(found[0].address), is_undo=found[1])


def confirm_address_change(app: App, token: str) -> AddressChangeRequest | None:
    """Changes the address, as confirmed by the link in the mail to the new one, or takes a change back by that to the old one."""
    found = _linked_mail(app, token)
    if found is None:
        return None
    mail, is_undo = found
    act = app.ledger.address_changes.undo if is_undo else app.ledger.address_changes.confirm
    change = act(mail.id, source=BY_READER)
    return AddressChangeRequest(masked=mask_address(mail.address), is_undo=is_undo, change=change)


def _linked_mail(app: App, token: str) -> tuple[QueuedMail, bool] | None:
    """Returns the mail of a link, and whether the link takes a change back."""
    for link in (MailedLink.ADDRESS, MailedLink.UNDO_MOVE):
        if mail := app.ledger.transactional.linked(app.keys.link_digest(link, token)):
            return mail, link is MailedLink.UNDO_MOVE
    return None
