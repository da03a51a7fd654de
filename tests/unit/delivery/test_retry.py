"""When a deferred delivery is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.retry import RetryPolicy

POLICY = RetryPolicy(delays=(60, 300, 900), lifetime=10_000, jitter=0.2)


@pytest.mark.parametrize(("attempt", "delay"), [(1, 60), (2, 300), (3, 900), (4, 900), (99, 900)])
def test_the_delays_apply_in_order_and_the_last_repeats(attempt: int, delay: float) -> None:
    assert POLICY.next_at(attempt=attempt, first_at=0, now=100, chance=0.5) == 100 + delay


@given(chance=st.floats(0, 1, exclude_max=True), attempt=st.integers(1, 9))
def test_the_jitter_stays_within_a_fifth(chance: float, attempt: int) -> None:
    plain = POLICY.next_at(attempt=attempt, first_at=0, now=0, chance=0.5)
    spread = POLICY.next_at(attempt=attempt, first_at=0, now=0, chance=chance)
    assert plain
    assert spread
    assert 0.8 * plain <= spread <= 1.2 * plain


def test_the_last_attempt_is_at_the_end_of_the_lifetime() -> None:
    assert POLICY.next_at(attempt=5, first_at=0, now=9_900, chance=0.5) == 10_000
    assert POLICY.next_at(attempt=6, first_at=0, now=10_000, chance=0.5) is None


@pytest.mark.parametrize("delays", [(), (0,), (60, -1)])
def test_impossible_delays_are_refused(delays: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="positive"):
        RetryPolicy(delays=delays)
