"""The permissions of what the commands create."""

import os
import signal
import stat
from collections.abc import Iterator

import pytest

from mailer.cli.main import main


@pytest.fixture
def permissive_umask() -> Iterator[None]:
    umask, handler = os.umask(0), signal.getsignal(signal.SIGTERM)
    yield
    os.umask(umask)
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.usefixtures("permissive_umask")
def test_other_users_can_write_nothing_that_the_commands_create(tmp_path):
    desk = tmp_path / "papers" / "desk"
    issue = tmp_path / "old.txt"
    issue.write_text("Tide tables\n\n26 October 2026\n\nThe tide is high.\n", encoding="utf-8")
    for arguments in (
        ("init", str(desk)),
        ("--workspace", str(desk), "new", "Low tide"),
        ("--workspace", str(desk), "import", str(issue), "-o", str(tmp_path / "taken" / "in.md")),
        ("--workspace", str(desk), "archive", "build", str(tmp_path / "site")),
    ):
        os.umask(0)
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        assert ended.value.code == 0, arguments
    created = {path for path in tmp_path.rglob("*") if path != issue}
    assert {path.name for path in created} >= {"dispatches", "templates", "taken", "site", ".mailer"}
    assert [path for path in created if stat.S_IMODE(path.stat().st_mode) & 0o022] == []
