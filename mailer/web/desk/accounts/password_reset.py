"""Asking for a new password by mail, for somebody who is not signed in.

The answer is the same for every name, and comes before anything is looked up, so that neither words nor time tell whether a user
exists. One address can ask ten times, then once every five minutes; one user gets two links, then one in fifteen minutes.
"""

import asyncio
import logging
import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.errors import MailerError
from mailer.service.accounts.link_mail import find_reset_user, send_reset_link
from mailer.service.accounts.passwords import require_passwords
from mailer.web.client_ip import address_of
from mailer.web.desk.flash import Flash
from mailer.web.desk.render import DeskRenderer
from mailer.web.rate_limit import Rate, RateLimiter
from mailer.web.request_body import read_form

PATH = "/desk/sign-in/forgotten"
_BY_ADDRESS, _BY_USER = Rate(burst=10, every=300), Rate(burst=2, every=900)
_LARGEST_FORM = 8 * 1024  # octets
_LONGEST = 254  # characters of a name or an address
_log = logging.getLogger(__name__)


class PasswordResetPages:
    """Endpoints for users who have forgotten the password."""

    def __init__(self, app: App, pages: DeskRenderer) -> None:
        self._app = app
        self._pages = pages
        self._addresses = RateLimiter(time.monotonic, each=_BY_ADDRESS)
        self._users = RateLimiter(time.monotonic, each=_BY_USER)
        self._tasks: set[asyncio.Task[None]] = set()

    async def show(self, _request: Request) -> Response:
        require_passwords(self._app)
        return await run_in_threadpool(self._page, None)

    async def request_link(self, request: Request) -> Response:
        require_passwords(self._app)
        form = await read_form(request, _LARGEST_FORM)
        words, address = form.text("name")[:_LONGEST], address_of(request, self._app.settings.trusted_proxies)
        if self._addresses.retry_after(address):
            flash = Flash("Too many attempts. Wait five minutes, then try again.", bad=True)
            return await run_in_threadpool(self._page, flash, status=429)
        task = asyncio.create_task(run_in_threadpool(self._send, words, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        flash = Flash("If this user exists and has an e-mail address here, a link is on its way. It works for an hour.")
        return self._pages.redirect(request, "/desk/sign-in", flash)

    def _send(self, words: str, address: str) -> None:
        try:
            user = find_reset_user(self._app, words)
            if user is None or self._users.retry_after(str(user.id)):
                return
            self._app.ledger.audit.record(user.name, "user.link-mail", user.name, address=address)
            if problem := send_reset_link(self._app, user):
                _log.warning("A link for a new password at the desk was not sent: %s", problem)
        except MailerError as error:
            _log.warning("A link for a new password at the desk was not sent: %s", error)

    def _page(self, flash: Flash | None, *, status: int = 200) -> Response:
        return self._pages.page("forgotten", status=status, flash=flash, context={"heading": "A new password"})
