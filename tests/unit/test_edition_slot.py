import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.edition.slot import ADDRESS, TOKEN, Place, Slot, Values, write
from mailer.sanitize import clean


@pytest.mark.parametrize(
    ("place", "written"),
    [
        (Place.HTML, "&lt;b&gt; &#39;x&#39; &amp; &#34;y&#34; é/?"),
        (Place.TEXT, "<b> 'x' & \"y\" é/?"),
        (Place.HEADER, "<b> 'x' & \"y\" é/?"),
        (Place.URL, "%3Cb%3E%20%27x%27%20%26%20%22y%22%20%C3%A9%2F%3F"),
        (Place.TEXT_URL, "%3Cb%3E%20%27x%27%20%26%20%22y%22%20%C3%A9%2F%3F"),
    ],
)
def test_a_value_is_written_for_its_place(place, written):
    assert write("<b> 'x' & \"y\" é/?", place) == written


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
def test_a_value_is_cleaned_of_what_could_act(value, cleaned):
    assert clean(value) == cleaned


@given(st.text(), st.sampled_from(Place))
def test_no_value_has_a_line_end_or_a_control(value, place):
    written = write(value, place)
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in written)
    if place in {Place.URL, Place.TEXT_URL}:
        assert written.isascii()
        assert not set(written) & set(" /?#&=:@<>\"'")


def test_slots_take_fields_the_address_and_the_token():
    values = Values(fields={"city": "Faro"}, address="a&b@example.org", token="t/1")
    assert Slot("reader.city | upper", Place.TEXT).fill(values) == "FARO"
    assert Slot("reader.nothing", Place.TEXT).fill(values) == ""
    assert Slot(ADDRESS, Place.HTML).fill(values) == "a&amp;b@example.org"
    assert Slot(TOKEN, Place.URL).fill(values) == "t%2F1"
