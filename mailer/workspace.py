"""The workspace: the folder of one installation.

    dispatches/  subscribers/  templates/  .env
    .mailer/     locks and other state of running processes

Paths begin with the root as it was typed; messages show them in this form. `init` copies the starter files into a folder;
it overwrites nothing and follows no symbolic link.
"""

import glob
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from mailer.atomic_files import PRIVATE_FILE, PRIVATE_FOLDER, create_file, make_private
from mailer.errors import UsageError

GITIGNORE = """\
# Secrets, the database and rejected rows: keep them out of the repository.
.env
*.db
*.db-shm
*.db-wal
*.db.lock*
*.pem
/.mailer/
subscribers/*.rejected.csv
"""
_KEY_LINE = re.compile(r"^MAILER_SECRET_KEYS=.*$", re.MULTILINE)
_FROM_LINE = re.compile(r"^MAILER_FROM=.*$", re.MULTILINE)
_SLUG_LINE = re.compile(r"""^slug[ \t]*:[ \t]*(["']?)(?P<slug>[^"'\s#]+)\1[ \t]*(#.*)?$""", re.MULTILINE)
_DATED = re.compile(r"^\d{4}-\d{2}-\d{2}-")
_HEAD_SIZE = 64 * 1024  # bytes of a dispatch that are searched for its slug
_LIST_NAME = re.compile(r"[^\W_][\w .+-]*")
_MAX_LIST_NAME = 80  # characters
_MAX_SHOWN = 100  # characters of a name in a message
_FOLDERS = ("dispatches", "subscribers", "templates")
_TRIAL = ("inbox", "inbox.jsonl")  # what the debug server wrote, by the names of README.md
_NOT_COPIED = ("templates", "desk")  # pages that change with the program and are not edited


class NoListError(UsageError):
    """There is no list of this name."""


@dataclass(frozen=True, slots=True)
class Workspace:
    root: Path

    @property
    def dispatches(self) -> Path:
        return self.root / "dispatches"

    @property
    def subscribers(self) -> Path:
        return self.root / "subscribers"

    @property
    def templates(self) -> Path:
        return self.root / "templates"

    @property
    def env_file(self) -> Path:
        return self.root / ".env"

    @property
    def state(self) -> Path:
        return self.root / ".mailer"

    def ensure_state_dir(self) -> Path:
        """Returns the state folder; creates it if necessary, for its owner only. Raises UsageError."""
        try:
            self.state.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"Cannot create the folder {self.state} ({error.strerror}).", "Check the permissions of the workspace."
            ) from None
        return self.state

    def make_private(self, database: Path | None) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """Removes the access of other users to all that holds readers or secrets.

        That is settings, lists, state, `database` with its log, and the messages of the trial in README.md. Returns what was
        changed; and what others can still read, because it belongs to another user or cannot be changed.
        """
        paths = [self.env_file, self.subscribers, *self.subscribers.glob("*.csv"), self.state]
        paths += [Path(folder) / name for folder, *names in os.walk(self.state) for name in chain(*names)]
        paths += [self.root / name for name in _TRIAL]
        if database is not None:
            paths += [database, *database.parent.glob(f"{glob.escape(database.name)}-*")]
        changed, readable = [], []
        for path in paths:
            try:
                was_readable = make_private(path)
            except FileNotFoundError:
                continue
            except OSError:
                was_readable = None
            if was_readable is None:
                readable.append(path)
            elif was_readable:
                changed.append(path)
        return tuple(changed), tuple(readable)

    def dispatch_files(self) -> tuple[Path, ...]:
        """Returns all dispatches of the workspace, by name."""
        found = (path for path in self.dispatches.glob("*.md") if path.is_file() and self.has_dispatch_file(path))
        return tuple(sorted(found))

    def has_dispatch_file(self, path: Path) -> bool:
        """Whether `path`, also as a symbolic link, is a dispatch of the workspace: nothing outside, nor settings or lists."""
        real = path.resolve()
        return real.is_relative_to(self.root.resolve()) and real.suffix == ".md"

    def list_names(self) -> tuple[str, ...]:
        """Returns the names of all lists, sorted."""
        names = (path.name.removesuffix(".csv") for path in self.subscribers.glob("*.csv") if path.is_file())
        return tuple(sorted(name for name in names if _is_list_name(name)))

    def find_dispatch(self, name: str) -> Path:
        """Returns the file of a dispatch, by path, by slug, or by the name of its file without the date, if only one has it.

        Raises UsageError with the closest name.
        """
        candidates = [Path(name), self.root / name]
        if "/" not in name:
            candidates.append(self.dispatches / f"{name}.md")
        if found := next((path for path in candidates if _is_file(path)), None):
            return found
        files = self.dispatch_files()
        if found := next((path for path in files if _read_slug(path) == name), None):
            return found
        undated = [path for path in files if _DATED.sub("", path.stem) == name]
        if len(undated) == 1:
            return undated[0]
        stem = Path(name).name.removesuffix(".md").lower()
        stems = [path.stem for path in files]
        partial = [each for each in stems if len(stem) > 2 and stem in each.lower()]
        close = partial[-1:] or get_close_matches(stem, stems, n=1)  # the newest that contains the name
        hint = f"Did you mean “{close[0]}”?" if close else "Give the path of a dispatch, or its slug."
        raise UsageError(f"There is no dispatch “{_printable(name)}”.", hint)

    def list_file(self, name: str) -> Path:
        """Returns the file of a list, by its name, which is never a path. Raises NoListError."""
        known = self.list_names()
        if name in known:
            return self.subscribers / f"{name}.csv"
        close = get_close_matches(Path(name).name.removesuffix(".csv"), known, n=1)
        listed = (
            f"The lists are: {', '.join(known)}."
            if known
            else "To create one, put a CSV file into the folder subscribers."
        )
        hint = f"Did you mean “{close[0]}”?" if close else listed
        raise NoListError(f"There is no list “{_printable(name)}”.", hint)

    def new_list(self, name: str, header: str) -> Path:
        """Creates the file of a new list with the first line `header`. Raises UsageError."""
        if not _is_list_name(name) or len(name) > _MAX_LIST_NAME:
            raise UsageError(
                f"“{_printable(name)}” cannot be the name of a list.",
                f"Use up to {_MAX_LIST_NAME} letters, digits, spaces and . + - _, such as: readers",
            )
        if taken := next((each for each in self.list_names() if each.casefold() == name.casefold()), None):
            raise UsageError(f"The list “{taken}” exists already.", "Choose another name.")
        path = self.subscribers / f"{name}.csv"
        try:
            self.subscribers.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            is_created = _create_if_missing(path, f"{header}\n".encode(), private=True)
        except OSError as error:
            raise UsageError(
                f"The list “{name}” cannot be created ({error.strerror}).",
                "Check the permissions of the folder subscribers.",
            ) from None
        if not is_created:
            raise UsageError(f"The list “{name}” exists already.", "Choose another name.")
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class InitResult:
    """The files that `init` created, and those that existed and were kept; relative to the folder.

    `needs_sender`: the settings still have the sender of the example.
    """

    created: tuple[Path, ...]
    kept: tuple[Path, ...]
    needs_sender: bool


