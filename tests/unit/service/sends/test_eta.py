"""The estimate of how long a send still takes."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailer.delivery.warmup import DayShare, WarmUp
from mailer.service.sends.eta import WINDOW, Estimate, Remaining, ThroughputMeter, estimate, format_days, format_time

ZONE = ZoneInfo("Europe/Berlin")


def at(*when: int) -> float:
    return dt.datetime(*when, tzinfo=ZONE).timestamp()


NOW = at(2026, 11, 23, 13)  # a Monday
TUESDAY, WEDNESDAY = at(2026, 11, 24), at(2026, 11, 25)


def today(count: int) -> tuple[DayShare, ...]:
    return (DayShare(at=None, count=count),)


@pytest.mark.parametrize(
    ("rest", "pace", "seconds", "words"),
    [
        (Remaining(shares=()), None, 0.0, ""),
        (Remaining(shares=today(1800)), 10.0, 180.0, "done in about 3 min"),
        (Remaining(shares=today(1)), 10.0, 0.1, "done in about 1 s"),
        (Remaining(shares=today(1_000_000)), 1.0, 1e6, "done in about 12 days"),
        (Remaining(shares=today(1800)), None, None, ""),
        (Remaining(shares=today(100), not_before=NOW + 600), 10.0, 600.0, "done in about 10 min"),
        (
            Remaining(shares=today(1920), retries=120, retry_at=NOW + 3900, last_at=NOW + 4000),
            10.0,
            4000.0,
            "about 3 min for 1,800 now; then 120 retries, the next at 14:05",
        ),
        (
            Remaining(shares=today(1), retries=1, retry_at=NOW + 12 * 3600, last_at=NOW + 12 * 3600),
            None,
            12 * 3600.0,
            "1 retry, the next on Tuesday at 01:00",
        ),
        (Remaining(shares=today(2), retries=2, retry_at=NOW - 1, last_at=NOW - 1), 10.0, 0.2, "2 retries, due now"),
        (
            Remaining(shares=(DayShare(at=None, count=600), DayShare(at=TUESDAY, count=1000))),
            10.0,
            TUESDAY + 100 - NOW,
            "about 60 s for 600 now; the rest on Tuesday from 00:00",
        ),
        (
            Remaining(shares=(DayShare(at=TUESDAY, count=500), DayShare(at=WEDNESDAY, count=50))),
            None,
            WEDNESDAY - NOW,
            "the rest on Tuesday from 00:00, over 2 days",
        ),
        (  # a retry that is held back with the others is not due
            Remaining(shares=(DayShare(at=TUESDAY, count=5),), retries=1, retry_at=NOW - 60, last_at=NOW - 60),
            10.0,
            TUESDAY + 0.5 - NOW,
            "the rest on Tuesday from 00:00",
        ),
    ],
)
def test_the_estimate_in_words(rest, pace, seconds, words):
    found = estimate(rest, now=NOW, pace=pace, zone=ZONE)
    assert found.words == words
    assert found.seconds == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (NOW, "at 13:00"),
        (NOW + 11 * 3600, "on Tuesday at 00:00"),
        (at(2026, 11, 29, 7, 30), "on Sunday at 07:30"),
        (at(2026, 11, 30), "on 30 November at 00:00"),
        (at(2027, 1, 2), "on 2 January 2027 at 00:00"),
        (None, ""),
    ],
)
def test_a_time_is_formatted_relative_to_now(when, words):
    assert format_time(when, NOW, ZONE) == words


def test_a_warm_up_plan_is_described_by_its_days():
    plan = WarmUp(plan=(200, 500), zone=ZONE)
    shares = plan.schedule(1000, plan.allowance({}, NOW))
    told = format_days(shares, begins=NOW, now=NOW, zone=ZONE)
    assert told == "200 today, 500 on Tuesday, the last 300 on Wednesday: 3 days"
    assert format_days(today(7), begins=NOW, now=NOW, zone=ZONE) == "7 today"
    assert format_days(today(7), begins=TUESDAY, now=NOW, zone=ZONE) == "7 on Tuesday"
    long = WarmUp(plan=(1,) * 20, zone=ZONE)
    told = format_days(long.schedule(20, long.allowance({}, NOW)), begins=NOW, now=NOW, zone=ZONE)
    assert told.endswith("1 on Friday, …, the last 1 on 12 December: 20 days")


@st.composite
def rests(draw) -> Remaining:
    plan = WarmUp(plan=tuple(draw(st.lists(st.integers(1, 100), max_size=4))), zone=ZONE)
    count = draw(st.integers(0, 1000))
    retries = draw(st.integers(0, count))
    times = sorted(draw(st.lists(st.floats(NOW - 1e5, NOW + 1e6), min_size=2, max_size=2)))
    return Remaining(
        shares=plan.schedule(count, plan.allowance({}, NOW)),
        retries=retries,
        retry_at=times[0] if retries else None,
        last_at=times[1] if retries else None,
        not_before=draw(st.none() | st.floats(NOW, NOW + 1e6)),
    )


PACES = st.floats(0.001, 1e5)


def seconds(found: Estimate) -> float:
    assert found.seconds is not None
    return found.seconds


@given(rest=rests(), pace=st.none() | PACES)
def test_the_estimate_is_never_negative_and_never_before_a_known_time(rest, pace):
    found = estimate(rest, now=NOW, pace=pace, zone=ZONE)
    if found.seconds is None:
        assert pace is None
        return
    times = [rest.last_at, rest.not_before, *(share.at for share in rest.shares)] if rest.count else []
    assert found.seconds >= 0
    assert all(NOW + found.seconds >= time - 1e-3 for time in times if time is not None)


@given(rest=rests(), pace=PACES, quicker=PACES)
def test_a_higher_throughput_takes_no_longer(rest, pace, quicker):
    slow, quick = (estimate(rest, now=NOW, pace=each, zone=ZONE) for each in sorted((pace, quicker)))
    assert seconds(quick) <= seconds(slow)


@given(count=st.integers(0, 500), more=st.integers(0, 500), plan=st.lists(st.integers(1, 100), max_size=4), pace=PACES)
def test_more_messages_take_no_less(count, more, plan, pace):
    warmup = WarmUp(plan=tuple(plan), zone=ZONE)

    def of(number: int) -> float:
        rest = Remaining(shares=warmup.schedule(number, warmup.allowance({}, NOW)))
        return seconds(estimate(rest, now=NOW, pace=pace, zone=ZONE))

    assert of(count + more) >= of(count) - 1e-6


@given(rest=rests(), pace=PACES, later=st.floats(0, 1e6))
def test_a_later_retry_ends_it_no_sooner(rest, pace, later):
    assume(rest.last_at is not None)
    put_off = replace(rest, last_at=(rest.last_at or 0) + later)
    sooner, as_late = (seconds(estimate(each, now=NOW, pace=pace, zone=ZONE)) for each in (rest, put_off))
    assert sooner <= as_late


def test_the_throughput_is_the_recent_one():
    pace = ThroughputMeter()
    assert pace.per_second is None
    for second in range(100):
        pace.note(float(second), 100 * second)
    assert pace.per_second == pytest.approx(100)
    for second in range(100, 100 + int(WINDOW) + 1):
        pace.note(float(second), 9_900 + 2 * (second - 99))
    assert pace.per_second == pytest.approx(2, rel=0.1)


def test_a_standstill_has_no_throughput_and_a_clock_set_back_starts_anew():
    pace = ThroughputMeter()
    for second in range(100):
        pace.note(float(second), 10)
    assert pace.per_second is None
    pace.note(50.0, 10)
    pace.note(51.0, 30)
    assert pace.per_second == pytest.approx(20)


@given(st.lists(st.tuples(st.floats(0, 0.3), st.integers(0, 5)), max_size=300))
def test_the_throughput_is_never_negative_and_keeps_few_samples(steps):
    pace, now, count = ThroughputMeter(), 0.0, 0
    for seconds_on, more in steps:
        now, count = now + seconds_on, count + more
        pace.note(now, count)
    assert pace.per_second is None or pace.per_second > 0
    assert len(pace) <= WINDOW * 4 + 3
