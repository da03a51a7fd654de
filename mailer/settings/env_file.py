"""Changes of a workspace's `.env`: only the lines of the variables that change; comments, order and everything else stay.

    env_file = read_env_file(path)          its variables, and a digest of its bytes
    save_variables(path, changes, digest)   writes the changes; None removes a variable

A new variable goes under its commented example (`# MAILER_RATE=14`), else to the end. A value is written in a form that
python-dotenv reads back exactly, and the whole file is read back before it is written: atomically, for its owner only.

python-dotenv's own `set_key` is not used: it writes one variable at a time, so that a crash between two leaves half of a
change; it does not escape backslashes; and it drops the permissions of the file, and the comment behind a value.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from mailer.atomic_files import PRIVATE_FILE, AtomicFile
from mailer.errors import UsageError

_BOM = "\ufeff"
_PLAIN = re.compile(r"[\w@.,:;/+%<>(){}\[\]*!?=&-]+(?: [\w@.,:;/+%<>(){}\[\]*!?=&-]+)*")
_LINE = re.compile(
    r"""
    (?P<head>\s*(?:export[^\S\r\n]+)?[^=\s]+[^\S\r\n]*=[^\S\r\n]*)
    (?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\r\n]*?)
    (?P<tail>[^\S\r\n]*(?:(?<=\s)\#[^\r\n]*)?(?:\r\n|\r|\n)?)
    """,
    re.VERBOSE | re.DOTALL,
)
_EXAMPLE = r"^[^\S\r\n]*#[^\S\r\n]*{name}=[^\r\n]*(?:\r\n|\r|\n|$)"


class EnvFileError(UsageError):
    """The file cannot be changed."""


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The variables of a file, by name in upper case; the digest tells whether the file was changed since."""

    variables: Mapping[str, str]
    digest: str


def read_env_file(path: Path) -> EnvFile:
    """Returns the variables of a file; none if it does not exist. Raises EnvFileError."""
    raw = _read(path)
    return EnvFile(_variables(_decode(raw)), hashlib.sha256(raw).hexdigest())


def is_writable(path: Path) -> bool:
    """Whether the file can be replaced: its folder and the file itself are not read-only."""
    target = path.resolve()
    return os.access(target.parent, os.W_OK | os.X_OK) and (not target.exists() or os.access(target, os.W_OK))


def save_variables(path: Path, changes: Mapping[str, str | None], digest: str) -> None:
    """Writes the changes into the file, unless it was changed since `digest`. Raises EnvFileError."""
    raw = _read(path)
    if hashlib.sha256(raw).hexdigest() != digest:
        raise EnvFileError("The settings were changed meanwhile.", "Look at them again, then repeat your change.")
    text = _decode(raw)
    changed = set_variables(text.removeprefix(_BOM), changes)
    bom = _BOM if text.startswith(_BOM) else ""
    try:
        with AtomicFile(path, mode=PRIVATE_FILE) as new:
            new.file.write(f"{bom}{changed}".encode())
            new.commit()
    except OSError as error:
        raise EnvFileError(
            f"The settings cannot be saved ({error.strerror}).", "Ask the person who runs the server to change them."
        ) from None


def set_variables(text: str, changes: Mapping[str, str | None]) -> str:
    """Returns the text of a file with the changes; None removes a variable. Raises EnvFileError if it could not be read back."""
    wanted = {**_variables(text), **{name: value for name, value in changes.items() if value is not None}}
    for name in changes:
        if changes[name] is None:
            wanted.pop(name, None)
    newline = "\r\n" if "\r\n" in text else "\n"
    for name, value in changes.items():
        text = _without(text, name) if value is None else _with(text, name, value, newline)
    if _variables(text) != wanted:
        raise EnvFileError(
            "The settings file has lines that cannot be changed here.",
            "Ask the person who runs the server to change them.",
        )
    return text


def _with(text: str, name: str, value: str, newline: str) -> str:
    bindings = list(parse_stream(StringIO(text)))
    places = [index for index, each in enumerate(bindings) if _names(each, name)]
    strings = [each.original.string for each in bindings]
    if places:
        last = places[-1]
        match = _LINE.fullmatch(strings[last])
        if match:
            strings[last] = f"{match['head']}{_quoted(value)}{match['tail']}"
        return "".join(each for index, each in enumerate(strings) if index == last or index not in places)
    line = f"{name}={_quoted(value)}{newline}"
    examples = list(re.finditer(_EXAMPLE.format(name=re.escape(name)), text, re.MULTILINE))
    end = examples[-1].end() if examples else len(text)
    before, after = text[:end], text[end:]
    gap = newline if before and not before.endswith(("\n", "\r")) else ""
    return f"{before}{gap}{line}{after}"


def _without(text: str, name: str) -> str:
    kept = []
    for each in parse_stream(StringIO(text)):
        if _names(each, name):
            leading = re.match(r"\s*", each.original.string)
            kept.append(leading[0] if leading else "")
        else:
            kept.append(each.original.string)
    return "".join(kept)


def _names(binding: Binding, name: str) -> bool:
    return binding.key is not None and not binding.error and binding.key.upper() == name


def _quoted(value: str) -> str:
    """Returns a value as it is written: plain if nothing in it needs quotes."""
    if _PLAIN.fullmatch(value):
        return value
    if value[:1] + value[-1:] in {"[]", "{}"} and value.isprintable() and not re.search(r"\s#", value):
        return value  # JSON, as people write it
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _variables(text: str) -> dict[str, str]:
    bindings: Iterable[Binding] = parse_stream(StringIO(text.removeprefix(_BOM)))
    return {each.key.upper(): each.value or "" for each in bindings if each.key is not None and not each.error}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise EnvFileError(f"The settings cannot be read ({error.strerror}).") from None


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise EnvFileError("The settings file is not UTF-8 text.", "Ask the person who runs the server.") from None
