"""What the result of an attempt means for its delivery, its relay and its send.

    decide(attempt, retry=..., chance=...) -> ResultDecision

Pure: what the sender then does is written in the decision. What a reply means is said by `mailer.smtp.classify`; here it meets
what the reply alone does not show: whether the connection still stands, whether it has carried anything, how often
this delivery was given back, when it is to be tried again.
"""

from dataclasses import dataclass

from mailer.delivery.retry import RetryPolicy
from mailer.delivery.states import DeliveryState
from mailer.delivery.types import Claim, DeliveryResult, Stage
from mailer.smtp.session import AttemptResult

RELEASES = 3  # times a delivery is given back at once when its connection breaks; after that it is deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAttempt:
    """An attempt that ended at `at`, and its circumstances.

    `is_open`: its connection takes another message; `is_first`: it was the connection's first. `closed_by_us`: the connection
    ended by our decision. `relay_has_worked`: the relay has carried a message in this run. `releases`: how often a broken
    connection has given this delivery back before. `stopping`: the run is being stopped.
    """

    claim: Claim
    outcome: AttemptResult
    at: float
    relay: str
    relay_has_worked: bool
    is_open: bool
    is_first: bool
    closed_by_us: bool
    releases: int
    stopping: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDecision:
    """`settlement`: what to record; None: the delivery is released, for nothing of it was sent.

    `is_suspect`: the delivery may be what broke the connection, which counts towards RELEASES. `relay_works`,
    `relay_failed`: what this says about the relay. `throttles_domain`, `throttles_relay`: who asked for a slower pace.
    `halt`: why the send pauses, or "". `is_refusal`: the breaker counts it; `is_refusal_if_none_accepted`: only if the run
    has had no acceptance yet.
    """

    result: DeliveryResult | None
    is_suspect: bool
    relay_works: bool
    relay_failed: bool
    throttles_domain: bool
    throttles_relay: bool
    halt: str
    is_refusal: bool
    is_refusal_if_none_accepted: bool


def decide(attempt: EndedAttempt, *, retry: RetryPolicy, chance: float) -> ResultDecision:
    """Returns what to do after `attempt`; `chance` in [0, 1) spreads retries."""
    outcome, classification = attempt.outcome, attempt.outcome.classification
    relay_works = outcome.reply is not None and (attempt.is_open or outcome.stage is Stage.END_OF_DATA)
    broke = classification.state is DeliveryState.PENDING and not classification.halt
    is_suspect = broke and attempt.relay_has_worked and not attempt.closed_by_us and not attempt.stopping
    is_released = classification.state is DeliveryState.PENDING and not (is_suspect and attempt.releases >= RELEASES)
    at_rcpt = outcome.stage is Stage.RCPT
    return ResultDecision(
        result=None if is_released else _settlement(attempt, retry, chance),
        is_suspect=is_suspect,
        relay_works=relay_works,
        relay_failed=not relay_works and attempt.is_first and not attempt.is_open and not attempt.closed_by_us,
        throttles_domain=classification.is_throttling and at_rcpt,
        throttles_relay=classification.is_throttling and not at_rcpt,
        halt=f"{attempt.relay}: {classification.reason}{quote(outcome)}" if classification.halt else "",
        is_refusal=classification.policy,
        is_refusal_if_none_accepted=classification.unexplained,
    )


def quote(outcome: AttemptResult) -> str:
    """Returns the relay's reply in brackets, to be put behind a reason; "" where there was none."""
    return f" ({outcome.reply})" if outcome.reply else ""


def _settlement(attempt: EndedAttempt, retry: RetryPolicy, chance: float) -> DeliveryResult:
    claim, outcome, classification = attempt.claim, attempt.outcome, attempt.outcome.classification
    state, reason, next_at = classification.state, classification.reason, None
    if state in {DeliveryState.DEFERRED, DeliveryState.PENDING}:
        next_at = retry.next_at(attempt=claim.attempt, first_at=claim.date, now=attempt.at, chance=chance)
        state = DeliveryState.FAILED if next_at is None else DeliveryState.DEFERRED
        reason = "expired" if next_at is None else reason
    return DeliveryResult(
        delivery_id=claim.delivery_id,
        attempt=claim.attempt,
        state=state,
        at=attempt.at,
        opened_at=claim.opened_at,
        stage=outcome.stage,
        reply=outcome.reply,
        reason=reason,
        relay=attempt.relay,
        next_at=next_at,
        suppress=classification.suppress,
        is_plain_550=classification.is_plain_550,
    )
