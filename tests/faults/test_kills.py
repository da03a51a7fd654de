"""kill -9 at any instant, and at each point that has a name: what the ledger says afterwards, and that it is the truth."""

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

EARLY = 0.15  # share of the kills that fall into start and recovery
STARTING = 0.5  # seconds that these take, about
KILLED = -signal.SIGKILL


def test_killed_at_random_instants_it_is_finished_by_resume(
    besiege: Callable[..., Siege], full: bool, chance: random.Random, told: Callable[..., None]
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
        else:  # four events a message and one a connection; some milliseconds later the sender is where no server sees it
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
    told(runs=kills, uncertain=proof.count(S.UNCERTAIN), readers=readers)


PIPELINED, STEPWISE = ("PIPELINING",), ()
SETTLED = 4  # before the kill


@pytest.mark.thinned
@pytest.mark.parametrize("extensions", [PIPELINED, STEPWISE], ids=["pipelined", "stepwise"])
@pytest.mark.parametrize(
    ("point", "settled", "out"),
    [
        ("CONNECT", 0, 0),
        ("EHLO", 0, 0),
        ("MAIL", SETTLED, 0),
        ("RCPT", SETTLED, 0),
        ("DATA", SETTLED, 0),
        ("TEXT", SETTLED, 1),
        ("DOT", SETTLED, 1),
        ("KEPT", SETTLED, 1),
    ],
)
def test_killed_at_a_point_that_the_server_sees(
    besiege: Callable[..., Siege], extensions: tuple[str, ...], point: str, settled: int, out: int
) -> None:
    """Whoever was settled stays so; the one in hand is `pending` again before the dot, and uncertain from `sending` on."""
    siege = besiege(readers=12, connections=1, judge={"extensions": extensions})
    reached = siege.judge.strike_at(point, settled + 1, lambda: None)
    process = siege.start(*SEND)
    assert reached.wait(PATIENCE)
    until(lambda: siege.counts().get(S.ACCEPTED, 0) == settled)
    process.kill()
    assert process.wait().code == KILLED
    held = siege.counts()
    assert (held.get(S.ACCEPTED, 0), held.get(S.SENDING, 0)) == (settled, out)
    assert held.get(S.CLAIMED, 0) + held.get(S.PENDING, 0) == 12 - settled - out
    siege.finish()
    proof = siege.prove(uncertain_at_most=out)
    assert (proof.count(S.UNCERTAIN), proof.count(S.ACCEPTED)) == (out, 12 - out)
    assert sum(proof.accepted.values()) == (12 if point == "KEPT" else 12 - out)


@pytest.mark.parametrize(
    ("point", "nth", "settled", "out", "kept"),
    [
        ("claimed", 1, 0, 0, 0),
        ("committed", SETTLED + 1, SETTLED, 1, 0),  # `sending` is durable, the dot has not left
        ("answered", SETTLED + 1, SETTLED, 1, 1),  # the server has said 250, the ledger does not know it yet
    ],
)
def test_killed_at_a_point_that_only_the_sender_knows(
    besiege: Callable[..., Siege], point: str, nth: int, settled: int, out: int, kept: int
) -> None:
    siege = besiege(readers=12, connections=1)
    ran = siege.run(*SEND, faults={"die": [point, nth]})
    assert ran.code == KILLED, ran.err
    held = siege.counts()
    assert (held.get(S.ACCEPTED, 0), held.get(S.SENDING, 0)) == (settled, out)
    assert len(siege.judge.accepted) == settled + kept
    siege.finish()
    proof = siege.prove(uncertain_at_most=out)
    assert (proof.count(S.UNCERTAIN), proof.count(S.ACCEPTED)) == (out, 12 - out)
    assert sum(proof.accepted.values()) == 12 - out + kept


def test_asked_to_end_it_drains_within_its_time_and_only_the_unanswered_are_uncertain(
    besiege: Callable[..., Siege], full: bool
) -> None:
    drain = 30.0 if full else 10.0
    siege = besiege(readers=400, connections=4, judge={"DOT": ["250 ok"] * 20 + [SILENCE] * 2, "delay": 0.02})
    silent = siege.judge.strike(150, lambda: None)
    process = siege.start(*SEND, faults={"drain": drain})
    assert silent.wait(PATIENCE)
    process.send_signal(signal.SIGTERM)
    ran = process.wait()  # which takes less than the ten minutes that a dot may
    assert ran.code == 4, ran.err
    proof = siege.prove(uncertain_at_most=2, state=SendState.PAUSED)
    assert proof.count(S.CLAIMED, S.SENDING) == 0
    siege.finish()
    assert siege.prove(uncertain_at_most=2).count(S.UNCERTAIN) == 2
