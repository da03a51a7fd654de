"""The version of the program, with the commit if it runs from a clone. The commit is read from `.git`, without git."""

from pathlib import Path

from mailer import __version__

_SHOWN = 10  # characters of a commit
_CLONE = Path(__file__).resolve().parents[3]


def version_text(clone: Path = _CLONE) -> str:
    """Returns the version, such as `0.2.0` or, in the folder of a clone, `0.2.0 (commit 68cbad4d1e)`."""
    commit = find_commit(clone / ".git")
    return f"{__version__} (commit {commit[:_SHOWN]})" if commit else __version__


def find_commit(git: Path) -> str:
    """Returns the commit that is checked out, or "" if there is none. `git`: the folder `.git`, or the file of a worktree."""
    try:
        folder = git
        if git.is_file():
            folder = git.parent / git.read_text(encoding="utf-8").strip().removeprefix("gitdir: ")
        head = (folder / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        shared = folder / "commondir"
        common = folder / shared.read_text(encoding="utf-8").strip() if shared.is_file() else folder
        return _resolve_ref(common, head.removeprefix("ref: "))
    except (OSError, UnicodeDecodeError):
        return ""


def _resolve_ref(folder: Path, name: str) -> str:
    loose = folder / name
    if loose.is_file():
        return loose.read_text(encoding="utf-8").strip()
    for line in (folder / "packed-refs").read_text(encoding="utf-8").splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name:
            return commit
    return ""
