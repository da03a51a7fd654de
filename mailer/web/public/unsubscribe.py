"""Unsubscribing: /u/TOKEN (RFC 8058).

GET shows a page and changes nothing: mail scanners and prefetching browsers open every link. POST unsubscribes at once: by
the page's button, by a mail client's one-click, or with no body at all. Only a body with a field `undo` is something else: it
undoes the opt-out whose response contained that undo token or, with a field `why` beside it, records the reason for that
opt-out, which is optional. There are no cookies and no redirects. A repeated POST changes nothing; only the answer to the first
one has an undo token. The page links to the preferences, for readers who only want fewer e-mails.
"""

import datetime as dt
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.i18n.translations import translatable
from mailer.ledger.types.subscribers import LeavingReason
from mailer.service.subscribers.preferences_link import page_token
from mailer.service.subscribers.signup import has_public_lists
from mailer.service.subscribers.unsubscribe import (
    OptOutSource,
    UndoResult,
    UnsubscribeLink,
    UnsubscribeResult,
    is_undo_token,
    read_unsubscribe_link,
    record_reason,
    undo_unsubscribe,
    unsubscribe,
)
from mailer.web.public.leaving_reasons import REASONS
from mailer.web.public.page_renderer import PageRenderer
from mailer.web.request_body import read_public_form
from mailer.web.responses import PRIVATE_PAGE

ONE_CLICK = ("List-Unsubscribe", "One-Click")  # RFC 8058 3.1
UNDO, WHY, WORDS = "undo", "why", "words"
_SIGN_UP_OR_WRITE = translatable("To get newsletters again, please sign up again or write to us.")
_WRITE = translatable("To get newsletters again, please write to us.")
_HEADERS = PRIVATE_PAGE


class UnsubscribePages:
    """The endpoint of unsubscribing, undoing it, and giving a reason."""

    def __init__(self, app: App, pages: PageRenderer) -> None:
        self._app = app
        self._pages = pages

    async def page(self, request: Request) -> Response:
        token = request.path_params["token"]
        if request.method == "POST":
            fields = await read_public_form(request)
            if UNDO in fields and ONE_CLICK[0] not in fields:
                if WHY in fields or WORDS in fields:
                    return await run_in_threadpool(self._record_reason, token, fields)
                return await run_in_threadpool(self._undo, token, fields[UNDO])
            is_one_click = fields.get(ONE_CLICK[0], "").lower() == ONE_CLICK[1].lower()
            source = OptOutSource.ONE_CLICK if is_one_click else OptOutSource.PAGE
            result = await unsubscribe(self._app, token, source)
            if result is None:
                raise HTTPException(404)
            if result.undo_token:
                return self._confirmation(token, result)
            return await run_in_threadpool(self._confirmation, token, result)  # reads the settings of the lists
        return await run_in_threadpool(self._show, token)

    def _show(self, token: str) -> Response:
        link = _or_404(read_unsubscribe_link(self._app, token))
        if link.inert:
            return self._placeholder_link()
        pages = self._pages.in_language(link.language)
        settings = self._preferences_path(pages, token) if link.masked else ""
        if link.is_unsubscribed:
            return pages.page(
                "already",
                headers=_HEADERS,
                heading=pages.gettext("You are already unsubscribed"),
                masked=link.masked,
                settings=settings,
                has_choice=has_public_lists(self._app),
            )
        return pages.page(
            "unsubscribe",
            headers=_HEADERS,
            heading=pages.gettext("Unsubscribe"),
            masked=link.masked,
            settings=settings,
            has_choice=link.has_several_lists,
        )

    def _confirmation(self, token: str, result: UnsubscribeResult) -> Response:
        link = result.link
        if link.inert:
            return self._placeholder_link()
        return self._unsubscribed(self._pages.in_language(link.language), token, link, result.undo_token)

    def _unsubscribed(
        self, pages: PageRenderer, token: str, link: UnsubscribeLink, seal: str, *, notice: str = ""
    ) -> Response:
        """Shows that the reader is unsubscribed; with the undo token `seal` also how to undo it, and the question why."""
        return pages.page(
            "unsubscribed",
            headers=_HEADERS,
            heading=pages.gettext("You are unsubscribed"),
            notice=notice,
            masked=link.masked,
            seal=seal,
            reasons=REASONS,
            settings=self._preferences_path(pages, token) if link.masked else "",
            has_choice=bool(seal) or has_public_lists(self._app),
            has_several=link.has_several_lists,
        )

    def _undo(self, token: str, undo_token: str) -> Response:
        result = undo_unsubscribe(self._app, token, undo_token)
        if result is None:
            raise HTTPException(404)
        link = _or_404(read_unsubscribe_link(self._app, token))
        pages = self._pages.in_language(link.language)
        if result is UndoResult.BACK:
            until = link.paused_until
            return pages.page(
                "back",
                headers=_HEADERS,
                heading=pages.gettext("You are subscribed again"),
                until=until and dt.datetime.fromtimestamp(until, self._app.settings.timezone).date(),
                settings=self._preferences_path(pages, token),
                has_choice=link.has_several_lists,
            )
        is_open = has_public_lists(self._app)
        return pages.message(
            "This can no longer be undone here",
            _SIGN_UP_OR_WRITE if is_open else _WRITE,
            status=409,
            headers=_HEADERS,
            has_contact=True,
            link=(pages.signup, "Sign up") if is_open else ("", ""),
        )

    def _record_reason(self, token: str, fields: Mapping[str, str]) -> Response:
        words = fields.get(WORDS, "")
        why = fields.get(WHY, "")
        link = _or_404(read_unsubscribe_link(self._app, token))
        pages = self._pages.in_language(link.language)
        if not why and not words.strip():  # the reason is optional
            if not is_undo_token(self._app, token, fields[UNDO]):
                return self._show(token)
            notice = pages.gettext("You have not chosen a reason, and you don’t have to.")
            return self._unsubscribed(pages, token, link, fields[UNDO], notice=notice)
        reason = LeavingReason(why) if why in set(LeavingReason) else LeavingReason.OTHER
        recorded = record_reason(self._app, token, fields[UNDO], reason, words)
        if recorded is None:
            raise HTTPException(404)
        if not recorded:
            return pages.message("Your answer could not be saved", "Nothing was changed.", status=409, headers=_HEADERS)
        return pages.page(
            "unsubscribed",
            headers=_HEADERS,
            heading=pages.gettext("Thank you for your answer"),
            notice="",
            masked=link.masked,
            seal=fields[UNDO],
            reasons={},
            settings="",
            has_choice=True,
            has_several=link.has_several_lists,
        )

    def _preferences_path(self, pages: PageRenderer, token: str) -> str:
        """Returns the path of the reader's preferences page; with a retired key, of the page that mails a link to it."""
        own = page_token(self._app, token)
        return f"{pages.root}/preferences/{own}" if own else pages.preferences

    def _placeholder_link(self) -> Response:
        return self._pages.message(
            "This link doesn’t unsubscribe anyone",
            "It comes from a test message or from the archive. To unsubscribe, use the link in an issue that was sent to you.",
            headers=_HEADERS,
            link=(self._pages.preferences, "Get a link to your preferences"),
        )


def _or_404(link: UnsubscribeLink | None) -> UnsubscribeLink:
    if link is None:
        raise HTTPException(404)
    return link
