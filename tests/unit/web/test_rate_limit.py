"""How often something may be asked for."""

from mailer.web import rate_limit
from mailer.web.rate_limit import Rate, RateLimiter


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_burst_then_one_at_a_time():
    clock = Clock()
    each = RateLimiter(clock, each=Rate(burst=3, every=60), together=Rate(burst=100, every=1))
    assert [each.retry_after("a") for _ in range(4)] == [0, 0, 0, 60]
    assert each.retry_after("b") == 0
    clock.now += 59
    assert each.retry_after("a") == 1
    clock.now += 1
    assert [each.retry_after("a"), each.retry_after("a")] == [0, 60]


def test_all_together_have_a_bound_which_a_refused_one_does_not_use_up():
    clock = Clock()
    both = RateLimiter(clock, each=Rate(burst=2, every=1000), together=Rate(burst=4, every=10))
    assert [both.retry_after("a") for _ in range(20)].count(0) == 2
    assert [both.retry_after(f"other {n}") for n in range(3)] == [0, 0, 10]


def test_a_clock_that_goes_back_gives_nothing():
    clock = Clock()
    each = RateLimiter(clock, each=Rate(burst=1, every=60))
    assert each.retry_after("a") == 0
    clock.now -= 500
    assert each.retry_after("a") == 60


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(rate_limit, "CLIENTS", 10)
    each = RateLimiter(Clock(), each=Rate(burst=1, every=60))
    for n in range(50):
        each.retry_after(str(n))
    assert each.retry_after("49") == 60
    assert each.retry_after("39") == 0, "it was forgotten"
