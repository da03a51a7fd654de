"""Reasons for leaving: each belongs to one opt-out."""

from mailer.addresses import parse_address
from mailer.ledger.types.subscribers import LeavingReason
from tests.support.ledger_cases import join

ANA = parse_address("Ana@Example.com")


def test_a_leaving_reason_belongs_to_one_opt_out_and_is_erased(ledger, clock):
    for name in ("daily", "weekly"):
        join(ledger, name, ANA, {}, source="form")
    said = ledger.suppressions.unsubscribe(ANA.identity, source="page").suppression.at
    ledger.leaving_reasons.record(ANA.identity, said, LeavingReason.OTHER, "x" * 900)
    ledger.leaving_reasons.record(ANA.identity, said, LeavingReason.TOO_MANY, "every day!")
    ledger.leaving_reasons.record(ANA.identity, said - 1, LeavingReason.OTHER, "another no")
    [reason] = ledger.leaving_reasons.of(ANA.identity)
    assert (reason.reason, reason.words) == (LeavingReason.TOO_MANY, "every day!")
    assert ledger.leaving_reasons.count("daily") == {LeavingReason.TOO_MANY: 1}
    assert ledger.leaving_reasons.count("nobody") == {}
    ledger.erasure.erase(ANA.identity, source="page")
    assert ledger.leaving_reasons.of(ANA.identity) == ()
