"""Each provider's requests: what proves them, and what nothing else may be taken for."""

import base64
import json

import pytest

from mailer.feedback.model import FeedbackKind
from mailer.feedback.providers.catalogue import PROVIDERS
from mailer.feedback.providers.model import PayloadError, ProofBasis, ProofError
from mailer.smtp.refusal_reason import Reason
from tests.support.provider_requests import (
    ANA,
    MESSAGE_ID,
    NOW,
    PASSWORD,
    SignedRequest,
    certificate,
    secret_of,
    signed,
    unknown_user,
)

PASSWORDS = [name for name, provider in PROVIDERS.items() if not provider.is_signed]
SIGNED = [name for name, provider in PROVIDERS.items() if provider.is_signed]


def basis(provider: str, *, now: float = NOW, secrets: tuple[str, ...] = ()) -> ProofBasis:
    pem = certificate() if provider == "ses" else b""
    return ProofBasis(secrets=secrets or (secret_of(provider),), now=now, certificate=pem)


def example(provider: str) -> SignedRequest:
    return signed(provider, unknown_user(provider))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_request_of_the_provider_is_proven_and_has_one_event(provider):
    request = example(provider).received()
    other = {"ses": "arn:aws:sns:eu-west-1:123456789012:other"}.get(provider, secret_of(provider)[::-1])
    PROVIDERS[provider].verify(request, basis(provider, secrets=(other, secret_of(provider))))
    [event] = PROVIDERS[provider].parse(request)
    recipient = event.recipient
    assert recipient is not None
    assert (event.kind, recipient.address, recipient.status, recipient.reason, recipient.permanent) == (
        FeedbackKind.BOUNCE,
        ANA,
        "5.1.1",
        Reason.USER_UNKNOWN,
        True,
    )
    assert (event.message_id, event.at and abs(event.at - NOW) < 1) == (MESSAGE_ID.strip("<>"), True)
    assert PROVIDERS[provider].parse(request) == (event,)
    [again] = PROVIDERS[provider].parse(signed(provider, unknown_user(provider, number=2), number=2).received())
    assert again.id != event.id


@pytest.mark.parametrize("provider", SIGNED)
@pytest.mark.parametrize("change", ["other secret", "no proof", "changed body", "cut body", "no body"])
def test_a_forged_request_is_not_proven(provider, change):
    request, secrets = example(provider), (secret_of(provider),)
    body = request.body
    headers = {name.lower(): value for name, value in request.headers.items()}
    if change == "other secret":
        secrets = {
            "ses": ("arn:aws:sns:eu-west-1:123456789012:other",),
            "sendgrid": (secret_of("postal"),),
            "postal": (secret_of("sendgrid"),),
        }.get(provider, ("another secret of the tests",))
    elif change == "no proof":
        headers, body = {}, body.replace(b'"signature"', b'"sign"').replace(b'"Signature"', b'"Sign"')
    elif change == "changed body" and provider == "mailgun":
        body = body.replace(b'"token": "', b'"token": "0')  # the signature does not cover the rest
    elif change == "changed body":
        body = body.replace(ANA.encode(), b"ben@example.com")
        assert body != request.body
    else:
        body = body[:-40] if change == "cut body" else b""
    with pytest.raises((ProofError, PayloadError)):
        PROVIDERS[provider].verify(request.received(body=body, headers=headers), basis(provider, secrets=secrets))


@pytest.mark.parametrize("provider", PASSWORDS)
@pytest.mark.parametrize(
    ("headers", "path", "is_proven"),
    [
        ({"authorization": "Basic " + base64.b64encode(f"mailer:{PASSWORD}".encode()).decode()}, "", True),
        ({"authorization": f"Bearer {PASSWORD}"}, "", True),
        ({"authorization": f"bearer  {PASSWORD} "}, "", True),
        ({}, PASSWORD, True),
        ({}, "", False),
        ({}, PASSWORD[:-1], False),
        ({"authorization": "Basic " + base64.b64encode(PASSWORD.encode()).decode()}, "", False),
        ({"authorization": f"Basic {PASSWORD}"}, "", False),
        ({"authorization": "Basic " + base64.b64encode(b"mailer:").decode()}, "", False),
        ({"authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}, "", False),
        ({"authorization": f"Digest {PASSWORD}"}, "", False),
        ({"authorization": ""}, "\udcff", False),
    ],
)
def test_a_password_proves_a_request_of_a_provider_that_signs_nothing(provider, headers, path, is_proven):
    request = example(provider).received(headers=headers, path_secret=path)
    if is_proven:
        PROVIDERS[provider].verify(request, basis(provider))
    else:
        with pytest.raises(ProofError):
            PROVIDERS[provider].verify(request, basis(provider))


@pytest.mark.parametrize("provider", ["mailgun", "resend"])
@pytest.mark.parametrize(
    ("seconds", "is_proven"), [(0, True), (200, True), (-200, True), (-400, False), (90_000, False)]
)
def test_an_old_signature_proves_nothing(provider, seconds, is_proven):
    request = example(provider).received()
    if is_proven:
        PROVIDERS[provider].verify(request, basis(provider, now=NOW + seconds))
    else:
        with pytest.raises(ProofError):
            PROVIDERS[provider].verify(request, basis(provider, now=NOW + seconds))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"7",
        b'"text"',
        b"[[]]",
        b"\xff\xfe",
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b"{}," * 30_000 + b"{}]",
        b'{"timestamp": 1' + b"0" * 5000 + b"}",
    ],
)
def test_what_is_no_event_raises_nothing_but_a_payload_error(provider, body):
    try:
        events = PROVIDERS[provider].parse(example(provider).received(body=body))
    except PayloadError:
        return
    assert not any(event.is_recorded for event in events)


VALUES = [None, True, -1, 1e308, 10**30, "", "\ud800", "x" * 100_000, [], [[]], {}, {"a": {}}, [None, "x", {"name": 7}]]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_field_of_any_type_is_read_without_an_error(provider):
    payload = unknown_user(provider)
    for changed in variants(payload):
        request = signed(provider, changed).received()
        for event in PROVIDERS[provider].parse(request):
            assert event.id.isascii() and 0 < len(event.id) <= 100
            assert event.message_id.isascii() and event.provider_id.isascii()
            assert event.recipient is None or event.recipient.address.isprintable()


def variants(value):
    """Yields `value` with each of its fields replaced by each of VALUES."""
    if isinstance(value, dict):
        for name, field in value.items():
            yield from ({**value, name: other} for other in VALUES)
            yield from ({**value, name: other} for other in variants(field))
    elif isinstance(value, list):
        for number, field in enumerate(value):
            yield from ([*value[:number], other, *value[number + 1 :]] for other in variants(field))


def test_a_signature_covers_the_octets_as_they_came_and_not_the_json():
    request = example("sendgrid")
    same = json.dumps(json.loads(request.body)).encode()
    with pytest.raises(ProofError):
        PROVIDERS["sendgrid"].verify(request.received(body=same), basis("sendgrid"))


def test_postal_is_also_verified_by_the_signature_that_its_older_versions_make():
    request = example("postal")
    old = {name.lower(): value for name, value in request.headers.items() if name != "X-Postal-Signature-256"}
    PROVIDERS["postal"].verify(request.received(headers=old), basis("postal"))
    with pytest.raises(ProofError):  # a wrong new signature is not made good by the old one
        PROVIDERS["postal"].verify(request.received(headers={**old, "x-postal-signature-256": ""}), basis("postal"))
