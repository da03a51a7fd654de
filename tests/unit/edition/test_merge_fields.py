import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.edition.merge_fields import (
    ADDRESS,
    LIST_NAME,
    LONGEST_LIST_NAME,
    TOKEN,
    EscapeContext,
    ListName,
    MergeField,
    ReaderValues,
    escape_value,
)
from mailer.line_sanitizer import clean_line


@pytest.mark.parametrize(
    ("place", "written"),
    [
        (EscapeContext.HTML, "&lt;b&gt; &#39;x&#39; &amp; &#34;y&#34; é/?"),
        (EscapeContext.TEXT, "<b> 'x' & \"y\" é/?"),
        (EscapeContext.HEADER, "<b> 'x' & \"y\" é/?"),
        (EscapeContext.URL, "%3Cb%3E%20%27x%27%20%26%20%22y%22%20%C3%A9%2F%3F"),
        (EscapeContext.TEXT_URL, "%3Cb%3E%20%27x%27%20%26%20%22y%22%20%C3%A9%2F%3F"),
    ],
)
def test_a_value_is_escaped_for_its_context(place, written):
    assert escape_value("<b> 'x' & \"y\" é/?", place) == written


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("Eve\r\nBcc: x", "Eve Bcc: x"),
        ("a\tb\u2028c", "a b c"),
        ("\u202egnp.exe", "gnp.exe"),
        ("n\0u\x7fl", "nul"),
        ("\ufdd0\U0001ffff\ud800x", "x"),
        ("שלום, Ana 👩‍🚀", "שלום, Ana 👩‍🚀"),
    ],
)
def test_a_value_is_cleaned_of_active_characters(value, cleaned):
    assert clean_line(value) == cleaned


@given(st.text(), st.sampled_from(EscapeContext))
def test_no_value_has_a_line_end_or_a_control(value, place):
    written = escape_value(value, place)
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in written)
    if place in {EscapeContext.URL, EscapeContext.TEXT_URL}:
        assert written.isascii()
        assert not set(written) & set(" /?#&=:@<>\"'")


def test_merge_fields_hold_fields_the_address_and_the_token():
    values = ReaderValues(fields={"city": "Faro"}, address="a&b@example.org", token="t/1")
    assert MergeField("reader.city | upper", EscapeContext.TEXT).fill(values) == "FARO"
    assert MergeField("reader.nothing", EscapeContext.TEXT).fill(values) == ""
    assert MergeField(ADDRESS, EscapeContext.HTML).fill(values) == "a&amp;b@example.org"
    assert MergeField(TOKEN, EscapeContext.URL).fill(values) == "t%2F1"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ana@xn--mnchen-3ya.example", "ana@münchen.example"),
        ("ana@xn--.example", "ana@xn--.example"),
        ("", ""),
    ],
)
def test_a_reader_sees_the_domain_in_unicode_and_a_link_has_its_a_label(address, shown):
    values = ReaderValues(address=address, token="")
    for place in EscapeContext:
        readable = place.value.startswith(("html", "text")) and place is not EscapeContext.TEXT_URL
        assert MergeField(ADDRESS, place).fill(values) == escape_value(shown if readable else address, place)


def test_the_name_of_the_list_is_cut_and_has_a_fallback():
    name = ListName(EscapeContext.HTML, "The Letter")
    assert name.fill(ReaderValues(token="")) == "The Letter"
    assert name.fill(ReaderValues(fields={LIST_NAME: "A & B"}, token="")) == "A &amp; B"
    cut = name.fill(ReaderValues(fields={LIST_NAME: "x" * 200}, token=""))
    assert (len(cut), cut[-2:]) == (LONGEST_LIST_NAME, "x…")
