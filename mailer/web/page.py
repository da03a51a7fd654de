"""Pages: templates of templates/pages, in the publication's language, and the headers that every answer carries.

The workspace's templates come first. One of them that is broken is logged and replaced by the packaged one: nobody is
kept from leaving by a template. Where a language has no catalogue the words are English, and the page says so to
screen readers.

No page needs a script, a cookie or anybody else's server; the headers forbid them.
"""

import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from mailer.edition.layout import Forgiving
from mailer.language import direction, long_date, say, spoken
from mailer.service.newsroom import Newsroom

HTML = "text/html; charset=utf-8"
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
EDITION_POLICY = (  # what is mailed has its styles inside, and may show a picture from elsewhere
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
FILE_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
NOT_STORED = {"Cache-Control": "no-store"}
ASK_AGAIN = {"Cache-Control": "no-cache"}  # kept, but asked for each time; cheap with an ETag
_EVERYWHERE = {
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


def respond(
    content: str | bytes, content_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer with the headers that all have; `headers` add to them or replace them."""
    return Response(content, status, {**_EVERYWHERE, **(headers or {})}, media_type=content_type)


def respond_cached(request: Request, content: str | bytes, content_type: str, headers: Mapping[str, str]) -> Response:
    """An answer that may be kept: with an ETag, and 304 for who has it already (RFC 9110 13.1.2)."""
    data = content.encode() if isinstance(content, str) else content
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {**headers, "ETag": etag}
    known = {item.strip().removeprefix("W/") for item in request.headers.get("if-none-match", "").split(",")}
    if known & {etag, "*"}:
        return Response(None, 304, {**_EVERYWHERE, **headers})
    return respond(data, content_type, headers=headers)


def isolated(text: str) -> str:
    """`text` whose direction does not mingle with that of the sentence around it."""
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


class Pages:
    """The pages of a newsroom, in the publication's language or that of one list.

    `root` is the path of the site, without a slash at its end: "" on a host of its own.
    """

    def __init__(self, newsroom: Newsroom, language: str = "") -> None:
        self._newsroom = newsroom
        self.root = urlsplit(newsroom.publication.base_url).path.rstrip("/")
        self.language = spoken(language or newsroom.publication.language)
        self._templates = Forgiving(newsroom.workspace.templates)
        self._context = {
            "root": self.root,
            "name": newsroom.publication.name,
            "postal_address": [line for line in newsroom.publication.postal_address.splitlines() if line.strip()],
            "language": self.language,
            "direction": direction(self.language),
            "direction_of": direction,
            "say": self.say,
            "long_date": lambda date: long_date(date, self.language),
        }

    def speaking(self, language: str) -> "Pages":
        """The same pages in `language`; these themselves where they speak it, or where it is ""."""
        return self if not language or spoken(language) == self.language else Pages(self._newsroom, language)

    def say(self, message: str, **values: str) -> str:
        """`message` in the publication's language, each value isolated."""
        return say(self.language, message, **{name: isolated(value) for name, value in values.items()})

    def page(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] = NOT_STORED, **context: object
    ) -> Response:
        """The page templates/pages/`template`.html.j2; `heading` is its title."""
        text = self.text(f"pages/{template}.html.j2", **context)
        return respond(text, HTML, status=status, headers={"Content-Language": self.language, **headers})

    def message(
        self, heading: str, *sentences: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """A page that only says something, never kept by a browser; translated here."""
        return self.page(
            "message",
            status=status,
            headers={**NOT_STORED, **(headers or {})},
            heading=self.say(heading),
            sentences=[self.say(sentence) for sentence in sentences],
        )

    def text(self, template: str, **context: object) -> str:
        """The template filled: the workspace's, or the packaged one if that is broken."""
        return self._templates.render(template, {**self._context, **context})
