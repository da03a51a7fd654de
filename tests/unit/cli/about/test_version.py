import pytest

from mailer import __version__
from mailer.cli.about.version import find_commit, version_text

COMMIT = "68cbad416b00000000000000000000000000beef"
OTHER = "1" * 40


@pytest.fixture
def clone(tmp_path):
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    return tmp_path


def test_a_clone_shows_the_commit_of_its_branch(clone):
    (clone / ".git" / "refs" / "heads" / "main").write_text(f"{COMMIT}\n", encoding="utf-8")
    assert version_text(clone) == f"{__version__} (commit 68cbad416b)"


def test_a_packed_branch_is_found(clone):
    packed = f"# pack-refs with: peeled fully-peeled sorted\n{OTHER} refs/heads/a\n{COMMIT} refs/heads/main\n^{OTHER}\n"
    (clone / ".git" / "packed-refs").write_text(packed, encoding="utf-8")
    assert find_commit(clone / ".git") == COMMIT


def test_a_detached_head_is_the_commit(clone):
    (clone / ".git" / "HEAD").write_text(f"{COMMIT}\n", encoding="utf-8")
    assert find_commit(clone / ".git") == COMMIT


def test_a_worktree_finds_its_branch_in_the_clone(clone):
    folder = clone / ".git" / "worktrees" / "side"
    folder.mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/side\n", encoding="utf-8")
    (folder / "commondir").write_text("../..\n", encoding="utf-8")
    (clone / ".git" / "refs" / "heads" / "side").write_text(f"{COMMIT}\n", encoding="utf-8")
    (clone / "side").mkdir()
    (clone / "side" / ".git").write_text(f"gitdir: {folder}\n", encoding="utf-8")
    assert find_commit(clone / "side" / ".git") == COMMIT


def test_without_a_clone_or_a_commit_there_is_only_the_version(clone, tmp_path):
    assert version_text(clone) == __version__
    assert version_text(tmp_path / "elsewhere") == __version__
