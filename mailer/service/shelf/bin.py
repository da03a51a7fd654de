"""The bin: dispatches that were deleted at the desk stay in .mailer/bin for 30 days, and can be restored.

    delete_dispatch(app, name)     moves a dispatch into the bin
    list_bin(app)                  what is in the bin, the newest first
    restore_dispatch(app, id)      puts a dispatch back
    empty_bin(app)                 removes what has been there for 30 days, with its history

Raises UsageError.
"""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mailer.app import App
from mailer.atomic_files import create_file
from mailer.dispatch.metadata_scan import read_metadata
from mailer.errors import UsageError
from mailer.service.dispatches.dispatch_list import find_dispatch_summary
from mailer.service.dispatches.files import NoDispatchError, dispatch_path, read_source
from mailer.service.periodic_jobs import Log, run_every
from mailer.service.shelf.copies import require_idle

KEPT_FOR = 30 * 86_400.0  # seconds
_EVERY = 3600.0  # seconds
_FILE = re.compile(r"(?P<name>[^\W_][\w.+-]{0,200})\.(?P<at>\d{1,12})")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedDispatch:
    """A dispatch in the bin; `at`: when it was deleted, `until`: when it is removed."""

    id: str
    name: str
    title: str
    at: float
    until: float


def delete_dispatch(app: App, name: str) -> None:
    """Moves the dispatch `name` into the bin. Its history and its photos stay."""
    dispatch_path(app, name)
    require_idle(find_dispatch_summary(app, name))
    path = app.workspace.dispatches / f"{name}.md"
    try:
        _folder(app).mkdir(mode=0o700, exist_ok=True)
        create_file(_folder(app) / f"{name}.{app.clock():.0f}.md", read_source(path))
        path.unlink()
    except OSError as error:
        raise UsageError(f"The dispatch cannot be deleted ({error.strerror}).", "Ask an admin.") from None


def list_bin(app: App) -> tuple[DeletedDispatch, ...]:
    """Returns what is in the bin, the newest first."""
    found = []
    for path in (app.workspace.state / "bin").glob("*.md"):
        if match := _FILE.fullmatch(path.stem):
            with suppress(UsageError):  # removed meanwhile
                metadata = read_metadata(read_source(path), f"{match['name']}.md", language=app.settings.language)
                found.append(
                    DeletedDispatch(
                        id=path.stem,
                        name=match["name"],
                        title=metadata.title if metadata else match["name"],
                        at=float(match["at"]),
                        until=float(match["at"]) + KEPT_FOR,
                    )
                )
    return tuple(sorted(found, key=lambda each: each.at, reverse=True))


def restore_dispatch(app: App, bin_id: str) -> str:
    """Puts a dispatch back. Returns its name."""
    found = next((each for each in list_bin(app) if each.id == bin_id), None)
    if found is None:
        raise NoDispatchError("This dispatch is no longer in the bin.", "It was restored, or removed after 30 days.")
    source = _folder(app) / f"{found.id}.md"
    try:
        create_file(app.workspace.dispatches / f"{found.name}.md", read_source(source))
        source.unlink()
    except FileExistsError:
        raise UsageError(
            f"There is a dispatch “{found.name}” again.", "Rename or delete it first, then restore this one."
        ) from None
    except OSError as error:
        raise UsageError(f"The dispatch cannot be restored ({error.strerror}).", "Ask an admin.") from None
    return found.name


def empty_bin(app: App) -> None:
    """Removes what has been in the bin for 30 days, and its history if there is no dispatch of its name."""
    for each in list_bin(app):
        if each.until <= app.clock():
            (_folder(app) / f"{each.id}.md").unlink(missing_ok=True)
            if not (app.workspace.dispatches / f"{each.name}.md").exists():
                app.ledger.revisions.forget(each.name)


async def empty_bin_every_hour(app: App, stop: asyncio.Event, log: Log) -> None:
    """Empties the bin, at the start and then every hour, until `stop` is set."""

    async def step() -> None:
        await asyncio.to_thread(empty_bin, app)

    await run_every(_EVERY, step, stop, log, app=app, name="the bin")


def _folder(app: App) -> Path:
    return app.workspace.ensure_state_dir() / "bin"
