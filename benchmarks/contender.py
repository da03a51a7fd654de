"""The contenders: this engine and other programs. Each sends a Load to a relay at a port, and is measured.

    contender.prepare()                  install what it needs, once; raises UnavailableError with the reason
    contender.run(load, port)            -> Measured

The engine, aiosmtplib and nodemailer time themselves from their first connection on (the engine from the start of `run_send`,
which is before it); smtp-source and mailmerge are timed whole, with their start.
"""

import json
import shutil
import sys
import venv
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from benchmarks.machine import ROOT
from benchmarks.process import Measured, ProcessResult, UnavailableError, run
from benchmarks.relay import postfix
from benchmarks.workload import SENDER, SampleMessage, SendOptions, reset_workspace

NODEMAILER = "10.6.0"
MAILMERGE = "2.3.0"
INSTALLING = 300.0  # seconds
PATIENCE = 300.0  # seconds that one run may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A number of messages over a number of sessions; `folder` is the workspace of the sample message."""

    sample: SampleMessage
    folder: Path
    messages: int
    sessions: int

    def part(self, share: float) -> "Load":
        """Returns the load with fewer messages, for a slow contender; at least one for each session."""
        return replace(self, messages=max(min(self.messages, self.sessions), int(self.messages * share)))


class Contender(Protocol):
    """A program that sends. `share`, `far_share`: the part of a load that it gets, on loopback and on the far link."""

    @property
    def name(self) -> str: ...

    @property
    def share(self) -> float: ...

    @property
    def far_share(self) -> float: ...

    def prepare(self) -> None: ...

    def run(self, load: Load, port: int) -> Measured: ...


def parse_result(ended: ProcessResult) -> Measured:
    """Returns the measurement that a program of ours printed."""
    printed = json.loads(ended.output.splitlines()[-1])
    return Measured(messages=printed["messages"], seconds=printed["seconds"], cpu=printed["cpu"], peak=ended.peak)


def _program(name: str) -> tuple[str, ...]:
    return sys.executable, "-m", f"benchmarks.{name}"


@dataclass(frozen=True, slots=True)
class Engine:
    """This engine whole: plan, freeze, then `run_send` with a durable ledger, tokens and VERP."""

    name: str = "mailer"
    dkim: tuple[str, ...] = ()
    share: float = 1.0
    far_share: float = 1.0

    def prepare(self) -> None:
        """Everything is here."""

    def run(self, load: Load, port: int) -> Measured:
        return parse_result(self.send(load, port))

    def send(self, load: Load, port: int, limit: int | None = None) -> ProcessResult:
        """Send to the first `limit` readers, about; the list of the workspace has as many as the load has messages."""
        reset_workspace(load.folder, SendOptions(port=port, connections=load.sessions, dkim=self.dkim))
        arguments = (str(load.folder), str(limit or load.messages))
        return run((*_program("engine"), *arguments), folder=ROOT, timeout=PATIENCE)


@dataclass(frozen=True, slots=True)
class SmtpSource:
    """Postfix's own generator, sending the same octets to everybody."""

    name: str = "smtp-source"
    share: float = 1.0
    far_share: float = 0.15

    def prepare(self) -> None:
        postfix("smtp-source")

    def run(self, load: Load, port: int) -> Measured:
        file = load.folder / "message.txt"
        file.write_bytes(load.sample.message.replace(b"\r\n", b"\n"))
        command = [postfix("smtp-source"), "-d", "-s", str(load.sessions), "-m", str(load.messages)]
        addresses = ["-f", SENDER, "-t", "reader@example.com"]
        ended = run([*command, "-F", str(file.resolve()), *addresses, f"127.0.0.1:{port}"], timeout=PATIENCE)
        return Measured(messages=load.messages, seconds=ended.seconds, cpu=ended.cpu, peak=ended.peak)


