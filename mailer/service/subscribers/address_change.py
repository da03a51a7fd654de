"""Changes a subscriber's address: requested on the preferences page, confirmed by a link that is mailed to the new address.

The old address gets a mail with a link that takes the change back. Both links lead to the same functions. An invalid token, or
one whose mail was purged, gives None. Blocking; raises LedgerError.
"""

from dataclasses import dataclass

from mailer.addresses import Address, parse_address
from mailer.app import App
from mailer.ledger.subscribers.address_changes import AddressChange, is_done
from mailer.ledger.subscribers.transactional_mail_queue import QueuedMail
from mailer.link_tokens import MailedLink
from mailer.service.subscribers.preferences_link import BY_READER, require_holder
from mailer.service.subscribers.reader_language import language_of_mail


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChangeRequest:
    """A requested change of address, or its undoing. `address` gets the newsletters afterwards: the link was mailed to it alone.

    `is_done`: the link was used before; `change` is the result of using it now, or what it would be. `language` is the reader's.
    """

    address: str
    language: str
    is_undo: bool
    is_done: bool = False
    change: AddressChange


def request_address_change(app: App, token: str, new: Address) -> bool:
    """Has a confirmation mailed to `new`. Returns False if `new` is the present address.

    The page does not reveal whether another address is known.
    """
    holder = require_holder(app, token, mailed=True)
    if holder.address.identity == new.identity:
        return False
    if holder.mail_id is not None:
        app.ledger.address_changes.request(holder.mail_id, new)
    return True


def read_address_change(app: App, token: str) -> AddressChangeRequest | None:
    """Returns the change, or the undoing, that a link is for; changes nothing."""
    found = _linked_mail(app, token)
    return None if found is None else _request(app, *found, app.ledger.address_changes.outlook(found[0].id))


def confirm_address_change(app: App, token: str) -> AddressChangeRequest | None:
    """Changes the address, as confirmed by the link in the mail to the new one, or takes a change back by that to the old one."""
    found = _linked_mail(app, token)
    if found is None:
        return None
    mail, is_undo = found
    act = app.ledger.address_changes.undo if is_undo else app.ledger.address_changes.confirm
    return _request(app, mail, is_undo, act(mail.id, source=BY_READER))


def _request(app: App, mail: QueuedMail, is_undo: bool, change: AddressChange) -> AddressChangeRequest:
    return AddressChangeRequest(
        address=parse_address(mail.address).display,
        language=language_of_mail(app, mail),
        is_undo=is_undo,
        is_done=is_done(mail),
        change=change,
    )


def _linked_mail(app: App, token: str) -> tuple[QueuedMail, bool] | None:
    """Returns the mail of a link, and whether the link takes a change back."""
    for link in (MailedLink.ADDRESS, MailedLink.UNDO_MOVE):
        if mail := app.ledger.transactional.linked(app.keys.link_digest(link, token)):
            return mail, link is MailedLink.UNDO_MOVE
    return None
