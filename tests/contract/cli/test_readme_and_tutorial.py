"""The commands of README.md and docs/tutorial.md, run one after another as a person would type them in a fresh clone."""

import re
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.support.certificates import Authority
from tests.support.commands import served
from tests.support.documents import ROOT, Command, Terminal, blocks, commands, make_clone, section
from tests.support.patience import until
from tests.support.secured import Secured

README, TUTORIAL = ROOT / "README.md", ROOT / "docs" / "tutorial.md"


def free_port() -> str:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return str(bound.getsockname()[1])


def answers(port: str) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", int(port))) == 0


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path, make_clone(tmp_path / "clone"), replaced={}) as opened:
        yield opened


def set_variables(path: Path, lines: str) -> None:
    """Sets variables of a .env file, as a person edits it: the line that counts, or else the example behind `# `."""
    text = path.read_text(encoding="utf-8")
    for line in lines.splitlines():
        name = line.partition("=")[0]
        found = re.search(rf"^{name}=.*$", text, re.MULTILINE) or re.search(rf"^# {name}=.*$", text, re.MULTILINE)
        assert found, f"{name} is not in .env"
        text = text[: found.start()] + line + text[found.end() :]
    path.write_text(text, encoding="utf-8")


def test_the_first_five_minutes_of_the_readme_send_to_the_example_list(terminal: Terminal) -> None:
    smtp, http = free_port(), free_port()
    terminal.replace("2525", smtp)
    terminal.replace("mailer serve", f"mailer serve --port {http}")
    clone, count = terminal.folder, 0
    for kind, block in blocks(section(README, "## Five minutes to your first send")):
        for command in commands(kind, block):
            if "debug_server" in command.text:
                workspace, terminal.folder = terminal.folder, clone
                terminal.run(command)
                terminal.folder = workspace
                until(lambda: answers(smtp))
            else:
                terminal.run(command)
            count += 1
    assert count == 14
    assert len(list((terminal.folder / "inbox").glob("*.eml"))) == 6
    until(lambda: answers(http))  # its first line may be a warning, before it listens
    with urllib.request.urlopen(f"http://127.0.0.1:{http}/desk/") as page:
        assert page.status == 200


def test_the_tutorial_leads_from_a_clone_to_a_send_over_a_relay_with_tls_and_a_password(
    terminal: Terminal, tmp_path: Path
) -> None:
    authority, http = Authority.make(), free_port()
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    terminal.variables["SSL_CERT_FILE"] = str(trusted)
    terminal.replace("8000", http)
    relay = Secured(authority.server(tmp_path))
    with served(relay):
        terminal.replace("USER:PASSWORD@smtp.example.org", f"letter%40example.org:a%2Fsecret@127.0.0.1:{relay.port}")
        made = Path()
        for kind, block in blocks(TUTORIAL.read_text(encoding="utf-8")):
            if kind == "ini":
                set_variables(terminal.folder / ".env", terminal.rewrite(block))
            elif kind == "csv":
                (terminal.folder / "subscribers" / "friends.csv").write_text(block, encoding="utf-8")
            elif kind == "markdown":
                made.write_text(terminal.rewrite(block), encoding="utf-8")
            for command in commands(kind, block):
                if command.text.startswith("mailer new"):
                    made = terminal.folder / terminal.run(Command(command.text)).strip()
                    terminal.replace("2026-11-30", made.name[:10])
                    assert str(made.relative_to(terminal.folder)) == terminal.rewrite(command.shown[0])
                    continue
                output = terminal.run(command)
                if command.text == "mailer dkim new":
                    lines = "\n".join(re.findall(r"^MAILER_DKIM_\w+=.*$", output, re.MULTILINE))
                    set_variables(terminal.folder / ".env", lines)
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/healthz") as page:
            assert page.status == 200
    assert relay.logins
    assert not [line for line in relay.clear if line.startswith(("AUTH", "MAIL"))]
    assert len(relay.messages) == 4
    assert all(b"DKIM-Signature:" in message for message in relay.messages)
    assert b"See you at the quay" in b"".join(relay.messages)
