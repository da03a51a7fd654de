import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.edition.plaintext.wrap import COLUMNS, width, wrap

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=90
)


@given(st.lists(WORDS), st.sampled_from([("", ""), ("- ", "  "), ("> ", "> "), ("12. ", "    ")]))
def test_a_line_is_at_most_72_columns_unless_it_is_one_word(words, leads):
    first, rest = leads
    for number, line in enumerate(wrap(" ".join(words), first, rest).split("\n")):
        lead = first if number == 0 else rest
        assert width(line) <= COLUMNS or " " not in line.removeprefix(lead)


@given(st.lists(WORDS))
def test_wrapping_loses_nothing(words):
    assert "".join(wrap(" ".join(words)).split()) == "".join("".join(words).split())


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a  b\tc", ["a b c"]),
        ("one\ntwo", ["one", "two"]),
        ("x" * 80 + " y", ["x" * 80, "y"]),
        ("a " + "https://example.org/" + "p" * 70, ["a", "https://example.org/" + "p" * 70]),
        ("word " * 13 + "no\u00a0break\u00a0here", [("word " * 13).strip(), "no\u00a0break\u00a0here"]),
        ("港" * 40, ["港" * 36, "港" * 4]),
        ("港" * 35 + "。」x", ["港" * 34, "港。」x"]),
        ("שלום " * 15, [("שלום " * 14).strip(), "שלום"]),
    ],
)
def test_lines_break_where_a_reader_expects_it(text, lines):
    assert wrap(text).split("\n") == lines


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("漢字", 4), ("שלום", 4), ("e\u0301", 1), ("\u2068a\u2069", 1)]
)
def test_width_is_counted_in_display_columns(text, columns):
    assert width(text) == columns
