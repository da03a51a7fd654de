"""A reader's preferences: /preferences/TOKEN, the confirmation before erasing, and /address/TOKEN.

A GET changes nothing. A POST names its action in `do` and contains the nonce of its page; it is answered with the current
state of that page: no redirect, no cookie, and repeating it changes nothing more. A nonce that is too old or belongs to
another page changes nothing either. Actions that need a link mailed to the reader alone are 404 for others, and 410 once that
link has expired. Personal data are an attachment, returned to a POST only, so that link scanners do not fetch them.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.addresses import Address, AddressError, parse_signup_address
from mailer.app import App
from mailer.i18n.translations import translatable
from mailer.ledger.subscribers.address_changes import AddressChange
from mailer.link_tokens import is_inert
from mailer.service.subscribers.address_change import (
    AddressChangeRequest,
    confirm_address_change,
    read_address_change,
    request_address_change,
)
from mailer.service.subscribers.own_fields import OwnFieldError
from mailer.service.subscribers.preferences import (
    WEEKS,
    OptOut,
    PreferencesPage,
    choose_lists,
    erase_own_data,
    export_own_data,
    pause_mail,
    read_preferences,
    request_mailed_link,
    resume_mail,
    save_own_fields,
    unsubscribe_all,
)
from mailer.service.subscribers.preferences_link import ExpiredLinkError, LinkError, is_valid_nonce, issue_nonce
from mailer.web.forms import read_public_form
from mailer.web.public.page_renderer import PageRenderer
from mailer.web.public.subscribe import PROFILE_PREFIX, SignupGuard, profile_field, too_many_requests
from mailer.web.responses import NO_STORE, respond

LIST_PREFIX = "list."  # what the name of a list's box begins with
_HEADERS = {**NO_STORE, "X-Robots-Tag": "noindex, nofollow"}
_MAILING_ACTIONS = frozenset({"link", "address"})  # actions that send a mail, and are rate-limited
SAVED = translatable("Saved.")
LINK_SENT = translatable("The link is on its way to your address. We send it at most once a day.")
MAIL_SENT = translatable(
    "We have sent an e-mail to the new address. Nothing changes until you open the link in it and confirm."
)
STALE = translatable("This page was open for too long. Please press the button again.")
_DATA = "application/json; charset=utf-8"


class PreferencesPages:
    """Endpoints of the preferences page and of changing the address."""

    def __init__(self, app: App, pages: PageRenderer, guard: SignupGuard) -> None:
        self._app = app
        self._pages = pages
        self._guard = guard

    async def page(self, request: Request) -> Response:
        token = request.path_params["token"]
        if request.method != "POST":
            return await self._answer(self._show, token)
        fields = await read_public_form(request)
        if fields.get("do") in _MAILING_ACTIONS and (retry_after := self._guard.retry_after(request)):
            return too_many_requests(self._pages, retry_after)
        return await self._answer(self._perform, token, fields)

    async def erasure(self, request: Request) -> Response:
        token = request.path_params["token"]
        fields = await read_public_form(request) if request.method == "POST" else None
        return await self._answer(self._erase, token, fields)

    async def address(self, request: Request) -> Response:
        token = request.path_params["token"]
        if request.method != "POST":
            return await run_in_threadpool(self._show_move, token)
        await read_public_form(request)
        return await run_in_threadpool(self._confirm_move, token)

    async def _answer(self, answer: Callable[..., Response], *arguments: object) -> Response:
        """Calls `answer` in a thread. 404 if the reader was erased meanwhile, 410 for a link that has expired."""
        try:
            return await run_in_threadpool(answer, *arguments)
        except ExpiredLinkError:
            return await run_in_threadpool(
                lambda: self._pages.page(
                    "expired-link",
                    status=410,
                    headers=_HEADERS,
                    heading=self._pages.gettext("This personal link has expired"),
                    path=f"{self._pages.root}/preferences",
                )
            )
        except LinkError:
            raise HTTPException(404) from None

    def _show(
        self,
        token: str,
        notice: str = "",
        *,
        status: int = 200,
        email: str = "",
        wrong: str = "",
        refused: Mapping[str, str] | None = None,
    ) -> Response:
        """Shows the page. `email` is the new address that was typed and `wrong` why it is; `refused`: own fields as typed."""
        if is_inert(token):
            return self._pages.message(
                "This link doesn’t lead to anyone’s preferences",
                "It comes from a test message or from the archive.",
                headers=_HEADERS,
            )
        found = self._read(token)
        until = found.paused_until
        return self._pages.page(
            "preferences",
            status=status,
            headers=_HEADERS,
            heading=self._pages.gettext("Your preferences"),
            page=found,
            nonce=issue_nonce(self._app, token),
            notice=notice and self._pages.gettext(notice),
            link_sent=notice == LINK_SENT,
            left=found.stopped is OptOut.LEFT,
            until=until and dt.datetime.fromtimestamp(until, self._app.settings.timezone).date(),
            own=[
                profile_field(self._pages, PROFILE_PREFIX, name, (refused or {}).get(name, value))
                for name, value in found.own.items()
            ],
            refused=bool(refused),
            weeks=WEEKS,
            prefix=LIST_PREFIX,
            erase_path=f"{self._pages.root}/preferences/{token}/erase",
            email=email,
            wrong=wrong and self._pages.gettext(wrong),
        )

    def _perform(self, token: str, fields: Mapping[str, str]) -> Response:
        found = self._read(token)
        if not is_valid_nonce(self._app, token, fields.get("nonce", "")):
            return self._show(token, STALE, status=409)
        app, do = self._app, fields.get("do", "")
        if do == "address" and found.may:
            return self._ask_address(token, fields.get("email", ""))
        if do == "data" and found.may:
            text = json.dumps(export_own_data(app, token), ensure_ascii=False, indent=2)
            headers = {**_HEADERS, "Content-Disposition": 'attachment; filename="my-data.json"'}
            return respond(f"{text}\n", _DATA, headers=headers)
        weeks = fields.get("weeks", "")
        names = {name.removeprefix(LIST_PREFIX) for name in fields if name.startswith(LIST_PREFIX)}
        own = {
            name.removeprefix(PROFILE_PREFIX): value
            for name, value in fields.items()
            if name.startswith(PROFILE_PREFIX)
        }
        actions: dict[str, Callable[[], object]] = {
            "lists": lambda: choose_lists(app, token, names),
            "leave": lambda: unsubscribe_all(app, token),
            "link": lambda: request_mailed_link(app, token),
        }
        if found.may:
            actions["fields"] = lambda: save_own_fields(app, token, own)
            actions["resume"] = lambda: resume_mail(app, token)
        if weeks in map(str, WEEKS):
            actions["pause"] = lambda: pause_mail(app, token, int(weeks))
        if do not in actions:
            raise HTTPException(400)
        try:
            actions[do]()
        except OwnFieldError:
            return self._show(token, status=400, refused=own)
        return self._show(token, LINK_SENT if do == "link" else SAVED)

    def _ask_address(self, token: str, text: str) -> Response:
        new = _address(text)
        if new is None:
            wrong = translatable("This is not a valid e-mail address. It should look like ana@example.org.")
            return self._show(token, status=400, email=text, wrong=wrong)
        request_address_change(self._app, token, new)
        return self._show(token, MAIL_SENT)

    def _erase(self, token: str, fields: Mapping[str, str] | None) -> Response:
        found = self._read(token)
        if not found.may:
            raise HTTPException(404)
        if fields is not None and is_valid_nonce(self._app, token, fields.get("nonce", "")):
            erase_own_data(self._app, token)
            return self._pages.message(
                "Your data has been erased", "You’ll get no more e-mails from us.", headers=_HEADERS
            )
        return self._pages.page(
            "erase",
            status=200 if fields is None else 409,
            headers=_HEADERS,
            heading=self._pages.gettext("Erase all your data?"),
            masked=found.masked,
            nonce=issue_nonce(self._app, token),
            notice="" if fields is None else self._pages.gettext(STALE),
            back=f"{self._pages.root}/preferences/{token}",
        )

    def _show_move(self, token: str) -> Response:
        asked = _or_404(read_address_change(self._app, token))
        if asked.is_undo:
            heading = self._pages.gettext("Undo the change of your address?")
            return self._pages.page("address-undo", headers=_HEADERS, heading=heading, masked=asked.masked)
        return self._pages.page(
            "address", headers=_HEADERS, heading=self._pages.gettext("Your new address"), masked=asked.masked
        )

    def _confirm_move(self, token: str) -> Response:
        done = _or_404(confirm_address_change(self._app, token))
        match done.change:
            case AddressChange.DONE if done.is_undo:
                return self._pages.message(
                    "The change of your address has been undone",
                    "Your newsletters come to this address again.",
                    headers=_HEADERS,
                )
            case AddressChange.DONE:
                return self._pages.message(
                    "Your address has been changed", "Your newsletters now go to the new address.", headers=_HEADERS
                )
            case AddressChange.EXPIRED:
                return self._pages.message(
                    "This link has expired",
                    "Your address was not changed. You can ask for the change again in your preferences.",
                    status=409,
                    headers=_HEADERS,
                )
            case _:
                return self._pages.message(
                    "This address can’t be changed here", "Please write to us.", status=409, headers=_HEADERS
                )

    def _read(self, token: str) -> PreferencesPage:
        found = read_preferences(self._app, token)
        if found is None:
            raise HTTPException(404)
        return found


def _address(text: str) -> Address | None:
    try:
        return parse_signup_address(text)
    except AddressError:
        return None


def _or_404(found: AddressChangeRequest | None) -> AddressChangeRequest:
    if found is None:
        raise HTTPException(404)
    return found
