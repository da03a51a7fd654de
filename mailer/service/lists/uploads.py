"""Uploaded list files: kept, checked, and applied or discarded when somebody decides.

    keep_upload                keeps the file in .mailer/uploads/, if it is a list
    plan_upload                returns what it would do; changes nothing
    apply_upload               applies it: a sync with a number, which can be undone
    discard_upload             removes it
    list_uploads, list_imports the uploads that wait, and the newest that were applied, with their counts and rejected rows
    discard_expired_uploads    removes uploads that nobody decided about within a day

An upload is the whole list (ImportMode.WHOLE: it replaces the list's file), or is added to the list (ImportMode.ADD): an
address that is not in the list's file gets a row at its end, missing columns are added, and in rows that exist the cells that
the upload fills are set. An empty cell never empties another. Either way the list's file is changed first, and the sync
decides as always: nobody who opted out is resubscribed, and nobody who was erased gets a row again.

A plan changes neither the list nor its history. The list's file must have no changes that are not applied yet: they would be
counted as those of the upload. An upload expires after a day; `mailer serve` removes it. Raises UsageError, ListError which names
the upload by its own name, UnappliedChangesError, NeedsConfirmationError where more than a tenth of the members would be removed
and nobody confirmed that, LedgerError.
"""

import asyncio
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection

from mailer.app import App
from mailer.atomic_files import PRIVATE_FILE, AtomicFile, open_private, replace_file
from mailer.csv.list_errors import ListError, unwritable_error
from mailer.csv.reader import CsvList, open_list
from mailer.csv.rejected_rows_file import write_rejected
from mailer.csv.rows import abbreviate_cell
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.sync.append_diff import count_suppressed_members, first_suppressed_members
from mailer.ledger.types.syncs import SHOWN, SyncPlan
from mailer.service.lists.append_file import appended_file
from mailer.service.lists.file_digests import file_digest
from mailer.service.lists.staged_file import StagedFile, stage_list
from mailer.service.lists.sync import BY_FILE, NewFile, list_lock, replace_and_sync, sync_locked_list
from mailer.service.lists.unclear_columns import column_meanings, column_rules
from mailer.service.periodic_jobs import Log, run_every

LARGEST = 512 * 1024 * 1024  # octets
CLEAN_UP_EVERY = 3600.0  # seconds
KEPT_FOR = 86_400.0  # seconds
REJECTED = ".rejected.csv"
_MOST = 10  # uploads that are kept at a time
_KEPT_IMPORTS = 30  # of a list, with their rejected rows
_ID = re.compile(r"[0-9a-f]{32}")


class ImportMode(StrEnum):
    """Whether an upload replaces the list or is added to it."""

    WHOLE = "whole"
    ADD = "add"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    """The rows of an upload by what becomes of them: each row is in one of the counts.

    `mailed`: new on the list, and will be mailed; `unmailed`: new, but not mailed, by the reason; `kept_out`: on the list, and
    still not mailed, by the reason; `listed`: the others who are on the list; `erased`: get no row.
    """

    mailed: int
    unmailed: Mapping[str, int]
    kept_out: Mapping[str, int]
    listed: int
    erased: int
    duplicates: int
    rejected: int
    removed: int  # readers who are not in the upload: no row of it

    @property
    def rows(self) -> int:
        people = self.mailed + sum(self.unmailed.values()) + sum(self.kept_out.values()) + self.listed + self.erased
        return people + self.duplicates + self.rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRecord:
    """An upload that was applied. `sync`: its number in the list's history, None if it changed nothing."""

    id: str
    file_name: str
    mode: ImportMode
    by: str
    at: float
    sync: int | None
    counts: ImportCounts


class UnappliedChangesError(NeedsConfirmationError):
    """The list's file has changes that must be reviewed before an import."""


