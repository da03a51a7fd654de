"""How often something may be asked for."""

from mailer.web import limits
from mailer.web.limits import Limits, Rate


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_burst_then_one_at_a_time():
    clock = Clock()
    each = Limits(clock, each=Rate(burst=3, every=60), together=Rate(burst=100, every=1))
    assert [each.wait("a") for _ in range(4)] == [0, 0, 0, 60]
    assert each.wait("b") == 0
    clock.now += 59
    assert each.wait("a") == 1
    clock.now += 1
    assert [each.wait("a"), each.wait("a")] == [0, 60]


def test_all_together_have_a_bound_which_a_refused_one_does_not_use_up():
    clock = Clock()
    both = Limits(clock, each=Rate(burst=2, every=1000), together=Rate(burst=4, every=10))
    assert [both.wait("a") for _ in range(20)].count(0) == 2
    assert [both.wait(f"other {n}") for n in range(3)] == [0, 0, 10]


def test_a_clock_that_goes_back_gives_nothing():
    clock = Clock()
    each = Limits(clock, each=Rate(burst=1, every=60))
    assert each.wait("a") == 0
    clock.now -= 500
    assert each.wait("a") == 60


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(limits, "CLIENTS", 10)
    each = Limits(Clock(), each=Rate(burst=1, every=60))
    for n in range(50):
        each.wait(str(n))
    assert each.wait("49") == 60
    assert each.wait("39") == 0, "it was forgotten"
