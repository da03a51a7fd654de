"""A list that somebody uploads: kept aside, read, and only then put to work.

    keep_upload      the file, in .mailer/uploads/, if it is a list at all
    plan_upload      what it would do; changes nothing
    apply_upload     does it: a sync with a number, which can be undone
    forget_upload    leaves it
    forget_old       removes what nobody decided about in a day

An upload is the whole list (Way.WHOLE: its file takes the place of the list's), or it adds to the list (Way.ADD): who is not
in the list's file gets a row at its end, columns that it lacks are added, and of who is there already the cells that the
upload fills are set. An empty cell empties nothing. Either way the list's file says it first, and the sync decides as ever:
nobody who said no comes back. Who was erased gets no row again.

What was not applied in a day is not applied any more; `mailer serve` removes it. Raises UsageError, ListError
in which the upload has its own name, NeedsConfirmationError where more than a tenth would leave and nobody said that it is meant,
LedgerError.
"""

import asyncio
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from mailer.app import App
from mailer.csv.reader import CsvList, ListError, open_list
from mailer.csv.rows import abbreviated
from mailer.errors import UsageError
from mailer.files import AtomicFile
from mailer.ledger.types.subscribers import SyncPlan
from mailer.service.jobs import Log, run_every
from mailer.service.lists.append_file import appended_file
from mailer.service.lists.file_digests import digest_of
from mailer.service.lists.staged_file import StagedFile, stage_list
from mailer.service.lists.sync import NewFile, list_lock, replace_and_sync, sync_list, sync_locked

LARGEST = 512 * 1024 * 1024  # octets
CLEAN_UP_EVERY = 3600.0  # seconds
KEPT_FOR = 86_400.0  # seconds
_MOST = 10  # uploads that are kept at a time
_ID = re.compile(r"[0-9a-f]{32}")


class ImportMode(StrEnum):
    """What an upload is to the list."""

    WHOLE = "whole"
    ADD = "add"


class ChangedListError(UsageError):
    """The list is not as it was when the plan was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that waits for a decision. `file_name` is what its sender calls it."""

    id: str
    list: str
    way: ImportMode
    file_name: str
    by: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPlan:
    """What an upload would do. `base`: the list's file that this was made for; `columns`: which it would get.

    `rows` of the upload, its `encoding` and `delimiter`; `read_as`: headers that are called otherwise than the field which
    they are taken for, with that field; `erased`: people in it who were erased, and get no row.
    """

    plan: SyncPlan
    base: str
    rows: int
    encoding: str
    delimiter: str
    read_as: tuple[tuple[str, str], ...]
    columns: tuple[str, ...] = ()
    erased: int = 0


def keep_upload(app: App, name: str, file: BinaryIO, *, file_name: str, way: ImportMode, by: str) -> Upload:
    """Keep `file` for the list `name`, which is synced first, so that an undo goes back to what it is now."""
    sync_list(app, name, by=by)
    upload = Upload(
        id=secrets.token_hex(16),
        list=name,
        way=way,
        file_name=abbreviated(Path(file_name).name),
        by=by,
        at=app.clock(),
    )
    folder = _folder(app)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _make_room(folder, app.clock(), most=_MOST - 1)
        path = folder / f"{upload.id}.csv"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            shutil.copyfileobj(file, target, 1 << 20)
        with _by_its_name(upload, path):
            open_list(path, upload.list)
        (folder / f"{upload.id}.json").write_text(json.dumps(asdict(upload)), encoding="utf-8")
    except OSError as error:
        _remove(folder, upload.id)
        raise UsageError(f"The file cannot be kept ({error.strerror}).", "Make room on the server's disk.") from None
    except ListError:
        _remove(folder, upload.id)
        raise
    return upload


def find_upload(app: App, name: str, number: str) -> Upload | None:
    """The upload for the list `name` that has this number, if it still waits."""
    path = _folder(app) / f"{number}.json"
    if not _ID.fullmatch(number) or not path.is_file():
        return None
    kept = json.loads(path.read_bytes())
    upload = Upload(**{**kept, "way": ImportMode(kept["way"])})
    return upload if upload.list == name and upload.at > app.clock() - KEPT_FOR else None


def forget_upload(app: App, upload: Upload) -> None:
    _remove(_folder(app), upload.id)


def forget_old(app: App) -> None:
    """Raises UsageError where the disk refuses."""
    try:
        _make_room(app.workspace.state / "uploads", app.clock(), most=_MOST)
    except OSError as error:
        raise UsageError(
            f"An old upload cannot be removed ({error.strerror}).", "See to .mailer/uploads: it holds addresses."
        ) from None