class ChangedListError(UsageError):
    """The list has changed since the plan was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that waits for a decision. `file_name` is its name on the sender's computer."""

    id: str
    list: str
    mode: ImportMode
    file_name: str
    by: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPlan:
    """What an upload would do. `base`: the digest of the list's file that the plan is for; `columns`: those that would be
    added.

    `rows` of the upload, its `encoding` and `delimiter`; `read_as`: headers that differ from the field that they were
    recognised as, with that field; `erased`: people in it who were erased, and get no row.
    """

    plan: SyncPlan
    counts: ImportCounts
    base: str
    rows: int
    encoding: str
    delimiter: str
    read_as: tuple[tuple[str, str], ...]
    columns: tuple[str, ...] = ()
    erased: int = 0


def keep_upload(app: App, name: str, file: BinaryIO, *, file_name: str, way: ImportMode, by: str) -> Upload:
    """Keeps `file` for the list `name`."""
    _require_applied(app, name)
    upload = Upload(
        id=secrets.token_hex(16),
        list=name,
        mode=way,
        file_name=abbreviate_cell(Path(file_name).name),
        by=by,
        at=app.clock(),
    )
    folder = _folder(app)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _make_room(folder, app.clock(), most=_MOST - 1)
        path = folder / f"{upload.id}.csv"
        with open(path, "xb", opener=open_private) as target:
            shutil.copyfileobj(file, target, 1 << 20)
        with _name_upload_in_errors(upload, path):
            open_list(path, upload.list)
        with open(folder / f"{upload.id}.json", "x", encoding="utf-8", opener=open_private) as record:
            json.dump(asdict(upload), record)
    except OSError as error:
        _remove(folder, upload.id)
        raise UsageError(
            f"The file cannot be stored ({error.strerror}).",
            "Free some space on the server’s disk, or ask the person who runs it.",
        ) from None
    except ListError:
        _remove(folder, upload.id)
        raise
    return upload


def find_upload(app: App, name: str, number: str) -> Upload | None:
    """Returns the upload of the list `name` with this id, if it still waits."""
    path = _folder(app) / f"{number}.json"
    if not _ID.fullmatch(number) or not path.is_file():
        return None
    kept = json.loads(path.read_bytes())
    kept["mode"] = ImportMode(kept.pop("way", None) or kept["mode"])  # `way`: kept by an earlier version
    upload = Upload(**kept)
    return upload if upload.list == name and upload.at > app.clock() - KEPT_FOR else None


def list_uploads(app: App, name: str) -> tuple[Upload, ...]:
    """Returns the uploads of the list `name` that wait, the newest first."""
    waiting = (find_upload(app, name, path.stem) for path in upload_files(app))
    return tuple(sorted((each for each in waiting if each), key=lambda each: -each.at))


def write_rejected_rows(app: App, upload: Upload, target: Path) -> None:
    """Writes the rejected rows of an upload that waits to `target`."""
    path = _file(app, upload)
    with _name_upload_in_errors(upload, path):
        write_rejected(open_list(path, upload.list, column_rules(app, upload.list)), target)


def discard_upload(app: App, upload: Upload) -> None:
    """Removes an upload."""
    _remove(_folder(app), upload.id)


def upload_files(app: App) -> tuple[Path, ...]:
    """Returns the files of all uploads that wait."""
    return tuple(sorted((app.workspace.state / "uploads").glob("*.csv")))


def discard_upload_file(app: App, path: Path) -> None:
    """Removes the upload whose file is at `path`."""
    _remove(_folder(app), path.stem)


def discard_expired_uploads(app: App) -> None:
    """Removes expired uploads. Raises UsageError for errors of the disk."""
    try:
        _make_room(app.workspace.state / "uploads", app.clock(), most=_MOST)
    except OSError as error:
        raise UsageError(
            f"An old upload cannot be removed ({error.strerror}).",
            "Delete it from .mailer/uploads: it contains addresses.",
        ) from None


async def clean_up_uploads(app: App, stop: asyncio.Event, log: Log) -> None:
    """Removes expired uploads, at the start and then every hour, until `stop` is set."""

    async def step() -> None:
        await asyncio.to_thread(discard_expired_uploads, app)

    await run_every(CLEAN_UP_EVERY, step, stop, log, app=app, name="old uploads")


