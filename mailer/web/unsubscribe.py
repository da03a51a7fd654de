"""The door out: /u/TOKEN (contract 6, RFC 8058).

GET shows a page and changes nothing, whoever asks: mail scanners and browsers that fetch ahead open every link. POST is
the person's no, at once: by the page's button, by a mail client's one-click, or with no body at all. Only a body that
has a field `undo` is something else: it takes back the no whose answer carried that seal. No cookie, no redirect, and
the answer to one POST is the same, however often it comes.
"""

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.service.leaving import Departure, Link, Return, Source, leave_async, read_link, take_back
from mailer.service.newsroom import Newsroom
from mailer.web.body import read_form
from mailer.web.page import NOT_INDEXED, NOT_STORED, Pages

ONE_CLICK = ("List-Unsubscribe", "One-Click")  # RFC 8058 3.1
UNDO = "undo"
_HEADERS = {**NOT_STORED, "X-Robots-Tag": NOT_INDEXED}


class Unsubscribe:
    """The endpoint of a newsroom."""

    def __init__(self, newsroom: Newsroom, pages: Pages) -> None:
        self._newsroom = newsroom
        self._pages = pages

    async def __call__(self, request: Request) -> Response:
        token = request.path_params["token"]
        if request.method == "POST":
            fields = await read_form(request)
            if UNDO in fields and ONE_CLICK[0] not in fields:
                return await run_in_threadpool(self._take_back, token, fields[UNDO])
            said = fields.get(ONE_CLICK[0], "").lower() == ONE_CLICK[1].lower()
            source = Source.ONE_CLICK if said else Source.PAGE
            return self._left(await leave_async(self._newsroom, token, source))
        return await run_in_threadpool(self._show, token)

    def _show(self, token: str) -> Response:
        link = _found(read_link(self._newsroom, token))
        if link.inert:
            return self._inert()
        heading = self._pages.say("Unsubscribe from %(name)s", name=self._newsroom.publication.name)
        return self._pages.page("unsubscribe", headers=_HEADERS, heading=heading, masked=link.masked)

    def _left(self, departure: Departure | None) -> Response:
        if departure is None:
            raise HTTPException(404)
        if departure.link.inert:
            return self._inert()
        return self._pages.page(
            "unsubscribed",
            headers=_HEADERS,
            heading=self._pages.say("You are unsubscribed."),
            masked=departure.link.masked,
            seal=departure.seal,
        )

    def _take_back(self, token: str, seal: str) -> Response:
        match take_back(self._newsroom, token, seal):
            case Return.BACK:
                return self._pages.message("You are on the list again.", headers=_HEADERS)
            case Return.TOO_LATE:
                return self._pages.message(
                    "This can no longer be taken back here.", "Nothing was changed.", status=409, headers=_HEADERS
                )
            case None:
                raise HTTPException(404)

    def _inert(self) -> Response:
        return self._pages.message(
            "This link unsubscribes nobody.",
            "It comes from a test message or from the archive. To unsubscribe, use the link in a letter that you got.",
            headers=_HEADERS,
        )


def _found(link: Link | None) -> Link:
    if link is None:
        raise HTTPException(404)
    return link
