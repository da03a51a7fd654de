"""Checks of a dispatch that need other dispatches, images or lists."""

import pytest

from mailer.dispatch import did_you_mean, reference_checks
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.reference_checks import CheckContext, check_in_context

FRONT = "---\ntitle: T\ndate: 2026-10-26\ncopyright: C\n---\n"
LIST = {"readers": frozenset({"city"})}


def check(body: str, front: str = FRONT, **check_context):
    dispatch = parse_dispatch(front + body, "a.md").dispatch
    check_context = {"probe_image": lambda _path: None, **check_context}
    return [
        (problem.rule, problem.message, problem.expected)
        for problem in check_in_context(dispatch, CheckContext(**check_context))
    ]


def test_a_dispatch_that_fits_has_no_findings():
    body = "{{ reader.city }} [[earlier]] ![a](b.jpg) ![c](https://example.org/d.jpg)"
    assert check(body, slugs={"earlier": "E"}, fields={"readers": frozenset({"city"})}) == []


def test_a_slug_that_does_not_exist_suggests_one_that_does():
    assert check("[[2026-03-02-crain]]", slugs={"2026-03-02-crane": "The crane", "a": "This"}) == [
        ("unknown-dispatch", "there is no dispatch “2026-03-02-crain”", "did you mean “2026-03-02-crane”?")
    ]


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [("crane", "2026-10-26-east-crane"), ("03-02", "2026-03-02-crane"), ("quay", "2026-10-26-quay-2"), ("qu", "")],
)
def test_a_part_of_a_slug_suggests_the_newest_that_has_it(typed, suggested):
    known = ("2026-03-02-crane", "2025-01-01-quay-1", "2026-10-26-quay-2", "2026-10-26-east-crane")
    [(_, _, expected)] = check(f"[[{typed}]]", slugs=dict.fromkeys(known, "A"))
    assert ("did you mean “" in expected, suggested in expected) == (bool(suggested), True)


def test_a_link_to_the_dispatch_itself_is_reported_before_it_is_sent():
    assert [rule for rule, _, _ in check("[[a]]", slugs={})] == ["self-link"]


@pytest.mark.parametrize(
    ("lists", "message", "expected"),
    [
        (
            {"readers": frozenset({"city", "name"})},
            "the list readers has no field “town”",
            "add the column, remove this part of the dispatch, or use a field that exists: city, name",
        ),
        (
            {"readers": frozenset({"towns"}), "board": frozenset()},
            "none of the lists board, readers has a field “town”",
            "did you mean “towns”?",
        ),
        (
            {"readers": frozenset(f"f{number}" for number in range(10, 50))},
            "the list readers has no field “town”",
            (
                "add the column, remove this part of the dispatch, or use a field that exists: "
                f"{', '.join(f'f{number}' for number in range(10, 40))} and 10 more"
            ),
        ),
        (
            {"readers": frozenset()},
            "the list readers has no field “town”",
            "add the column, or remove this part of the dispatch",
        ),
    ],
)
def test_a_field_that_no_list_has_is_reported(lists, message, expected):
    assert check("{{ reader.town }}", fields=lists) == [("unknown-field", message, expected)]


def test_a_field_that_one_of_the_lists_has_is_known():
    lists = {"readers": frozenset({"town"}), "board": frozenset()}
    assert check("{% if reader.town %}\na\n{% endif %}", fields=lists) == []


def test_without_any_list_fields_go_unchecked():
    assert check("{{ reader.town }}", fields={}) == []


def test_images_are_probed_in_every_part_of_a_dispatch():
    asked = []
    body = (
        "![a](a.jpg)\n\n{% if reader.x %}\n> ![b](../b.jpg)\n{% endif %}\n\n[^1]: ![c](c.jpg)\n\n"
        "## A\nsource: S\ndate: 2026-10-25\nimage: t.jpg\n\nd[^1] ![e](https://example.org/e.jpg)"
    )
    front = FRONT.replace(
        "copyright: C", "copyright: C\nphoto:\n  file: photos/p.jpg\n  alt: p\neditor: {name: M, photo: m.jpg}"
    )
    assert check(body, front, probe_image=asked.append) == []
    assert asked == ["photos/p.jpg", "m.jpg", "t.jpg", "a.jpg", "../b.jpg", "c.jpg"]


def test_a_subject_that_may_be_empty_is_a_warning_unless_it_has_a_default():
    front = FRONT.replace("copyright: C", "copyright: C\nsubject: '{{ reader.a }}'")
    assert [rule for rule, _, _ in check("a", front)] == ["subject-empty"]
    assert check("a", front.replace("reader.a", 'reader.a or "b"')) == []


def test_the_copyright_of_the_settings_is_enough():
    front = FRONT.replace("copyright: C\n", "")
    assert [rule for rule, _, _ in check("a", front)] == ["no-copyright"]
    assert check("a", front, has_copyright=True) == []


def test_only_the_first_unknown_names_are_compared_with_all_known_ones(monkeypatch):
    compared, nearest = [], did_you_mean.get_close_matches
    monkeypatch.setattr(reference_checks, "HINTS", 3)
    monkeypatch.setattr(did_you_mean, "get_close_matches", lambda *a, **o: compared.append(a) or nearest(*a, **o))
    found = check(
        "".join(f"[[crain-{n}]] {{{{ reader.citty{n} }}}}\n\n" for n in range(9)), slugs={"crane": "C"}, fields=LIST
    )
    assert [rule for rule, _, _ in found].count("unknown-dispatch") == 9
    assert [rule for rule, _, _ in found].count("unknown-field") == 9
    assert len(compared) == 6
