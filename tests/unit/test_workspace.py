import os
import re
import shutil
import stat
from pathlib import Path

import pytest

import mailer.workspace as module
from mailer.app import App
from mailer.csv.reader import open_list
from mailer.errors import UsageError
from mailer.settings.settings import load_settings
from mailer.workspace import Workspace, init_workspace, starter_dir

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """What travels with the program, small; the real one is the repository."""
    source = tmp_path / "starter"
    for path, text in {
        "dispatches/2026-01-02-one.md": "---\ntitle: One\n---\n",
        "dispatches/photos/quay.jpg": "jpeg",
        "subscribers/readers.csv": "email\nana@x.org\n",
        "subscribers/readers.rejected.csv": "line\n",
        "templates/partials/foot.html.j2": "foot",
        "templates/.hidden": "x",
        "templates/__pycache__/x.pyc": "x",
        "env.example": "# Who\nMAILER_FROM=A <a@x.org>\nMAILER_SECRET_KEYS=\n",
    }.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text, encoding="utf-8")
    monkeypatch.setattr(module, "starter_dir", lambda: source)
    return source


MADE = [
    "dispatches/2026-01-02-one.md",
    "dispatches/photos/quay.jpg",
    "subscribers/readers.csv",
    "templates/partials/foot.html.j2",
    ".env",
    ".gitignore",
]


def test_init_makes_what_a_beginner_needs(packaged, tmp_path):
    folder = tmp_path / "new" / "news"
    made = init_workspace(folder)
    assert [str(path) for path in made.created] == MADE
    assert made.kept == ()
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == sorted(MADE)
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "subscribers").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "subscribers/readers.csv").stat().st_mode) == 0o600
    assert {".env", "*.db", "/.mailer/"} <= set((folder / ".gitignore").read_text(encoding="utf-8").splitlines())
    assert load_settings(folder, {}).sender.address == "a@x.org"


def test_each_workspace_has_a_key_of_its_own(packaged, tmp_path):
    keys = set()
    for name in "ab":
        init_workspace(tmp_path / name)
        keys.update(
            re.findall(r'^MAILER_SECRET_KEYS=\["(.{43})"\]$', (tmp_path / name / ".env").read_text(), re.MULTILINE)
        )
    assert len(keys) == 2


def test_init_again_overwrites_nothing_and_fills_in_what_is_missing(packaged, tmp_path):
    folder = tmp_path / "news"
    (folder / "subscribers").mkdir(parents=True)
    (folder / "subscribers" / "readers.csv").write_text("mine", encoding="utf-8")
    (folder / ".env").write_text("MAILER_CONNECTIONS=1", encoding="utf-8")
    made = init_workspace(folder)
    assert made.needs_sender
    assert [str(path) for path in made.kept] == ["subscribers/readers.csv", ".env"]
    assert (folder / "subscribers" / "readers.csv").read_text(encoding="utf-8") == "mine"
    assert (folder / ".env").read_text(encoding="utf-8") == "MAILER_CONNECTIONS=1"
    assert [str(path) for path in init_workspace(folder).kept] == MADE


def test_init_asks_for_a_sender_only_until_it_is_set(packaged, tmp_path):
    assert init_workspace(tmp_path).needs_sender
    assert init_workspace(tmp_path).needs_sender, "it is still the example"
    (tmp_path / ".env").write_text("MAILER_FROM=Mara Lindqvist <mara@tides.example>\n", encoding="utf-8")
    assert not init_workspace(tmp_path).needs_sender


def test_the_messages_of_the_trial_are_made_private(tmp_path):
    (tmp_path / "inbox").mkdir(mode=0o755)
    (tmp_path / "inbox.jsonl").touch(mode=0o644)
    changed, _ = Workspace(tmp_path).make_private(None)
    assert {tmp_path / "inbox", tmp_path / "inbox.jsonl"} <= set(changed)


def test_init_writes_through_no_link(packaged, tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "news"
    outside.mkdir()
    folder.mkdir()
    (folder / "templates").symlink_to(outside)
    (folder / ".env").symlink_to(outside / "stolen")
    (folder / "dispatches").write_text("a file", encoding="utf-8")
    made = init_workspace(folder)
    assert list(outside.iterdir()) == []
    assert [str(path) for path in made.created] == ["subscribers/readers.csv", ".gitignore"]


def test_init_in_a_place_that_is_no_folder(packaged, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match=r"Cannot write .+ \(.+\)") as caught:
        init_workspace(tmp_path / "file")
    assert caught.value.next_step


def test_a_write_that_fails_leaves_no_half_file(packaged, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(UsageError, match="No space left on device"):
        init_workspace(tmp_path / "news")
    assert not [path for path in (tmp_path / "news").rglob("*") if path.is_file()]


def test_the_repository_s_own_starter_makes_a_workspace_that_works(tmp_path):
    assert starter_dir() == REPOSITORY
    init_workspace(tmp_path)
    workspace = Workspace(tmp_path)
    assert len(workspace.dispatch_files()) >= 3
    assert "readers" in workspace.list_names()
    assert len(list(open_list(workspace.list_file("readers")).rows())) == 5
    assert (tmp_path / "dispatches/photos/east-quay.jpg").read_bytes() == (
        REPOSITORY / "dispatches/photos/east-quay.jpg"
    ).read_bytes()
    assert load_settings(tmp_path, {}).publication == "The Harbour Letter"


def test_an_installed_program_brings_its_starter(tmp_path, monkeypatch):
    (tmp_path / "mailer" / "starter").mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "mailer" / "workspace.py"))
    assert starter_dir() == tmp_path / "mailer" / "starter"
    shutil.rmtree(tmp_path / "mailer" / "starter")
    assert starter_dir() == tmp_path


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, text in {
        "dispatches/2026-01-02-one.md": "---\ntitle: One\n---\nslug: body\n",
        "dispatches/two.md": "---\r\ntitle: Two\r\nslug: 'the-second'  # kept\r\n---\r\n",
        "drafts/three.md": "",
        "subscribers/readers.csv": "",
        "subscribers/Amis de Göteborg.csv": "",
        "subscribers/readers.rejected.csv": "",
        "subscribers/.hidden.csv": "",
        "subscribers/a,b.csv": "",
        "elsewhere.csv": "",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8", newline="")
    return Workspace(Path())


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("2026-01-02-one", "dispatches/2026-01-02-one.md"),
        ("dispatches/2026-01-02-one.md", "dispatches/2026-01-02-one.md"),
        ("two", "dispatches/two.md"),
        ("the-second", "dispatches/two.md"),
        ("one", "dispatches/2026-01-02-one.md"),
        ("drafts/three.md", "drafts/three.md"),
    ],
)
def test_a_dispatch_is_found_by_path_or_slug(workspace, name, path):
    assert str(workspace.find_dispatch(name)) == path


