"""What a form of the desk sends: fields, and files that are spooled to disk.

Read within a limit, and only as long as something comes. Raises HTTPException 413 for what is too large, 408 for what
is too slow, 400 for what is neither a form nor complete.
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
PATIENCE = 30.0  # seconds without an octet


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent: `name` is what the sender calls it, `file` stands at its beginning."""

    name: str
    size: int
    file: BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of a form, each with its values in order; and its files."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)

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

    def upload(self, name: str) -> Upload | None:
        """A file, if one was chosen."""
        return self.files.get(name)

    def close(self) -> None:
        for each in self.files.values():
            each.file.close()


async def read_form(request: Request, largest: int) -> Form:
    """The form that was posted, of at most `largest` octets."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    stream = _stream(request, largest)
    try:
        if content_type == "multipart/form-data":
            parser = MultiPartParser(
                request.headers, stream, max_files=FIELDS, max_fields=FIELDS, max_part_size=largest
            )
            return _form(await parser.parse())
        body = b"".join([chunk async for chunk in stream])
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS)
    except (MultiPartException, ValueError):
        raise HTTPException(400) from None
    return Form(fields=_gathered(pairs))


async def _stream(request: Request, largest: int) -> AsyncGenerator[bytes, None]:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 15 or int(length) > largest):
        raise HTTPException(413)
    chunks, taken = aiter(request.stream()), 0
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        except ClientDisconnect:
            raise HTTPException(400) from None
        if chunk is None:
            return
        taken += len(chunk)
        if taken > largest:
            raise HTTPException(413)
        yield chunk


def _form(data: FormData) -> Form:
    files: dict[str, Upload] = {}
    pairs: list[tuple[str, str]] = []
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            if value.filename and name not in files:
                files[name] = Upload(value.filename, value.size or 0, value.file)
            else:
                value.file.close()
        else:
            pairs.append((name, value))
    return Form(fields=_gathered(pairs), files=files)


def _gathered(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), value)
    return fields
