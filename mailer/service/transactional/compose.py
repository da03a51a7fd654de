"""Composes transactional mail when it is about to be sent.

    compose(app, mail) -> ComposedMail, or Skipped with the reason

- confirm: asks to confirm a sign-up; a subscriber who is on the list already is told so, with the link to their own page
- link: the link to the subscriber's own page; nothing is sent if the address is unknown
- address: asks to confirm a change to this address
- moved: tells the former address of a change, with a link that takes it back

The templates are templates/letters/NAME.{html,txt}.j2, the workspace's first; the texts are in the language of the list that
was asked for, or of the reader's lists. Nothing that a visitor typed is ever included: `To` is all that they chose. An address
that an admin suppressed gets nothing. The link has a fresh secret each time, and is not valid before its digest is recorded.
Blocking; raises LedgerError, MessageError.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailer.app import App
from mailer.audience.list_settings import ListSettings
from mailer.edition.plaintext.wrap import COLUMNS, wrap
from mailer.edition.template_loader import FallbackTemplates
from mailer.i18n.bidi import text_direction
from mailer.i18n.translations import effective_language, gettext, translatable
from mailer.ledger.subscribers.signups import parse_signup_request
from mailer.ledger.subscribers.transactional_mail_queue import QueuedMail
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.transactional_mail import TransactionalKind
from mailer.link_tokens import MailedLink, Purpose, new_link_secret
from mailer.mime.composer import Message
from mailer.mime.transactional_mail import TransactionalMail, build
from mailer.service.subscribers.reader_language import language_of_mail, lists_of_mail
from mailer.service.subscribers.signup import has_public_lists, public_lists_of

SUBJECTS = {
    "confirm": translatable("Please confirm your subscription: %(name)s"),
    "already": translatable("You are already subscribed: %(name)s"),
    "link": translatable("Your preferences: %(name)s"),
    "address": translatable("Please confirm your new address: %(name)s"),
    "moved": translatable("Your address was changed: %(name)s"),
}
_PATHS = {
    MailedLink.PREFERENCES: "preferences",
    MailedLink.SIGNUP: "confirm",
    MailedLink.ADDRESS: "address",
    MailedLink.UNDO_MOVE: "address",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedMail:
    """A message, and the digest of the secret in its link, which is to be recorded before it is sent."""

    message: Message
    link_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Mail that is not sent, and why."""

    reason: str


def compose(app: App, mail: QueuedMail) -> ComposedMail | Skipped:
    """Composes mail of any kind but `welcome`."""
    suppression = app.ledger.suppressions.get(mail.identity)
    if suppression and suppression.reason is SuppressionReason.BY_HAND:
        return Skipped(reason="suppressed by hand")
    if mail.kind is TransactionalKind.LINK:
        may_return = suppression is not None and has_public_lists(app)
        return _link(app, mail, "link", _title(app, mail), language_of_mail(app, mail), may_return=may_return)
    if mail.kind is TransactionalKind.ADDRESS:
        language = language_of_mail(app, mail)
        return _write(app, mail, "address", MailedLink.ADDRESS, title=_title(app, mail), language=language)
    if mail.kind is TransactionalKind.MOVED:
        language = language_of_mail(app, mail)
        return _write(app, mail, "moved", MailedLink.UNDO_MOVE, title=_title(app, mail), language=language)
    request = parse_signup_request(mail)
    if request is None:
        raise ValueError(f"mail of kind {mail.kind} is not composed here")
    lists = public_lists_of(app, request.waiting)
    if not lists:
        return Skipped(reason="confirmed or closed meanwhile")
    title, language = ", ".join(each.shown for each in lists), lists[0].language
    if suppression is None and _gets_all(app, mail.identity, lists):
        return _link(app, mail, "already", title, language)
    return _write(app, mail, "confirm", MailedLink.SIGNUP, title=title, language=language)


def _title(app: App, mail: QueuedMail) -> str:
    """Returns the name of the list that the mail is about, if it is a public one and the only one; else the publication's."""
    names = lists_of_mail(app, mail)
    public = public_lists_of(app, names)
    return public[0].shown if len(names) == len(public) == 1 else app.publication.name


def _gets_all(app: App, identity: str, lists: Sequence[ListSettings]) -> bool:
    names = {each.list for each in app.ledger.members.of(identity) if each.is_mailed}
    return names.issuperset(each.name for each in lists)


def _link(
    app: App, mail: QueuedMail, template: str, title: str, language: str = "", *, may_return: bool = False
) -> ComposedMail | Skipped:
    if app.ledger.members.address_of(mail.identity) is None:
        return Skipped(reason="the address is unknown")
    link = MailedLink.PREFERENCES
    return _write(app, mail, template, link, title=title, language=language, may_return=may_return)


def _write(
    app: App,
    mail: QueuedMail,
    template: str,
    link: MailedLink,
    *,
    title: str,
    language: str = "",
    may_return: bool = False,
) -> ComposedMail:
    """Writes the mail, with a new link. `may_return`: the link leads a subscriber who left back to a list."""
    secret = new_link_secret()
    language = effective_language(language or app.publication.language)
    subject = gettext(language, SUBJECTS[template], name=title)
    direction = text_direction(language)
    context = {
        "subject": subject,
        "name": app.publication.name,
        "title": title,
        "link": f"{app.publication.base_url.rstrip('/')}/{_PATHS[link]}/{secret}",
        "language": language,
        "direction": direction,
        "may_return": may_return,
        "start": "right" if direction == "rtl" else "left",
        "postal_address": [line for line in app.publication.postal_address.splitlines() if line.strip()],
        "say": lambda message, **values: gettext(language, message, **values),
    }
    templates = FallbackTemplates(app.workspace.templates)
    mail_content = TransactionalMail(
        to=mail.address,
        subject=subject,
        plain="\n".join(
            wrap(line) if len(line) > COLUMNS else line
            for line in templates.render(f"letters/{template}.txt.j2", context).split("\n")
        ),
        html=templates.render(f"letters/{template}.html.j2", context),
        language=language,
        token=app.keys.issue(Purpose.TRANSACTIONAL, mail.id),
        date=mail.created_at,
    )
    return ComposedMail(message=build(app.sender_profile, mail_content), link_digest=app.keys.link_digest(link, secret))
