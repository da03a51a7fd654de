"""A send that workers on several machines share, on PostgreSQL, under faults: judged by the journal of the server."""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from mailer.app import App
from mailer.delivery.states import DeliveryState as S
from mailer.service.cluster.jobs import defer_shard
from tests.support.cluster import WORKER_KEYS, Cluster
from tests.support.cut_line import CutLine
from tests.support.patience import until
from tests.support.postgres import Server, server
from tests.support.programs import Process, Programs
from tests.support.siege import CONNECTIONS, SEND, Siege

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
Make = Callable[..., tuple[Siege, Cluster]]
SLOW = {"delay": 0.02, "greylist_share": 0.05}
SHARDS = {"SHARD_SIZE": "20", "RETRY": "1"}


@pytest.fixture
def in_cluster(
    besiege: Callable[..., Siege], besiege_at: Callable[..., Siege], programs: Programs, tmp_path: Path
) -> Iterator[Make]:
    """Makes a siege and its cluster, on the test's database or on that at `url`."""
    with ExitStack() as stack:

        def make(url: str = "", **options: object) -> tuple[Siege, Cluster]:
            siege = besiege_at(url, **options) if url else besiege(**options)
            siege.run("status")  # a workspace has checked the database
            return siege, stack.enter_context(Cluster(siege, programs, tmp_path))

        yield make


@POSTGRESQL
def test_a_send_is_handed_to_workers_that_share_it(in_cluster: Make) -> None:
    siege, cluster = in_cluster(readers=120, judge={"delay": 0.02, "greylist_share": 0.1}, **SHARDS)
    workers = [cluster.start(f"machine-{n}") for n in range(2)]
    sending = siege.start(*SEND)
    until(lambda: "being sent\n  shard" in siege.run("status", "1").out)
    listed = siege.run("workers", "--json").json()["workers"]
    assert {each["host"]: each["alive"] for each in listed} == {"machine-0": True, "machine-1": True}
    assert all(list(each) == WORKER_KEYS for each in listed)
    ran = sending.wait()
    assert ran.code == 0, ran.err
    siege.prove()
    for worker in workers:
        worker.said(r"send 1, shard \d+: done")
    workers[0].send_signal(signal.SIGTERM)
    assert workers[0].wait().code == 0


@POSTGRESQL
def test_workers_killed_at_random_instants_lose_nobody_and_mail_nobody_twice(
    in_cluster: Make, full: bool, chance: random.Random, record: Callable[..., None]
) -> None:
    kills, machines, readers = (200, 4, 20_000) if full else (4, 3, 400)
    size = {**SHARDS, "SHARD_SIZE": "500"} if full else SHARDS
    siege, cluster = in_cluster(readers=readers, judge={"delay": 0.005, "greylist_share": 0.02}, **size)
    workers = {f"machine-{n}": cluster.start(f"machine-{n}") for n in range(machines)}
    sending = siege.start(*SEND)
    done = 0
    while done < kills and sending.poll() is None:
        host = chance.choice(sorted(workers))
        struck = siege.judge.strike(chance.randrange(20, 250), workers[host].kill)
        until(lambda struck=struck: struck.is_set() or sending.poll() is not None)  # type: ignore[misc]
        siege.judge.disarm()
        if struck.is_set():
            done += 1
            workers[host].wait()
            workers[host] = cluster.start(host)
    ran = sending.wait(3600 if full else 300)
    assert ran.code in {0, 3}, ran.err
    record(runs=done, uncertain=siege.prove(uncertain_at_most=done * CONNECTIONS).count(S.UNCERTAIN))


@POSTGRESQL
def test_workers_whose_settings_differ_take_nothing_and_name_what_differs(in_cluster: Make) -> None:
    siege, cluster = in_cluster(readers=40, judge={}, **SHARDS)
    differences = {
        "resends": {"MAILER_ON_UNCERTAIN": "resend"},
        "faster": {"MAILER_RATE": "1000"},
        "other-key": {"MAILER_SECRET_KEYS": '["a key that no other machine of this cluster has"]'},
    }
    for host, changed in differences.items():
        cluster.start(host, changed=changed)
    ran = siege.run(*SEND)
    assert ran.code == 0, f"nobody takes it, so the command sends it: {ran.err}"
    siege.prove()
    problems = {each["host"]: each["problem"] for each in siege.run("workers", "--json").json()["workers"]}
    assert problems == {host: f"not as for send 1: {next(iter(changed))}" for host, changed in differences.items()}


@POSTGRESQL
def test_a_worker_stopped_beyond_its_lease_sends_nothing_when_it_wakes(in_cluster: Make) -> None:
    siege, cluster = in_cluster(readers=200, judge=SLOW, **SHARDS)
    sleeper, _ = cluster.start("sleeper"), cluster.start("other")
    sending = siege.start(*SEND)
    until(lambda: "sleeper" in cluster.holders().values())
    sleeper.send_signal(signal.SIGSTOP)
    try:
        until(lambda: "sleeper" not in cluster.holders().values())
        until(lambda: sum(siege.judge.accepted.values()) > 120)
    finally:
        sleeper.send_signal(signal.SIGCONT)
    ran = sending.wait()
    assert ran.code in {0, 3}, ran.err
    siege.prove(uncertain_at_most=CONNECTIONS)


