"""Help, version, completion, and suggestions for a mistyped command."""

import os
import shutil
import subprocess
import sys

import pytest

from mailer import __version__
from mailer.cli.main import COMMANDS, mailer

ONE_LINE = 80  # columns of a terminal


def ran(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "mailer", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("named", "same_as"),
    [((), ("--help",)), (("send",), ("send", "--help")), (("list", "sync"), ("list", "sync", "--help"))],
)
def test_help_is_that_of_the_command(here, named, same_as):
    shown = here("help", *named)
    assert (shown.code, shown.out) == (0, here(*same_as).out)
    assert shown.out.startswith("Usage: mailer")


def test_the_help_names_every_command_on_one_line(here, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(ONE_LINE))
    lines = here("-h").out.splitlines()
    for name, (_, words) in COMMANDS.items():
        assert f"  {name:<10}  {words}" in lines
    assert max(map(len, lines)) <= ONE_LINE


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (("sned",), "Did you mean 'send'?"),
        (("statsu",), "Did you mean 'status'?"),
        (("list", "snyc"), "Did you mean 'sync'?"),
        (("help", "chek"), "'check'"),
        (("help", "list", "shwo"), "Did you mean 'show'?"),
        (("help", "send", "fog"), "has no commands of its own"),
        (("send", "--wehre", "x"), "'--where'"),
    ],
)
def test_a_mistyped_command_is_an_error_with_a_suggestion(here, arguments, suggestion):
    wrong = here(*arguments)
    assert (wrong.code, wrong.out) == (2, "")
    assert suggestion in wrong.err


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_printed(here, option):
    shown = here(option)
    assert shown.code == 0
    assert shown.out.startswith(f"mailer {__version__}")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_one_that_the_shell_reads(here, shell):
    script = here("completion", shell)
    assert script.code == 0
    assert f"_MAILER_COMPLETE={shell}_complete" in script.out
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=script.out, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "completed"), [("mailer re", ["render", "resend"]), ("mailer list s", ["show", "sync"])]
)
def test_commands_are_completed(words, completed):
    done = ran(_MAILER_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split()) - 1))
    assert set(completed) <= {line.partition(",")[2] for line in done.stdout.splitlines()}, done


def test_the_program_has_one_name_however_it_is_started():
    assert ran("-h").stdout.startswith(f"Usage: {mailer.name} ")
