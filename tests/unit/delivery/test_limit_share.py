"""Shares of the limits: never more than the whole together, whoever comes, goes or is late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.limit_share import NOTHING, WHOLE, Share, fair_share, granted_share

LIMITS = (1, 2, 3, 7, 8, 50, 1000)


@pytest.mark.parametrize("holders", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("limit", LIMITS)
def test_fair_shares_are_the_whole_and_the_first_holders_get_the_rest(limit, holders):
    shares = [fair_share(place, holders) for place in range(holders)]
    slots = [share.slots(limit) for share in shares]
    assert sum(slots) == limit
    assert max(slots) - min(slots) <= 1
    assert slots[0] == max(slots)
    assert sum(share.rate(limit) for share in shares) == pytest.approx(limit)


def test_a_holder_gets_what_nobody_has_and_keeps_what_it_has_of_its_own():
    assert granted_share(NOTHING, WHOLE, []) == WHOLE
    assert granted_share(NOTHING, fair_share(1, 2), [WHOLE]) == NOTHING
    assert granted_share(WHOLE, fair_share(0, 2), [NOTHING]) == fair_share(0, 2)
    assert granted_share(fair_share(1, 2), fair_share(1, 3), [fair_share(0, 2)]) == Share(0.5, 2 / 3)
    with pytest.raises(ValueError):
        Share(0.5, 0.2)


@given(st.data())
def test_shares_never_overlap_and_become_fair_when_all_have_taken_theirs(data):
    held: dict[int, Share] = {}
    newcomers = iter(range(1000))
    for _ in range(data.draw(st.integers(1, 30))):
        match data.draw(st.sampled_from(["come", "go", "take", "take", "take"])):
            case "come":
                held[next(newcomers)] = NOTHING
            case "go" if held:
                del held[data.draw(st.sampled_from(sorted(held)))]
            case "take" if held:
                take(held, data.draw(st.sampled_from(sorted(held))))
        for limit in LIMITS:
            assert sum(share.slots(limit) for share in held.values()) <= limit
            assert sum(share.rate(limit) for share in held.values()) <= limit + 1e-9
    for _ in range(len(held) + 1):
        for holder in held:
            take(held, holder)
    assert list(held.values()) == [fair_share(place, len(held)) for place in range(len(held))]


def take(held: dict[int, Share], holder: int) -> None:
    """One round of a holder, as a sender has it: it gives up the rest, then takes what is free."""
    fair = fair_share(sorted(held).index(holder), len(held))
    others = [share for other, share in held.items() if other != holder]
    held[holder] = granted_share(held[holder].within(fair), fair, others)