async def clean_up_uploads(app: App, stop: asyncio.Event, log: Log) -> None:
    """Removes old uploads, at the start and then every hour, until `stop` is set."""

    async def step() -> None:
        await asyncio.to_thread(forget_old, app)

    await run_every(CLEAN_UP_EVERY, step, stop, log, app=app, name="old uploads")


def plan_upload(app: App, upload: Upload) -> UploadPlan:
    """What `apply_upload` would do now."""
    listed, path = app.workspace.list_file(upload.list), _file(app, upload)
    with _by_its_name(upload, path):
        given = open_list(path, upload.list)
        base = digest_of(listed)
        with app.ledger.syncs.scratch() as scratch:
            if upload.way is ImportMode.WHOLE:
                staged = stage_list(scratch, path, upload.list, number=1, keep=False)
                with scratch.snapshot() as conn:
                    plan = app.ledger.syncs.plan(conn, upload.list, staged.rows, staged.reading)
                return _told(given, staged, plan, base)
            with appended_file(scratch, open_list(listed, upload.list), path) as new:
                staged = stage_list(scratch, new.file.path, upload.list, number=1, keep=False)
                with scratch.snapshot() as conn:
                    plan = app.ledger.syncs.plan(conn, upload.list, staged.rows, staged.reading)
                told = _told(given, new.upload, plan, base)
                return replace(told, columns=new.columns, erased=new.erased)


def apply_upload(app: App, upload: Upload, *, base: str, by: str, allow_removals: bool = False) -> SyncPlan:
    """Do it, if the list's file is still the one of digest `base`; the upload is gone then."""
    name, path = upload.list, _file(app, upload)
    listed = app.workspace.list_file(name)
    with _by_its_name(upload, path), list_lock(app, name):
        if digest_of(listed) != base:
            raise ChangedListError(
                f"The list {name} was changed meanwhile.", "Read once more what the file would do now."
            )
        sync_locked(app, name, by=by)
        now = open_list(listed, name)
        with _new_file(app, upload, now, path) as new:
            done = replace_and_sync(app, name, new, now, by=by, allow_removals=allow_removals)
    forget_upload(app, upload)
    return done


@contextmanager
def _new_file(app: App, upload: Upload, now: CsvList, path: Path) -> Iterator[NewFile]:
    """What is to take the list's place."""
    if upload.way is ImportMode.ADD:
        with app.ledger.syncs.scratch() as scratch, appended_file(scratch, now, path) as new:
            yield new.file
        return
    with AtomicFile(now.path) as whole:
        try:
            with path.open("rb") as given:
                shutil.copyfileobj(given, whole.file, 1 << 20)
            whole.file.flush()
        except OSError as error:
            raise ListError(f"{now.path} cannot be written ({error.strerror}).", "See to the lists' folder.") from None
        yield whole


def _told(given: CsvList, staged: StagedFile, plan: SyncPlan, base: str) -> UploadPlan:
    """The plan, with what was found in the upload's own rows."""
    reading = staged.reading
    return UploadPlan(
        plan=replace(
            plan,
            rejected=reading.rejected,
            duplicates=staged.rows.duplicates,
            findings=reading.findings,
            more_findings=reading.more_findings,
        ),
        base=base,
        rows=reading.rows,
        encoding=given.encoding,
        delimiter=given.delimiter,
        read_as=tuple(
            (header.strip(), name)
            for header, name in zip(given.columns.headers, given.columns.names, strict=True)
            if name and header.strip().lower() != name
        ),
    )


@contextmanager
def _by_its_name(upload: Upload, path: Path) -> Iterator[None]:
    """Errors name the upload as its sender does."""
    try:
        yield
    except ListError as error:
        said = error.message.replace(str(path), f"“{upload.file_name}”")
        raise ListError(said, error.next_step) from None


def _folder(app: App) -> Path:
    return app.workspace.ensure_state_dir() / "uploads"


def _file(app: App, upload: Upload) -> Path:
    return _folder(app) / f"{upload.id}.csv"


def _make_room(folder: Path, now: float, *, most: int) -> None:
    """Forget what is old, and the oldest of more than `most`."""
    kept = sorted(((_kept_at(path), path.stem) for path in folder.glob("*.csv")), reverse=True)
    for number, (at, stem) in enumerate(kept):
        if number >= most or at < now - KEPT_FOR:
            _remove(folder, stem)


def _kept_at(path: Path) -> float:
    """When the upload at `path` came; of one that is not complete, when something of it last did."""
    try:
        return float(json.loads(path.with_suffix(".json").read_bytes())["at"])
    except (OSError, ValueError):
        with suppress(FileNotFoundError):
            return path.stat().st_mtime
        return 0.0


def _remove(folder: Path, number: str) -> None:
    for name in (f"{number}.json", f"{number}.csv"):
        (folder / name).unlink(missing_ok=True)
