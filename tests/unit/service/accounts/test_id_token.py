"""Verifying the ID token of an identity provider: forged, expired, foreign and valid ones."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from mailer.service.accounts.oidc.id_token import (
    ExpectedClaims,
    TokenError,
    UnknownSignatureError,
    read_keys,
    verify_id_token,
)

NOW, CLIENT = 1_800_000_000, "the desk"
EXPECTED = ExpectedClaims(issuer="https://id.example.com", client_id=CLIENT, nonce="n" * 43)
CLAIMS = {"iss": EXPECTED.issuer, "aud": CLIENT, "sub": "1", "iat": NOW, "exp": NOW + 300, "nonce": EXPECTED.nonce}
OURS, CURVE, EDWARDS = (
    RSAKey.generate_key(2048, {"kid": "rsa"}),
    ECKey.generate_key("P-256", {"kid": "ec"}),
    OKPKey.generate_key("Ed25519", {"kid": "ed"}),
)
STRANGER = RSAKey.generate_key(2048, {"kid": "stranger"})
IMPOSTOR = RSAKey.import_key(STRANGER.as_dict(private=True), {"kid": "rsa"})
PUBLISHED = {"keys": [key.as_dict(private=False) for key in (OURS, CURVE, EDWARDS)]}
KEYS = read_keys(PUBLISHED)


def claims(*without, **changes):
    return {key: each for key, each in {**CLAIMS, **changes}.items() if key not in without}


def signed(said=CLAIMS, key=OURS, alg="RS256", **header):
    return jwt.encode({"alg": alg, "kid": key.kid, **header}, said, key, algorithms=[alg])


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def by_hand(header, sign):
    """A token that no library would make."""
    text = f"{encoded(header)}.{encoded(CLAIMS)}"
    return f"{text}.{base64.urlsafe_b64encode(sign(text.encode())).rstrip(b'=').decode()}"


def by_ours(data):
    return OURS.private_key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def by_public_key(form, name):
    """The public key, used as if it were a secret that is shared."""
    secret = OURS.as_pem(private=False) if form == "pem" else json.dumps(PUBLISHED["keys"][0]).encode()
    return lambda data: hmac.digest(secret, data, name)


FORGED = {
    "not signed": by_hand({"alg": "none", "kid": "rsa"}, lambda _: b""),
    "not signed, in capitals": by_hand({"alg": "NONE", "kid": "rsa"}, lambda _: b""),
    "not signed, and it says nothing": by_hand({"kid": "rsa"}, lambda _: b""),
    "by a shared secret": by_hand({"alg": "HS256", "kid": "rsa"}, by_public_key("pem", "sha256")),
    "by a longer one": by_hand({"alg": "HS512", "kid": "rsa"}, by_public_key("pem", "sha512")),
    "by the key as JSON": by_hand({"alg": "HS256", "kid": "rsa"}, by_public_key("json", "sha256")),
    "by a secret, and it says RSA": by_hand({"alg": "RS256", "kid": "rsa"}, by_public_key("pem", "sha256")),
    "by a stranger": signed(key=STRANGER),
    "by a stranger under our key's name": signed(key=IMPOSTOR),
    "by a stranger who brings the key along": signed(key=STRANGER, jwk=STRANGER.as_dict(private=False)),
    "by an impostor who brings the key along": signed(key=IMPOSTOR, jwk=STRANGER.as_dict(private=False)),
    "by a stranger who says where the key is": signed(key=STRANGER, jku="https://evil.example/keys"),
    "by a key for another algorithm": by_hand({"alg": "ES256", "kid": "rsa"}, by_ours),
    "by one of several keys, unnamed": by_hand({"alg": "RS256"}, by_ours),
    "by a key with a path for a name": by_hand({"alg": "RS256", "kid": "../../etc/passwd"}, by_ours),
    "with a condition that nobody knows": by_hand({"alg": "RS256", "kid": "rsa", "crit": ["x"], "x": 1}, by_ours),
    "with an invalid algorithm": by_hand({"alg": ["RS256"], "kid": "rsa"}, by_ours),
    "with an invalid key ID": by_hand({"alg": "RS256", "kid": {"a": 1}}, by_ours),
    "changed after it was signed": ".".join([signed().split(".")[0], encoded(claims(sub="2")), signed().split(".")[2]]),
    "without a signature": signed().rpartition(".")[0],
    "with too many parts": f"{signed()}.x",
    "of another provider": signed(claims(iss="https://evil.example")),
    "of a provider with a slash": signed(claims(iss="https://id.example.com/")),
    "of several providers": signed(claims(iss=[EXPECTED.issuer])),
    "of no provider": signed(claims("iss")),
    "for another program": signed(claims(aud="another desk")),
    "for other programs": signed(claims(aud=["another desk", "a third"])),
    "for nobody": signed(claims("aud")),
    "for an object": signed(claims(aud={CLIENT: 1})),
    "for several, asked for by nobody": signed(claims(aud=[CLIENT, "another desk"])),
    "for several, asked for by another": signed(claims(aud=[CLIENT, "another desk"], azp="another desk")),
    "for us, asked for by another": signed(claims(azp="another desk")),
    "expired": signed(claims(exp=NOW - 120)),
    "that never expires": signed(claims("exp")),
    "that expires in words": signed(claims(exp="tomorrow")),
    "that expires at no time": signed(claims(exp=float("nan"))),
    "from the future": signed(claims(iat=NOW + 121)),
    "from long ago": signed(claims(iat=NOW - 721)),
    "from no time": signed(claims("iat")),
    "not valid yet": signed(claims(nbf=NOW + 121)),
    "of another sign-in": signed(claims(nonce="x" * 43)),
    "of several sign-ins": signed(claims(nonce=[EXPECTED.nonce])),
    "of no sign-in": signed(claims("nonce")),
    "about nobody": signed(claims("sub")),
    "about an empty name": signed(claims(sub="")),
    "about a number": signed(claims(sub=7)),
    "about a long name": signed(claims(sub="x" * 256)),
    "about an invisible name": signed(claims(sub="1\0")),
    "too large": signed(claims(x="x" * 70_000)),
    "a list": by_hand({"alg": "RS256"}, by_ours).replace(encoded(CLAIMS), encoded([CLAIMS])),
    "too deep": f"{base64.urlsafe_b64encode(b'[' * 30_000).decode()}.e30.e30",
    "in another script": "…",
    "empty": "",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_an_invalid_token_is_refused(token):
    with pytest.raises(TokenError) as refused:
        verify_id_token(token, KEYS, EXPECTED, now=NOW)
    assert refused.value.next_step
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "token",
    [
        signed(),
        signed(claims(aud=[CLIENT])),
        signed(claims(aud=[CLIENT, "x"], azp=CLIENT)),
        signed(claims(exp=NOW - 119)),
        signed(claims(iat=NOW + 119)),
        signed(claims(iat=NOW - 719.5)),
        signed(alg="RS512"),
        signed(alg="PS256"),
        signed(key=CURVE, alg="ES256"),
        signed(key=EDWARDS, alg="Ed25519"),
    ],
)
def test_a_valid_token_is_accepted(token):
    assert verify_id_token(token, KEYS, EXPECTED, now=NOW)["sub"] == "1"


@pytest.mark.parametrize("key", [STRANGER, IMPOSTOR])
def test_an_unknown_signature_has_an_error_of_its_own(key):
    with pytest.raises(UnknownSignatureError):
        verify_id_token(signed(key=key), KEYS, EXPECTED, now=NOW)


def test_a_single_key_needs_no_key_id():
    assert verify_id_token(
        by_hand({"alg": "RS256"}, by_ours), read_keys({"keys": PUBLISHED["keys"][:1]}), EXPECTED, now=NOW
    )


def test_keys_for_other_uses_are_left_out():
    odd = [7, None, {}, {"kty": "RSA"}, {"kty": "EC", "crv": "x"}, {"kty": "oct", "k": "eA"}, {"kty": ["RSA"]}]
    for_secrets = {**PUBLISHED["keys"][0], "use": "enc"}
    found = read_keys({"keys": [*odd, for_secrets, *PUBLISHED["keys"]]})
    assert [key.kid for key in found.keys] == ["rsa", "ec", "ed"]


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "RSA"}, {"keys": []}])
def test_a_document_without_keys_has_none(document):
    assert read_keys(document).keys == []
    with pytest.raises(UnknownSignatureError):
        verify_id_token(signed(), KeySet([]), EXPECTED, now=NOW)


@given(st.text(max_size=200) | st.lists(st.text("ey.JABab-_=0", max_size=40), min_size=2, max_size=5).map(".".join))
def test_any_invalid_token_is_refused_with_a_token_error(token):
    with pytest.raises(TokenError):
        verify_id_token(token, KEYS, EXPECTED, now=NOW)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "crit", "typ", "b64", "jwk"]), st.none() | st.text() | st.lists(st.text())
    )
)
def test_any_invalid_header_is_refused_with_a_token_error(header):
    with pytest.raises(TokenError):
        verify_id_token(by_hand(header, lambda data: hashlib.sha256(data).digest()), KEYS, EXPECTED, now=NOW)
