"""The body of a form, read from anybody: short, soon, and never a reason to fail.

At most LARGEST octets, or as many as the caller says, within PATIENCE seconds; urlencoded or multipart, as RFC 8058
allows. What is neither, or garbled, has no fields: who posts says what they want by posting. Raises HTTPException 413,
408, or 400 when the client is gone.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

LARGEST = 16 * 1024
PATIENCE = 10.0
_FIELDS = 200  # a page with many lists, each with fields of its own


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of the form that was posted; of one that is there twice, the first."""
    body = await read_body(request)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        pairs = await _multipart(request, body)
    else:  # a browser's form, a mail client, or one that forgot to say what it sends
        pairs = _urlencoded(body)
    return dict(reversed(pairs))


async def read_body(request: Request, largest: int = LARGEST, *, patience: float = PATIENCE) -> bytes:
    """The body as it is, of at most `largest` octets, within `patience` seconds."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 9 or int(length) > largest):
        raise HTTPException(413)
    body = bytearray()
    try:
        async with asyncio.timeout(patience):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400) from None
    return bytes(body)


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        return []


async def _multipart(request: Request, body: bytes) -> list[tuple[str, str]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    parser = MultiPartParser(request.headers, stream(), max_files=_FIELDS, max_fields=_FIELDS, max_part_size=LARGEST)
    try:
        form = await parser.parse()
    except MultiPartException:
        return []
    pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    await form.close()
    return pairs
