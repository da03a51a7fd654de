"""What a person can do wrong ends in one sentence with the next step and the right exit; a crash shows no secret."""

import json
import sqlite3
import subprocess
import sys

import pytest

from mailer.cli.main import COMMANDS, run
from tests.support.workspaces import DISPATCH, KEY, make_workspace

SEND = ("send", "tide", "--to", "readers", "--yes")
USAGE = [
    ("unknown",),
    (),
    ("send",),
    ("send", "tide", "--nonsense"),
    ("send", "tide", "--to"),
    ("send", "nothing", "--to", "readers", "--yes"),
    ("send", "tide", "--to", "nobody", "--yes"),
    ("send", "tide", "--to", "../.env", "--yes"),
    ("send", "tide", "--to", "readers", "--exclude", "nobody", "--yes"),
    ("send", "tide", "--to", "readers", "--again", "--new-readers"),
    ("test", "tide"),
    ("test", "tide", "no-address"),
    ("test", "tide", "desk@example.org", "--as", "no-address"),
    ("check", "nothing"),
    ("check", "tide", "--to", "nobody"),
    ("check", "dispatches"),
    ("render", "tide"),
    ("render", "tide", "--out", "out", "--for", "nobody@example.com"),
    ("render", "tide", "--out", "/dev/null/out"),
    ("status", "1"),
    ("status", "x"),
    ("pause", "1"),
    ("resume", "1"),
    ("cancel", "99999999999999999999"),
    ("resend", "1", "--failed"),
    ("resolve", "1", "--resend"),
    ("resolve", "1"),
    ("report", "1"),
    ("report", "-1"),
    ("list", "sync", "nobody"),
    ("list", "sync", "readers,nobody"),
    ("subscriber", "show", "no-address"),
    ("subscriber", "unsubscribe", "a@b@c"),
    ("suppress", "add"),
    ("suppress", "add", "x"),
    ("new",),
    ("new", " "),
    ("serve", "--port", "70000"),
    ("serve", "--host", "nowhere.invalid", "--port", "0"),
]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_wrong_usage_is_exit_2_and_a_sentence(here, monkeypatch, arguments):
    make_workspace(here.folder)
    monkeypatch.chdir(here.folder)
    ran = here(*arguments)
    assert ran.code == 2, ran
    assert ran.err.strip()
    assert "Traceback" not in ran.err
    assert ran.out == ""


def test_exits_4_where_a_person_must_decide_and_nobody_is_there(here):
    make_workspace(here.folder)
    assert here("send", "tide", "--to", "readers").code == 4
    assert here("subscriber", "erase", "ana@example.com").code == 4


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(here, command):
    ran = here(command, "--help")
    assert ran.code == 0
    assert "Usage:" in ran.out
    takes_workspace = command not in {"schema", "demo", "help", "completion"} and "COMMAND [ARGS]" not in ran.out
    assert ("--workspace" in ran.out) == takes_workspace


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("RELAY", "ftp://user:hush-hush@x", "MAILER_RELAY"),
        ("SECRET_KEYS", '["short-one"]', "MAILER_SECRET_KEYS"),
        ("FROM", "nobody", "MAILER_FROM"),
        ("CONNECTIONS", "many", "MAILER_CONNECTIONS"),
        ("NONSENSE", "1", "MAILER_NONSENSE"),
        ("DATABASE_URL", "mysql://me:hush-hush@x/y", "MAILER_DATABASE_URL"),
    ],
)
@pytest.mark.parametrize(
    "command", [SEND, ("check", "tide"), ("status",), ("serve", "--port", "0"), ("new", "A title")]
)
def test_wrong_settings_are_named_without_their_values(here, name, value, expected, command):
    make_workspace(here.folder, **{name: value})
    ran = here(*command)
    assert ran.code == 2
    assert expected in ran.err
    assert ".env" in ran.err
    assert "hush-hush" not in ran.err
    assert "short-one" not in ran.err


def test_no_workspace_is_no_crash(here, tmp_path):
    for arguments in (("status",), SEND):
        ran = here(*arguments)
        assert ran.code == 2
        assert "is not a workspace" in ran.err
    assert run(["--workspace", str(tmp_path / "nowhere"), "status"]) == 2


