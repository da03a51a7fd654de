import json

from hypothesis import given
from hypothesis import strategies as st

from mailer.edition.json_codec import decode, encode
from mailer.edition.numbering import ConditionalItems, Footnote, FootnoteRef, NumberingInput, Section, number_variant

OUTLINE = NumberingInput(
    summaries=2,
    items=(
        Section("", (FootnoteRef("a"), ConditionalItems(0, 0, (FootnoteRef("b"),)))),
        ConditionalItems(1, 0, (Section("first", (FootnoteRef("b"),)),)),
        Section("second", (FootnoteRef("c"), FootnoteRef("a"))),
    ),
    footnotes=(Footnote("a", ("d",)), Footnote("b", ()), Footnote("c", ()), Footnote("d", ("a",))),
)


def test_numbers_have_no_gaps_in_any_variant():
    assert number_variant(OUTLINE, (0, 0)).articles == {"first": 3, "second": 4}
    assert number_variant(OUTLINE, (0, -1)).articles == {"second": 3}
    assert number_variant(OUTLINE, (0, 0)).notes == {"a": 1, "b": 2, "d": 3, "c": 4}
    assert number_variant(OUTLINE, (-1, -1)).notes == {"a": 1, "d": 2, "c": 3}


def test_a_footnote_is_printed_where_it_is_first_referred_to():
    assert number_variant(OUTLINE, (0, 0)).by_section == {"": ("a", "b", "d"), "first": (), "second": ("c",)}
    assert number_variant(OUTLINE, (-1, 0)).by_section == {"": ("a", "d"), "first": ("b",), "second": ("c",)}


def test_a_section_may_have_to_print_footnotes_of_its_footnotes():
    assert OUTLINE.reachable(OUTLINE.items[2]) == ("c", "a", "d")


LABELS = st.sampled_from("abcd")
ITEMS = st.recursive(
    st.builds(FootnoteRef, LABELS),
    lambda inner: st.builds(ConditionalItems, st.just(0), st.integers(0, 1), st.lists(inner, max_size=3).map(tuple)),
)


@given(st.lists(ITEMS).map(tuple), st.lists(ITEMS).map(tuple), st.sampled_from([(0,), (1,), (-1,)]))
def test_every_footnote_that_is_numbered_is_printed_once(note, article, key):
    outline = NumberingInput(items=(Section("", note), Section("x", article)), footnotes=OUTLINE.footnotes)
    numbers = number_variant(outline, key)
    printed = [label for labels in numbers.by_section.values() for label in labels]
    assert printed == list(numbers.notes)
    assert list(numbers.notes.values()) == list(range(1, len(printed) + 1))
    for section in outline.sections():
        assert set(numbers.by_section[section.name]) <= set(outline.reachable(section))
    assert decode(json.loads(json.dumps(encode(outline)))) == outline
