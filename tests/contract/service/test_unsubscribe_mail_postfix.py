"""Unsubscribes by mail through a real Postfix, set up as docs/operator.md describes."""

import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailer.app import App
from mailer.ledger.types.sends import Recipient
from mailer.link_tokens import Purpose
from mailer.web.server import free_port
from tests.support.ledger_cases import new_send
from tests.support.patience import PATIENCE, until
from tests.support.workspaces import make_workspace

ROOT = Path(__file__).resolve().parents[3]
SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
proxymap unix - - n - - proxymap
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
postlog unix-dgram n - n - 1 postlogd
"""
SETTINGS = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
myhostname = mx.example.org
mydestination = example.org
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
maillog_file = /dev/stdout
smtpd_recipient_restrictions = reject_unauth_destination
"""
pytestmark = [
    pytest.mark.smtp_sink,
    pytest.mark.skipif(os.geteuid() != 0, reason="Postfix is started by root only"),
]


def documented(begins):
    """The block of the document that begins so."""
    text = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    return next(block for block in re.findall(r"```text\n(.*?)```", text, re.DOTALL) if block.startswith(begins))


@pytest.fixture
def folder():
    """One that another user may enter: Postfix runs no command as root."""
    made = Path(tempfile.mkdtemp(prefix="mailer-postfix-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def app(folder):
    make_workspace(folder / "news", UNSUBSCRIBE_ADDRESS="leave@example.org")
    with App.open(folder / "news") as made:
        yield made


RELAY = """\
#!/bin/sh
taken=$(mktemp -p {folder}/taken)
cat > $taken
mv $taken $taken.message
until [ -s $taken.exit ]; do sleep 0.05; done
exit $(cat $taken.exit)
"""


@contextmanager
def pipe(folder):
    """What the pipe is to run, and somebody who runs `mailer inbound` for it."""
    (folder / "taken").mkdir()
    (folder / "taken").chmod(0o777)
    script = folder / "relay"
    script.write_text(RELAY.format(folder=folder), encoding="utf-8")
    script.chmod(0o755)
    stop = threading.Event()

    def work():
        while not stop.wait(0.02):
            for path in (folder / "taken").glob("*.message"):
                command = [sys.executable, "-m", "mailer", "--workspace", folder / "news", "inbound"]
                done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=False)
                path.unlink()
                answer = path.with_suffix(".new")
                answer.write_text(str(done.returncode), encoding="utf-8")
                answer.chmod(0o644)
                answer.rename(path.with_suffix(".exit"))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield script
    finally:
        stop.set()
        thread.join()


@contextmanager
def postfix(folder, port, script):
    """A Postfix of our own, and its log."""
    etc, log = folder / "etc", folder / "log"
    for name in ("etc", "queue", "data"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    command = "/srv/mailer/.venv/bin/mailer --workspace /srv/news inbound"
    service = documented("mailer ")
    assert command in service
    service = service.replace("user=letter", "user=nobody").replace(command, str(script))
    transport = documented("recipient_delimiter").replace(
        "hash:/etc/postfix/transport", "inline:{leave@example.org=mailer:}"
    )
    (etc / "main.cf").write_text(SETTINGS.format(folder=folder) + transport, encoding="utf-8")
    (etc / "master.cf").write_text(SERVICES.format(port=port) + service, encoding="utf-8")
    with log.open("wb") as out:
        running = subprocess.Popen(["/usr/sbin/postfix", "-c", etc, "start-fg"], stdout=out, stderr=out)
    try:
        until(lambda: b"daemon started" in log.read_bytes())
        yield lambda *words: any(all(word in line for word in words) for line in log.read_text().splitlines())
    finally:
        subprocess.run(["/usr/sbin/postfix", "-c", etc, "stop"], capture_output=True, check=False)
        running.wait(PATIENCE)


def test_a_mailed_request_unsubscribes_and_waits_in_the_queue_while_it_cannot(folder, app):
    send = app.ledger.creator.create(
        new_send(key_name=app.keys.names[0]), [Recipient(identity="ana@example.com", address="ana@example.com")]
    )
    number = next(iter(app.ledger.report.rows(send.id))).delivery_id
    address = f"leave+{app.keys.issue(Purpose.UNSUBSCRIBE, number)}@example.org"
    app.close()
    port = free_port()

    def mail(to):
        with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
            client.sendmail("x@example.net", [to], "From: x@example.net\r\nTo: undisclosed-recipients:;\r\n\r\n\r\n")

    with pipe(folder) as script, postfix(folder, port, script) as logged:
        (folder / "news").rename(folder / "away")
        mail(address)
        until(lambda: logged(f"to=<{address}>", "status=deferred"))
        (folder / "away").rename(folder / "news")
        until(lambda: logged(f"to=<{address}>", "status=sent"))
        mail("leave+nothing@example.org")
        until(lambda: logged("to=<leave+nothing@example.org>", "status=sent"))
        assert not logged("status=bounced")
    with App.open(folder / "news") as after:
        standing = after.ledger.suppressions.get("ana@example.com")
        assert (standing.reason.value, standing.source) == ("unsubscribed", "mail")
