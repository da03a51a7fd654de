"""Which language tags are well formed, and how they are written: one answer for dispatches, lists and settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.i18n.bcp47 import is_valid_tag, normalize_case

VALID = [
    "en",
    "pt-BR",
    "he",
    "gsw",
    "qaa",
    "und",
    "es-419",
    "zh-Hant-TW",
    "zh-cmn-Hans-CN",
    "de-CH-1996",
    "sl-rozaj-biske",
    "en-GB-oxendict",
    "ar-Latn",
    "de-DE-u-co-phonebk",
    "en-x-harbour",
]
INVALID = [
    "",
    "e",
    "english",
    "klingon-GB",
    "English, please",
    "en_US",
    "en-",
    "-en",
    "en--GB",
    "en-x",
    "en-u",
    "x-whatever",
    "i-klingon",
    "en-abcdefghi",
    "en\n",
    "en-" + "-".join(["abcde"] * 6),
    "\N{KELVIN SIGN}o",  # folds to k
    "e\N{LATIN SMALL LETTER LONG S}",  # folds to s
]


@pytest.mark.parametrize("tag", VALID)
def test_a_well_formed_tag_is_valid_in_any_letter_case(tag):
    assert is_valid_tag(tag) and is_valid_tag(tag.lower()) and is_valid_tag(tag.upper())
    assert normalize_case(tag.upper()) == normalize_case(tag.lower()) == tag


@pytest.mark.parametrize("tag", INVALID)
def test_a_malformed_tag_is_invalid(tag):
    assert not is_valid_tag(tag)


@pytest.mark.parametrize(
    ("tag", "normalized"),
    [
        ("PT-br", "pt-BR"),
        ("zh-hant-TW", "zh-Hant-TW"),
        ("EN-CA-X-CA", "en-CA-x-ca"),
        ("de-1ABC", "de-1abc"),
        ("AZ-LATN-X-LATN", "az-Latn-x-latn"),
    ],
)
def test_letter_case_is_that_of_the_rfc(tag, normalized):
    assert normalize_case(tag) == normalized


@given(st.from_regex(r"[a-zA-Z0-9]{1,8}(-[a-zA-Z0-9]{1,8}){0,4}", fullmatch=True))
def test_a_normalized_tag_is_as_valid_as_before(tag):
    assert is_valid_tag(normalize_case(tag)) is is_valid_tag(tag)
    assert normalize_case(normalize_case(tag)) == normalize_case(tag)
