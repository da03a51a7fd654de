"""Runs the commands of a document as a person would type them.

A block of kind `sh` has commands, one a line. A block of kind `console` has commands after `$ `, and under each the lines
that it prints: every shown line has to be printed, in that order; `…` stands for any lines. `Type …: 5` is a question, and 5
the answer that is typed. Blocks of other kinds are contents of files; a test stores them.
"""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.patience import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_QUESTION = re.compile(r"^(Type .*:) (\S+)$")
ENDLESS = ("mailer serve", "mailer preview", "debug_server")  # commands that run until they are ended


@dataclass(frozen=True, slots=True)
class Command:
    """A command, with the lines that the document shows under it."""

    text: str
    shown: tuple[str, ...] = ()

    @property
    def answer(self) -> str | None:
        return next((found[2] for line in self.shown if (found := _QUESTION.match(line))), None)

    @property
    def is_endless(self) -> bool:
        return any(words in self.text for words in ENDLESS)


def section(path: Path, heading: str) -> str:
    """Returns the text under `heading` up to the next heading of its level."""
    text = path.read_text(encoding="utf-8")
    level = heading.split(maxsplit=1)[0]
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    end = text.find(f"\n{level} ", start)
    return text[start : None if end < 0 else end]


def blocks(text: str) -> list[tuple[str, str]]:
    """Returns the kind and the text of each block."""
    return _BLOCK.findall(text)


def commands(kind: str, block: str) -> Iterator[Command]:
    """Yields the commands of a block of kind `sh` or `console`."""
    if kind == "sh":
        yield from (Command(line) for line in block.splitlines() if line and not line.startswith("#"))
    elif kind == "console":
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            text, *shown = part.splitlines()
            yield Command(text, tuple(line for line in shown if line != "…"))


def make_clone(folder: Path) -> Path:
    """Makes what a fresh clone is after `make setup`: the files that make reads, and this environment as its .venv."""
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
        os.utime(folder / name, (0, 0))
    (folder / ".venv").mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name != ".ready":
            (folder / ".venv" / entry.name).symlink_to(entry)
    (folder / ".venv" / ".ready").touch()
    return folder


class Terminal:
    """A shell that keeps its folder and its variables from one command to the next.

    `replaced`: words of the document that a test cannot use, such as a fixed port, with what it uses instead.
    """

    def __init__(
        self, home: Path, folder: Path, *, replaced: Mapping[str, str], variables: Mapping[str, str] | None = None
    ) -> None:
        self._home = home
        self.folder = folder
        self._replaced = dict(replaced)
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith("MAILER_")}
        self.variables |= {"BROWSER": "true", "TERM": "xterm", **(variables or {})}
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for process in self._started:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)

    def replace(self, old: str, new: str) -> None:
        self._replaced[old] = new

    def rewrite(self, text: str) -> str:
        for old, new in self._replaced.items():
            text = text.replace(old, new)
        return text

    def run(self, command: Command) -> str:
        """Runs a command and returns its output. It has to succeed, and to print what the document shows.

        An endless command is started, and runs until this terminal is closed; its output is what it prints first.
        """
        text = self.rewrite(command.text)
        if command.is_endless:
            return self._start(text)
        state = self._home / "state"
        script = f'{text}\ncode=$?\npwd > "{state}"\nenv -0 >> "{state}"\nexit $code'
        code, output = self._ask(script, command.answer) if command.answer else self._capture(script)
        assert code == 0, f"{text}\n{output}"
        folder, _, variables = state.read_text(encoding="utf-8").partition("\n")
        self.folder = Path(folder)
        self.variables = dict(each.split("=", 1) for each in variables.split("\0") if "=" in each)
        lines = iter([line.rstrip() for line in output.splitlines()])
        for shown in command.shown:
            assert self.rewrite(_QUESTION.sub(r"\1", shown)) in lines, (
                f"{text}: “{shown}” is not printed, or not there:\n{output}"
            )
        return output

    def _capture(self, script: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout

    def _ask(self, script: str, answer: str) -> tuple[int, str]:
        """Runs `script` at a terminal at which `answer` is typed."""
        here, there = pty.openpty()
        try:
            os.write(here, answer.encode() + b"\n")
            with (self._home / "output").open("w+b") as output:
                process = subprocess.Popen(
                    ["bash", "-c", script],
                    cwd=self.folder,
                    env=self.variables,
                    stdin=there,
                    stdout=output,
                    stderr=there,
                    start_new_session=True,
                )
                os.close(there)
                typed = b""
                while piece := _read(here):
                    typed += piece
                code = process.wait(PATIENCE)
                output.seek(0)
                printed = output.read()
        finally:
            os.close(here)
        return code, _ANSI.sub("", (typed + printed).decode()).replace("\r", "\n")

    def _start(self, text: str) -> str:
        log = self._home / f"endless-{len(self._started)}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {text}"],
                cwd=self.folder,
                env=self.variables | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        until(lambda: log.read_text(encoding="utf-8") or process.poll() is not None)
        assert process.poll() is None, f"{text}\n{log.read_text(encoding='utf-8')}"
        return log.read_text(encoding="utf-8")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""
