"""Erases a subscriber from everything that this program keeps.

    erase_subscriber(app, identity, by=...)   removes the rows from the list files, too
    erase_everywhere(app, identity, by=...)   erases from the ledger, and from the copies of list files

The copies are the earlier versions of each list (for undo), uploads that wait for a decision, and the rejected rows. Rows of the
subscriber are removed and everything else stays, byte for byte. A copy in which the address is found even then, in a cell of
another row, or which cannot be read as a list, is deleted. Raises LedgerError; CopiesLeftError after everything else is done.
"""

import csv
import gzip
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mailer.addresses import parse_address
from mailer.app import App
from mailer.atomic_files import replace_file
from mailer.csv.admin_edits import RowEdit, edited_copy
from mailer.csv.list_errors import ListError
from mailer.csv.reader import open_list
from mailer.csv.rows import Member
from mailer.errors import MailerError, UsageError
from mailer.ledger.types.suppressions import ErasureResult
from mailer.service.lists.backups import write_version
from mailer.service.lists.member_edits import remove_member
from mailer.service.lists.sync import list_lock
from mailer.service.lists.uploads import REJECTED, discard_upload_file, upload_files

_ENCODINGS = ("utf-8", "cp1252", "utf-16-le", "utf-16-be")


class CopiesLeftError(UsageError):
    """The subscriber was erased, but some copies of list files could not be changed."""

    def __init__(self, left: Sequence[str]) -> None:
        super().__init__(
            f"The reader was erased, but not from {', '.join(left)}.", "Erase the reader again in a few minutes."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseResult:
    """The result of erasing a subscriber. `failed`: lists whose files still contain the address, each with the error."""

    erased: ErasureResult
    removed_from: tuple[str, ...]
    failed: Mapping[str, MailerError]


def erase_subscriber(app: App, identity: str, *, by: str) -> EraseResult:
    """Erases a subscriber: the rows in files, also those of former addresses, and what the ledger knows.

    An error in one list stops neither the others nor the ledger.
    """
    removed: list[str] = []
    left: dict[str, MailerError] = {}
    members = app.ledger.members
    for address in (identity, *members.former_addresses(identity)):
        for each in members.of(address):
            if each.in_file and each.removed_at is None:
                try:
                    remove_member(app, each.list, address, by=by)
                    removed.append(each.list)
                except MailerError as error:
                    left[each.list] = error
    return EraseResult(erased=erase_everywhere(app, identity, by=by), removed_from=tuple(removed), failed=left)


def erase_everywhere(app: App, identity: str, *, by: str) -> ErasureResult:
    """Erases a subscriber, including former addresses. Idempotent."""
    identities = {identity, *app.ledger.members.former_addresses(identity)}
    result = app.ledger.erasure.erase(identity, source=by)
    if left := tuple(_erase_from_copies(app, _AddressSearch(identities))):
        raise CopiesLeftError(left)
    return result


def _erase_from_copies(app: App, found: "_AddressSearch") -> Iterator[str]:
    """Yields the copies that could not be changed, in words, each with the reason."""
    folders = (path for path in (app.workspace.state / "lists").glob("*") if path.is_dir())
    for folder in sorted(folders):
        try:
            is_list = folder.name in app.workspace.list_names()
            with list_lock(app, folder.name) if is_list else nullcontext():
                _clean_versions(folder, found)
        except (OSError, MailerError) as error:
            yield f"the earlier versions of the list {folder.name} ({_reason(error)})"
    for upload in upload_files(app):
        try:
            _clean_upload(app, upload, found)
        except OSError as error:
            yield f"an upload ({_reason(error)})"
    kept = (app.workspace.state / "lists").glob(f"*/imports/*{REJECTED}")
    for rejected in (*app.workspace.subscribers.glob(f"*{REJECTED}"), *kept):
        try:
            data = rejected.read_bytes()
            if found.is_in(data):
                replace_file(rejected, _without_mentions(data, found))
        except OSError as error:
            is_import = rejected.parent.name == "imports"
            name = rejected.parent.parent.name if is_import else rejected.name.removesuffix(REJECTED)
            yield f"the rejected rows of the list {name} ({_reason(error)})"


def _reason(error: OSError | MailerError) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else error.message.rstrip(".")


def _clean_upload(app: App, upload: Path, found: "_AddressSearch") -> None:
    data = upload.read_bytes()
    if not found.is_in(data):
        return
    cleaned = _without_rows(upload.parent, data, found)
    if cleaned is None:
        discard_upload_file(app, upload)
    else:
        replace_file(upload, cleaned)


def _clean_versions(folder: Path, found: "_AddressSearch") -> None:
    """Cleans the versions of one list."""
    for path in sorted(folder.glob("*.csv.gz")):
        try:
            data = gzip.decompress(path.read_bytes())
        except (EOFError, ValueError, gzip.BadGzipFile):
            path.unlink()  # it cannot be restored either
            continue
        if found.is_in(data):
            cleaned = _without_rows(folder, data, found)
            if cleaned is None:
                path.unlink()
            else:
                write_version(path, cleaned)


def _without_rows(folder: Path, data: bytes, found: "_AddressSearch") -> bytes | None:
    """Returns the list file `data` without the rows of the subscriber; None if the address would be left."""
    with TemporaryDirectory(dir=folder, prefix=".erase-") as scratch:
        path = Path(scratch) / "list.csv"
        path.write_bytes(data)
        try:
            source = open_list(path)
            rows = (row for row in source.rows(frozenset(), duplicates=False) if isinstance(row, Member))
            edits = [
                RowEdit(line=row.line, identity=row.address.identity, values=None)
                for row in rows
                if row.address.identity in found.identities
            ]
            with edited_copy(source, edits) as new:
                cleaned = new.path.read_bytes()
        except ListError:
            return None
    return None if found.is_in(cleaned) else cleaned


def _without_mentions(data: bytes, found: "_AddressSearch") -> bytes:
    """Returns the file of rejected rows without the rows that contain the address."""
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    header = text.readline()
    delimiter = next((each for each in "\t;," if each in header), ",")
    kept = io.StringIO(newline="")
    kept.write(header)
    writer = csv.writer(kept, delimiter=delimiter)
    writer.writerows(row for row in csv.reader(text, delimiter=delimiter) if not any(map(found.is_in_text, row)))
    return kept.getvalue().encode("utf-8-sig")


class _AddressSearch:
    """Finds some addresses in files, whatever their encoding, their case, and the form of their domain."""

    def __init__(self, identities: Collection[str]) -> None:
        self.identities = frozenset(identities)
        forms = {form for each in identities for form in _forms(each)}
        words = "|".join(re.escape(form) for form in sorted(forms))
        self._in_text = re.compile(rf"(?<![\w.+%-])(?:{words})(?![\w-]|\.\w)", re.IGNORECASE)
        self._needles = {
            form.encode(encoding)
            for form in forms
            for encoding in _ENCODINGS
            if encoding != "cp1252" or form.encode(encoding, "ignore").decode(encoding) == form
        }
        self._is_plain = all(form.isascii() for form in forms)

    def is_in_text(self, text: str) -> bool:
        return self._in_text.search(text) is not None

    def is_in(self, data: bytes) -> bool:
        """Whether the address may be in `data`; the quick search of bytes comes first."""
        if self._is_plain and not any(needle in data.lower() for needle in self._needles):
            return False
        return any(self.is_in_text(text) for text in _texts(data))


def _forms(identity: str) -> Iterator[str]:
    yield identity
    if "@" in identity:
        address = parse_address(identity)
        yield from (address.display.lower(), address.envelope.lower())


def _texts(data: bytes) -> Iterator[str]:
    for encoding in ("utf-16",) if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8", "cp1252"):
        yield data.decode(encoding, "ignore")
