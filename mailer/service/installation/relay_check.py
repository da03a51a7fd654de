"""Tests the relays as they are stored: connects, signs in, and sends a message to one person.

    check_relays(app, settings, recipient)     a result for each relay, none of which raises

Nothing is recorded in the ledger. The words of a relay are passed on without the secrets of the settings. Each step has a limit
of seconds, since somebody waits.
"""

import asyncio
import secrets
import socket
from dataclasses import dataclass
from html import escape

from mailer.app import App
from mailer.mime.transactional_mail import TransactionalMail, build
from mailer.relay import Relay
from mailer.settings.secret_masking import redact_secrets
from mailer.settings.settings import Settings
from mailer.smtp.classify import Outcome
from mailer.smtp.connect import ConnectionFailure, Timeouts, open_connection
from mailer.smtp.session import SmtpSession

_LIMITS = Timeouts(connect=8, session=8, mail=10, rcpt=10, data=10, text=10, end_of_data=20)
_LONGEST_REPLY = 300  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayCheck:
    """How far the test of a relay came; `problem`: what ended it, "" if nothing did."""

    relay: str
    is_connected: bool = False
    is_signed_in: bool = False
    is_accepted: bool = False
    problem: str = ""


def check_relays(app: App, settings: Settings, recipient: str) -> tuple[RelayCheck, ...]:
    """Tests the relays of `settings`, at the same time, with a message from their sender to `recipient`, if there is one."""
    stored = App(app.workspace, settings, app.clock)
    return asyncio.run(_check_all(stored, recipient))


async def _check_all(app: App, recipient: str) -> tuple[RelayCheck, ...]:
    hostname = app.settings.helo or await asyncio.to_thread(socket.getfqdn)
    checks = [_check(app, relay, hostname, recipient) for relay in app.settings.relay]
    return tuple(await asyncio.gather(*checks))


async def _check(app: App, relay: Relay, hostname: str, recipient: str) -> RelayCheck:
    try:
        connection = await open_connection(relay, limits=_LIMITS, local_hostname=hostname)
    except ConnectionFailure as failure:
        has_answered = str(failure).startswith(("refused at AUTH", "not offered at AUTH"))
        return RelayCheck(relay=str(relay), is_connected=has_answered, problem=_clean(app, str(failure)))
    session = SmtpSession(connection, _LIMITS)
    is_signed_in = bool(relay.username)
    try:
        if not recipient:
            return RelayCheck(relay=str(relay), is_connected=True, is_signed_in=is_signed_in)
        message = build(app.sender_profile, _mail(app, recipient))
        result = await session.deliver(message, _begin)
    finally:
        await session.quit()
    is_accepted = result.classification.outcome is Outcome.ACCEPTED
    return RelayCheck(
        relay=str(relay),
        is_connected=True,
        is_signed_in=is_signed_in,
        is_accepted=is_accepted,
        problem="" if is_accepted else _clean(app, str(result.reply or result.classification.reason)),
    )


async def _begin() -> bool:
    return True


def _mail(app: App, recipient: str) -> TransactionalMail:
    words = (
        f"This is a test of the mail server of {app.publication.name}. It works: this message came through it.\n\n"
        "An admin asked for it at the desk. Nothing has to be done."
    )
    paragraphs = "".join(f"<p>{escape(each)}</p>" for each in words.split("\n\n"))
    return TransactionalMail(
        to=recipient,
        subject=f"A test of the mail server of {app.publication.name}",
        plain=f"{words}\n",
        html=f'<!DOCTYPE html><html lang="en"><head><title>Test</title></head><body>{paragraphs}</body></html>\n',
        language="en",
        token=secrets.token_hex(13),
        date=app.clock(),
    )


def _clean(app: App, words: str) -> str:
    return redact_secrets(words, app.settings)[:_LONGEST_REPLY]