DAMAGE = [
    ("mailer.db", b"not a database, but long enough to be taken for one" * 100, SEND, 4, "is not a SQLite database"),
    ("mailer.db", b"", SEND, 4, ""),
    ("templates/dispatch.html.j2", b"{% if %}", ("check", "tide"), 1, "dispatch.html.j2:1"),
    ("templates/dispatch.html.j2", b"{{ nothing.at.all }}", SEND, 1, "dispatch.html.j2"),
    ("templates/dispatch.html.j2", b"\xff\xfe\xff", ("check", "tide"), 1, "UTF-8"),
    ("dispatches/tide.md", b"\xff\xfe\xff", ("check", "tide"), 1, ""),
    ("dispatches/tide.md", b"", SEND, 1, "[empty-file]"),
    ("subscribers/readers.csv", b"", SEND, 2, "is empty"),
    ("subscribers/readers.csv", b"name\nAna\n", SEND, 2, "readers.csv"),
    ("subscribers/readers.csv", b"\x00\x01\x02", SEND, 2, "readers.csv"),
    (".env", b"\xff\xfe", ("status",), 2, "UTF-8"),
    (".env", b"MAILER_FROM", ("status",), 2, ".env:1"),
]


@pytest.mark.parametrize(("file", "content", "command", "code", "expected"), DAMAGE)
def test_a_damaged_file_is_named_with_what_to_do(here, catcher, file, content, command, code, expected):
    make_workspace(here.folder, port=catcher.port)
    path = here.folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    ran = here(*command)
    if file == "mailer.db" and not content:  # an empty file is a new database
        assert ran.code == 0
        return
    assert ran.code == code, ran
    assert expected in ran.out + ran.err
    assert "Traceback" not in ran.err
    assert not catcher.received()


@pytest.mark.parametrize("file", ["dispatches/tide.md", "subscribers/readers.csv", ".env", "mailer.db", ".mailer"])
def test_a_folder_or_file_in_the_place_of_the_other_is_named(here, file):
    make_workspace(here.folder)
    path = here.folder / file
    path.unlink(missing_ok=True)
    path.write_text("x") if file == ".mailer" else path.mkdir()
    ran = here(*SEND)
    assert ran.code in {2, 4}, ran
    assert "Traceback" not in ran.err
    assert file.partition("/")[2] or file in ran.err


def test_the_database_of_another_program_is_left_alone(here):
    make_workspace(here.folder, ledger=False)
    with sqlite3.connect(here.folder / "mailer.db") as database:
        database.execute("create table theirs (x)")
    ran = here(*SEND)
    assert ran.code == 4
    assert "another program" in ran.err


