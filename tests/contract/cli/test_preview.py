"""mailer preview, as people run it."""

import re
import signal
import socket

import httpx
import pytest

from tests.support.patience import PATIENCE
from tests.support.workspaces import make_workspace, start_mailer


@pytest.fixture
def workspace(tmp_path):
    return make_workspace(tmp_path, ledger=False)


def test_the_preview_tells_its_address_and_ends_cleanly(workspace):
    running = start_mailer(workspace, "preview", "tide", "--no-open")
    try:
        assert running.stderr.readline() == "Starting the preview…\n"
        line = running.stderr.readline()
        found = re.fullmatch(
            r"Showing dispatches/tide\.md at (http://127\.0\.0\.1:\d+/[\w-]{32}/) \(Ctrl-C to stop\)\n", line
        )
        assert found, line
        with httpx.stream("GET", f"{found[1]}events", timeout=PATIENCE) as stream:  # an open stream keeps nothing up
            assert stream.status_code == 200
            lines = stream.iter_lines()  # kept, for the connection is closed with it
            assert next(lines) == "retry: 500"
            running.send_signal(signal.SIGINT)
            assert running.wait(PATIENCE) == 0
    finally:
        running.kill()
        out, err = running.communicate()
    assert (out, err) == ("", "")


def test_nothing_is_written(workspace, programs):
    before = sorted(workspace.rglob("*"))
    running = programs.start(workspace, "preview", "tide", "--no-open")
    address = running.said(r"http://\S+/")[0]
    try:
        with httpx.stream("GET", f"{address}events", timeout=PATIENCE) as stream:
            next(line for line in stream.iter_lines() if '"made": 2' in line or '"made": 3' in line)
    finally:
        running.send_signal(signal.SIGINT)
        running.wait()
    assert sorted(workspace.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("preview", "tied"), "There is no dispatch “tied”."),
        (("preview",), "Missing argument 'DISPATCH'"),
        (("preview", "tide", "--port", "70000"), "70000 is not in the range"),
    ],
)
def test_a_wrong_use_is_an_error(here, workspace, arguments, words):
    ran = here(*arguments)
    assert ran.code == 2
    assert words in ran.err


def test_a_port_in_use_is_an_error(here, workspace):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = here("preview", "tide", "--no-open", "--port", str(port))
    assert ran.code == 2
    assert f"Port {port} on 127.0.0.1 is in use" in ran.err
