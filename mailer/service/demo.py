"""The demo: all of the program on one machine in a minute, without any setup (`mailer demo`).

A temporary workspace with the example dispatches, a list of a dozen invented readers, and a real SMTP server on loopback that
refuses one of them and greylists another. Two dispatches are sent over real SMTP; between them one reader follows the
unsubscribe link of the message that came.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from mailer.app import App
from mailer.ledger.types.sends import Summary
from mailer.service.sends.plan import plan_send
from mailer.service.sends.run import run_send
from mailer.service.sends.start import start_send
from mailer.service.subscribers.unsubscribe import OptOutSource, unsubscribe
from mailer.smtp.debug_server import DebugSmtpServer, ServerBehaviour
from mailer.workspace import init_workspace

FIRST, SECOND = "2026-10-26-east-quay", "2026-03-02-crane"
LIST = "readers"
LEAVES = "bjorn@example.net"
READERS = """\
email,name,first_name,city,status
ana.reis@example.com,Ana Reis,Ana,Porto Novo,subscribed
bjorn@example.net,Björn Åkesson,Björn,Göteborg,subscribed
chen@example.org,"Chen, Li",Li,,subscribed
दीपा@उदाहरण.example,दीपा,दीपा,Pune,subscribed
noa@example.com,נעה לוי,נעה,חיפה,subscribed
no-name@example.com,,,,subscribed
gone@example.com,Tomé Gone,Tomé,Porto Novo,unsubscribed
nobody@example.net,Nobody There,Nobody,Lisbon,subscribed
slow@example.org,Ines Slow,Ines,Porto Novo,subscribed
obrien@example.com,Siobhán O’Brien,Siobhán,Cork,subscribed
ruiz@example.net,Marta Ruiz,Marta,Vigo,subscribed
okafor@example.org,Chidi Okafor,Chidi,Lagos,subscribed
"""
BEHAVIOUR = ServerBehaviour(refuse=frozenset({"nobody@example.net"}), greylist=frozenset({"slow@example.org"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the demo sent, and the folders to look at."""

    workspace: Path
    messages: Path
    first: Summary
    second: Summary
    link: str
    caught: int


def run_demo(folder: Path, *, base_url: str, log: Callable[[str], None]) -> DemoResult:
    """Runs the demo in the empty `folder`; `log` is called with a line for each step. Everything is kept in `folder`."""
    with lay_demo(folder, base_url, log), App.open(folder) as app:
        first = send_dispatch(app, FIRST, log)
        link = unsubscribe_link(folder)
        asyncio.run(unsubscribe(app, link.rpartition("/")[2], OptOutSource.PAGE))
        log(f"{LEAVES} follows the unsubscribe link of the message: {link}")
        second = send_dispatch(app, SECOND, log)
        return demo_result(app, folder, first, second)


@contextmanager
def lay_demo(
    folder: Path, base_url: str, log: Callable[[str], None], *, settings: str = "", more_readers: str = ""
) -> Iterator[DebugSmtpServer]:
    """Creates the workspace of the demo in the empty `folder`, and runs its SMTP server.

    `settings` are lines of its `.env`, `more_readers` those of its list.
    """
    init_workspace(folder)
    (folder / "subscribers" / f"{LIST}.csv").write_text(READERS + more_readers, encoding="utf-8")
    messages = folder / "messages"
    messages.mkdir()
    log(
        f"a workspace, {folder}: three dispatches, and a list of {len((READERS + more_readers).splitlines()) - 1} readers"
    )
    with DebugSmtpServer(folder / "accepted.jsonl", behaviour=BEHAVIOUR, folder=messages) as catcher:
        log(f"a real SMTP server on 127.0.0.1:{catcher.port}: it refuses one address, and greylists another")
        (folder / ".env").write_text(_settings(catcher.port, base_url) + settings, encoding="utf-8")
        yield catcher


def demo_result(app: App, folder: Path, first: Summary, second: Summary) -> DemoResult:
    """Lays out the messages, and returns what the demo sent."""
    messages = folder / "messages"
    for image in app.ledger.editions.images(first.send.digest):
        (messages / image.name).write_bytes(image.data)
    _lay_out(messages, app.publication.media_url)
    return DemoResult(
        workspace=folder,
        messages=messages,
        first=first,
        second=second,
        link=unsubscribe_link(folder),
        caught=len(list(messages.glob("*.eml"))),
    )


def unsubscribe_link(folder: Path) -> str:
    """Returns the unsubscribe link in the message to LEAVES."""
    return str(re.findall(r"<(http[^>]*)>", message_to(LEAVES, folder / "messages")["List-Unsubscribe"])[0])


def send_dispatch(app: App, slug: str, log: Callable[[str], None]) -> Summary:
    """Sends a dispatch to the list of the demo."""
    plan = plan_send(app, slug, [LIST])
    left_out = ", ".join(f"{count} {reason}" for reason, count in plan.summary.skipped.items())
    log(f"“{plan.edition.title}” to {plan.summary.to_mail} readers; left out: {left_out}")
    return run_send(app, start_send(app, plan).id).summary


def _settings(port: int, base_url: str) -> str:
    return "\n".join(
        (
            'MAILER_FROM="The Harbour Letter <desk@example.org>"',
            'MAILER_POSTAL_ADDRESS="The Harbour Letter, 1 Quay Street, Porto Novo"',
            'MAILER_COPYRIGHT_HOLDER="Mara Lindqvist"',
            f"MAILER_BASE_URL={base_url}",
            f"MAILER_RELAY=smtp://127.0.0.1:{port}",
            f"MAILER_SECRET_KEYS='{json.dumps([secrets.token_urlsafe(32)])}'",
            "MAILER_BOUNCE_ADDRESS=bounces@example.org",
            "MAILER_RETRY=2,5",
            "MAILER_CONNECTIONS=4",
            "",
        )
    )


def message_to(address: str, messages: Path) -> Message:
    """Returns the first message to an address that the SMTP server stored."""
    for path in sorted(messages.glob("*.eml")):
        message = message_from_bytes(path.read_bytes())
        if str(message["To"]).strip("<> ") == address:
            return message
    raise AssertionError(f"no message to {address}")


def _lay_out(messages: Path, media_url: str) -> None:
    """Writes each message's two parts beside it, for a browser and a terminal; photos come from this folder, without a server."""
    for path in sorted(messages.glob("*.eml")):
        for part in message_from_bytes(path.read_bytes()).walk():
            suffix = {"text/html": ".html", "text/plain": ".txt"}.get(part.get_content_type())
            payload = part.get_payload(decode=True)
            if suffix and isinstance(payload, bytes):
                path.with_suffix(suffix).write_bytes(payload.replace(media_url.encode(), b""))