def test_what_cannot_be_written_is_named(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    here(*SEND)
    full = here("report", "1", "--csv", "/dev/full")
    assert full.code == 2
    assert "No space left" in full.err
    assert here("report", "1", "--csv", str(here.folder / "no" / "such" / "folder.csv")).code == 2
    assert here("render", "tide", "--out", str(here.folder / "mailer.db")).code == 2


def test_what_is_read_up_to_its_end_by_nobody_is_no_error(here, catcher):
    make_workspace(here.folder, port=catcher.port, rows=[f"r{n}@example.com,R," for n in range(3)])
    here(*SEND)
    program = [sys.executable, "-m", "mailer", "report", "1", "--csv", "-"]
    with subprocess.Popen(
        program, cwd=here.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


def test_an_unreadable_list_nobody_asked_for_stands_in_nobodys_way(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    (here.folder / "subscribers" / "broken.csv").write_bytes(b"\x00")
    assert here("check", "tide").code == 0
    assert here(*SEND).code == 0
    assert here.json("subscriber", "show", "ana@example.com")["lists"][0]["list"] == "readers"
    erased = here("subscriber", "erase", "ana@example.com", "--yes", "--json")
    assert erased.code == 0
    assert erased.json()["lists"] == ["readers"]


def test_an_excluding_list_may_have_bad_rows(here, catcher):
    make_workspace(here.folder, port=catcher.port)
    (here.folder / "subscribers" / "staff.csv").write_text("email\nnonsense\n")
    ran = here(*SEND, "--exclude", "staff")
    assert ran.code == 0
    assert "correct it in staff.csv and sync again (staff.rejected.csv is only a copy to read)" in ran.err
    assert (here.folder / "subscribers" / "staff.rejected.csv").exists()


# check


def test_check_shows_the_path_as_it_was_typed_and_makes_no_database(here, monkeypatch):
    make_workspace(here.folder, ledger=False)
    path = here.folder / "dispatches" / "tide.md"
    path.write_text(DISPATCH.replace("link:", "lnk:"), encoding="utf-8")
    monkeypatch.chdir(here.folder)
    for typed, shown in (
        ("tide", "dispatches/tide.md"),
        ("dispatches/tide.md", "dispatches/tide.md"),
        ("./dispatches/../dispatches/tide.md", "./dispatches/../dispatches/tide.md"),
        (str(path), str(path)),
    ):
        run_here = here("check", typed) if typed != "tide" else here("--workspace", ".", "check", typed)
        assert run_here.code == 1
        assert run_here.out.startswith(f"{shown}:19:1: error: "), run_here.out
        assert run_here.out.rstrip().endswith("[unknown-key]")
        assert run_here.out.count("\n") == 1
    assert not (here.folder / "mailer.db").exists()
    assert not (here.folder / ".mailer").exists()


def test_check_strict_takes_warnings_for_errors(here):
    make_workspace(here.folder)
    path = here.folder / "dispatches" / "tide.md"
    path.write_text(DISPATCH.replace('copyright: "© 2026 Mara Lindqvist"\n', ""), encoding="utf-8")
    assert here("check", "tide").code == 0
    assert here("check", "tide", "--strict").code == 1
    assert here.json("check", "tide")["problems"][0]["severity"] == "warning"


def test_check_asks_the_lists_that_are_named_then_the_dispatchs_then_all(here):
    make_workspace(here.folder)
    (here.folder / "subscribers" / "bare.csv").write_text("email\nx@example.com\n")
    assert here("check", "tide").code == 0, "one of all lists has the fields"
    assert here("check", "tide", "--to", "bare").code == 1
    assert here("check", "tide", "--to", "bare,readers").code == 0
    path = here.folder / "dispatches" / "tide.md"
    path.write_text(DISPATCH.replace("subject:", "lists: [bare]\nsubject:"), encoding="utf-8")
    assert here("check", "tide").code == 1
    assert here("check", "tide", "--to", "readers").code == 0


# crashes


HUSH = "hush-hush/and@more"


@pytest.mark.parametrize(
    ("settings", "secret"),
    [
        ({}, KEY),
        ({"RELAY": "smtps://letters:hush-hush%2Fand%40more@mail.example.org"}, HUSH),
        ({"RELAY": "smtps://letters:hush-hush%2Fand%40more@mail.example.org"}, "hush-hush%2Fand%40more"),
        ({"DATABASE_URL": "postgresql://me:hush-hush@db.example.org/letters", "CONNECTIONS": "wrong"}, "hush-hush"),
        ({"RELAY": "smtps://letters:hush-hush%2Fand%40more@mail.example.org", "FROM": ""}, HUSH),
        (
            {"SECRET_KEYS": '["a secret key that is long enough to be one", "tiny"]'},
            "a secret key that is long enough to be one",
        ),
        ({"CONNECTIONS": "wrong"}, KEY),
    ],
)
@pytest.mark.parametrize("where", ["file", "environment"])
def test_a_crash_shows_no_secret_whatever_the_settings_are(here, monkeypatch, settings, secret, where):
    make_workspace(here.folder, **(settings if where == "file" else {}))
    if where == "environment":
        for name, value in settings.items():
            monkeypatch.setenv(f"MAILER_{name}", value)

    def broken(*_: object) -> None:
        raise RuntimeError(f"it broke on {secret}")

    monkeypatch.setattr("mailer.app.App.open", broken)
    ran = here("status")
    assert ran.code == 2
    assert "RuntimeError: it broke on *****" in ran.err
    assert "hush" not in ran.err
    assert secret not in ran.err
    assert "This is a bug in mailer" in ran.err


# init, new, schema, help


def test_init_new_check_from_nothing(here, monkeypatch):
    monkeypatch.chdir(here.folder)
    news = here.folder / "news"
    here.folder = news
    assert here("init").code == 0
    made = here("new", 'A title: with “quotes”, "others" and #signs')
    assert made.code == 0
    checked = here("check", made.out.strip())
    assert (checked.code, checked.out.count("[sample-text]")) == (1, 5), checked
    assert here("new", 'A title: with “quotes”, "others" and #signs').code == 2
    before = (news / ".env").read_bytes()
    assert "Next: set your sender name and address" in here("init").err
    assert (news / ".env").read_bytes() == before
    (news / ".env").write_text(before.decode("utf-8").replace("letter@example.org", "mara@tides.example"), "utf-8")
    assert "set your sender name" not in here("init").err
    (news / "dispatches" / made.out.strip().rpartition("/")[2]).unlink()
    for example in (news / "dispatches").glob("2*-*-*.md"):
        assert here("check", example.stem, "--strict").code == 0, example


def test_the_schema_is_one_json_object(here):
    ran = here("schema")
    assert ran.code == 0
    assert json.loads(ran.out)["properties"]["title"]


def test_help_loads_nothing_heavy():
    heavy = {"sqlalchemy", "pydantic", "premailer", "jinja2", "lxml", "alembic", "rich", "starlette", "cryptography"}
    program = "import sys\nfrom mailer.cli.main import run\nassert run(['--help']) == 0\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Send a dispatch to its readers" in done.stdout
    assert not heavy & set(done.stdout.splitlines()[-1].split())
