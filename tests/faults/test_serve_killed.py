"""A server is killed, or ended, or a pipe of a mail server.

While it runs a send: the next one resumes it, and nobody is mailed twice. While it takes what came back: nothing is lost, because
it has not answered.
"""

import fcntl
import math
import re
import signal
import smtplib
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mailer.app import App
from mailer.service.sends.plan import plan_send
from mailer.service.sends.start import SendOrder, start_send
from tests.support.commands import Held, served
from tests.support.patience import PATIENCE, until
from tests.support.provider_requests import PASSWORD, signed, unknown_user
from tests.support.returned_mail import SentMail, bounce
from tests.support.workspaces import make_workspace

MANY = [f"r{n}@example.com,R{n},Lisbon" for n in range(150)]


def serving(programs, folder):
    process = programs.start(folder, "serve", "--port", "0")
    process.said("Serving")
    return process


def state(folder):
    with sqlite3.connect(folder / "mailer.db") as database:
        return database.execute("select state from send").fetchone()[0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_send_started_in_the_desk_goes_on_when_the_server_is_back(tmp_path, programs, number):
    with served(Held(6)) as server:
        make_workspace(tmp_path, port=server.port, rows=MANY, CONNECTIONS="2")
        with App.open(tmp_path) as app:
            plan = plan_send(app, "tide", ["readers"])
            start_send(app, plan, at=time.time() + 0.1, ordered=SendOrder(by="Mara", token="t" * 24))
        first = serving(programs, tmp_path)
        try:
            until(lambda: len(server.messages) > 5)
            first.send_signal(number)
            server.limit += 50  # what is under way is answered
            first.wait()
            assert state(tmp_path) == "running"
            server.limit = math.inf
            second = serving(programs, tmp_path)
            try:
                until(lambda: state(tmp_path) == "finished")
                second.send_signal(signal.SIGTERM)
                second.wait()
            finally:
                second.kill()
        finally:
            first.kill()
        with sqlite3.connect(tmp_path / "mailer.db") as database:
            states = Counter(dict(database.execute("select state, count(*) from delivery group by state")))
        got = Counter(re.search(rb"^To: .*?([\w.]+@[\w.]+)", message, re.MULTILINE)[1] for message in server.messages)
        assert states["accepted"] + states["uncertain"] == 150
        assert states["uncertain"] <= (2 if number is signal.SIGKILL else 0)  # one a connection
        assert max(got.values()) == 1
        assert states["accepted"] <= len(got) <= 150


def is_being_written(folder):
    """Whether a process holds the lock of those who write to the database."""
    with (folder / ".mailer" / "mailer.db.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_what_comes_back_is_answered_after_the_commit_so_after_a_kill_it_comes_again(tmp_path, programs):
    make_workspace(tmp_path, INBOUND_LMTP="127.0.0.1:0", FEEDBACK_BREVO=PASSWORD)
    ana, ben = "ana@example.com", "ben@example.net"
    with App.open(tmp_path) as app:
        sent = SentMail(app).send("tide", ana, ben)
    event = signed("brevo", unknown_user("brevo", address=ana, message_id=sent[ana].message_id, at=time.time()))

    def post(url):
        return httpx.post(
            f"{url}/feedback/brevo", content=event.body, headers=event.headers, timeout=PATIENCE
        ).status_code

    def deliver(port):
        with smtplib.LMTP("127.0.0.1", port, local_hostname="mx.example.org", timeout=PATIENCE) as client:
            client.ehlo_or_helo_if_needed()
            client.mail("")
            client.rcpt(sent[ben].return_path)
            return client.data(bounce(sent[ben], "5.1.1"))[0]

    def begin():
        process = programs.start(tmp_path, "serve", "--port", "0")
        port = int(process.said(r"by LMTP at 127\.0\.0\.1:(\d+)")[1])
        return process, process.said(r"Serving .* at (http\S+)")[1], port

    def recorded():
        with sqlite3.connect(tmp_path / "mailer.db") as database:
            return database.execute("select source, identity, effect from feedback order by source").fetchall()

    first, url, port = begin()
    with ThreadPoolExecutor(2) as pool:
        locking = sqlite3.connect(tmp_path / "mailer.db", isolation_level=None)
        locking.execute("begin immediate")
        senders = [pool.submit(post, url), pool.submit(deliver, port)]
        until(lambda: is_being_written(tmp_path))
        first.kill()
        errors = [sender.exception(PATIENCE) for sender in senders]
        locking.execute("rollback")
        locking.close()
    assert isinstance(errors[0], httpx.TransportError)
    assert isinstance(errors[1], smtplib.SMTPServerDisconnected | ConnectionError)
    assert recorded() == []
    second, url, port = begin()
    try:
        assert (post(url), deliver(port), post(url), deliver(port)) == (200, 250, 200, 250)
        assert recorded() == [("brevo", ana, "suppressed"), ("lmtp", ben, "suppressed")]
    finally:
        second.kill()


def test_a_pipe_that_is_killed_before_the_commit_dies_by_the_signal_and_the_repetition_counts_once(tmp_path):
    """Postfix keeps a message if its pipe exits with 75, and also if it dies by a signal (pipe_command.c, PIPE_STAT_DEFER)."""
    make_workspace(tmp_path)
    with App.open(tmp_path) as app:
        ana = SentMail(app).send("tide", "ana@example.com")["ana@example.com"]

    def pipe():
        command = [sys.executable, "-m", "mailer", "--workspace", str(tmp_path), "inbound"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        process.stdin.write(bounce(ana, "5.1.1"))
        process.stdin.close()
        return process

    def recorded():
        with sqlite3.connect(tmp_path / "mailer.db") as database:
            return database.execute("select source, identity, effect from feedback").fetchall()

    locking = sqlite3.connect(tmp_path / "mailer.db", isolation_level=None)
    locking.execute("begin immediate")
    first = pipe()
    try:
        until(lambda: is_being_written(tmp_path))
    finally:
        first.kill()
    assert first.wait(PATIENCE) == -signal.SIGKILL
    locking.execute("rollback")
    locking.close()
    assert recorded() == []
    assert [pipe().wait(PATIENCE), pipe().wait(PATIENCE)] == [0, 0]
    assert recorded() == [("pipe", "ana@example.com", "suppressed")]
