"""`mailer check`: what it prints to pipes, to people, to programs; and what a send makes of it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import jsonschema
import pytest

from mailer.lint.rule_catalogue import RULEBOOK
from tests.support.commands import Commands
from tests.support.workspaces import DISPATCH, mailer, make_workspace

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "tests" / "data" / "sarif" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
EXAMPLES = sorted((ROOT / "dispatches").glob("*.md"))
TO = ("--to", "readers", "--yes")


@pytest.fixture
def commands(tmp_path, capsys):
    return Commands(make_workspace(tmp_path, ledger=False), capsys)


def write(commands: Commands, name: str, text: str) -> Path:
    path = commands.folder / "dispatches" / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def flawed(commands) -> Path:
    """A dispatch with a warning and a note, and no error."""
    text = DISPATCH.replace("The rest is", "TODO: the rest is").replace("link: https://times.example.org/tides\n", "")
    return write(commands, "flawed", text)


def test_a_pipe_gets_one_line_a_finding_with_the_path_as_it_was_typed(commands, flawed):
    ran = commands("check", str(flawed))
    assert ran.code == 0
    assert ran.out.splitlines() == [
        f"{flawed}:14:1: warning: “TODO” is a placeholder; replace it, or delete it [placeholder]",
        (
            f"{flawed}:16:1: note: “Two high waters on Tuesday” does not link to its source, Harbour Times; "
            "add link: https://… under its title; an article of your own needs none [source-link]"
        ),
    ]


def test_warnings_count_as_errors_when_it_is_strict(commands, flawed):
    assert [commands("check", "flawed").code, commands("check", "flawed", "--strict").code] == [0, 1]
    assert commands("check", "tide", "--strict").code == 0


def test_json_has_the_keys_of_the_contract_and_nothing_else(commands, flawed):
    problems = commands.json("check", "flawed")["problems"]
    assert [list(each) for each in problems] == 2 * [
        ["path", "line", "column", "rule", "severity", "message", "expected"]
    ]
    assert commands("check", "flawed", "--format", "json").json()["problems"] == problems


@pytest.mark.parametrize("name", ["tide", "flawed", "broken", "empty"])
def test_sarif_is_valid_and_says_what_json_says(commands, flawed, name):
    write(commands, "broken", DISPATCH.replace("source: Harbour Times", "sorce: Harbour Times"))
    write(commands, "empty", "")
    ran = commands("check", name, "--format", "sarif")
    log = json.loads(ran.out)
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    (run,) = log["runs"]
    problems = commands.json("check", name)["problems"]
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        (each["rule"], each["severity"]) for each in problems
    ]
    for result, problem in zip(run["results"], problems, strict=True):
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == problem["rule"]
        place = result["locations"][0]["physicalLocation"]
        assert place["region"] == {"startLine": problem["line"], "startColumn": problem["column"]}
        assert place["artifactLocation"]["uri"].endswith(f"{name}.md")


def test_sarif_and_json_at_once_are_refused(commands):
    assert commands("check", "tide", "--json", "--format", "sarif").code == 2


@pytest.mark.parametrize("rule", RULEBOOK)
def test_each_rule_has_a_page(commands, rule):
    ran = commands("check", "--explain", rule)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == f"{rule} ({RULEBOOK[rule].severity}): {RULEBOOK[rule].title}"
    assert [line.split(":")[0] for line in lines if line[:1].isalpha()][1:4] == ["Why", "Source", "Fix"]
    assert ("Ignore" in ran.out) == RULEBOOK[rule].may_be_ignored


def test_an_unknown_rule_suggests_one(commands):
    ran = commands("check", "--explain", "placehodler")
    assert ran.code == 2
    assert "did you mean “placeholder”?" in ran.err


def test_without_a_dispatch_or_a_rule_there_is_nothing_to_check(commands):
    assert commands("check").code == 2


def test_a_comment_ignores_a_finding_and_must_be_of_use(commands):
    write(commands, "meant", DISPATCH.replace("title:", "# check: ignore placeholder, link-dead\ntitle:").replace("The rest", "TODO: the rest"))  # fmt: skip
    assert commands.json("check", "meant") == {"problems": []}
    write(commands, "idle", DISPATCH.replace("title:", "# check: ignore placeholder\ntitle:"))
    assert [each["rule"] for each in commands.json("check", "idle")["problems"]] == ["ignore-unused"]


def test_an_ignore_in_a_dispatch_with_errors_is_not_called_idle(commands):
    text = DISPATCH.replace("title:", "# check: ignore placeholder\ntitle:").replace("{% endif %}", "")
    write(commands, "broken", text)
    assert {each["rule"] for each in commands.json("check", "broken")["problems"]} == {"tag-unclosed"}


def test_a_source_that_another_dispatch_spells_otherwise_is_found(commands):
    write(commands, "older", DISPATCH.replace("2026-11-01", "2026-10-01").replace("2026-10-31", "2026-09-30"))
    write(commands, "newer", DISPATCH.replace("Harbour Times", "Harbor Times"))
    (found,) = commands.json("check", "newer")["problems"]
    assert (found["rule"], found["line"], found["column"]) == ("source-spelling", 17, 9)


def test_a_mail_program_that_is_not_known_is_a_setting_that_is_wrong(tmp_path, capsys):
    ran = Commands(make_workspace(tmp_path, CLIENTS="gmail,outlok"), capsys)("check", "tide")
    assert ran.code == 2
    assert "MAILER_CLIENTS" in ran.err
    assert "did you mean “outlook”?" in ran.err


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_have_no_findings_in_a_fresh_workspace(tmp_path, capsys, path):
    commands = Commands(tmp_path / "news", capsys)
    assert commands("init").code == 0
    env = tmp_path / "news" / ".env"
    assert commands.json("check", path.stem) == {"problems": []}
    env.write_text(
        env.read_text().replace("# MAILER_BASE_URL", "MAILER_BASE_URL").replace("# MAILER_POSTAL", "MAILER_POSTAL")
    )
    assert commands.json("check", path.stem, "--strict") == {"problems": []}


def test_a_send_refuses_a_dispatch_with_errors_and_lists_them(commands):
    article = DISPATCH[DISPATCH.index("## Two") :].replace("asks for patience.", "asks for patience. " * 400)
    write(commands, "endless", DISPATCH + "".join(f"\n{article}" for _ in range(14)))
    ran = commands("send", "endless", *TO)
    assert ran.code == 1
    assert "[html-clipped]" in ran.err
    assert commands.json("status") == {"sends": []}
    assert commands("render", "endless", "--out", str(commands.folder / "out")).code == 0


def test_a_send_shows_warnings_and_asks(commands, flawed):
    ran = commands("send", "flawed", "--to", "readers")
    assert ran.code == 4
    assert "[placeholder]" in ran.err


def test_a_dispatch_of_60_kilobytes_is_checked_in_three_seconds_cold(commands):
    article = DISPATCH[DISPATCH.index("## Two") :].replace("asks for patience.", "asks for patience. " * 100)
    write(commands, "long", DISPATCH + "".join(f"\n{article}" for _ in range(12)))
    assert commands.json("render", "long", "--out", str(commands.folder / "out"))["bytes"] > 60_000

    def spent_on(name: str) -> float:
        """Seconds of the processor, which a busy machine does not lengthen."""
        before = getrusage(RUSAGE_CHILDREN)
        ran = mailer(commands.folder, "check", name)
        after = getrusage(RUSAGE_CHILDREN)
        assert ran.code == 0, ran.out
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    spent = spent_on("long")
    assert spent < 3 or spent < 2.5 * spent_on("tide"), "on a slow machine it is held against a short one"


def test_a_terminal_gets_the_reason_and_remedy_of_each_rule_once(commands, flawed):
    path = commands.folder / "dispatches" / "flawed.md"
    path.write_text(path.read_text(encoding="utf-8").replace("TODO:", "TODO: TK"), encoding="utf-8")
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mailer", "check", "flawed"],
            cwd=commands.folder,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0
    assert shown.count("[placeholder]") == 2
    assert shown.count("Why:") == 2
    assert shown.count("Fix:") == 2
