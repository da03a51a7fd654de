"""The breaker: which results of a relay in a row leave it out."""

from mailer.delivery.breaker import BREAKER, Breaker, Refusal


def about_us(number: int, words: str = "not from you") -> Refusal:
    return Refusal(number, "example.com", words, is_about_us=True, is_about_recipient=False)


def unknown_user(number: int, domain: str = "", words: str = "user unknown") -> Refusal:
    return Refusal(number, domain or f"d{number}.example", words, is_about_us=False, is_about_recipient=True)


def unexplained(number: int, words: str = "") -> Refusal:
    return Refusal(number, "example.com", words, is_about_us=False, is_about_recipient=False)


def test_refusals_in_a_row_are_all_reverted_at_the_limit() -> None:
    breaker = Breaker()
    reverted = [breaker.on_refused(about_us(number, f"words {number}")) for number in range(BREAKER)]
    assert reverted == [None] * (BREAKER - 1) + [list(range(BREAKER))]
    assert breaker.count == BREAKER


def test_an_acceptance_between_refusals_resets_the_count() -> None:
    breaker = Breaker()
    for make in (about_us, unknown_user, unexplained):
        for _ in range(2):
            assert [breaker.on_refused(make(number)) for number in range(BREAKER - 1)] == [None] * (BREAKER - 1)
            breaker.on_accepted(breaker.refused)


def test_an_acceptance_of_a_recipient_who_was_accepted_before_the_refusals_says_nothing_of_them() -> None:
    breaker = Breaker()
    breaker.on_refused(about_us(77))
    offered = breaker.refused
    for number in range(BREAKER - 2):
        assert breaker.on_refused(about_us(number)) is None
    breaker.on_accepted(offered)
    assert breaker.on_refused(about_us(98)) is None
    assert breaker.on_refused(about_us(99)) == [*range(BREAKER - 2), 98, 99]


def test_the_same_words_to_recipients_of_several_domains_are_about_us() -> None:
    breaker = Breaker()
    for number in range(BREAKER - 1):
        assert breaker.on_refused(unknown_user(number)) is None
        assert breaker.on_refused(unknown_user(100 + number, words=f"nobody called {number}")) is None
    assert breaker.on_refused(unknown_user(BREAKER)) == [*range(BREAKER - 1), BREAKER]


def test_one_domain_may_have_lost_any_number_of_its_people() -> None:
    breaker = Breaker()
    refusals = [unknown_user(number, "old.example") for number in range(3 * BREAKER)]
    assert [breaker.on_refused(each) for each in refusals] == [None] * 3 * BREAKER


def test_a_bare_refusal_of_many_is_about_us_in_one_domain_too() -> None:
    breaker = Breaker()
    assert [breaker.on_refused(unexplained(number)) for number in range(BREAKER)][-1] == list(range(BREAKER))


def test_a_message_under_way_when_the_relay_was_excluded_is_reverted_at_once_if_it_is_refused_alike() -> None:
    breaker = Breaker()
    for number in range(BREAKER):
        breaker.on_refused(about_us(number))
    assert breaker.on_refused(about_us(99, "other words")) == [99]
    assert breaker.on_refused(unknown_user(100)) is None


def test_a_released_delivery_is_counted_and_need_not_be_reverted() -> None:
    breaker = Breaker()
    released = Refusal(None, "example.com", "too much", is_about_us=True, is_about_recipient=False)
    assert [breaker.on_refused(released) for _ in range(BREAKER)] == [None] * (BREAKER - 1) + [[]]


def test_lost_connections_in_a_row_leave_the_relay_out_at_the_limit() -> None:
    breaker = Breaker()
    assert [breaker.on_connection_lost() for _ in range(BREAKER)] == [False] * (BREAKER - 1) + [True]
    breaker.on_accepted(0)
    assert not breaker.on_connection_lost()
