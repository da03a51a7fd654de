"""Mails a link by which a user of the desk chooses a password: an invitation, or one that the user asked for.

    mail_link(app, user, link, is_invitation=...)    "" if a relay took it, else why not
    send_reset_link(app, user)                       for the user whom `find_reset_user` found by name or address

The mail goes through the relays of the settings at once, and to the address that the user has here only; nothing is queued. A
reset link is valid for an hour. It replaces the password, but not the second factor.
"""

import asyncio
import random
import secrets
import socket
from html import escape

from mailer.app import App
from mailer.ledger.accounts.users import User, name_key
from mailer.mime.transactional_mail import TransactionalMail, build
from mailer.service.accounts.invites import create_invite
from mailer.settings.secret_masking import redact_secrets
from mailer.smtp.classify import Outcome
from mailer.smtp.connect import Timeouts
from mailer.smtp.failover_client import SmtpClient

RESET_GOOD_FOR = 3600  # seconds
_LIMITS = Timeouts(connect=8, session=8, mail=10, rcpt=10, data=10, text=10, end_of_data=20)
_LONGEST_REPLY = 300  # characters


def mail_link(app: App, user: User, link: str, *, is_invitation: bool) -> str:
    """Mails the `link` to the address of `user`. Returns "" if a relay accepted it, else the reason in its words."""
    problem = asyncio.run(_deliver(app, _mail(app, user, link, is_invitation=is_invitation)))
    return redact_secrets(problem, app.settings)[:_LONGEST_REPLY]


def find_reset_user(app: App, words: str) -> User | None:
    """Returns the user of this name or e-mail address who may get a reset link: one with a password, and an address."""
    key = name_key(words)
    named = [each for each in app.ledger.users.all() if key in {name_key(each.name), name_key(each.email)}]
    found = [each for each in named if each.email and each.has_password]
    return found[0] if len(found) == 1 and not app.settings.oidc_only else None


def send_reset_link(app: App, user: User) -> str:
    """Makes a link that is valid for an hour and mails it. Returns as `mail_link` does."""
    return mail_link(app, user, create_invite(app, user, good_for=RESET_GOOD_FOR), is_invitation=False)


async def _deliver(app: App, mail: TransactionalMail) -> str:
    hostname = app.settings.helo or await asyncio.to_thread(socket.getfqdn)
    client = SmtpClient(app.settings.relay, limits=_LIMITS, local_hostname=hostname, chance=random.random)
    try:
        result = await client.deliver(build(app.sender_profile, mail), _begin)
    finally:
        await client.close()
    if result is None:
        return client.last_error or "no mail server can be reached"
    is_accepted = result.classification.outcome is Outcome.ACCEPTED
    return "" if is_accepted else str(result.reply or result.classification.reason)


async def _begin() -> bool:
    return True


def _mail(app: App, user: User, link: str, *, is_invitation: bool) -> TransactionalMail:
    name = app.publication.name
    if is_invitation:
        subject = f"Your invitation to the desk of {name}"
        before = f"Hello {user.name},\n\nyou are invited to work on {name}. Open this link to choose a password:"
        after = "The link works once, for three days. If you did not expect it, you need not do anything."
    else:
        subject = f"A new password for the desk of {name}"
        before = f"Hello {user.name},\n\nopen this link to choose a new password for the desk of {name}:"
        after = "The link works once, for an hour. If you did not ask for it, ignore it: your password stays as it is."
    paragraphs = "".join(f"<p>{escape(each)}</p>" for each in before.split("\n\n"))
    linked = f'<p><a href="{escape(link)}">{escape(link)}</a></p>'
    return TransactionalMail(
        to=user.email,
        subject=subject,
        plain=f"{before}\n\n{link}\n\n{after}\n",
        html=f'<!DOCTYPE html><html lang="en"><head><title>{escape(subject)}</title></head><body>{paragraphs}{linked}'
        f"<p>{escape(after)}</p></body></html>\n",
        language="en",
        token=secrets.token_hex(13),
        date=app.clock(),
    )
