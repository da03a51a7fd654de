"""The breaker: which results in a row pause a send."""

from mailer.delivery.breaker import BREAKER, Breaker


def test_refusals_in_a_row_are_all_reverted_at_the_limit() -> None:
    breaker = Breaker()
    reverted = [list(breaker.on_refused(number)) for number in range(BREAKER)]
    assert reverted == [[]] * (BREAKER - 1) + [list(range(BREAKER))]


def test_an_acceptance_between_refusals_resets_the_count() -> None:
    breaker = Breaker()
    for number in range(BREAKER - 1):
        assert not breaker.on_refused(number)
    breaker.on_accepted()
    for number in range(BREAKER - 1):
        assert not breaker.on_refused(number)


def test_a_message_under_way_when_the_send_paused_is_reverted_at_once_when_it_is_refused() -> None:
    breaker = Breaker()
    for number in range(BREAKER):
        breaker.on_refused(number)
    assert list(breaker.on_refused(99)) == [99]


def test_lost_connections_in_a_row_pause_the_send_at_the_limit() -> None:
    breaker = Breaker()
    assert [breaker.on_connection_lost() for _ in range(BREAKER)] == [False] * (BREAKER - 1) + [True]
    breaker.on_accepted()
    assert not breaker.on_connection_lost()
