"""Files that are written wholly or not at all."""

import os
import stat
from pathlib import Path

import pytest

from mailer.atomic_files import AtomicFile, create_file, make_private, open_private, replace_file


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_committed_file_replaces_the_old_one_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("old")
    path.chmod(0o640)
    with AtomicFile(path) as new:
        new.file.write(b"new")
        assert path.read_text() == "old"
        new.commit()
    assert (path.read_text(), mode(path)) == ("new", 0o640)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_committed_is_removed(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("old")
    with AtomicFile(path) as new:
        new.file.write(b"half")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "list.csv"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_with_a_mode_the_file_need_not_exist(tmp_path):
    path = tmp_path / "page.html"
    with pytest.raises(FileNotFoundError):
        replace_file(path, b"x")
    assert list(tmp_path.iterdir()) == []
    replace_file(path, b"x", mode=0o644)
    assert (path.read_bytes(), mode(path)) == (b"x", 0o644)


def test_the_permissions_of_another_file_can_be_given(tmp_path):
    path, like = tmp_path / "copy", tmp_path / "original"
    like.write_text("")
    like.chmod(0o600)
    with AtomicFile(path, like=like) as new:
        new.commit()
    assert mode(path) == 0o600


def test_a_new_file_never_overwrites(tmp_path):
    path = tmp_path / "key.pem"
    create_file(path, b"secret", mode=0o600)
    assert (path.read_bytes(), mode(path)) == (b"secret", 0o600)
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    for taken in (path, dangling):
        with pytest.raises(FileExistsError):
            create_file(taken, b"other")
    assert path.read_bytes() == b"secret"


def test_a_private_file_never_gets_the_access_that_others_have_to_the_file_it_is_like(tmp_path):
    like = tmp_path / "list.csv"
    like.write_text("x")
    like.chmod(0o644)
    with AtomicFile(tmp_path / "new", like=like, private=True) as new:
        new.commit()
    assert mode(tmp_path / "new") == 0o600


def test_a_file_opened_as_private_is_its_owners_even_if_it_was_not(tmp_path):
    path = tmp_path / "report.csv"
    path.write_text("old")
    path.chmod(0o644)
    with open(path, "w", opener=open_private) as file:
        file.write("new")
    with open("/dev/null", "w", opener=open_private):
        pass
    assert (path.read_text(), mode(path)) == ("new", 0o600)
    assert mode(Path("/dev/null")) == 0o666


def test_making_private_says_whether_others_had_access(tmp_path):
    path = tmp_path / "a"
    path.write_text("x")
    path.chmod(0o644)
    tmp_path.chmod(0o755)
    assert [make_private(path), make_private(tmp_path)] == [True, True]
    assert (mode(path), mode(tmp_path)) == (0o600, 0o700)
    assert [make_private(path), make_private(tmp_path)] == [False, False]
