"""Login throttling per network, per name and per known browser."""

import pytest

from mailer.web.desk.accounts.login_throttle import MAX_DELAY, MEMORY, LoginThrottle, throttle_keys


def begin(throttle, address="192.0.2.1", name="ada", now=0.0, device=""):
    return throttle.begin(throttle_keys(address, name, device), now)


def test_many_attempts_at_once_are_no_better_than_one_after_the_other():
    throttle = LoginThrottle()
    delays = [begin(throttle) for _ in range(80)]
    made = [delay for delay in delays if delay is not None]
    assert made[:5] == [0.0] * 5
    assert made == sorted(made)
    assert made[-1] <= MAX_DELAY
    assert len(made) < 15


def test_guessing_gets_slow_for_an_address_and_hardly_for_a_name():
    throttle, now = LoginThrottle(), 0.0
    for number in range(40):
        assert begin(throttle, f"10.0.0.{number}", now=now) is not None
        now += 10
    assert begin(throttle, "192.0.2.1", now=now) <= 2.0
    for number in range(12):
        begin(throttle, "192.0.2.66", f"name {number}", now)
    assert begin(throttle, "192.0.2.66", "someone", now) is None
    assert begin(throttle, "192.0.2.66", "someone", now + MEMORY + 200) == 0.0


def test_a_right_password_forgets_the_name_and_not_the_address():
    throttle = LoginThrottle()
    for _ in range(8):
        begin(throttle)
    throttle.succeeded(throttle_keys("192.0.2.1", "ada", ""))
    assert begin(throttle, "192.0.2.2") == 0.0
    assert begin(throttle, "192.0.2.1", "ben") > 0


def test_right_passwords_are_never_slowed():
    throttle = LoginThrottle()
    for number in range(50):
        assert begin(throttle, name=f"user {number}") == 0.0
        throttle.succeeded(throttle_keys("192.0.2.1", f"user {number}", ""))


@pytest.mark.parametrize(("width", "free"), [(64, 5), (56, 20), (48, 80)])
def test_an_ipv6_client_cannot_move_to_another_network(width, free):
    throttle = LoginThrottle()
    networks = {64: "2001:db8:0:0::{n:x}", 56: "2001:db8:0:{n:x}::1", 48: "2001:db8:0:{n:x}00::1"}
    delays = [begin(throttle, networks[width].format(n=number % 256), f"name {number}") for number in range(free + 30)]
    assert delays[: free - 1] == [0.0] * (free - 1)
    assert None in delays or max(delays) > 0


def test_a_known_browser_is_not_slowed_by_what_others_do():
    throttle = LoginThrottle()
    for number in range(200):
        begin(throttle, f"198.51.100.{number}", "ada", now=number / 100)
        begin(throttle, "192.0.2.1", f"name {number}", now=number / 100)
    assert begin(throttle, "192.0.2.1", "ada", now=2.0) is None
    assert begin(throttle, "192.0.2.1", "ada", now=2.0, device="x") == 0.0


def test_a_known_browser_that_guesses_is_slowed_by_itself():
    throttle = LoginThrottle()
    assert None in [begin(throttle, device="x") for _ in range(20)]
