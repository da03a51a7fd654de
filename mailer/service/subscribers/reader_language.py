"""The language in which the program writes to one reader: on their pages, and in their transactional mail.

    language_of_reader(app, identity)       that of their lists
    language_of_mail(app, mail)             the same, for a transactional mail
    language_of_message(app, delivery)      that of the issue whose link they opened

They return "" for the publication's language. Settings of a list that cannot be read do not count, so that a mistake there keeps
nobody from unsubscribing. Blocking; raises LedgerError.
"""

from collections.abc import Collection

from mailer.app import App
from mailer.audience.list_settings import ListSettingsError, load_list_settings
from mailer.i18n.translations import effective_language
from mailer.ledger.subscribers.address_changes import asked_by
from mailer.ledger.subscribers.transactional_mail_queue import QueuedMail
from mailer.ledger.types.deliveries import Delivery


def language_of_reader(app: App, identity: str) -> str:
    """Returns the language that all lists of the reader share.

    A reader on no list has the language of the lists that went with them to a new address, else of the one that they left last.
    """
    return _shared_language(app, lists_of_reader(app, identity), app.publication.language)


def lists_of_reader(app: App, identity: str) -> tuple[str, ...]:
    """Returns the lists of the reader: those that mail them, else those that went with them, else the one left last."""
    present = [each for each in app.ledger.members.of(identity) if each.removed_at is None]
    mailed = [each.list for each in present if each.is_mailed]
    if present and not mailed:
        last = max(each.since for each in present)
        mailed = [
            each.list
            for address in app.ledger.members.later_addresses(identity)
            for each in app.ledger.members.of(address)
            if each.is_mailed
        ] or [each.list for each in present if each.since == last]
    return tuple(dict.fromkeys(mailed))


def language_of_mail(app: App, mail: QueuedMail) -> str:
    """Returns the language of the reader of `mail`; a new address has that of the reader who asked for it."""
    return _shared_language(app, lists_of_mail(app, mail), app.publication.language)


def lists_of_mail(app: App, mail: QueuedMail) -> tuple[str, ...]:
    """Returns the lists of the reader of `mail`; for a new address, those of the reader who asked for it."""
    number = asked_by(mail)
    asking = None if number is None else app.ledger.transactional.get(number)
    return lists_of_reader(app, (asking or mail).identity)


def language_of_message(app: App, delivery: Delivery) -> str:
    """Returns the language of those lists of the send that the recipient is on; without one of its own, that of the issue."""
    send = app.ledger.sends.get(delivery.send_id)
    on = [each for each in app.ledger.members.of(delivery.identity) if each.list in send.lists]
    mailed = [each for each in on if each.is_mailed]
    edition = app.ledger.editions.get(send.digest)
    return _shared_language(
        app, {each.list for each in mailed or on} or send.lists, edition.language if edition else ""
    )


def _shared_language(app: App, lists: Collection[str], otherwise: str) -> str:
    """Returns the one language of `lists`; a list that names none has the language `otherwise`."""
    languages = {effective_language(_language_of_list(app, name) or otherwise) for name in lists}
    return languages.pop() if len(languages) == 1 else otherwise


def _language_of_list(app: App, name: str) -> str:
    try:
        return load_list_settings(app.workspace.subscribers, name).language
    except ListSettingsError:
        return ""
