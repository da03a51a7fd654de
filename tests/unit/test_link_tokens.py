from base64 import b32encode

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.errors import SettingsError
from mailer.link_tokens import (
    LENGTH,
    MAX_NUMBER,
    PLACEHOLDER,
    MailedLink,
    Purpose,
    TokenKeys,
    is_inert,
    key_name,
    new_link_secret,
)

OLD, NEW = "old-" * 10, "new-" * 10
KEYS = TokenKeys([NEW, OLD])
NUMBERS = st.integers(0, MAX_NUMBER)
PURPOSES = st.sampled_from(Purpose)


@settings(deadline=None)
@given(NUMBERS, PURPOSES)
def test_a_token_gives_its_number_back(number, purpose):
    token = KEYS.issue(purpose, number)
    assert len(token) == LENGTH
    assert token.isascii()
    assert token == token.lower()
    assert token.isalnum()
    assert KEYS.read(purpose, token) == number
    assert KEYS.read(purpose, token.upper()) == number


@settings(deadline=None)
@given(NUMBERS, PURPOSES, PURPOSES)
def test_a_token_serves_one_purpose(number, purpose, other):
    assert KEYS.read(other, KEYS.issue(purpose, number)) == (number if other is purpose else None)


@settings(deadline=None)
@given(NUMBERS, st.integers(0, LENGTH - 1), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_no_character_can_be_changed(number, place, letter):
    token = KEYS.issue(Purpose.UNSUBSCRIBE, number)
    changed = token[:place] + letter + token[place + 1 :]
    assert KEYS.read(Purpose.UNSUBSCRIBE, changed) == (number if changed == token else None)


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(st.sampled_from("ab27=18K ı\u212a\x00/"), min_size=LENGTH, max_size=LENGTH))
def test_any_text_can_be_read(text):
    assert KEYS.read(Purpose.UNSUBSCRIBE, text) is None


def test_the_first_key_issues_and_all_verify():
    by_old = TokenKeys([OLD]).issue(Purpose.BOUNCE, 7)
    assert KEYS.read(Purpose.BOUNCE, by_old) == 7
    assert KEYS.issue(Purpose.BOUNCE, 7) != by_old
    assert KEYS.signing_with(key_name(OLD)).issue(Purpose.BOUNCE, 7) == by_old
    assert TokenKeys([NEW]).read(Purpose.BOUNCE, by_old) is None
    assert KEYS.names == (key_name(NEW), key_name(OLD))


def test_all_keys_still_verify_when_an_older_one_issues():
    keys = KEYS.signing_with(key_name(OLD))
    assert keys.read(Purpose.BOUNCE, KEYS.issue(Purpose.BOUNCE, 9)) == 9


@pytest.mark.parametrize("purpose", Purpose)
def test_a_retired_key_verifies_only_what_old_messages_need(purpose):
    by_old = TokenKeys([OLD]).issue(purpose, 7)
    lasting = {Purpose.UNSUBSCRIBE, Purpose.BOUNCE, Purpose.MESSAGE_ID, Purpose.TRANSACTIONAL}
    assert KEYS.read(purpose, by_old) == (7 if purpose in lasting else None)
    assert KEYS.signing_with(key_name(OLD)).read(purpose, by_old) == (7 if purpose in lasting else None)
    assert not KEYS.is_current(purpose, by_old)
    assert KEYS.is_current(purpose, KEYS.issue(purpose, 7))


def test_a_mailed_link_is_random_and_known_under_the_first_key_alone():
    secret, other = new_link_secret(), new_link_secret()
    assert secret != other
    assert len(secret) == LENGTH
    digest = KEYS.link_digest(MailedLink.SIGNUP, secret)
    assert digest == KEYS.link_digest(MailedLink.SIGNUP, secret.upper())
    assert digest == TokenKeys([NEW]).link_digest(MailedLink.SIGNUP, secret)
    assert digest == KEYS.signing_with(key_name(OLD)).link_digest(MailedLink.SIGNUP, secret)
    assert digest not in {
        TokenKeys([OLD, NEW]).link_digest(MailedLink.SIGNUP, secret),
        KEYS.link_digest(MailedLink.ADDRESS, secret),
        KEYS.link_digest(MailedLink.SIGNUP, other),
    }
    assert KEYS.link_digest(MailedLink.SIGNUP, "\ud800") != digest


def test_a_key_that_is_gone_is_missed():
    with pytest.raises(SettingsError, match=key_name(OLD)) as caught:
        TokenKeys([NEW]).signing_with(key_name(OLD))
    assert OLD not in str(caught.value)


def test_the_inert_token_is_recognised_and_opens_nothing():
    assert is_inert(PLACEHOLDER)
    assert len(PLACEHOLDER) == LENGTH
    assert all(KEYS.read(purpose, PLACEHOLDER) is None for purpose in Purpose)
    assert not is_inert(KEYS.issue(Purpose.UNSUBSCRIBE, 0))


def test_keys_are_not_shown():
    assert OLD not in repr(KEYS)
    assert NEW not in repr(KEYS)


@pytest.mark.parametrize("number", [-1, MAX_NUMBER + 1])
def test_a_number_out_of_range_is_refused(number):
    with pytest.raises(ValueError, match="number"):
        KEYS.issue(Purpose.BOUNCE, number)


@pytest.mark.parametrize("purpose", Purpose)
def test_tokens_of_version_01_serve_only_what_old_messages_need(purpose):
    key = HKDF(algorithm=SHA512(), length=64, salt=None, info=b"mailer token key").derive(NEW.encode())
    sealed = AESSIV(key).encrypt((12).to_bytes(8, "big"), [b"mailer token 1", purpose.encode()])
    token = b32encode(sealed).decode().rstrip("=").lower()
    lasting = {Purpose.UNSUBSCRIBE, Purpose.BOUNCE, Purpose.MESSAGE_ID, Purpose.TRANSACTIONAL}
    assert KEYS.read(purpose, token) == (12 if purpose in lasting else None)


@pytest.mark.parametrize("token", ["yr5hr5jkdheb37golhiy5v3bqhf3mmzfp5nldpq", "l37r5kf2vkkstse7kc3oj24ura"])
def test_tokens_stay_readable_over_releases(token):
    """Those of 0.1, and those of now."""
    assert KEYS.read(Purpose.UNSUBSCRIBE, token) == KEYS.read(Purpose.UNSUBSCRIBE, token.upper()) == 12
    assert KEYS.read(Purpose.BOUNCE, token) is None
    assert TokenKeys([OLD]).read(Purpose.UNSUBSCRIBE, token) is None


@settings(deadline=None)
@given(st.text())
def test_a_sealed_text_is_read_with_the_first_key_alone(text):
    sealed = KEYS.seal_text(text)
    assert KEYS.open_text(sealed) == text
    assert KEYS.seal_text(text) == KEYS.signing_with(key_name(OLD)).seal_text(text) == sealed
    assert TokenKeys([OLD, NEW]).open_text(sealed) is None
    assert KEYS.open_text(sealed[:-1]) is KEYS.open_text(f"A{sealed}") is None


@settings(deadline=None)
@given(st.text())
def test_nothing_else_is_a_sealed_text(text):
    assert KEYS.open_text(text) is None