def plan_upload(app: App, upload: Upload) -> UploadPlan:
    """Returns what `apply_upload` would do now."""
    _require_applied(app, upload.list)
    listed, path = app.workspace.list_file(upload.list), _file(app, upload)
    with _name_upload_in_errors(upload, path):
        given = open_list(path, upload.list)
        base = file_digest(listed)
        rules = column_rules(app, upload.list)
        with app.ledger.syncs.scratch() as scratch:
            if upload.mode is ImportMode.WHOLE:
                staged = stage_list(scratch, path, upload.list, rules, number=1, keep=False)
                with scratch.snapshot() as conn:
                    plan = app.ledger.syncs.plan(conn, upload.list, staged.rows, staged.reading)
                    return _upload_plan(conn, given, staged, plan, base)
            with appended_file(scratch, open_list(listed, upload.list), path, rules) as new:
                staged = stage_list(scratch, new.file.path, upload.list, rules, number=1, keep=False)
                with scratch.snapshot() as conn:
                    plan = app.ledger.syncs.plan(conn, upload.list, staged.rows, staged.reading)
                    upload_plan = _upload_plan(conn, given, new.upload, plan, base, erased=new.erased)
                return replace(upload_plan, columns=new.columns)


def apply_upload(app: App, upload: Upload, *, base: str, by: str, allow_removals: bool = False) -> SyncPlan:
    """Applies an upload, if the digest of the list's file is still `base`, and removes it."""
    name, path = upload.list, _file(app, upload)
    listed = app.workspace.list_file(name)
    with _name_upload_in_errors(upload, path), list_lock(app, name):
        if file_digest(listed) != base:
            raise ChangedListError(
                f"The list {name} has changed since you opened this page.", "Review the import again."
            )
        sync_locked_list(app, name, by=BY_FILE, implicit=True)
        counts = plan_upload(app, upload).counts
        now = open_list(listed, name)
        with _new_file(app, upload, now, path) as new:
            done = replace_and_sync(app, name, new, now, by=by, allow_removals=allow_removals)
    record = ImportRecord(
        id=upload.id,
        file_name=upload.file_name,
        mode=upload.mode,
        by=by,
        at=app.clock(),
        sync=done.sync,
        counts=counts,
    )
    _keep_record(app, upload, record)
    discard_upload(app, upload)
    return done


def list_imports(app: App, name: str) -> tuple[ImportRecord, ...]:
    """Returns the newest imports into the list `name`, the newest first."""
    found = (_read_record(path) for path in _imports_folder(app, name).glob("*.json"))
    return tuple(sorted(found, key=lambda each: (-each.at, each.id)))


def rejected_rows_file(app: App, name: str, number: str) -> Path | None:
    """Returns the file of the rejected rows of the import with this id; None if none is kept."""
    path = _imports_folder(app, name) / f"{number}{REJECTED}"
    return path if _ID.fullmatch(number) and path.is_file() else None


def _keep_record(app: App, upload: Upload, record: ImportRecord) -> None:
    """Keeps what an import did, with its rejected rows; forgets the oldest."""
    folder = _imports_folder(app, upload.list)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if record.counts.rejected:
            write_rejected_rows(app, upload, folder / f"{record.id}{REJECTED}")
        replace_file(folder / f"{record.id}.json", json.dumps(asdict(record)).encode(), mode=PRIVATE_FILE)
        for each in list_imports(app, upload.list)[_KEPT_IMPORTS:]:
            (folder / f"{each.id}{REJECTED}").unlink(missing_ok=True)
            (folder / f"{each.id}.json").unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"The file was imported, but its rejected rows cannot be stored ({error.strerror}).",
            "Free some space on the server’s disk, or ask the person who runs it.",
        ) from None


def _read_record(path: Path) -> ImportRecord:
    kept = json.loads(path.read_bytes())
    return ImportRecord(**{**kept, "mode": ImportMode(kept["mode"]), "counts": ImportCounts(**kept["counts"])})


def _imports_folder(app: App, name: str) -> Path:
    return app.workspace.state / "lists" / name / "imports"


