"""Links to the preferences page of a subscriber, and the nonces of its forms.

There are two kinds of link. One is in every message, and people forward messages: whoever has it can only reduce what is sent.
The other is mailed to the subscriber alone, on request: it also shows all personal data, joins lists, changes fields and the
address, erases, and resubscribes a subscriber who has left. It rests on a random secret (mailer.link_tokens), is valid for
MAILED_LINK_FOR seconds, and is void once the address has changed. A nonce belongs to one page and expires after NONCE_FOR
seconds, so that a form that was open for a week changes nothing.
"""

from dataclasses import dataclass
from hashlib import sha256

from mailer.addresses import Address, mask_address, parse_address
from mailer.app import App
from mailer.ledger.privacy.pseudonyms import is_pseudonym
from mailer.link_tokens import MailedLink, Purpose, is_inert
from mailer.service.subscribers.reader_language import language_of_message, language_of_reader

BY_READER = "person"
MAILED_LINK_FOR = 48 * 3600.0  # seconds
NONCE_FOR = 12 * 3600
_STEPS_BACK = 5.0  # seconds that the clock may have been set back
_FINGERPRINT = 31  # low bits of a nonce, which identify its page; the high bits are its time


class LinkError(LookupError):
    """A link that is unknown, or of the kind that does not allow this."""


class ExpiredLinkError(LinkError):
    """A mailed link that is too old, or void because the address has changed. `language`: of its reader.

    `address`: where a new one can be mailed to; None if the address has changed, or is unknown.
    """

    def __init__(self, language: str, address: Address | None) -> None:
        super().__init__("the link is not valid any more")
        self.language = language
        self.address = address


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkHolder:
    """The subscriber whom a link belongs to. `mail_id`: the mail that carried it; `delivery_id`: the delivery whose message did.

    `address` is the present one. `shown`: the address as the page has it. The link of a message has that of the message, masked,
    so that somebody who has an old message learns no new address.
    `language` is that of the subscriber, or of the message; "": the publication's.
    """

    address: Address
    shown: str
    language: str
    mail_id: int | None = None
    delivery_id: int | None = None
    has_moved: bool = False  # the message was sent to a former address

    @property
    def is_mailed_link(self) -> bool:
        return self.mail_id is not None


def page_token(app: App, unsubscribe_token: str) -> str:
    """Returns the token of the preferences page for the holder of an unsubscribe link; "" for a test link.

    Also "" for a link that a retired key made, which only unsubscribes.
    """
    if is_inert(unsubscribe_token) or not app.keys.is_current(Purpose.UNSUBSCRIBE, unsubscribe_token):
        return ""
    number = app.keys.read(Purpose.UNSUBSCRIBE, unsubscribe_token)
    return "" if number is None else app.keys.issue(Purpose.PREFERENCES, number)


def issue_nonce(app: App, token: str) -> str:
    """Returns a nonce for a form on the page of `token`."""
    return app.keys.issue(Purpose.NONCE, int(app.clock()) << _FINGERPRINT | _fingerprint(token))


def is_valid_nonce(app: App, token: str, nonce: str) -> bool:
    """Whether `nonce` was issued for the page of `token` and has not expired."""
    number = app.keys.read(Purpose.NONCE, nonce)
    if number is None or number & (1 << _FINGERPRINT) - 1 != _fingerprint(token):
        return False
    return -_STEPS_BACK <= app.clock() - (number >> _FINGERPRINT) <= NONCE_FOR


def find_holder(app: App, token: str) -> LinkHolder | None:
    """Returns the holder of `token`; None for an invalid token or an erased subscriber. Raises ExpiredLinkError.

    The link in a message has the token that also unsubscribes.
    """
    mail = app.ledger.transactional.linked(app.keys.link_digest(MailedLink.PREFERENCES, token))
    if mail is not None:
        person = app.ledger.members.address_of(mail.identity)
        if mail.link_made_at is None or app.clock() > mail.link_made_at + MAILED_LINK_FOR:
            is_void = mail.link_made_at is None
            raise ExpiredLinkError(language_of_reader(app, mail.identity), None if is_void else person)
        if person is None:
            return None
        language = language_of_reader(app, person.identity)
        return LinkHolder(address=person, shown=person.display, language=language, mail_id=mail.id)
    number = app.keys.read(Purpose.PREFERENCES, page_token(app, token) or token)
    delivery = None if number is None else app.ledger.report.delivery(number)
    if number is None or delivery is None or is_pseudonym(delivery.identity):
        return None
    identity = app.ledger.suppressions.identities_of_delivery(number)[-1]
    moved_to = None if identity == delivery.identity else app.ledger.members.address_of(identity)
    return LinkHolder(
        address=moved_to or parse_address(delivery.address),
        shown=mask_address(delivery.address),
        language=language_of_message(app, delivery),
        delivery_id=number,
        has_moved=moved_to is not None,
    )


def require_holder(app: App, token: str, *, mailed: bool = False) -> LinkHolder:
    """Returns the holder of `token`; `mailed`: it must be the kind of link that was mailed to the reader alone.

    Raises LinkError.
    """
    holder = find_holder(app, token)
    if holder is None or (mailed and not holder.is_mailed_link):
        raise LinkError("no link to do this with")
    return holder


def _fingerprint(token: str) -> int:
    digest = sha256(token.lower().encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") >> 32 - _FINGERPRINT
