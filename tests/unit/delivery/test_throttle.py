"""The throttle: rates and limits hold, no claim is lost, and a slow domain does not block the others."""

import math
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.limit_share import NOTHING, Share
from mailer.delivery.queue_port import Claim
from mailer.delivery.throttle import (
    MAX_CAPACITY,
    MAX_DOMAINS,
    ConcurrencyWindow,
    RateLimits,
    Throttle,
    TokenBucket,
    provider_of,
)


def claim(number: int, address: str = "ana@example.com") -> Claim:
    return Claim(delivery_id=number, identity=address, address=address, fields={}, attempt=1, date=0)


@pytest.mark.parametrize(
    ("address", "group"),
    [("a@gmail.com", "gmail.com"), ("a@googlemail.com", "gmail.com"), ("a@hotmail.com", "outlook.com"),
     ("a@me.com", "icloud.com"), ("a@Example.ORG", "example.org"), ('"a@b"@web.de', "gmx.net")],
)  # fmt: skip
def test_a_provider_s_domains_count_as_one(address: str, group: str) -> None:
    assert provider_of(address) == group


@given(rate=st.floats(0.1, 50), steps=st.lists(st.floats(0, 3), max_size=60))
def test_no_more_is_sent_in_any_interval_than_the_rate_allows(rate: float, steps: list[float]) -> None:
    bucket, now, taken = TokenBucket(rate), 1000.0, []
    for step in steps:
        now += step
        while bucket.ready_at(now) <= now:
            bucket.take(now)
            taken.append(now)
    burst = max(1.0, rate)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + rate * (taken[last] - taken[first]) + 1e-6


@given(rate=st.floats(0.1, 50))
def test_there_is_a_token_at_ready_at(rate: float) -> None:
    bucket = TokenBucket(rate)
    bucket.take(5.0)
    ready = bucket.ready_at(5.0)
    assert ready == pytest.approx(5.0 + 1 / rate, rel=1e-6)
    assert bucket.ready_at(ready + 1e-6) <= ready + 1e-6


def test_a_window_halves_once_for_messages_under_way_and_never_closes() -> None:
    window = ConcurrencyWindow(16)
    for _ in range(5):
        window.on_throttle(100.0)
    assert window.limit == 8
    for second in range(101, 120):
        window.on_throttle(float(second))
    assert window.limit == 1
    assert window.is_open


def test_a_window_grows_back_step_by_step_to_its_top_and_no_further() -> None:
    window, limits = ConcurrencyWindow(4), []
    window.on_throttle(0.0)
    for _ in range(40):
        window.on_success()
        limits.append(window.limit)
    assert limits == sorted(limits)
    assert limits[-1] == 4
    assert window.limit == 4


def test_a_slow_domain_does_not_block_the_others() -> None:
    throttle = Throttle(RateLimits(domain_rate={"slow.example": 0.1}), connections=2)
    throttle.add(claim(n, "a@slow.example") for n in range(5))
    throttle.add(claim(n, "b@quick.example") for n in range(5, 8))
    taken = [found.delivery_id for found in iter(lambda: throttle.take(0.0), None)]
    assert taken == [0, 5, 6, 7]
    assert throttle.ready_at(0.0) == pytest.approx(10.0)


def test_a_slow_domain_at_the_head_of_a_list_does_not_fill_the_queue_for_ever() -> None:
    throttle = Throttle(RateLimits(domain_rate={"slow.example": 1}), connections=4)
    left = [claim(n, "a@slow.example") for n in range(500)] + [claim(n, "b@quick.example") for n in range(500, 600)]
    quick = 0
    for _ in range(200):
        room = max(0, throttle.capacity - len(throttle))
        throttle.add(left[:room])
        del left[:room]
        if (found := throttle.take(0.0)) is not None:
            quick += found.address.startswith("b")
            throttle.done(found)
    assert quick == 100
    assert throttle.capacity <= MAX_CAPACITY


def test_done_frees_a_connection_of_the_domain() -> None:
    throttle = Throttle(RateLimits(domain_connections={"*": 1}), connections=8)
    throttle.add([claim(1), claim(2)])
    first = throttle.take(0.0)
    assert first
    assert throttle.take(0.0) is None
    assert throttle.ready_at(0.0) is None, "only `done` helps, not the clock"
    throttle.done(first)
    assert throttle.take(0.0)


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        ({"googlemail.com": 2, "*": 9}, 2),
        ({"googlemail.com": 3, "gmail.com": 2}, 2),
        ({"web.de": 2, "*": 9}, 9),
        ({"web.de": 2}, None),
    ],
)
def test_a_limit_of_one_domain_of_a_provider_holds_for_all_of_them(limits: dict[str, int], limit: int | None) -> None:
    found = RateLimits(domain_connections=limits, domain_rate=limits)
    assert (found.connections_for("gmail.com"), found.rate_for("gmail.com")) == (limit, limit)
    throttle = Throttle(RateLimits(domain_connections=limits), connections=8)
    throttle.add(claim(number, "ana@googlemail.com" if number % 2 else "ana@gmail.com") for number in range(20))
    under_way = [taken for taken in (throttle.take(0.0) for _ in range(20)) if taken]
    assert len(under_way) == (min(limit, 8) if limit else 16)


