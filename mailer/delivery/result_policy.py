"""Decides what the result of an attempt means for its delivery, its relay and its send.

    decide_after_attempt(attempt, retry=..., chance=...) -> ResultDecision
    accepted_result(claim, result, ...) -> DeliveryResult

Pure: the sender acts on the decision. What a reply means is in `mailer.smtp.classify`. This module adds what the reply alone
does not show: whether the connection is still open, whether it was used before, how often this delivery was released, and
when it is due again. Only here an Outcome of SMTP becomes a DeliveryState.
"""

from dataclasses import dataclass

from mailer.delivery.retry import RetryPolicy
from mailer.delivery.states import DeliveryState
from mailer.delivery.types import Claim, DeliveryResult
from mailer.smtp.classify import Outcome
from mailer.smtp.session import AttemptResult
from mailer.smtp.stage import Stage

MAX_RELEASES = 3  # times a delivery is released at once when its connection breaks; after that it is deferred
_STATES = {
    Outcome.ACCEPTED: DeliveryState.ACCEPTED,
    Outcome.DEFERRED: DeliveryState.DEFERRED,
    Outcome.FAILED: DeliveryState.FAILED,
    Outcome.UNCERTAIN: DeliveryState.UNCERTAIN,
    Outcome.UNSENT: DeliveryState.DEFERRED,  # when it is not released
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAttempt:
    """An attempt that ended at `at`, and its circumstances.

    `is_open`: its connection can be used again; `is_first`: it was the first attempt on the connection. `closed_by_us`: the
    connection was closed on purpose. `relay_has_worked`: the relay has accepted a message in this run. `releases`: how often
    this delivery was released before because its connection broke. `stopping`: the run is being stopped.
    """

    claim: Claim
    result: AttemptResult
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
    """What to do after an attempt. `result`: the result to record; None: the delivery is released, since nothing was sent.

    `is_suspect`: the message may be what broke the connection, which counts towards MAX_RELEASES. `relay_works`,
    `relay_failed`: what the result says about the relay. `throttles_domain`, `throttles_relay`: which of them gets a slower
    pace. `halt`: why the send pauses, or "". `is_refusal`: the breaker counts it; `is_refusal_if_none_accepted`: only if the
    run has had no acceptance yet.
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


def decide_after_attempt(attempt: EndedAttempt, *, retry: RetryPolicy, chance: float) -> ResultDecision:
    """Returns what to do after `attempt`; `chance` in [0, 1) spreads retries."""
    result, classification = attempt.result, attempt.result.classification
    relay_works = result.reply is not None and (attempt.is_open or result.stage is Stage.END_OF_DATA)
    is_unsent = classification.outcome is Outcome.UNSENT
    is_broken = is_unsent and not classification.halt and not attempt.closed_by_us and not attempt.stopping
    is_suspect = is_broken and attempt.relay_has_worked
    is_released = is_unsent and not (is_suspect and attempt.releases >= MAX_RELEASES)
    at_rcpt = result.stage is Stage.RCPT
    return ResultDecision(
        result=None if is_released else _delivery_result(attempt, retry, chance),
        is_suspect=is_suspect,
        relay_works=relay_works,
        relay_failed=not relay_works and attempt.is_first and not attempt.is_open and not attempt.closed_by_us,
        throttles_domain=classification.is_throttling and at_rcpt,
        throttles_relay=classification.is_throttling and not at_rcpt,
        halt=f"{attempt.relay}: {classification.reason}{quote(result)}" if classification.halt else "",
        is_refusal=classification.policy,
        is_refusal_if_none_accepted=classification.unexplained,
    )


def quote(result: AttemptResult) -> str:
    """Returns the relay's reply in brackets, to be put after a reason; "" if there was none."""
    return f" ({result.reply})" if result.reply else ""


def accepted_result(claim: Claim, result: AttemptResult, *, at: float, relay: str) -> DeliveryResult:
    """Returns the result to record of an accepted message: the usual one, for which nothing is decided."""
    return DeliveryResult(
        claim.delivery_id,
        claim.attempt,
        DeliveryState.ACCEPTED,
        at,
        claim.opened_at,
        result.stage,
        result.reply,
        relay=relay,
    )


def _delivery_result(attempt: EndedAttempt, retry: RetryPolicy, chance: float) -> DeliveryResult:
    claim, result, classification = attempt.claim, attempt.result, attempt.result.classification
    state, reason, next_at = _STATES[classification.outcome], classification.reason, None
    if state is DeliveryState.DEFERRED:
        next_at = retry.next_at(attempt=claim.attempt, first_at=claim.date, now=attempt.at, chance=chance)
        if next_at is None:
            state, reason = DeliveryState.FAILED, "expired"
    return DeliveryResult(
        delivery_id=claim.delivery_id,
        attempt=claim.attempt,
        state=state,
        at=attempt.at,
        opened_at=claim.opened_at,
        stage=result.stage,
        reply=result.reply,
        reason=reason,
        relay=attempt.relay,
        next_at=next_at,
        suppress=classification.suppress,
        is_plain_550=classification.is_plain_550,
    )
