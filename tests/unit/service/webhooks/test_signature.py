"""Signatures of webhooks, compared with the standard's own implementation."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from mailer.errors import SettingsError
from mailer.ledger.webhooks.webhooks import SigningSecret
from mailer.link_tokens import key_name
from mailer.service.webhooks.signature import derive_secret, encode_secret, sign_message

KEYS = ["a key of the tests that is long enough to be one", "another key of the tests, as long as one has to be"]
SEALS = [SigningSecret(key_name=key_name(key), salt=salt * 32) for key in KEYS for salt in ("00", "a1")]


def test_the_standard_s_example_is_reproduced():
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = sign_message([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_key_and_salt_derives_a_secret_of_its_own():
    secrets = [derive_secret(KEYS, seal) for seal in SEALS]
    assert len(set(secrets)) == len(SEALS)
    assert secrets == [derive_secret(KEYS[::-1], seal) for seal in SEALS]
    assert {len(secret) for secret in secrets} == {32}
    with pytest.raises(SettingsError):
        derive_secret(KEYS[:1], SEALS[-1])


@given(body=st.text(), number=st.integers(min_value=1), both=st.booleans())
def test_a_signature_verifies_only_with_a_signing_secret(body, number, both):
    new, old, other = (derive_secret(KEYS, seal) for seal in SEALS[:3])
    message_id, at = f"msg_0123_{number}", int(time.time())
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": sign_message([new, old] if both else [new], message_id, at, body.encode()),
    }
    for secret in (new, old) if both else (new,):
        Verifier(encode_secret(secret)).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Verifier(encode_secret(other)).verify(body, headers, json_parse=False)
