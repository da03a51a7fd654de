"""Signing up: /subscribe, /subscribe/LIST, /confirm/TOKEN, and /preferences for a new link to one's own preferences page.

A form contains a seal with the time at which it was shown. A POST with a seal that is too young, too old or missing, or from
a page of another site, which may have fetched a seal, is answered with the same form, filled in, and a fresh seal: a person
presses the button once more. A hidden field has to stay empty; a client that fills it in gets the normal answer, and nothing
is done.

The answer to a sign-up is the same for every address, and so is the work: the address is looked up later, when the mail is
written. No GET changes anything; there are no cookies and no redirects.
"""

from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.addresses import Address, AddressError, parse_address, parse_signup_address
from mailer.app import App
from mailer.audience.list_settings import ListSettings
from mailer.link_tokens import Purpose
from mailer.service.subscribers.mistyped_domain import suggest_address
from mailer.service.subscribers.own_fields import OwnFieldError, has_web_address
from mailer.service.subscribers.signup import (
    Confirmation,
    PendingList,
    SignupForm,
    SignupState,
    confirm_signup,
    consent_text,
    open_lists,
    public_list,
    read_confirmation,
    request_link_mail,
    request_signup,
    request_signup_again,
)
from mailer.web.client_ip import anonymize
from mailer.web.public.page_renderer import PageRenderer
from mailer.web.public.profile_fields import PROFILE_PREFIX, label, profile_field
from mailer.web.public.signup_guard import HONEYPOT, SignupGuard, too_many_requests
from mailer.web.request_body import read_public_form
from mailer.web.responses import NO_CACHE, NO_STORE, PRIVATE_PAGE

YOUNGEST = 2  # seconds: nobody reads and fills in a form in less
OLDEST = 86_400  # seconds
_HEADERS = PRIVATE_PAGE


