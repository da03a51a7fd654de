"""docs/audit.py: known vulnerabilities of what the lock file pins."""

import json
import runpy
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
LOCK = (
    'a-b==1.2 \\\n    --hash=sha256:00\n    # via x\nc[extra]==2.0 ; python_version < "3.12" \\\n    --hash=sha256:11\n'
)


@pytest.fixture(scope="module")
def audit():
    return SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "audit.py")))


@contextmanager
def database(answer, status=200):
    """A database that gives `answer` to each request; yields its address and the requests."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer(asked[-1]).encode())

        def log_message(self, *_given):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def affected(asked):
    results = [{} for _ in asked["queries"]]
    results[-1] = {"vulns": [{"id": "GHSA-1"}, {"id": "GHSA-2"}]}
    return json.dumps({"results": results})


def test_a_lock_file_is_read_and_each_advisory_is_named(audit):
    assert audit.pins(LOCK) == [("a-b", "1.2"), ("c", "2.0")]
    assert ("premailer", "3.10.0") in audit.pins((ROOT / "requirements.lock").read_text("utf-8"))
    with database(affected) as (url, asked):
        assert audit.advisories(audit.pins(LOCK), url) == [("c", "2.0", "GHSA-1"), ("c", "2.0", "GHSA-2")]
    assert asked[0]["queries"][0] == {"package": {"name": "a-b", "ecosystem": "PyPI"}, "version": "1.2"}


def test_known_vulnerabilities_fail_the_audit(audit, capsys):
    with database(affected) as (url, asked):
        assert audit.main(url, {}) == 1
    assert "GHSA-1" in capsys.readouterr().out
    assert len(asked) == 1


def test_without_vulnerabilities_nothing_is_said(audit, capsys):
    with database(lambda asked: json.dumps({"results": [{} for _ in asked["queries"]]})) as (url, _):
        assert (audit.main(url, {}), capsys.readouterr().out) == (0, "")


@pytest.mark.parametrize(
    ("answer", "status"), [("", 200), ("{}", 200), ('{"results": []}', 200), ("[1]", 200), ("busy", 503), ("null", 200)]
)
def test_the_audit_is_skipped_with_a_word_if_the_database_does_not_answer(audit, capsys, answer, status):
    with database(lambda _: answer, status) as (url, _):
        assert audit.main(url, {}) == 0
    assert "Dependency audit skipped: the database of vulnerabilities cannot be reached" in capsys.readouterr().out
    assert audit.main(url, {}) == 0  # nobody listens there now


def test_the_audit_is_skipped_in_ci(audit, capsys):
    assert audit.main("http://127.0.0.1:1/", {"CI": "true"}) == 0
    assert capsys.readouterr().out == "Dependency audit skipped: CI is set.\n"