addresses = st.sampled_from(["a@x.example", "b@y.example", "c@gmail.com", "d@googlemail.com"])


@given(
    queue=st.lists(addresses, max_size=40),
    connections=st.integers(1, 5),
    limits=st.builds(RateLimits, rate=st.none() | st.floats(0.5, 20),
                     domain_connections=st.dictionaries(st.sampled_from(["*", "gmail.com"]), st.integers(1, 3)),
                     domain_rate=st.dictionaries(st.sampled_from(["*", "x.example"]), st.floats(0.5, 5))),
    moves=st.lists(st.sampled_from(["take", "done", "accepted", "back", "slow", "tick"]), max_size=80),
)  # fmt: skip
def test_every_claim_is_taken_exactly_once(
    queue: list[str], connections: int, limits: RateLimits, moves: list[str]
) -> None:
    throttle, now, under_way, gone = Throttle(limits, connections=connections), 0.0, [], []
    throttle.add(claim(n, address) for n, address in enumerate(queue))
    for move in [*moves, *["tick", "take", "done"] * (len(queue) * 4)]:
        match move:
            case "take" if found := throttle.take(now):
                under_way.append(found)
                gone.append(found.delivery_id)
            case "done" if under_way:
                throttle.done(under_way.pop())
            case "back" if under_way:
                back = under_way.pop()
                throttle.requeue(back)
                gone.remove(back.delivery_id)
            case "slow" if under_way:
                throttle.on_throttle(under_way[-1], now)
            case "accepted" if under_way:
                throttle.done(under_way.pop(), accepted=True)
            case "tick":
                now += 2.0
        allowed = limits.connections_for("gmail.com")
        if allowed:
            assert sum(provider_of(each.address) == "gmail.com" for each in under_way) <= allowed
    assert sorted(gone) == list(range(len(queue)))
    assert len(throttle) == 0


def test_a_claim_is_done_once() -> None:
    throttle = Throttle(RateLimits(), connections=2)
    throttle.add([claim(1)])
    taken = throttle.take(0.0)
    assert taken
    throttle.done(taken)
    with pytest.raises(KeyError):
        throttle.done(taken)


def test_a_requeued_claim_is_next() -> None:
    throttle = Throttle(RateLimits(), connections=2)
    throttle.add([claim(1), claim(2, "b@example.net"), claim(3)])
    first = throttle.take(0.0)
    assert first
    throttle.requeue(first)
    assert len(throttle) == 3
    assert throttle.take(0.0) is first


def test_drain_returns_all_claims_that_were_queued_or_under_way() -> None:
    throttle = Throttle(RateLimits(), connections=2)
    throttle.add([claim(1), claim(2, "b@example.net"), claim(3)])
    taken = throttle.take(0.0)
    assert taken
    assert sorted(left.delivery_id for left in throttle.drain()) == [1, 2, 3]
    assert len(throttle) == throttle.under_way == 0
    assert throttle.take(0.0) is None


@pytest.mark.parametrize("limits", [{}, {"domain_rate": {"*": 10.0}}, {"domain_connections": {"*": 2}}])
@pytest.mark.parametrize("is_slowed", [False, True])
def test_idle_domains_are_forgotten(limits: dict[str, Any], is_slowed: bool) -> None:
    throttle = Throttle(RateLimits(**limits), connections=4)

    def memory_after(domains: range) -> int:
        for number in domains:
            throttle.add([claim(number, f"ana@{number}.example.org")])
            taken = throttle.take(float(number))
            assert taken
            if is_slowed:
                throttle.on_throttle(taken, float(number))
            throttle.done(taken)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        few = memory_after(range(MAX_DOMAINS))
        assert memory_after(range(MAX_DOMAINS, 5 * MAX_DOMAINS)) < 2 * few
    finally:
        tracemalloc.stop()


def test_the_rate_of_a_domain_holds_although_others_are_forgotten() -> None:
    throttle = Throttle(RateLimits(domain_rate={"slow.example": 0.001}), connections=4)
    throttle.add([claim(1, "ana@slow.example"), *(claim(n, f"ana@{n}.example") for n in range(2, 5_000))])
    taken = []
    while (found := throttle.take(0.0)) is not None:
        taken.append(found)
        throttle.done(found)
    throttle.add([claim(5_000, "ben@slow.example")])
    assert len(taken) == 4_999
    assert throttle.take(999.0) is None
    assert throttle.take(1_000.0)


def test_a_sender_without_a_share_of_the_limits_starts_nothing_and_takes_what_it_gets_later():
    limits = RateLimits(rate=10, domain_connections={"a.example": 2}, domain_rate={"b.example": 4})
    throttle = Throttle(limits, connections=4)
    throttle.use_share(NOTHING)
    throttle.add([claim(1, "x@a.example"), claim(2, "y@a.example"), claim(3, "z@b.example")])
    assert throttle.take(0.0) is None
    assert throttle.ready_at(0.0) in {None, math.inf}
    throttle.use_share(Share(0.0, 0.5))
    assert throttle.take(0.0) is None, "the bucket begins empty"
    assert throttle.take(0.2) is not None
    assert throttle.take(0.3) is None, "half of the rate"
    throttle.use_share(Share(0.75, 1.0))
    assert throttle.is_above_share, "it may have none of the connections to this domain"
