"""The demo of what comes back (`mailer demo --bounces`): by LMTP and by HTTP, as from a mail server and from Amazon SES.

A dispatch is sent to the readers of the demo. Then a mailbox does not exist, a reader complains, and a mailbox is full. The next
dispatch skips the first two readers, and no other.
"""

import asyncio
import smtplib
import ssl
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

from mailer.addresses import parse_address
from mailer.app import App
from mailer.feedback.model import FeedbackKind
from mailer.http_client import ClientOptions, post
from mailer.service.demo import FIRST, SECOND, DemoResult, demo_result, lay_demo, message_to, send_dispatch
from mailer.service.demo_feedback import TOPIC, DemoSns, make_bounce, make_complaint
from mailer.service.feedback.lmtp_server import receive_lmtp
from mailer.service.feedback.provider_webhooks import ProviderWebhooks
from mailer.service.feedback.sns_client import SnsClient
from mailer.smtp.debug_server import DebugSmtpServer
from mailer.web.app import create_app
from mailer.web.server import serve_app_until

DEAD, ANNOYED, FULL = "ruiz@example.net", "okafor@example.org", "obrien@example.com"
_SETTINGS = f"MAILER_FEEDBACK_SES={TOPIC}\nMAILER_INBOUND_LMTP=127.0.0.1:0\n"
_WHY = {FeedbackKind.BOUNCE: "bounced", FeedbackKind.COMPLAINT: "complained"}
_TIME_LIMIT = 60.0  # seconds

Log = Callable[[str], None]


def run_bounce_demo(folder: Path, *, port: int, log: Log) -> DemoResult:
    """Runs the demo in the empty `folder`, with the site on `port`; `log` is called with a line for each step."""
    with lay_demo(folder, f"http://127.0.0.1:{port}", log, settings=_SETTINGS) as catcher, App.open(folder) as app:
        first = send_dispatch(app, FIRST, log)
        asyncio.run(_come_back(app, port, catcher, folder / "messages", log))
        second = send_dispatch(app, SECOND, log)
        for address in (DEAD, ANNOYED, FULL):
            log(_describe(app, address))
        return demo_result(app, folder, first, second)


async def _come_back(app: App, port: int, catcher: DebugSmtpServer, messages: Path, log: Log) -> None:
    """Serves the site and LMTP, and sends them what comes back."""
    loop, stop, amazon = asyncio.get_running_loop(), asyncio.Event(), DemoSns(app.clock())
    site, lmtp = loop.create_future(), loop.create_future()
    serving = asyncio.create_task(
        serve_app_until(
            create_app(app, webhooks=ProviderWebhooks(app, SnsClient(amazon.get))),
            "127.0.0.1",
            port,
            stop=stop,
            on_ready=site.set_result,
            background=lambda stop: receive_lmtp(app, stop, log, on_ready=lmtp.set_result),
        )
    )
    try:
        await asyncio.wait({serving, asyncio.ensure_future(asyncio.gather(site, lmtp))}, return_when="FIRST_COMPLETED")
        if serving.done():
            await serving
        return_path = next(each["sender"] for each in catcher.received() if each["recipient"] == DEAD)
        bounced, complained, full = (message_to(address, messages) for address in (DEAD, ANNOYED, FULL))
        for raw, recipient in (
            (make_bounce(bounced, return_path), return_path),
            (make_complaint(complained), "complaints@example.org"),
        ):
            code = await asyncio.to_thread(_deliver, lmtp.result(), raw, recipient)
            log(f"a message comes back by LMTP to {recipient}: {code} after the commit")
        options = ClientOptions(trust=ssl.create_default_context(), networks=(ip_network("127.0.0.0/8"),))
        url = f"{site.result()}/feedback/ses"
        answer = await post(url, {"Content-Type": "text/plain"}, amazon.full_mailbox(full), options)
        log(f"Amazon SES reports a full mailbox at {url}: {answer.status} after the commit")
    finally:
        stop.set()
        await serving


def _deliver(port: int, raw: bytes, recipient: str) -> int:
    with smtplib.LMTP("127.0.0.1", port, local_hostname="localhost", timeout=_TIME_LIMIT) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("")
        client.rcpt(recipient)
        return client.data(raw)[0]


def _describe(app: App, address: str) -> str:
    """Says what came back from a reader, and what followed."""
    identity = parse_address(address).identity
    entry = app.ledger.feedback.of(identity)[-1]
    said = f"“{entry.words}”" if entry.words else entry.report_type or entry.reason.value
    suppressed = app.ledger.suppressions.get(identity)
    if suppressed is None:
        return f"{address} {_WHY[entry.kind]} ({said}), and is still mailed: one such bounce proves nothing"
    return f"{address} {_WHY[entry.kind]} ({said}), so the next dispatch skipped it: {suppressed.reason.value}"
