"""Responses with the headers that every answer of the program carries, and the content types and policies to choose from.

No page needs a script, a cookie or a third-party server; the default headers forbid them.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from email.utils import format_datetime, parsedate_to_datetime
from typing import IO, AnyStr

from starlette.requests import Request
from starlette.responses import Response

HTML = "text/html; charset=utf-8"
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FILE_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
NO_STORE = {"Cache-Control": "no-store"}
NO_CACHE = {"Cache-Control": "no-cache"}  # cached, but revalidated each time; cheap with an ETag
NOT_INDEXED = "noindex, nofollow"  # X-Robots-Tag
PRIVATE_PAGE = {**NO_STORE, "X-Robots-Tag": NOT_INDEXED}
HSTS = "max-age=31536000"  # this host alone: other hosts of the domain may not have https
_CHUNK = 64 * 1024  # octets, or characters
_DEFAULT_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def respond(
    content: str | bytes, content_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Returns a response with the default headers; `headers` add to them or replace them."""
    return Response(content, status, {**_DEFAULT_HEADERS, **(headers or {})}, media_type=content_type)


def respond_cached(
    request: Request,
    content: str | bytes,
    content_type: str,
    headers: Mapping[str, str],
    *,
    changed: dt.datetime | None = None,
    etag: str = "",
) -> Response:
    """Returns a cacheable response with an ETag, or 304 if the client has it already (RFC 9110 13.1.2, 13.1.3).

    `changed` becomes Last-Modified; `etag` replaces the hash of the content.
    """
    data = content.encode() if isinstance(content, str) else content
    etag = f'"{etag or hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {**headers, "ETag": etag}
    if changed:
        headers["Last-Modified"] = format_datetime(changed, usegmt=True)
    if _is_not_modified(request, etag, changed):
        return Response(None, 304, {**_DEFAULT_HEADERS, **headers})
    return respond(data, content_type, headers=headers)


def chunks_of(file: IO[AnyStr]) -> Iterator[AnyStr]:
    """Yields the rest of `file` in chunks, and closes it."""
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _is_not_modified(request: Request, etag: str, changed: dt.datetime | None) -> bool:
    if "if-none-match" in request.headers:  # takes precedence over the time
        tags = {item.strip().removeprefix("W/") for item in request.headers["if-none-match"].split(",")}
        return bool(tags & {etag, "*"})
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except (ValueError, OverflowError):  # a number beyond what a date can have
        return False
    return changed is not None and since.tzinfo is not None and changed <= since
