"""A workspace: the folder in which somebody writes and sends.

    dispatches/  subscribers/  templates/  .env
    .mailer/     locks and other state of running programs

Paths are as the root was given, so that messages name them as they were typed. `init` fills a folder with what a
beginner needs, from what travels with the program; it overwrites nothing and writes through no symbolic link.
"""

import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from mailer.errors import UsageError
from mailer.files import create_file

GITIGNORE = """\
# Secrets, what the program remembers, and rows it could not use: none of it belongs in a repository.
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
_SLUG_LINE = re.compile(r"""^slug[ \t]*:[ \t]*(["']?)(?P<slug>[^"'\s#]+)\1[ \t]*(#.*)?$""", re.MULTILINE)
_HEAD = 64 * 1024  # bytes of a dispatch in which its front matter is looked for
_LIST_NAME = re.compile(r"[^\W_][\w .+-]*")
_LONGEST_LIST_NAME = 80  # characters
_SHOWN = 100  # characters of a name in a message
_FOLDERS = ("dispatches", "subscribers", "templates")
_PROGRAMS = ("templates", "desk")  # pages that change with the program, and are nobody's to edit


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
        """The state folder, made if need be, for its owner only. Raises UsageError."""
        try:
            self.state.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.state} cannot be made ({error.strerror}).", "See to the workspace.") from None
        return self.state

    def dispatch_files(self) -> tuple[Path, ...]:
        """All dispatches of the workspace, by name."""
        return tuple(sorted(path for path in self.dispatches.glob("*.md") if path.is_file()))

    def list_names(self) -> tuple[str, ...]:
        """All lists of the workspace, by name."""
        names = (path.name.removesuffix(".csv") for path in self.subscribers.glob("*.csv") if path.is_file())
        return tuple(sorted(name for name in names if _is_list_name(name)))

    def find_dispatch(self, name: str) -> Path:
        """The file of a dispatch, by path or slug. Raises UsageError, with what it may have been meant to be."""
        candidates = [Path(name), self.root / name]
        if "/" not in name:
            candidates.append(self.dispatches / f"{name}.md")
        if found := next((path for path in candidates if _is_file(path)), None):
            return found
        files = self.dispatch_files()
        if found := next((path for path in files if _slug(path) == name), None):
            return found
        wanted = Path(name).name.removesuffix(".md").lower()
        stems = [path.stem for path in files]
        part = [stem for stem in stems if len(wanted) > 2 and wanted in stem.lower()]
        close = part[-1:] or get_close_matches(wanted, stems, n=1)  # the newest that has it for a part
        hint = f"Did you mean “{close[0]}”?" if close else "Name a file, or the slug of one in dispatches/."
        raise UsageError(f"There is no dispatch “{_printable(name)}”.", hint)

    def list_file(self, name: str) -> Path:
        """The file of a list, by its name, which is never a path. Raises NoListError."""
        known = self.list_names()
        if name in known:
            return self.subscribers / f"{name}.csv"
        close = get_close_matches(Path(name).name.removesuffix(".csv"), known, n=1)
        listed = f"There are: {', '.join(known)}." if known else f"Put a CSV file into {self.subscribers}."
        hint = f"Did you mean “{close[0]}”?" if close else listed
        raise NoListError(f"There is no list “{_printable(name)}” in {self.subscribers}.", hint)

    def new_list(self, name: str, header: str) -> Path:
        """Make the file of a new list, whose first line is `header`. Raises UsageError."""
        if not _is_list_name(name) or len(name) > _LONGEST_LIST_NAME:
            raise UsageError(
                f"“{_printable(name)}” cannot be the name of a list.",
                f"Use up to {_LONGEST_LIST_NAME} letters and digits, with . + - _ or spaces between: readers",
            )
        if taken := next((each for each in self.list_names() if each.casefold() == name.casefold()), None):
            raise UsageError(f"There is a list “{taken}” already.", "Choose another name.")
        path = self.subscribers / f"{name}.csv"
        try:
            self.subscribers.mkdir(exist_ok=True)
            made = _create(path, f"{header}\n".encode(), private=False)
        except OSError as error:
            raise UsageError(f"{path} cannot be written ({error.strerror}).", "See to the lists' folder.") from None
        if not made:
            raise UsageError(f"{path} is there already.", "Choose another name.")
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class InitResult:
    """What `init` made, and what it found there and left as it was; relative to the folder."""

    created: tuple[Path, ...]
    kept: tuple[Path, ...]


def starter_dir() -> Path:
    """What a new workspace is copied from: in an installed program beside this file, else the repository."""
    packaged = Path(__file__).parent / "starter"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent


def init(folder: Path) -> InitResult:
    """Make `folder` a workspace: templates, a list, dispatches, settings with a fresh key. Raises UsageError."""
    created: list[Path] = []
    kept: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in _starter_files(starter_dir()):
            made = _is_plainly_inside(folder, path) and _create(folder / path, content, private=path.name == ".env")
            (created if made else kept).append(path)
    except OSError as error:
        where = error.filename or folder
        raise UsageError(f"{where} cannot be written ({error.strerror}).", "Choose another folder.") from None
    return InitResult(created=tuple(created), kept=tuple(kept))


def _starter_files(source: Path) -> Iterator[tuple[Path, bytes]]:
    for name in _FOLDERS:
        for path in sorted((source / name).rglob("*")):
            relative = path.relative_to(source)
            if path.is_file() and not _is_private(relative.parts) and relative.parts[:2] != _PROGRAMS:
                yield relative, path.read_bytes()
    packed = source / "env.example"
    example = packed if packed.is_file() else source / ".env.example"
    yield Path(".env"), _with_fresh_key(example.read_text(encoding="utf-8")).encode()
    yield Path(".gitignore"), GITIGNORE.encode()


def _with_fresh_key(example: str) -> str:
    line = f"MAILER_SECRET_KEYS={json.dumps([secrets.token_urlsafe(32)])}"
    return _KEY_LINE.sub(lambda _match: line, example, count=1)


def _is_private(parts: Iterable[str]) -> bool:
    return any(part.startswith((".", "__")) or part.endswith(".rejected.csv") for part in parts)


def _is_plainly_inside(folder: Path, path: Path) -> bool:
    """Make the folders of `path` in `folder`; False where one of them is a link, or no folder."""
    for parent in reversed(path.parents[:-1]):
        place = folder / parent
        if place.is_symlink():
            return False
        try:
            place.mkdir(exist_ok=True)
        except FileExistsError:
            return False
    return True


def _create(path: Path, content: bytes, *, private: bool) -> bool:
    """Write a new file, whole or not at all; False if something of this name, a dangling link too, is there."""
    try:
        create_file(path, content, mode=0o600 if private else 0o644)
    except FileExistsError:
        return False
    return True


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False


def _is_list_name(name: str) -> bool:
    return bool(_LIST_NAME.fullmatch(name)) and not name.endswith(".rejected")


def _slug(path: Path) -> str:
    """The slug that a dispatch gives itself in its front matter, else its file's name."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    except OSError:
        return path.stem
    front, end, _ = head.removeprefix("---\n").partition("\n---")
    match = _SLUG_LINE.search(front) if end and head.startswith("---\n") else None
    return match["slug"] if match else path.stem


def _printable(text: str) -> str:
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