@POSTGRESQL
def test_a_worker_that_is_cut_off_from_the_database_is_replaced_and_joins_again(
    in_cluster: Make, database_url: str
) -> None:
    siege, cluster = in_cluster(readers=200, judge=SLOW, **SHARDS)
    folder = psycopg.conninfo.conninfo_to_dict(database_url)["host"]
    with CutLine(str(folder), 5432) as line:
        through_it = database_url.replace(f"host={folder}", f"host=127.0.0.1&port={line.port}")
        cut_off = cluster.start("cut-off", database_url=through_it)
        cluster.start("other")
        sending = siege.start(*SEND)
        until(lambda: "cut-off" in cluster.holders().values())
        siege.judge.strike(5, line.cut).wait()
        until(lambda: "cut-off" not in cluster.holders().values())
        line.mend()
        ran = sending.wait()
        assert ran.code in {0, 3}, ran.err
        siege.prove(uncertain_at_most=CONNECTIONS)
        assert cut_off.poll() is None, "it is still a worker"


def has_network_namespaces() -> bool:
    program = shutil.which("unshare")
    if program is None:
        return False
    return subprocess.run([program, "--net", "true"], check=False, capture_output=True).returncode == 0


@POSTGRESQL
@pytest.mark.skipif(not has_network_namespaces(), reason="this user may make no network namespace (unshare --net)")
def test_a_worker_whose_machine_is_cut_off_from_the_relay_leaves_its_shards_to_others(in_cluster: Make) -> None:
    siege, cluster = in_cluster(readers=120, judge=SLOW, **SHARDS)
    cut_off = cluster.start("cut-off", no_network=True, cut_off=2.0)
    sending = siege.start(*SEND)
    until(lambda: "cut-off" in cluster.holders().values())
    cluster.start("other")
    cut_off.said("left to other workers, for it reaches no relay")
    ran = sending.wait()
    assert ran.code == 0, ran.err
    siege.prove()
    problems = {each["host"]: each["problem"] for each in siege.run("workers", "--json").json()["workers"]}
    assert problems == {"cut-off": "it reaches no relay", "other": ""}


@POSTGRESQL
def test_workers_go_on_although_the_jobs_are_gone_and_clocks_differ_by_an_hour(
    in_cluster: Make, database_url: str
) -> None:
    siege, cluster = in_cluster(readers=240, judge=SLOW, **SHARDS)
    cluster.start("ahead", skew=3600)
    cluster.start("behind", skew=-3600)
    sending = siege.start(*SEND)
    with psycopg.connect(database_url, autocommit=True) as conn:
        for accepted in (40, 120):
            until(lambda accepted=accepted: sum(siege.judge.accepted.values()) > accepted)  # type: ignore[misc]
            conn.execute("TRUNCATE procrastinate.procrastinate_jobs, procrastinate.procrastinate_workers CASCADE")
    assert sending.wait().code == 0
    siege.prove()


@POSTGRESQL
def test_a_worker_that_was_given_a_job_twice_ends_its_messages_before_it_stops(
    in_cluster: Make, database_url: str
) -> None:
    siege, cluster = in_cluster(readers=60, **SHARDS)
    worker = cluster.start("machine", "--shards", "6")
    sending = siege.start(*SEND)
    jobs = "SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE status = 'todo'"
    with siege.judge.holding(40), App.open(siege.folder) as app, psycopg.connect(database_url, autocommit=True) as conn:
        for number in cluster.holders():
            defer_shard(app, app.settings.queue, 1, number, at=app.clock() - 1)
        until(lambda: conn.execute(jobs).fetchone() == (0,))
        time.sleep(1)  # in which the second job would end; too short a time hides a fault, and makes none
        worker.send_signal(signal.SIGTERM)
        time.sleep(4)
        assert worker.poll() is None, "it waits for the answers of the server"
    assert worker.wait().code == 0
    ran = siege.run("resume", "1", "--here") if sending.poll() is not None else sending.wait()
    assert ran.code == 0, ran.err
    siege.prove()


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """A server for the test that stops it."""
    with server() as running:
        yield running


@POSTGRESQL
def test_workers_survive_a_restart_of_the_database(in_cluster: Make, mortal: Server) -> None:
    with mortal.database() as url:
        siege, cluster = in_cluster(url, readers=200, judge=SLOW, **SHARDS)
        workers = [cluster.start(f"machine-{n}") for n in range(2)]
        sending = siege.start(*SEND)
        until(lambda: sum(siege.judge.accepted.values()) > 50)
        mortal.stop()
        assert sending.wait().code == 4, "it can be resumed"
        mortal.start()
        for worker in workers:
            assert worker.poll() is None
        until(cluster.holders)
        ran = siege.run("resume", "1", "--json")  # it follows the workers
        assert ran.code in {0, 3}, ran.err
        siege.prove(uncertain_at_most=2 * CONNECTIONS)


@POSTGRESQL
def test_of_two_servers_one_starts_scheduled_sends_and_the_other_replaces_it(
    in_cluster: Make, programs: Programs, tmp_path: Path
) -> None:
    in_cluster(readers=20)
    second = tmp_path / "second"
    shutil.copytree(
        tmp_path, second, ignore=shutil.ignore_patterns("second", ".mailer", "accepted.jsonl"), symlinks=True
    )
    first_server = serve(programs, tmp_path, "first")
    try:
        programs.start(second, "restore", "--accept").wait()
        second_server = serve(programs, second, "second")
        try:
            second_server.said("another server does scheduled sends")
            first_server.kill()
            second_server.said("this server does scheduled sends")
        finally:
            second_server.kill()
            second_server.wait()
    finally:
        first_server.kill()
        first_server.wait()


def serve(programs: Programs, folder: Path, host: str) -> Process:
    process = programs.start(folder, "serve", "--port", "0", faults={"lease": 3.0, "host": host})
    process.said(r"Serving .* at")
    return process
