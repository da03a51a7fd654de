"""Reading what a request posts: forms of the public pages, forms and files of the desk, and plain bodies.

    await read_public_form(request)     from anybody: short, within seconds, and never refused for its format
    await read_form(request, largest)   from a user of the desk: fields, and files that are spooled to disk
    await read_body(request)            the bytes

Raises HTTPException 413 for a body that is too large, 408 for one that comes too slowly, 400 when the client is gone.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

FIELDS = 1000
PATIENCE = 30.0  # seconds without a byte, and before SLOWEST holds
SLOWEST = 8 * 1024  # bytes a second, on average: a slow telephone
PUBLIC_LARGEST = 16 * 1024
PUBLIC_PATIENCE = 10.0  # seconds for the whole body
_PUBLIC_FIELDS = 200  # a page with many lists, each with fields of its own
_MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as it was sent: `name` is what the sender calls it, `file` stands at its beginning."""

    name: str
    size: int
    file: BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskForm:
    """The fields of a form, each with its values in order; and its files."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, UploadedFile] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """The first value of a field, without space around it."""
        return self.raw(name, default).strip()

    def raw(self, name: str, default: str = "") -> str:
        """The first value of a field as it was typed."""
        return self.fields.get(name, (default,))[0]

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of a field: of boxes that were ticked."""
        return self.fields.get(name, ())

    def has(self, name: str) -> bool:
        """Whether a box was ticked, or a button of this name pressed."""
        return name in self.fields

    def upload(self, name: str) -> UploadedFile | None:
        """A file, if one was chosen."""
        return self.files.get(name)

    def close(self) -> None:
        for each in self.files.values():
            each.file.close()


def media_type(request: Request) -> str:
    """Returns the content type of the body, without parameters; "" when there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_public_form(request: Request) -> Mapping[str, str]:
    """Returns the fields of a form that anybody may post; of a field that is there twice, the first value.

    A body that is neither kind of form, or is malformed, has no fields: the request is processed all the same, as
    RFC 8058 requires of one-click unsubscribing.
    """
    body = await read_body(request)
    if media_type(request) == _MULTIPART:
        pairs = await _multipart(request, body)
    else:  # a browser's form, a mail client, or a client that sends no content type
        pairs = _urlencoded(body)
    return dict(reversed(pairs))


async def read_body(request: Request, largest: int = PUBLIC_LARGEST, *, patience: float = PUBLIC_PATIENCE) -> bytes:
    """Returns the body, of at most `largest` bytes, that was received within `patience` seconds."""
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
        return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_PUBLIC_FIELDS)
    except ValueError:
        return []


async def _multipart(request: Request, body: bytes) -> list[tuple[str, str]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    parser = MultiPartParser(
        request.headers, stream(), max_files=_PUBLIC_FIELDS, max_fields=_PUBLIC_FIELDS, max_part_size=PUBLIC_LARGEST
    )
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError):  # ValueError: the charset is no name of one
        return []
    pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    await form.close()
    return pairs


async def read_form(request: Request, largest: int) -> DeskForm:
    """Returns the form that a user of the desk posted, of at most `largest` bytes; files are spooled to disk.

    Raises HTTPException 400, too, for a body that is not a complete form.
    """
    stream = _stream(request, largest)
    try:
        if media_type(request) == _MULTIPART:
            parser = MultiPartParser(
                request.headers, stream, max_files=FIELDS, max_fields=FIELDS, max_part_size=largest
            )
            return _form(await parser.parse())
        body = b"".join([chunk async for chunk in stream])
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS)
    except (MultiPartException, ValueError):
        raise HTTPException(400) from None
    return DeskForm(fields=_group_by_name(pairs))


async def _stream(request: Request, largest: int) -> AsyncGenerator[bytes, None]:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 15 or int(length) > largest):
        raise HTTPException(413)
    chunks, received = aiter(request.stream()), 0
    clock = asyncio.get_running_loop().time
    begun = clock()
    while True:
        deadline = begun + PATIENCE + received / SLOWEST
        try:
            async with asyncio.timeout_at(min(clock() + PATIENCE, deadline)):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        except ClientDisconnect:
            raise HTTPException(400) from None
        if chunk is None:
            return
        received += len(chunk)
        if received > largest:
            raise HTTPException(413)
        yield chunk


def _form(data: FormData) -> DeskForm:
    files: dict[str, UploadedFile] = {}
    pairs: list[tuple[str, str]] = []
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            if value.filename and name not in files:
                files[name] = UploadedFile(value.filename, value.size or 0, value.file)
            else:
                value.file.close()
        else:
            pairs.append((name, value))
    return DeskForm(fields=_group_by_name(pairs), files=files)


def _group_by_name(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), value)
    return fields