class SubscribePages:
    """Endpoints of signing up and of requesting a preferences link."""

    def __init__(self, app: App, pages: PageRenderer, guard: SignupGuard) -> None:
        self._app = app
        self._pages = pages
        self._guard = guard

    async def lists(self, request: Request) -> Response:
        """Shows the lists that anybody may join, each with a link to its form."""
        lists = await run_in_threadpool(open_lists, self._app)
        if not lists:
            raise HTTPException(404)
        pages = self._pages.for_request(request)
        entries = [
            (each.shown, each.description, f"{pages.root}/subscribe/{each.name}", each.language) for each in lists
        ]
        return await run_in_threadpool(
            pages.page, "lists", headers=NO_CACHE, heading=pages.gettext("Our newsletters"), lists=entries
        )

    async def subscribe(self, request: Request) -> Response:
        settings = await run_in_threadpool(public_list, self._app, request.path_params["list"])
        if settings is None:
            raise HTTPException(404)
        pages = self._pages.in_language(settings.language)
        if request.method != "POST":
            if request.query_params.get("embed") == "1":
                return await run_in_threadpool(self._embed, pages, settings)
            return await run_in_threadpool(self._form, pages, settings, {})
        fields = await read_public_form(request)
        if fields.get(HONEYPOT):
            return self._sent(pages, fields.get("email", ""), settings)
        address = _address(fields)
        if address is None or not self._is_from_our_form(request, fields):
            wrong = "" if address or "email" not in fields else "email"
            return await run_in_threadpool(self._form, pages, settings, fields, wrong or "again")
        if retry_after := self._guard.retry_after(request):
            return too_many_requests(pages, retry_after)
        ip = anonymize(self._guard.address(request))
        try:
            await run_in_threadpool(
                lambda: request_signup(
                    self._app, settings, address, _profile_fields(fields, ""), form=SignupForm.PAGE, ip=ip
                )
            )
        except OwnFieldError as error:
            return await run_in_threadpool(self._form, pages, settings, fields, "own", error.name)
        return self._sent(pages, fields.get("email", ""), settings, suggest_address(address))

    async def confirm(self, request: Request) -> Response:
        token = request.path_params["token"]
        if request.method != "POST":
            return await run_in_threadpool(self._show, token)
        fields = await read_public_form(request)
        if "anew" in fields:
            if retry_after := self._guard.retry_after(request):
                return too_many_requests(self._pages, retry_after)
            ip = anonymize(self._guard.address(request))
            found = _or_404(await run_in_threadpool(lambda: request_signup_again(self._app, token, ip=ip)))
            return self._sent(self._in_language_of(found), found.masked)
        return await run_in_threadpool(self._confirm, token, fields)

    async def link(self, request: Request) -> Response:
        pages = self._pages.for_request(request)
        if request.method != "POST":
            return await run_in_threadpool(self._link_form, pages, {})
        fields = await read_public_form(request)
        address = _address(fields, parse_address)  # also one that signs up nowhere, but is on a list
        if not fields.get(HONEYPOT):
            if address is None or not self._is_from_our_form(request, fields):
                return await run_in_threadpool(self._link_form, pages, fields, "again" if address else "email")
            if retry_after := self._guard.retry_after(request):
                return too_many_requests(pages, retry_after)
            await run_in_threadpool(request_link_mail, self._app, address)
        return pages.message(
            "Check your inbox",
            "If this address is on one of our lists, we send the link to it, at most once a day.",
            "If you have had one from us today, use that one. Nothing after a few minutes? Check your spam folder.",
            headers=_HEADERS,
        )

    def _form(
        self,
        pages: PageRenderer,
        settings: ListSettings,
        fields: Mapping[str, str],
        fault: str = "",
        refused_field: str = "",
    ) -> Response:
        given = _profile_fields(fields, "")
        return pages.page(
            "subscribe",
            status=400 if fault in {"email", "own"} else 200,
            headers=_HEADERS if fields else NO_STORE,
            heading=pages.gettext("Sign up for %(name)s", name=settings.shown),
            description=settings.description,
            words=consent_text(self._app, settings),
            own=[profile_field(pages, PROFILE_PREFIX, name, given.get(name, "")) for name in settings.own_fields],
            refused=refused_field and label(pages, refused_field),
            refused_name=PROFILE_PREFIX + refused_field,
            **self._sealed(fields, fault),
        )

    def _link_form(self, pages: PageRenderer, fields: Mapping[str, str], fault: str = "") -> Response:
        return pages.page(
            "link",
            status=400 if fault == "email" else 200,
            headers=_HEADERS,
            heading=pages.gettext("Get a link to your preferences"),
            refused="",
            **self._sealed(fields, fault),
        )

    def _sealed(self, fields: Mapping[str, str], fault: str) -> dict[str, object]:
        """Returns the variables that both forms need."""
        seal = fields.get("seal", "")
        age = self._age(seal)
        if age is None or age >= OLDEST:  # a young seal is kept: it will be old enough
            seal = self._app.keys.issue(Purpose.FORM, int(self._app.clock()))
        return {"email": fields.get("email", ""), "seal": seal, "honeypot": HONEYPOT, "fault": fault}

    def _embed(self, pages: PageRenderer, settings: ListSettings) -> Response:
        action = f"{self._app.publication.base_url.rstrip('/')}/subscribe/{settings.name}"
        form = pages.text(
            "pages/embed-form.html.j2",
            action=action,
            words=consent_text(self._app, settings),
            own=[(PROFILE_PREFIX + name, label(pages, name)) for name in settings.own_fields],
        )
        heading = pages.gettext("A sign-up form for your own site")
        return pages.page("embed", headers=_HEADERS, heading=heading, form=form.strip())

    def _show(
        self,
        token: str,
        typed: Mapping[str, str] | None = None,
        refused: OwnFieldError | None = None,
        list_name: str = "",
    ) -> Response:
        """Shows the page of a confirmation link.

        `typed`: as it was filled in, after no list was chosen, or the field `refused` of the list `list_name` was refused.
        """
        found = _or_404(read_confirmation(self._app, token))
        pages = self._in_language_of(found)
        match found.state:
            case SignupState.CONFIRMED:
                return _welcome(pages, found)
            case SignupState.LEFT:
                return self._left(pages)
            case SignupState.EXPIRED:
                heading = pages.gettext("This link has expired")
                return pages.page("expired", headers=_HEADERS, heading=heading, masked=found.masked)
            case SignupState.WAITING:
                return pages.page(
                    "confirm",
                    status=200 if typed is None else 400,
                    headers=_HEADERS,
                    refused=label(pages, refused.name) if refused else "",
                    refused_name=f"{PROFILE_PREFIX}{list_name}.{refused.name}" if refused else "",
                    is_empty=typed is not None and refused is None,
                    chosen=[
                        each.settings.name
                        for each in found.waiting
                        if typed is None or f"list.{each.settings.name}" in typed
                    ],
                    heading=pages.gettext("One more step"),
                    masked=found.masked,
                    lists=[
                        (
                            each.settings,
                            _pending_fields(pages, each, typed or {}),
                        )
                        for each in found.waiting
                    ],
                )

    def _confirm(self, token: str, fields: Mapping[str, str]) -> Response:
        found = _or_404(read_confirmation(self._app, token))
        if found.state is SignupState.WAITING:
            names = [each.settings.name for each in found.waiting]
            chosen = [name for name in names if f"list.{name}" in fields] or (names if len(names) == 1 else [])
            if not chosen:
                return self._show(token, fields)
            choice = {name: _profile_fields(fields, f"{name}.") for name in chosen}
            try:
                found = _or_404(confirm_signup(self._app, token, choice))
            except OwnFieldError as error:
                wrong = (name for name in chosen if has_web_address(choice[name].get(error.name, "")))
                return self._show(token, fields, error, next(wrong, ""))
        if found.state in {SignupState.EXPIRED, SignupState.LEFT}:
            return self._show(token)
        return _welcome(self._in_language_of(found), found)

    def _in_language_of(self, found: Confirmation) -> PageRenderer:
        return self._pages.in_language(found.language)

    def _left(self, pages: PageRenderer) -> Response:
        """Returns the page of a confirmation link whose owner has unsubscribed since."""
        is_open = bool(open_lists(self._app))
        return pages.message(
            "You are unsubscribed",
            "To get newsletters again, please sign up again or write to us."
            if is_open
            else "To get newsletters again, please write to us.",
            headers=_HEADERS,
            has_contact=True,
            link=(pages.signup, "Sign up") if is_open else ("", ""),
        )

    def _age(self, seal: str) -> float | None:
        """Returns how many seconds ago a form was shown; None for a forged seal or one from the future."""
        shown_at = self._app.keys.read(Purpose.FORM, seal)
        age = None if shown_at is None else self._app.clock() - shown_at
        return None if age is None or age < 0 else age

    def _is_from_our_form(self, request: Request, fields: Mapping[str, str]) -> bool:
        if self._guard.is_from_other_site(request):
            return False
        age = self._age(fields.get("seal", ""))
        return age is not None and YOUNGEST <= age < OLDEST

    @staticmethod
    def _sent(
        pages: PageRenderer, email: str, wanted: ListSettings | None = None, probably_meant: str = ""
    ) -> Response:
        """Tells that a mail was sent to `email`; with a link back to the form of `wanted`, if the address was typed there."""
        path = f"{pages.root}/subscribe/{wanted.name}" if wanted else ""
        heading = pages.gettext("Check your inbox")
        return pages.page(
            "sent", headers=_HEADERS, heading=heading, email=email.strip(), path=path, meant=probably_meant
        )


def _welcome(pages: PageRenderer, found: Confirmation) -> Response:
    return pages.page(
        "subscribed", headers=_HEADERS, heading=pages.gettext("You are subscribed"), lists=found.confirmed_titles
    )


def _address(fields: Mapping[str, str], parse: Callable[[str], Address] = parse_signup_address) -> Address | None:
    try:
        return parse(fields.get("email", ""))
    except AddressError:
        return None


def _profile_fields(fields: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Returns the profile fields of a form, by their names."""
    start = PROFILE_PREFIX + prefix
    return {name.removeprefix(start): value for name, value in fields.items() if name.startswith(start)}


def _pending_fields(
    pages: PageRenderer, pending: PendingList, typed: Mapping[str, str]
) -> list[tuple[str, str, str, str]]:
    """Returns the profile fields of a list that waits for its confirmation, with the values typed, else those given before."""
    prefix = f"{PROFILE_PREFIX}{pending.settings.name}."
    return [
        profile_field(pages, prefix, name, typed.get(prefix + name, pending.own.get(name, "")))
        for name in pending.settings.own_fields
    ]


def _or_404(found: Confirmation | None) -> Confirmation:
    if found is None:
        raise HTTPException(404)
    return found
