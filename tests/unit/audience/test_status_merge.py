"""The policy of contract 2: a file may move a person towards no, never back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience.status_merge import MergeDecision, MergeInput, merge_status
from mailer.csv.rows import Status

S = Status
EVERYWHERE = [S.BOUNCED, S.UNSUBSCRIBED, S.COMPLAINED, S.ERASED]
HERE = [S.SUBSCRIBED, S.UNKNOWN, S.PAUSED, S.UNCONFIRMED, S.UNSUBSCRIBED]


def known(file, base, status=S.SUBSCRIBED, **more):
    return MergeInput(file=file, base=base, status=status, **more)


@pytest.mark.parametrize(
    ("situation", "wanted"),
    [
        # rows that join
        (MergeInput(file=S.SUBSCRIBED), MergeDecision(status=S.SUBSCRIBED)),
        (MergeInput(file=S.UNCONFIRMED), MergeDecision(status=S.UNCONFIRMED)),
        (MergeInput(file=S.BOUNCED), MergeDecision(status=S.SUBSCRIBED, suppress=S.BOUNCED)),
        (MergeInput(file=S.SUBSCRIBED, status=S.PAUSED), MergeDecision(status=S.SUBSCRIBED)),
        # the file moves somebody
        (known(S.PAUSED, S.SUBSCRIBED), MergeDecision(status=S.PAUSED)),
        (known(S.SUBSCRIBED, S.PAUSED, S.PAUSED), MergeDecision(status=S.SUBSCRIBED)),
        (known(S.UNSUBSCRIBED, S.SUBSCRIBED), MergeDecision(status=S.SUBSCRIBED, suppress=S.UNSUBSCRIBED)),
        (known(S.UNSUBSCRIBED, S.UNKNOWN, S.UNKNOWN), MergeDecision(status=S.SUBSCRIBED, suppress=S.UNSUBSCRIBED)),
        (
            known(S.COMPLAINED, S.BOUNCED, suppression=S.BOUNCED, is_suppressed=True),
            MergeDecision(status=S.SUBSCRIBED, suppress=S.COMPLAINED),
        ),
        # the ledger is ahead, and the file follows
        (
            known(S.SUBSCRIBED, S.SUBSCRIBED, suppression=S.UNSUBSCRIBED, is_suppressed=True),
            MergeDecision(status=S.SUBSCRIBED, cell=S.UNSUBSCRIBED),
        ),
        (known(S.BOUNCED, S.BOUNCED), MergeDecision(status=S.SUBSCRIBED, cell=S.SUBSCRIBED)),
        (known(S.BOUNCED, S.BOUNCED, is_suppressed=True), MergeDecision(status=S.SUBSCRIBED)),
        (known(S.SUBSCRIBED, S.SUBSCRIBED, S.PAUSED, by_person=True), MergeDecision(status=S.PAUSED, cell=S.PAUSED)),
    ],
)
def test_a_situation_is_decided(situation, wanted):
    assert merge_status(situation) == wanted


@pytest.mark.parametrize("no", EVERYWHERE)
@pytest.mark.parametrize("base", [None, S.PAUSED, S.UNCONFIRMED])
def test_a_row_that_would_resubscribe_somebody_is_blocked_with_a_reason(no, base):
    merged = merge_status(
        MergeInput(file=S.SUBSCRIBED, base=base, status=S.SUBSCRIBED, suppression=no, is_suppressed=True)
    )
    assert (merged.cell, merged.suppress) == (no, None)
    assert merged.blocked.startswith(no)


SITUATIONS = st.builds(
    MergeInput,
    file=st.sampled_from(list(Status)),
    base=st.none() | st.sampled_from(list(Status)),
    status=st.none() | st.sampled_from(HERE),
    by_person=st.booleans(),
    suppression=st.none() | st.sampled_from(EVERYWHERE),
).map(
    lambda made: MergeInput(
        file=made.file, base=made.base, status=made.status, by_person=made.by_person, suppression=made.suppression,
        is_suppressed=made.suppression is not None,
    )
)  # fmt: skip


@given(SITUATIONS)
def test_nobody_is_ever_brought_back_by_a_file(now):
    merged = merge_status(now)
    if now.by_person and now.status in {S.UNSUBSCRIBED, S.UNCONFIRMED, S.PAUSED}:
        assert merged.status in {now.status, S.UNCONFIRMED} or merged.status is now.file
        assert merged.status is not S.SUBSCRIBED
    assert merged.suppress is None or merged.suppress.is_opt_out


@given(SITUATIONS)
def test_a_second_sync_finds_nothing_left_to_say(now):
    merged = merge_status(now)
    everywhere = merged.suppress or now.suppression
    if everywhere is S.ERASED and now.suppression is not S.ERASED:
        everywhere = S.UNSUBSCRIBED
    file = merged.cell or now.file
    again = merge_status(
        MergeInput(
            file=file,
            base=file,
            status=merged.status,
            by_person=now.by_person and merged.status is now.status,
            suppression=everywhere,
            is_suppressed=everywhere is not None,
        )
    )
    assert (again.cell, again.suppress, again.blocked) == (None, None, "")
    assert again.status is merged.status
