"""A server is killed, or ended, while it runs a send: the next one resumes it, and nobody is mailed twice."""

import math
import re
import signal
import sqlite3
import time
from collections import Counter

import pytest

from mailer.app import App
from mailer.service.sends.plan import plan_send
from mailer.service.sends.start import SendOrder, start_send
from tests.support.commands import Held, served
from tests.support.patience import until
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
