"""Fields of the front matter: what is changed is written, and everything else keeps its bytes."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mailer.dispatch.fields.front_matter_edit import (
    GROUPS,
    LISTS,
    ROWS,
    TEXTS,
    FieldsError,
    edit_front_matter,
    keys_of_part,
    normalise,
    read_front_fields,
)
from mailer.dispatch.parse import parse_dispatch

FULL = """\
---
# the paper's own dispatch
title: 'The tide table'   # of May
subject:    # of the e-mail; if you leave it empty, it is the title
date: 2026-11-01
editor:
  name: Mara

  signature: |
    Mara
    Lindqvist
photo:   # by Ines
  file: photos/quay.jpg  # 1200 wide
  alt: "A quay"
summary:
- Rain
# the important one
- "Fog: later"  # not before noon
lists: [readers, harbour]
earlier:
  - title: Crane
    slug: crane

  # an old one
  - url: https://example.org/
    title: Elsewhere
social: []
---

Dear *all*,
"""


def photo(**values):
    return {**dict.fromkeys(keys_of_part("photo"), ""), **values}


def earlier(**values):
    return {**dict.fromkeys(keys_of_part("earlier"), ""), **values}


CRANE = earlier(title="Crane", slug="crane")
ELSEWHERE = earlier(title="Elsewhere", url="https://example.org/")
QUAY = photo(file="photos/quay.jpg", alt="A quay")

CASES = [
    ("nothing", {}, {}),
    ("quotes stay", {"title": "Fog’s end"}, {"'The tide table'": "'Fog’s end'"}),
    ("quotes in quotes", {"title": "Fog's end"}, {"'The tide table'": "'Fog''s end'"}),
    ("a key without a value", {"subject": "Fog"}, {"subject:    # of": "subject: Fog    # of"}),
    ("a new key goes to its place", {"preheader": "x"}, {"title\ndate": "title\npreheader: x\ndate"}),
    ("braces need quotes", {"subject": "{{ reader.city }}"}, {"subject:   ": 'subject: "{{ reader.city }}"   '}),
    ("emptied", {"date": ""}, {"date: 2026-11-01": "date:"}),
    ("emptied before a comment", {"title": ""}, {" 'The tide table'": ""}),
    ("a colon needs quotes", {"slug": "a: b"}, {"2026-11-01\n": '2026-11-01\nslug: "a: b"\n'}),
    ("two lines", {"copyright": "©\nMara"}, {"social: []\n": "social: []\ncopyright: |-\n  ©\n  Mara\n"}),
    (
        "a group's part",
        {"photo": photo(file="photos/quay.jpg", alt="A mole", credit="Ines: AP")},
        {'"A quay"\n': '"A mole"\n  credit: "Ines: AP"\n'},
    ),
    ("a group is removed", {"photo": photo()}, {FULL[FULL.index("photo:") : FULL.index("summary:")]: ""}),
    (
        "a literal block",
        {"editor": {"name": "Mara", "signature": "M. L.", "photo": ""}},
        {"|\n    Mara\n    Lindqvist\n": "M. L.\n"},
    ),
    ("an item is changed", {"summary": ["Rain", "Fog"]}, {'"Fog: later"': '"Fog"'}),
    ("an item is removed", {"summary": ["Fog: later"]}, {"- Rain\n": ""}),
    ("an item is inserted", {"summary": ["Rain", "Sun", "Fog: later"]}, {"- Rain\n": "- Rain\n- Sun\n"}),
    ("an item at the end", {"summary": ["Rain", "Fog: later", "Sun"]}, {"noon\n": "noon\n- Sun\n"}),
    ("a list is removed", {"summary": []}, {FULL[FULL.index("summary:") : FULL.index("lists:")]: ""}),
    ("a list in brackets", {"lists": ["a b"]}, {"lists: [readers, harbour]": "lists:\n  - a b"}),
    (
        "a row is inserted",
        {"earlier": [CRANE, earlier(title="Fog", slug="fog"), ELSEWHERE]},
        {"slug: crane\n": "slug: crane\n  - title: Fog\n    slug: fog\n"},
    ),
    ("a row is removed", {"earlier": [ELSEWHERE]}, {"  - title: Crane\n    slug: crane\n": ""}),
    (
        "a row's part",
        {"earlier": [CRANE, {**ELSEWHERE, "note": "old"}]},
        {"title: Elsewhere\n": "title: Elsewhere\n", "example.org/\n": "example.org/\n    note: old\n"},
    ),
    (
        "a list in empty brackets",
        {"social": [{"text": "Us", "url": "mailto:us@example.org"}]},
        {"social: []": "social:\n  - text: Us\n    url: mailto:us@example.org"},
    ),
]


@pytest.mark.parametrize(("fields", "replaced"), [each[1:] for each in CASES], ids=[each[0] for each in CASES])
def test_a_changed_field_is_written_in_its_place(fields, replaced):
    expected = FULL
    for old, new in replaced.items():
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    assert edit_front_matter(FULL, fields) == expected


def test_a_text_without_fields_gets_them():
    fields = {"title": "Fog", "date": "2026-11-01", "photo": photo(file="a.jpg", alt="b"), "lists": ["readers"]}
    written = "---\ntitle: Fog\ndate: 2026-11-01\nphoto:\n  file: a.jpg\n  alt: b\nlists:\n  - readers\n---\n"
    assert edit_front_matter("", fields) == written
    assert edit_front_matter("Dear all\n", fields) == f"{written}Dear all\n"


@pytest.mark.parametrize("front", ["title: 'x", "title: a\ntitle: b", "title: [a]", "photo: x", "{title: a}", "- a"])
def test_fields_with_a_fault_are_left_to_the_source(front):
    source = f"---\n{front}\n---\n"
    assert read_front_fields(source) is None
    with pytest.raises(FieldsError):
        edit_front_matter(source, {"title": "Fog"})
    with pytest.raises(FieldsError):
        edit_front_matter("---\ntitle: a\n", {"title": "Fog"})


LINES = st.text(max_size=20).map(lambda text: normalise(text, "title"))
SEVERAL = st.text(max_size=30).map(lambda text: normalise(text, "copyright"))


def parts(name):
    keys = keys_of_part(name)
    return st.fixed_dictionaries({key: SEVERAL if key == "signature" else LINES for key in keys})


FIELDS = st.fixed_dictionaries(
    {
        **{key: SEVERAL if key == "copyright" else LINES for key in TEXTS},
        **{key: parts(key) for key in GROUPS},
        **{key: st.lists(LINES.filter(bool), max_size=3) for key in LISTS},
        **{key: st.lists(parts(key).filter(lambda row: any(row.values())), max_size=3) for key in ROWS},
    }
)


@settings(max_examples=60, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(first=FIELDS, second=FIELDS, chosen=st.sets(st.sampled_from([*TEXTS, *GROUPS, *LISTS, *ROWS])))
def test_any_fields_are_written_and_read_back_and_the_same_ones_change_no_byte(first, second, chosen):
    for source in (FULL, edit_front_matter("Dear *all*,\n", first)):
        before = read_front_fields(source)
        assert edit_front_matter(source, before) == source
        changed = {key: second[key] for key in chosen}
        edited = edit_front_matter(source, changed)
        assert read_front_fields(edited) == {**before, **changed}
        assert edited.endswith(source.rpartition("---\n")[2])
        for line in source.split("\n"):
            if line.startswith("#") and not chosen & {"summary", "earlier"}:
                assert line in edited.split("\n")
    parse_dispatch(edited, "x.md")
