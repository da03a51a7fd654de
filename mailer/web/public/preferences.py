"""A reader's preferences: /preferences/TOKEN, the confirmation before erasing, and /address/TOKEN.

A GET changes nothing. A POST names its action in `do` and contains the nonce of its page; it is answered with the current
state of that page: no redirect, no cookie, and repeating it changes nothing more. A nonce that is too old or belongs to
another page changes nothing either. Actions that need a link mailed to the reader alone are 404 for others, and 410 once that
link has expired. Personal data are returned to a POST only, so that link scanners do not fetch them: a short page, and then an
attachment.
"""

import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.addresses import Address, AddressError, parse_signup_address
from mailer.app import App
from mailer.csv.rows import Status
from mailer.delivery.states import DeliveryState
from mailer.i18n.date_format import long_date
from mailer.i18n.translations import translatable
from mailer.ledger.subscribers.address_changes import AddressChange
from mailer.ledger.types.subscribers import SignupSource
from mailer.link_tokens import is_inert
from mailer.service.subscribers.address_change import (
    AddressChangeRequest,
    confirm_address_change,
    read_address_change,
    request_address_change,
)
from mailer.service.subscribers.own_fields import OwnFieldError
from mailer.service.subscribers.personal_data import ListEntry, profile_object
from mailer.service.subscribers.preferences import (
    WEEKS,
    OptOut,
    PreferencesPage,
    choose_lists,
    erase_own_data,
    has_rows_in_files,
    pause_mail,
    read_own_data,
    read_preferences,
    request_mailed_link,
    resubscribe,
    resume_mail,
    save_own_fields,
    unsubscribe_all,
)
from mailer.service.subscribers.preferences_link import ExpiredLinkError, LinkError, is_valid_nonce, issue_nonce
from mailer.service.subscribers.signup import request_link_mail
from mailer.web.public.leaving_reasons import REASONS
from mailer.web.public.page_renderer import PageRenderer
from mailer.web.public.profile_fields import PROFILE_PREFIX, label, profile_field
from mailer.web.public.signup_guard import SignupGuard, too_many_requests
from mailer.web.request_body import read_public_form
from mailer.web.responses import PRIVATE_PAGE, respond

