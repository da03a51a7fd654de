"""kill -9 at any instant, and at each named point: the ledger afterwards is checked against the journal."""

import random
import signal
import threading
from collections.abc import Callable

import pytest

from mailer.delivery.states import DeliveryState as S
from mailer.delivery.states import SendState
from tests.support.patience import PATIENCE, until
from tests.support.scripted import SILENCE
from tests.support.siege import CONNECTIONS, RESUME, SEND, Siege

EARLY = 0.15  # share of the kills that happen during start and recovery
STARTING = 0.5  # seconds that these take, about
KILLED = -signal.SIGKILL


def test_a_send_killed_at_random_instants_is_finished_by_resume(
    besiege: Callable[..., Siege], full: bool, chance: random.Random, record: Callable[..., None]
) -> None:
    readers, runs = (5000, 200) if full else (400, 6)
    siege = besiege(readers=readers, judge={"delay": 0.004, "refuse_share": 0.01, "greylist_share": 0.03})
    kills = 0
    arguments = SEND
    for _ in range(runs):
        process = siege.start(*arguments)
        timer = threading.Timer(chance.random() * STARTING, process.kill)
        if chance.random() < EARLY:
            timer.start()
        else:  # four events a message and one a connection; some milliseconds later the sender is at a point that no server sees
            events = chance.randrange(1, 4 * readers // runs)
            siege.judge.strike(events, process.kill, seconds=chance.choice((0, 0, 0.001, 0.004, 0.01)))
        kills += process.wait().code == KILLED
        timer.cancel()
        siege.judge.disarm()
        siege.until_free()
        arguments = RESUME if siege.exists() else SEND
    ran = siege.run(*arguments)
    proof = siege.prove(uncertain_at_most=CONNECTIONS * kills)
    assert ran.code in {1, 3}, ran.err
    assert kills > runs * 0.8, "most of them were killed before they had ended"
    record(runs=kills, uncertain=proof.count(S.UNCERTAIN), readers=readers)


PIPELINED, STEPWISE = ("PIPELINING",), ()
DONE = 4  # before the kill


@pytest.mark.thinned
@pytest.mark.parametrize("extensions", [PIPELINED, STEPWISE], ids=["pipelined", "stepwise"])
@pytest.mark.parametrize(
    ("point", "done", "out"),
    [
        ("CONNECT", 0, 0),
        ("EHLO", 0, 0),
        ("MAIL", DONE, 0),
        ("RCPT", DONE, 0),
        ("DATA", DONE, 0),
        ("TEXT", DONE, 1),
        ("END_OF_DATA", DONE, 1),
        ("KEPT", DONE, 1),
    ],
)
def test_a_send_killed_at_a_point_that_the_server_sees(
    besiege: Callable[..., Siege], extensions: tuple[str, ...], point: str, done: int, out: int
) -> None:
    """Results stay; the delivery under way is `pending` again, but uncertain once it was `sending`."""
    siege = besiege(readers=12, connections=1, judge={"extensions": extensions})
    reached = siege.judge.strike_at(point, done + 1, lambda: None)
    process = siege.start(*SEND)
    assert reached.wait(PATIENCE)
    until(lambda: siege.counts().get(S.ACCEPTED, 0) == done)
    process.kill()
    assert process.wait().code == KILLED
    held = siege.counts()
    assert (held.get(S.ACCEPTED, 0), held.get(S.SENDING, 0)) == (done, out)
    assert held.get(S.CLAIMED, 0) + held.get(S.PENDING, 0) == 12 - done - out
    siege.finish()
    proof = siege.prove(uncertain_at_most=out)
    assert (proof.count(S.UNCERTAIN), proof.count(S.ACCEPTED)) == (out, 12 - out)
    assert sum(proof.accepted.values()) == (12 if point == "KEPT" else 12 - out)


@pytest.mark.parametrize(
    ("point", "nth", "done", "out", "kept"),
    [
        ("claimed", 1, 0, 0, 0),
        ("committed", DONE + 1, DONE, 1, 0),  # `sending` is durable, end of DATA was not sent
        ("answered", DONE + 1, DONE, 1, 1),  # the server has answered 250, the ledger does not have it yet
    ],
)
def test_a_send_killed_at_a_point_that_only_the_sender_knows(
    besiege: Callable[..., Siege], point: str, nth: int, done: int, out: int, kept: int
) -> None:
    siege = besiege(readers=12, connections=1)
    ran = siege.run(*SEND, faults={"die": [point, nth]})
    assert ran.code == KILLED, ran.err
    held = siege.counts()
    assert (held.get(S.ACCEPTED, 0), held.get(S.SENDING, 0)) == (done, out)
    assert len(siege.judge.accepted) == done + kept
    siege.finish()
    proof = siege.prove(uncertain_at_most=out)
    assert (proof.count(S.UNCERTAIN), proof.count(S.ACCEPTED)) == (out, 12 - out)
    assert sum(proof.accepted.values()) == 12 - out + kept


@pytest.mark.thinned(0)
def test_on_sigterm_a_send_drains_in_time_and_only_unanswered_messages_are_uncertain(
    besiege: Callable[..., Siege], full: bool
) -> None:
    drain = 30.0 if full else 10.0
    siege = besiege(readers=400, connections=4, judge={"END_OF_DATA": ["250 ok"] * 20 + [SILENCE] * 2, "delay": 0.02})
    silent = siege.judge.strike(150, lambda: None)
    process = siege.start(*SEND, faults={"drain": drain})
    assert silent.wait(PATIENCE)
    process.send_signal(signal.SIGTERM)
    ran = process.wait()  # it takes less than the ten minutes that end of DATA may take
    assert ran.code == 4, ran.err
    proof = siege.prove(uncertain_at_most=2, state=SendState.PAUSED)
    assert proof.count(S.CLAIMED, S.SENDING) == 0
    siege.finish()
    assert siege.prove(uncertain_at_most=2).count(S.UNCERTAIN) == 2