@dataclass(frozen=True, slots=True)
class Aiosmtplib:
    """aiosmtplib's `sendmail` of ready bytes."""

    name: str = "aiosmtplib"
    share: float = 0.25
    far_share: float = 0.15

    def prepare(self) -> None:
        """It is a part of ours."""

    def run(self, load: Load, port: int) -> Measured:
        file = load.folder / "message.eml"
        file.write_bytes(load.sample.message)
        counts = (str(port), str(load.sessions), str(load.messages))
        return parse_result(
            run((*_program("aiosmtplib_sender"), *counts, str(file.resolve())), folder=ROOT, timeout=PATIENCE)
        )


@dataclass(frozen=True, slots=True)
class Nodemailer:
    """nodemailer with a pool of connections, building each message; `home` is where it is installed."""

    home: Path
    name: str = "nodemailer"
    share: float = 0.1
    far_share: float = 0.3

    def prepare(self) -> None:
        if shutil.which("npm") is None or shutil.which("node") is None:
            raise UnavailableError("npm is not installed; it comes with Debian's package npm: apt install npm")
        installed = self.home / "node_modules" / "nodemailer" / "package.json"
        if installed.exists() and json.loads(installed.read_text(encoding="utf-8"))["version"] == NODEMAILER:
            return
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        options = ("--no-audit", "--no-fund", "--ignore-scripts", "--save-exact")
        run(("npm", "install", *options, f"nodemailer@{NODEMAILER}"), folder=self.home, timeout=INSTALLING)

    def run(self, load: Load, port: int) -> Measured:
        file, sample = load.folder / "sample.json", load.sample
        parts = {"subject": sample.subject, "text": sample.text, "html": sample.html, "sender": SENDER}
        file.write_text(json.dumps(parts), encoding="utf-8")
        counts = (str(port), str(load.sessions), str(load.messages))
        program = str(ROOT / "benchmarks" / "nodemailer_sender.js")
        return parse_result(run(("node", program, *counts, str(file.resolve())), folder=self.home, timeout=PATIENCE))


@dataclass(frozen=True, slots=True)
class Mailmerge:
    """mailmerge: one process, one session after the other. `home` is where it is installed."""

    home: Path
    name: str = "mailmerge"
    share: float = 0.01
    far_share: float = 0.01
    _boundary: str = field(default="=_of_the_benchmark", repr=False)

    @property
    def _python(self) -> Path:
        return self.home / "venv" / "bin" / "python"

    def prepare(self) -> None:
        if (self.home / f"installed-{MAILMERGE}").exists():
            return
        venv.create(self.home / "venv", with_pip=True, clear=True)
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"mailmerge=={MAILMERGE}")
        run((self._python, *install), timeout=INSTALLING)
        (self.home / f"installed-{MAILMERGE}").touch()

    def run(self, load: Load, port: int) -> Measured:
        rows = "".join(f"reader.{n}@example.com\n" for n in range(load.messages))
        files = {
            "list.csv": f"email\n{rows}",
            "server.conf": f"[smtp_server]\nhost = 127.0.0.1\nport = {port}\n",
            "template.txt": self._template(load.sample),
        }
        for name, content in files.items():
            (self.home / name).write_text(content, encoding="utf-8")
        arguments = ("--template", "template.txt", "--database", "list.csv", "--config", "server.conf")
        command = (self._python.parent / "mailmerge", *arguments, "--no-dry-run", "--no-limit")
        ended = run(command, folder=self.home, timeout=PATIENCE)
        return Measured(messages=load.messages, seconds=ended.seconds, cpu=ended.cpu, peak=ended.peak)

    def _template(self, sample: SampleMessage) -> str:
        mark = self._boundary
        parts = ((kind, text) for kind, text in (("plain", sample.text), ("html", sample.html)))
        body = "".join(f"--{mark}\nContent-Type: text/{kind}; charset=utf-8\n\n{text}\n\n" for kind, text in parts)
        head = f"TO: {{{{email}}}}\nSUBJECT: {sample.subject}\nFROM: {SENDER}\nMIME-Version: 1.0\n"
        return f'{head}Content-Type: multipart/alternative; boundary="{mark}"\n\n{body}--{mark}--\n'