LIST_PREFIX = "list."  # what the name of a list's box begins with
_HEADERS = PRIVATE_PAGE
_MAILING_ACTIONS = frozenset({"link", "address"})  # actions that send a mail, and are rate-limited
SAVED = translatable("Saved.")
PAUSED = translatable("Your break lasts until %(date)s.")
NOT_SHORTER = translatable(
    "Nothing was changed: your break already lasts until %(date)s. With the link in an issue you can only make it longer. "
    "To end it, you need a personal link."
)
LINK_ON_ITS_WAY = translatable("We are sending the link to %(address)s. It may take a few minutes.")
LINK_SENT_BEFORE = translatable("We have already sent a link to %(address)s in the last 24 hours. Please use that one.")
LINK_SENT = translatable(
    "We send the link to your address, at most once a day. If you have had one from us today, use that one."
)
MAIL_SENT = translatable(
    "We send an e-mail to the new address, at most one a day. If you have had one there today, use its link. "
    "Nothing changes until you open the link and confirm."
)
ROWS_LEFT = translatable(
    "Your address is still in a file from which our lists are made. We will delete it there by hand."
)
STALE = translatable("This page was open for too long. Please press the button again.")
_DATA = "application/json; charset=utf-8"
_log = logging.getLogger(__name__)


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
        """Calls `answer` in a thread. 404 for a link that nobody has, 410 for one that has expired."""
        try:
            return await run_in_threadpool(answer, *arguments)
        except ExpiredLinkError as error:
            fields = arguments[-1]
            is_asking = isinstance(fields, Mapping) and fields.get("do") == "link"
            return await run_in_threadpool(self._expired, error, is_asking=is_asking)
        except LinkError:
            return await run_in_threadpool(self._void)

    def _expired(self, error: ExpiredLinkError, *, is_asking: bool) -> Response:
        """Returns the page of a link that is too old; a button has a new one mailed to its reader."""
        pages = self._pages.in_language(error.language)
        if is_asking and error.address:
            request_link_mail(self._app, error.address)
            return pages.message("Check your inbox", LINK_SENT, headers=_HEADERS)
        return pages.page(
            "expired-link",
            status=410,
            headers=_HEADERS,
            heading=pages.gettext("This personal link has expired"),
            can_ask=error.address is not None,
            path=pages.preferences,
        )

    def _void(self) -> Response:
        """Returns the page of a link that nobody has: it is not complete, or its reader was erased."""
        return self._pages.page(
            "void-link", status=404, headers=_HEADERS, heading=self._pages.gettext("This link does not work")
        )

    def _show(
        self,
        token: str,
        notice: str = "",
        *,
        status: int = 200,
        language: str = "",
        email: str = "",
        wrong: str = "",
        refused: Mapping[str, str] | None = None,
        refused_field: str = "",
    ) -> Response:
        """Shows the page. `email` is the new address that was typed and `wrong` why it is.

        `language`: that of the page where the reader pressed a button; joining a list may change theirs.
        `refused`: the form as it was filled in, after its field `refused_field` was refused.
        """
        if is_inert(token):
            return self._pages.message(
                "This link doesn’t lead to anyone’s preferences",
                "It comes from a test message or from the archive.",
                headers=_HEADERS,
            )
        found = self._read(token)
        pages = self._pages.in_language(language or found.language)
        until = found.paused_until and dt.datetime.fromtimestamp(found.paused_until, self._app.settings.timezone).date()
        chosen = {each.settings.name for each in found.lists if each.is_on}
        if refused and refused.get("do") == "lists":
            chosen = _chosen(refused)
        values = {"date": long_date(until, pages.language)} if until and "%(date)s" in notice else {}
        if "%(address)s" in notice:
            values = {"address": found.masked}
        typed = _own_values(refused or {})
        return pages.page(
            "preferences",
            status=status,
            headers=_HEADERS,
            heading=pages.gettext("Your preferences"),
            page=found,
            chosen=chosen,
            may_join=found.may and any(not each.is_on for each in found.lists),
            nonce=issue_nonce(self._app, token),
            notice=notice and pages.gettext(notice, **values),
            link_sent=notice in {LINK_SENT, LINK_ON_ITS_WAY, LINK_SENT_BEFORE},
            left=found.stopped is OptOut.LEFT,
            until=until,
            own=[
                profile_field(pages, PROFILE_PREFIX, name, typed.get(name, value)) for name, value in found.own.items()
            ],
            refused=refused_field and label(pages, refused_field),
            refused_name=PROFILE_PREFIX + refused_field,
            weeks=WEEKS,
            prefix=LIST_PREFIX,
            erase_path=f"{self._pages.root}/preferences/{token}/erase",
            email=email,
            wrong=wrong and pages.gettext(wrong),
        )

    def _perform(self, token: str, fields: Mapping[str, str]) -> Response:
        found = self._read(token)
        if not is_valid_nonce(self._app, token, fields.get("nonce", "")):
            return self._show(token, STALE, status=409)
        app, do = self._app, fields.get("do", "")
        if do == "address" and found.may:
            return self._ask_address(token, fields.get("email", ""))
        if do == "data" and found.may:
            return self._show_data(token, found)
        if do == "download" and found.may:
            text = json.dumps(profile_object(read_own_data(app, token)), ensure_ascii=False, indent=2)
            headers = {**_HEADERS, "Content-Disposition": 'attachment; filename="my-data.json"'}
            return respond(f"{text}\n", _DATA, headers=headers)
        weeks = fields.get("weeks", "")
        own = _own_values(fields)
        actions: dict[str, Callable[[], object]] = {
            "lists": lambda: choose_lists(app, token, _chosen(fields), own),
            "leave": lambda: unsubscribe_all(app, token),
            "link": lambda: request_mailed_link(app, token),
        }
        if found.may:
            actions["fields"] = lambda: save_own_fields(app, token, own)
            actions["resume"] = lambda: resume_mail(app, token)
        if found.may and found.can_return:
            actions["return"] = lambda: resubscribe(app, token)
        if weeks in map(str, WEEKS):
            actions["pause"] = lambda: pause_mail(app, token, int(weeks))
        if do not in actions:
            raise HTTPException(400)
        try:
            done = actions[do]()
        except OwnFieldError as error:
            return self._show(token, status=400, refused=fields, refused_field=error.name)
        link_notice = LINK_SENT if found.has_moved else LINK_ON_ITS_WAY if done else LINK_SENT_BEFORE
        notices = {"link": link_notice, "pause": PAUSED if done else NOT_SHORTER}
        return self._show(token, notices.get(do, SAVED), language=found.language)

    def _show_data(self, token: str, found: PreferencesPage) -> Response:
        """Shows the reader's data in short, with a button for the file."""
        pages, profile = self._pages.in_language(found.language), read_own_data(self._app, token)
        settings, on = (
            {each.settings.name: each.settings for each in found.lists},
            {each.list for each in profile.lists},
        )

        def date(at: float) -> dt.date:
            return dt.datetime.fromtimestamp(at, self._app.settings.timezone).date()

        return pages.page(
            "data",
            headers=_HEADERS,
            heading=pages.gettext("Your data"),
            profile=profile,
            lists=[
                {
                    "shown": settings[each.list].shown if each.list in settings else each.list,
                    "language": settings[each.list].language if each.list in settings else "",
                    "state": _state_text(pages, each, date),
                    "consents": [(date(one.at), one.words) for one in profile.consents if one.list == each.list],
                    "is_imported": each.source == SignupSource.FILE.value,
                    "fields": [(label(pages, name), value) for name, value in each.fields.items() if value],
                }
                for each in profile.lists
            ],
            consents=[(date(each.at), each.words) for each in profile.consents if each.list not in on],
            reasons=[(date(each.at), REASONS[each.reason], each.words) for each in profile.reasons],
            issues=sum(each.state == DeliveryState.ACCEPTED for each in profile.deliveries),
            nonce=issue_nonce(self._app, token),
            back=f"{pages.root}/preferences/{token}",
        )

    def _ask_address(self, token: str, text: str) -> Response:
        new = _address(text)
        if new is None:
            wrong = translatable("This is not a valid e-mail address. It should look like ana@example.org.")
            return self._show(token, status=400, email=text, wrong=wrong)
        if not request_address_change(self._app, token, new):
            return self._show(token, status=400, email=text, wrong=translatable("This is your present address."))
        return self._show(token, MAIL_SENT)

    def _erase(self, token: str, fields: Mapping[str, str] | None) -> Response:
        found = self._read(token)
        if not found.may:
            raise HTTPException(404)
        pages = self._pages.in_language(found.language)
        if fields is not None and is_valid_nonce(self._app, token, fields.get("nonce", "")):
            rows = erase_own_data(self._app, token)
            if rows:
                _log.warning(
                    "A reader erased their data. Delete the row from the list file: %s.", "; ".join(map(str, rows))
                )
            by_hand = [ROWS_LEFT] if rows else []
            return pages.message(
                "Your data has been erased", *by_hand, "You’ll get no more e-mails from us.", headers=_HEADERS
            )
        return pages.page(
            "erase",
            status=200 if fields is None else 409,
            headers=_HEADERS,
            heading=pages.gettext("Erase all your data?"),
            masked=found.masked,
            nonce=issue_nonce(self._app, token),
            notice="" if fields is None else pages.gettext(STALE),
            has_rows=has_rows_in_files(self._app, token),
            back=f"{self._pages.root}/preferences/{token}",
        )

    def _show_move(self, token: str) -> Response:
        asked = _or_404(read_address_change(self._app, token))
        pages = self._pages.in_language(asked.language)
        if asked.is_done or asked.change is not AddressChange.DONE:
            return self._moved(pages, asked, status=200)
        if asked.is_undo:
            heading = pages.gettext("Undo the change of your address?")
            return pages.page("address-undo", headers=_HEADERS, heading=heading, masked=asked.address)
        heading = pages.gettext("Your new address")
        return pages.page("address", headers=_HEADERS, heading=heading, masked=asked.address)

    def _confirm_move(self, token: str) -> Response:
        done = _or_404(confirm_address_change(self._app, token))
        return self._moved(self._pages.in_language(done.language), done, status=409)

    def _moved(self, pages: PageRenderer, found: AddressChangeRequest, *, status: int) -> Response:
        """Returns the page after a change of address, or its undoing; with `status` if it is not possible."""
        match found.change:
            case AddressChange.DONE if found.is_undo:
                return pages.message(
                    "The change of your address has been undone",
                    "Your newsletters come to this address again.",
                    headers=_HEADERS,
                )
            case AddressChange.DONE:
                return pages.message(
                    "Your address has been changed", "Your newsletters now go to the new address.", headers=_HEADERS
                )
            case AddressChange.TAKEN_BACK:
                return pages.message(
                    "The change of your address has been undone",
                    "Your newsletters go to your former address again.",
                    headers=_HEADERS,
                )
            case AddressChange.EXPIRED if found.is_undo:
                return pages.message(
                    "This link has expired", "Please write to us.", status=status, headers=_HEADERS, has_contact=True
                )
            case AddressChange.EXPIRED:
                return pages.message(
                    "This link has expired",
                    "Your address was not changed. You can ask for the change again in your preferences.",
                    status=status,
                    headers=_HEADERS,
                    link=(pages.preferences, "Get a link to your preferences"),
                )
            case _:
                return pages.message(
                    "This address can’t be changed here",
                    "Please write to us.",
                    status=status,
                    headers=_HEADERS,
                    has_contact=True,
                )

    def _read(self, token: str) -> PreferencesPage:
        found = read_preferences(self._app, token)
        if found is None:
            raise LinkError("the link is unknown")
        return found


