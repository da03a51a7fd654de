"""The door in: /subscribe/LIST, /confirm/TOKEN, and /preferences for who has lost the link to their own page.

A form that somebody asks for carries a seal with its time. A POST with a seal that is too young, too old or missing is
answered with the same form, filled in, and a fresh seal: a person presses once more, and so does somebody who came by a
form on another site. A field that nobody sees has to stay empty; who fills it in is told the same and gets nothing.

The answer to a sign-up is the same for every address, and so is the work: what stands behind an address is looked at when
the letter is written, later and elsewhere. No GET changes anything; no cookie, no redirect.
"""

import time
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.addresses import Address, AddressError, parse_address
from mailer.app import App
from mailer.audience.list_settings import ListSettings
from mailer.link_tokens import Purpose
from mailer.service.subscribers.signup import (
    Confirmation,
    SignupForm,
    SignupState,
    confirm_signup,
    consent_text,
    public_list,
    read_confirmation,
    request_link_mail,
    request_signup,
    request_signup_again,
)
from mailer.web.client_ip import address_of, anonymize, rate_limit_key
from mailer.web.forms import read_public_form
from mailer.web.pages import NO_STORE, PageRenderer
from mailer.web.rate_limit import RateLimiter

YOUNGEST = 2  # seconds: nobody reads and fills in a form in less
OLDEST = 86_400  # seconds
HONEYPOT = "website"
OWN = "own."  # what the name of a reader's own field begins with in a form
_HEADERS = {**NO_STORE, "X-Robots-Tag": "noindex, nofollow"}
LABELS = {
    "first_name": "First name",
    "last_name": "Last name",
    "name": "Name",
    "city": "City",
    "country": "Country",
}


class SignupGuard:
    """Who may come in how often; shared by the pages and the API."""

    def __init__(self, app: App) -> None:
        self._trusted = app.settings.trusted_proxies
        self._limits = RateLimiter(time.monotonic)

    def address(self, request: Request) -> str:
        return address_of(request, self._trusted)

    def wait(self, request: Request) -> int:
        """0, and it is counted; or the seconds until this client may ask again."""
        return self._limits.retry_after(rate_limit_key(self.address(request)))