def _require_applied(app: App, name: str) -> None:
    """Raises UnappliedChangesError if the list's file was not read since it was changed, or its settings were."""
    state = app.ledger.syncs.state(name)
    digest = file_digest(app.workspace.list_file(name))
    if state is None or state.digest != digest or state.meanings != column_meanings(app, name):
        raise UnappliedChangesError(
            f"The file of the list {name} has changes that are not applied yet. Nothing was imported.",
            f"Review them first: mailer list sync {name} --plan. Then import the file again.",
        )


@contextmanager
def _new_file(app: App, upload: Upload, now: CsvList, path: Path) -> Iterator[NewFile]:
    """Yields the file that is to replace the list's file."""
    if upload.mode is ImportMode.ADD:
        with (
            app.ledger.syncs.scratch() as scratch,
            appended_file(scratch, now, path, column_rules(app, upload.list)) as new,
        ):
            yield new.file
        return
    with AtomicFile(now.path) as whole:
        try:
            with path.open("rb") as given:
                shutil.copyfileobj(given, whole.file, 1 << 20)
            whole.file.flush()
        except OSError as error:
            raise unwritable_error(now.path, error) from None
        yield whole


def _upload_plan(
    conn: Connection, given: CsvList, staged: StagedFile, plan: SyncPlan, base: str, *, erased: int = 0
) -> UploadPlan:
    """Returns the plan, with what was found in the upload's own rows."""
    reading = staged.reading
    kept_out = count_suppressed_members(conn, plan.list, staged.rows)
    joining = (each for each in plan.first_blocked if each.joins)
    first_blocked = (*joining, *first_suppressed_members(conn, plan.list, staged.rows))
    counts = ImportCounts(
        mailed=plan.joined - sum(plan.unmailed.values()),
        unmailed=dict(plan.unmailed),
        kept_out=kept_out,
        listed=staged.rows.people - plan.joined - sum(kept_out.values()) - erased,
        erased=erased,
        duplicates=staged.rows.duplicates,
        rejected=reading.rejected,
        removed=plan.removed,
    )
    return UploadPlan(
        counts=counts,
        erased=erased,
        plan=replace(
            plan,
            blocked=plan.blocked_joined + sum(kept_out.values()),
            first_blocked=tuple(sorted(first_blocked, key=lambda each: each.line)[:SHOWN]),
            rejected=reading.rejected,
            duplicates=staged.rows.duplicates,
            findings=reading.findings,
            more_findings=reading.more_findings,
            unclear=reading.unclear,
        ),
        base=base,
        rows=reading.rows,
        encoding=given.encoding.label,
        delimiter=given.delimiter,
        read_as=tuple(
            (header.strip(), name)
            for header, name in zip(given.columns.headers, given.columns.names, strict=True)
            if name and header.strip().lower() != name
        ),
    )


@contextmanager
def _name_upload_in_errors(upload: Upload, path: Path) -> Iterator[None]:
    """Makes errors name the upload as its sender does."""
    try:
        yield
    except ListError as error:
        message = error.message.replace(path.name, f"“{upload.file_name}”")
        raise ListError(message, error.next_step) from None


def _folder(app: App) -> Path:
    return app.workspace.ensure_state_dir() / "uploads"


def _file(app: App, upload: Upload) -> Path:
    return _folder(app) / f"{upload.id}.csv"


def _make_room(folder: Path, now: float, *, most: int) -> None:
    """Removes expired uploads, and the oldest of more than `most`."""
    kept = sorted(((_kept_at(path), path.stem) for path in folder.glob("*.csv")), reverse=True)
    for number, (at, stem) in enumerate(kept):
        if number >= most or at < now - KEPT_FOR:
            _remove(folder, stem)


def _kept_at(path: Path) -> float:
    """Returns when the upload at `path` was kept; for an incomplete one, when its file last changed."""
    try:
        return float(json.loads(path.with_suffix(".json").read_bytes())["at"])
    except (OSError, ValueError):
        with suppress(FileNotFoundError):
            return path.stat().st_mtime
        return 0.0


def _remove(folder: Path, number: str) -> None:
    for name in (f"{number}.json", f"{number}.csv"):
        (folder / name).unlink(missing_ok=True)
