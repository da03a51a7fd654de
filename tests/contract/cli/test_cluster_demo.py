"""`demo --cluster`: two workers share a send on PostgreSQL, and one is killed, in the program itself."""

import json
import sys

import pytest
from click.testing import CliRunner

from mailer.delivery.states import DeliveryState, SendState
from mailer.service.cluster_demo import MORE_READERS, run_cluster_demo
from mailer.web_commands import demo_command

SHORT_LEASE = (sys.executable, "-m", "tests.support.faulty", json.dumps({"lease": 3.0, "sweep": 1.0}))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_other_worker_finishes_the_send_of_a_killed_one_and_nobody_has_two_messages(
    database_url, tmp_path, pytestconfig
):
    lines: list[str] = []
    program = ("env", f"PYTHONPATH={pytestconfig.rootpath}", *SHORT_LEASE)
    site = "http://127.0.0.1:8000"
    shown = run_cluster_demo(tmp_path, database_url, base_url=site, log=lines.append, program=program)
    assert shown.killed in {int(line.split("process ")[1].partition(",")[0]) for line in lines if "is ready" in line}
    assert [f"process {shown.killed} is killed" in line for line in lines].count(True) == 1
    assert shown.verification.ok
    assert shown.summary.send.state is SendState.FINISHED
    assert shown.summary.count(DeliveryState.ACCEPTED) == MORE_READERS + 10  # one refused, one unsubscribed before
    assert shown.summary.count(DeliveryState.UNCERTAIN) == 0
    assert set(shown.journal.values()) == {1}
    assert len(shown.journal) == shown.summary.count(DeliveryState.ACCEPTED)


def test_the_demo_of_several_machines_takes_no_other_option():
    result = CliRunner().invoke(demo_command, ["--cluster", "--serve"])
    assert result.exit_code == 2
    assert "leave out the other options" in result.output