class SubscribePages:
    """The endpoints of a newsroom."""

    def __init__(self, app: App, pages: PageRenderer, door: SignupGuard) -> None:
        self._app = app
        self._pages = pages
        self._guard = door

    async def subscribe(self, request: Request) -> Response:
        wanted = await run_in_threadpool(public_list, self._app, request.path_params["list"])
        if wanted is None:
            raise HTTPException(404)
        pages = self._pages.in_language(wanted.language)
        if request.method != "POST":
            if request.query_params.get("embed") == "1":
                return await run_in_threadpool(self._embed, pages, wanted)
            return await run_in_threadpool(self._form, pages, wanted, {})
        fields = await read_public_form(request)
        if fields.get(HONEYPOT):
            return self._sent(pages)
        address = _address(fields)
        if address is None or not self._is_sealed(fields):
            wrong = "" if address or "email" not in fields else "email"
            return await run_in_threadpool(self._form, pages, wanted, fields, wrong or "again")
        if wait := self._guard.wait(request):
            return too_many_requests(pages, wait)
        ip = anonymize(self._guard.address(request))
        await run_in_threadpool(
            lambda: request_signup(self._app, wanted, address, _own(fields, ""), form=SignupForm.PAGE, ip=ip)
        )
        return self._sent(pages)

    async def confirm(self, request: Request) -> Response:
        token = request.path_params["token"]
        if request.method != "POST":
            return await run_in_threadpool(self._show, token)
        fields = await read_public_form(request)
        if "anew" in fields:
            if wait := self._guard.wait(request):
                return too_many_requests(self._pages, wait)
            ip = anonymize(self._guard.address(request))
            found = await run_in_threadpool(lambda: request_signup_again(self._app, token, ip=ip))
            return self._sent(self._speaking(_known(found)))
        return await run_in_threadpool(self._confirm, token, fields)

    async def link(self, request: Request) -> Response:
        if request.method != "POST":
            return await run_in_threadpool(self._link_form, {})
        fields = await read_public_form(request)
        address = _address(fields)
        if not fields.get(HONEYPOT):
            if address is None or not self._is_sealed(fields):
                return await run_in_threadpool(self._link_form, fields, "again" if address else "email")
            if wait := self._guard.wait(request):
                return too_many_requests(self._pages, wait)
            await run_in_threadpool(request_link_mail, self._app, address)
        return self._pages.message(
            "Please look into your mailbox.",
            "If this address is on one of our lists, the link is on its way to it.",
            "We send it once a day at most. Nothing there after a few minutes? Then please look into the spam folder.",
            headers=_HEADERS,
        )

    def _form(self, pages: PageRenderer, wanted: ListSettings, fields: Mapping[str, str], fault: str = "") -> Response:
        given = _own(fields, "")
        return pages.page(
            "subscribe",
            status=400 if fault == "email" else 200,
            headers=_HEADERS if fields else NO_STORE,
            heading=pages.say("Sign up for %(name)s", name=wanted.shown),
            description=wanted.description,
            words=consent_text(self._app, wanted),
            own=[(OWN + name, label(pages, name), given.get(name, ""), purpose(name)) for name in wanted.own_fields],
            **self._sealed(fields, fault),
        )

    def _link_form(self, fields: Mapping[str, str], fault: str = "") -> Response:
        return self._pages.page(
            "link",
            status=400 if fault == "email" else 200,
            headers=_HEADERS,
            heading=self._pages.say("The link to your settings"),
            **self._sealed(fields, fault),
        )

    def _sealed(self, fields: Mapping[str, str], fault: str) -> dict[str, object]:
        """What both forms have."""
        seal = fields.get("seal", "")
        age = self._age(seal)
        if age is None or age >= OLDEST:  # a young one goes on growing
            seal = self._app.keys.issue(Purpose.FORM, int(self._app.clock()))
        return {"email": fields.get("email", ""), "seal": seal, "honeypot": HONEYPOT, "fault": fault}

    def _embed(self, pages: PageRenderer, wanted: ListSettings) -> Response:
        action = f"{self._app.publication.base_url.rstrip('/')}/subscribe/{wanted.name}"
        form = pages.text(
            "pages/embed-form.html.j2",
            action=action,
            words=consent_text(self._app, wanted),
            own=[(OWN + name, label(pages, name)) for name in wanted.own_fields],
        )
        heading = pages.say("A form for your own page")
        return pages.page("embed", headers=_HEADERS, heading=heading, form=form.strip())

    def _show(self, token: str) -> Response:
        found = _known(read_confirmation(self._app, token))
        pages = self._speaking(found)
        match found.state:
            case SignupState.CONFIRMED:
                return _welcome(pages)
            case SignupState.EXPIRED:
                heading = pages.say("This link is too old.")
                return pages.page("expired", headers=_HEADERS, heading=heading, masked=found.masked)
            case SignupState.WAITING:
                return pages.page(
                    "confirm",
                    headers=_HEADERS,
                    heading=pages.say("One more step"),
                    masked=found.masked,
                    lists=[
                        (
                            each.settings,
                            [
                                (
                                    f"{OWN}{each.settings.name}.{name}",
                                    label(pages, name),
                                    each.own.get(name, ""),
                                    purpose(name),
                                )
                                for name in each.settings.own_fields
                            ],
                        )
                        for each in found.waiting
                    ],
                )

    def _confirm(self, token: str, fields: Mapping[str, str]) -> Response:
        found = _known(read_confirmation(self._app, token))
        if found.state is SignupState.WAITING:
            names = [each.settings.name for each in found.waiting]
            chosen = [name for name in names if f"list.{name}" in fields] or (names if len(names) == 1 else [])
            if not chosen:
                return self._show(token)
            choice = {name: _own(fields, f"{name}.") for name in chosen}
            found = _known(confirm_signup(self._app, token, choice))
        if found.state is SignupState.EXPIRED:
            return self._show(token)
        return _welcome(self._speaking(found))

    def _speaking(self, found: Confirmation) -> PageRenderer:
        return self._pages.in_language(found.language)

    def _age(self, seal: str) -> float | None:
        """How many seconds ago a form was asked for; None for a seal that is none of ours, or of the future."""
        shown_at = self._app.keys.read(Purpose.FORM, seal)
        age = None if shown_at is None else self._app.clock() - shown_at
        return None if age is None or age < 0 else age

    def _is_sealed(self, fields: Mapping[str, str]) -> bool:
        age = self._age(fields.get("seal", ""))
        return age is not None and YOUNGEST <= age < OLDEST

    @staticmethod
    def _sent(pages: PageRenderer) -> Response:
        return pages.message(
            "Please look into your mailbox.",
            "We have sent a letter to the address that you gave. Follow the link in it, and you are on the list.",
            "We send one such letter a day: if you signed up for something here today already, use the link in that one. "
            "Nothing there after a few minutes? Then please look into the spam folder.",
            headers=_HEADERS,
        )


def too_many_requests(pages: PageRenderer, wait: int) -> Response:
    """Who asked too often: `wait` seconds until they may again."""
    return pages.message(
        "Too many ask at the moment.",
        "Please try again in a few minutes.",
        status=429,
        headers={**_HEADERS, "Retry-After": str(wait)},
    )


def label(pages: PageRenderer, name: str) -> str:
    """What a reader's own field is called on a page: in the language of the page, where we know it."""
    return pages.say(LABELS[name]) if name in LABELS else name.replace("_", " ").capitalize()


def purpose(name: str) -> str:
    """What a browser may fill a field in with by itself: WCAG 2.2, 1.3.5."""
    known = {"first_name": "given-name", "last_name": "family-name", "name": "name", "city": "address-level2"}
    return known.get(name, "country-name" if name == "country" else "off")


def _welcome(pages: PageRenderer) -> Response:
    return pages.message("You are on the list.", "Thank you! The next letter comes to you.", headers=_HEADERS)


def _address(fields: Mapping[str, str]) -> Address | None:
    try:
        return parse_address(fields.get("email", ""))
    except AddressError:
        return None


def _own(fields: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The reader's own fields in a form, by their names."""
    start = OWN + prefix
    return {name.removeprefix(start): value for name, value in fields.items() if name.startswith(start)}


def _known(found: Confirmation | None) -> Confirmation:
    if found is None:
        raise HTTPException(404)
    return found
