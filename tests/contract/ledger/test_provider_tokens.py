"""The tokens of provider requests, on every database: each is good for one body, until it is forgotten."""

from mailer.ledger.feedback.provider_tokens import KEPT_FOR


def test_a_token_is_good_for_one_body_until_it_is_forgotten(ledger, clock):
    def use(token, digest, source="mailgun"):
        return ledger.provider_tokens.use(source, token, digest).result()

    assert (use("t", "one"), use("t", "one"), use("t", "two"), use("t", "one")) == (True, True, False, True)
    assert (use("u", "two"), use("t", "two", source="another")) == (True, True)
    clock.forward(KEPT_FOR + 1)
    assert use("t", "two")