def test_a_name_without_a_date_must_be_the_only_one(workspace, tmp_path):
    (tmp_path / "dispatches" / "2026-02-02-one.md").write_text("---\n---\n", encoding="utf-8")
    with pytest.raises(UsageError, match="There is no dispatch “one”"):
        workspace.find_dispatch("one")


def test_a_path_may_be_relative_to_the_workspace(workspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "drafts")
    assert Workspace(Path("..")).find_dispatch("dispatches/two.md") == Path("../dispatches/two.md")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("2026-01-02-on", "Did you mean “2026-01-02-one”?"),
        ("02-ONE", "Did you mean “2026-01-02-one”?"),
        ("dispatches/tow.md", "Did you mean “two”?"),
        ("body", "Give the path of a dispatch, or its slug"),
        ("", "Give the path of a dispatch, or its slug"),
        (".", "Give the path of a dispatch, or its slug"),
        ("drafts", "Give the path of a dispatch, or its slug"),
        ("x\0y", "Give the path of a dispatch, or its slug"),
        ("x" * 5000, "Give the path of a dispatch, or its slug"),
    ],
)
def test_a_dispatch_that_is_not_there(workspace, name, hint):
    with pytest.raises(UsageError, match="There is no dispatch") as caught:
        workspace.find_dispatch(name)
    assert hint in caught.value.next_step
    assert str(caught.value).isprintable()


def test_lists_are_named_by_their_files(workspace):
    assert workspace.list_names() == ("Amis de Göteborg", "readers")
    assert str(workspace.list_file("readers")) == "subscribers/readers.csv"


@pytest.mark.parametrize(
    "name",
    ["../elsewhere", "/etc/passwd", "readers.csv", "readers.rejected", ".hidden", "", ".", "..", "a,b", "x\0", "READERS", "r\x1b"],
)  # fmt: skip
def test_a_list_s_name_is_no_path(workspace, name):
    with pytest.raises(UsageError, match="There is no list") as caught:
        workspace.list_file(name)
    assert caught.value.next_step


def test_a_near_miss_is_suggested(workspace, tmp_path):
    with pytest.raises(UsageError, match="Did you mean “readers”"):
        workspace.list_file("raeders")
    with pytest.raises(UsageError, match="put a CSV file into the folder subscribers"):
        Workspace(tmp_path / "drafts").list_file("readers")


def test_the_state_folder_is_made_for_its_owner(workspace, tmp_path):
    assert workspace.ensure_state_dir() == workspace.state == Path(".mailer")
    assert stat.S_IMODE((tmp_path / ".mailer").stat().st_mode) == 0o700
    workspace.ensure_state_dir()
    with pytest.raises(UsageError, match="Cannot create the folder"):
        Workspace(tmp_path / "elsewhere.csv").ensure_state_dir()


def test_all_that_holds_readers_is_made_private_with_a_word(tmp_path, caplog):
    init_workspace(tmp_path)
    (tmp_path / ".mailer/lists/readers").mkdir(parents=True)
    state, backup = tmp_path / ".mailer", tmp_path / ".mailer/lists/readers/1.csv.gz"
    rejected, log = tmp_path / "subscribers/readers.rejected.csv", tmp_path / "mailer.db-wal"
    files = [tmp_path / ".env", tmp_path / "subscribers/readers.csv", rejected, backup, tmp_path / "mailer.db", log]
    for path in files:
        path.touch()
        path.chmod(0o644)
    folders = [tmp_path / "subscribers", state, state / "lists", state / "lists/readers"]
    for path in folders:
        path.chmod(0o755)
    with App.open(tmp_path):
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    [warning] = caplog.messages
    assert warning.startswith(f"Only you can read {tmp_path / '.env'}, ")
    with App.open(tmp_path):
        assert caplog.messages == [warning]


def test_what_cannot_be_made_private_is_named(tmp_path, caplog, monkeypatch):
    init_workspace(tmp_path)
    (tmp_path / ".env").chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with App.open(tmp_path):
        [warning] = caplog.messages
    assert (
        warning == f"Other users of this machine can read {tmp_path / '.env'}, and the owner is another user. "
        "As root, make the user who runs mailer the owner: chown USER FILE"
    )
