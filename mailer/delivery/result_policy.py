"""Decides what the result of an attempt means for its delivery, its relay and its send.

    decide_after_attempt(attempt, retry=..., chance=...) -> ResultDecision
    accepted_result(claim, result, ...) -> DeliveryResult

Pure: the sender acts on the decision. What a reply means is in `mailer.smtp.classify`. This module adds what the reply alone
does not show: whether the connection is still open, whether it was used before, whether the relay works at all, how often this
delivery was released, and when it is due again. Only here an Outcome of SMTP becomes a DeliveryState.
"""

from dataclasses import dataclass

from mailer.delivery.queue_port import Claim, DeliveryResult
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.states import DeliveryState
from mailer.smtp.classify import Outcome
from mailer.smtp.refusal_reason import Reason, Subject
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
    connection was closed on purpose. `relay_has_worked`, `relay_has_accepted`: the relay has answered, and accepted, a message
    in this run; `relay_accepts`: also since it last asked us to wait with a different delivery. `releases`: how often this
    delivery was released before, where it may have been the cause. `stopping`: the run is being stopped. `may_suit_another`:
    another relay may have what this one lacks. `relay_accepts_other_domains`: the relay accepted messages, and since then asked
    us to wait with this domain alone.
    """

    claim: Claim
    result: AttemptResult
    at: float
    relay: str
    relay_has_worked: bool
    relay_has_accepted: bool
    relay_accepts: bool
    is_open: bool
    is_first: bool
    closed_by_us: bool
    releases: int
    stopping: bool
    relay_accepts_other_domains: bool = False
    may_suit_another: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDecision:
    """What to do after an attempt. `result`: the result to record; None: the delivery is released, since nothing was sent.

    `is_suspect`: the message may be what broke the connection, or what the relay does not take so often, which counts towards
    MAX_RELEASES. `relay_works`, `relay_failed`: what the result says about the relay. `on_new_connection`: the next message is
    offered on a new connection; `relay_waits`: the relay rests before. `throttles_domain`, `throttles_relay`: which of them gets
    a slower pace. `exclude_relay`: why no more of this send goes through the relay, or "". `halt`: why the send pauses, or "".
    `is_refusal`: the breaker counts it with those in the same words; `is_about_us`: with all that blame us, whatever their words.
    """

    result: DeliveryResult | None
    is_suspect: bool
    relay_works: bool
    relay_failed: bool
    on_new_connection: bool
    relay_waits: bool
    throttles_domain: bool
    throttles_relay: bool
    exclude_relay: str
    halt: str
    is_refusal: bool
    is_about_us: bool


def decide_after_attempt(attempt: EndedAttempt, *, retry: RetryPolicy, chance: float) -> ResultDecision:
    """Returns what to do after `attempt`; `chance` in [0, 1) spreads retries."""
    result, classification = attempt.result, attempt.result.classification
    outcome = classification.outcome
    if classification.lacks and attempt.may_suit_another:
        outcome = Outcome.DEFERRED
    may_pass_on = result.stage is not Stage.MAIL and attempt.relay_accepts_other_domains  # MAIL names no recipient
    if classification.relay_waits and _is_about_us(classification.refusal) and may_pass_on:
        outcome = Outcome.DEFERRED  # by the server of this domain, whose reply the relay passes on
    is_unsent = outcome is Outcome.UNSENT
    is_quota = classification.refusal is not None and classification.refusal.subject is Subject.QUOTA
    on_new_connection = is_unsent and (classification.relay_waits or is_quota)
    was_ended_by_us = attempt.closed_by_us or attempt.stopping or classification.excludes_relay or classification.lacks
    is_broken = is_unsent and not was_ended_by_us
    is_suspect = is_broken and (attempt.relay_accepts if on_new_connection else attempt.relay_has_worked)
    is_released = is_unsent and not (is_suspect and attempt.releases >= MAX_RELEASES)
    is_answer = attempt.is_open or result.stage in {Stage.TEXT, Stage.END_OF_DATA}
    relay_works = result.reply is not None and not on_new_connection and is_answer and classification.lacks is None
    failed_at_once = attempt.is_first and not attempt.is_open and not attempt.closed_by_us and not classification.lacks
    too_many = classification.refusal is Reason.TOO_MANY_CONNECTIONS
    throttles_domain = classification.is_throttling and result.stage is Stage.RCPT and not on_new_connection
    return ResultDecision(
        result=None if is_released else _delivery_result(attempt, outcome, retry, chance),
        is_suspect=is_suspect,
        relay_works=relay_works,
        relay_failed=failed_at_once and not relay_works and not is_quota and outcome is not Outcome.DEFERRED,
        on_new_connection=on_new_connection,
        relay_waits=failed_at_once and on_new_connection and is_quota,
        throttles_domain=throttles_domain,
        throttles_relay=classification.is_throttling
        and not throttles_domain
        and (attempt.is_first or too_many or not on_new_connection),
        exclude_relay=f"{classification.reason}{quote(result)}" if classification.excludes_relay else "",
        halt=f"{attempt.relay}: {classification.reason}{quote(result)}" if classification.lacks and is_unsent else "",
        is_refusal=outcome is Outcome.FAILED or classification.about_us,
        is_about_us=classification.about_us or (classification.unexplained and not attempt.relay_has_accepted),
    )


def _is_about_us(refusal: Reason | None) -> bool:
    return refusal is not None and refusal.subject in {Subject.SENDER, Subject.REPUTATION, Subject.RELAY}


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


def _delivery_result(attempt: EndedAttempt, outcome: Outcome, retry: RetryPolicy, chance: float) -> DeliveryResult:
    claim, result, classification = attempt.claim, attempt.result, attempt.result.classification
    state, reason, next_at = _STATES[outcome], classification.reason, None
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
    )