def _state_text(pages: PageRenderer, entry: ListEntry, date: Callable[[float], dt.date]) -> str:
    """Returns whether the list mails the reader, and since when; "" if that is unknown."""
    if entry.status == Status.SUBSCRIBED.value and entry.joined is not None:
        text, at = translatable("You have been getting it since %(date)s."), entry.joined
    elif entry.status == Status.PAUSED.value and entry.paused_until is not None:
        text, at = translatable("Paused until %(date)s."), entry.paused_until
    elif entry.status not in {Status.SUBSCRIBED.value, Status.PAUSED.value, Status.UNCONFIRMED.value} and entry.since:
        text, at = translatable("You have not been getting it since %(date)s."), entry.since
    else:
        return ""
    return pages.gettext(text, date=long_date(date(at), pages.language))


def _chosen(fields: Mapping[str, str]) -> set[str]:
    """Returns the lists whose boxes are ticked in a form."""
    return {name.removeprefix(LIST_PREFIX) for name in fields if name.startswith(LIST_PREFIX)}


def _own_values(fields: Mapping[str, str]) -> dict[str, str]:
    """Returns the own fields of a form."""
    return {
        name.removeprefix(PROFILE_PREFIX): value for name, value in fields.items() if name.startswith(PROFILE_PREFIX)
    }


def _address(text: str) -> Address | None:
    try:
        return parse_signup_address(text)
    except AddressError:
        return None


def _or_404(found: AddressChangeRequest | None) -> AddressChangeRequest:
    if found is None:
        raise HTTPException(404)
    return found