def starter_dir() -> Path:
    """Returns the folder of the starter files: beside this file in an installed program, else the repository."""
    packaged = Path(__file__).parent / "starter"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent


def init_workspace(folder: Path) -> InitResult:
    """Makes `folder` a workspace: templates, a list, dispatches, settings with a fresh key. Raises UsageError."""
    created: list[Path] = []
    kept: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in _starter_files(starter_dir()):
            is_private = path.name == ".env" or path.parts[0] == "subscribers"
            is_created = _create_parents(folder, path, private=is_private) and _create_if_missing(
                folder / path, content, private=is_private
            )
            (created if is_created else kept).append(path)
    except OSError as error:
        where = error.filename or folder
        raise UsageError(f"Cannot write {where} ({error.strerror}).", "Choose another folder.") from None
    return InitResult(created=tuple(created), kept=tuple(kept), needs_sender=_has_example_sender(folder / ".env"))


def _starter_files(source: Path) -> Iterator[tuple[Path, bytes]]:
    for name in _FOLDERS:
        for path in sorted((source / name).rglob("*")):
            relative = path.relative_to(source)
            if path.is_file() and not _is_private(relative.parts) and relative.parts[:2] != _NOT_COPIED:
                yield relative, path.read_bytes()
    yield Path(".env"), _with_fresh_key(_example_settings(source)).encode()
    yield Path(".gitignore"), GITIGNORE.encode()


def _example_settings(source: Path) -> str:
    packed = source / "env.example"
    return (packed if packed.is_file() else source / ".env.example").read_text(encoding="utf-8")


def _has_example_sender(settings: Path) -> bool:
    try:
        found = _FROM_LINE.search(settings.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return False
    example = _FROM_LINE.search(_example_settings(starter_dir()))
    return found is None or (example is not None and found[0] == example[0])


def _with_fresh_key(example: str) -> str:
    line = f"MAILER_SECRET_KEYS={json.dumps([secrets.token_urlsafe(32)])}"
    return _KEY_LINE.sub(lambda _match: line, example, count=1)


def _is_private(parts: Iterable[str]) -> bool:
    return any(part.startswith((".", "__")) or part.endswith(".rejected.csv") for part in parts)


def _create_parents(folder: Path, path: Path, *, private: bool) -> bool:
    """Creates the parent folders of `path` in `folder`; returns False if one of them is a link or a file."""
    for parent in reversed(path.parents[:-1]):
        parent_folder = folder / parent
        if parent_folder.is_symlink():
            return False
        try:
            parent_folder.mkdir(mode=PRIVATE_FOLDER if private else 0o777, exist_ok=True)
        except FileExistsError:
            return False
    return True


def _create_if_missing(path: Path, content: bytes, *, private: bool) -> bool:
    """Writes a new file; returns False if the name exists, also as a dangling link."""
    try:
        create_file(path, content, mode=PRIVATE_FILE if private else 0o644)
    except FileExistsError:
        return False
    return True


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # an invalid file name
        return False


def _is_list_name(name: str) -> bool:
    return bool(_LIST_NAME.fullmatch(name)) and not name.endswith(".rejected")


def _read_slug(path: Path) -> str:
    """Returns the slug in the front matter of a dispatch, else the name of its file."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_SIZE).decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    except OSError:
        return path.stem
    front, end, _ = head.removeprefix("---\n").partition("\n---")
    match = _SLUG_LINE.search(front) if end and head.startswith("---\n") else None
    return match["slug"] if match else path.stem


def _printable(text: str) -> str:
    text = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
