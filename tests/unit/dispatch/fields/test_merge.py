"""What was changed in the form is merged into a text that was edited, too."""

from dataclasses import replace

import pytest

from mailer.dispatch.fields.front_matter_edit import FieldsError
from mailer.dispatch.fields.merge import merge_form, read_form_values

SOURCE = "---\ntitle: Tide\n---\n\n## One\nsource: A\n\nText.\n\n## Two\nsource: B\n\nText.\n"


def posted(front=None, **changes):
    """The form of SOURCE with these fields, and `two` or `one` as the source of an article."""
    values = read_form_values(SOURCE)
    articles = [
        replace(each, fields={**each.fields, "source": changes.get(each.title.lower(), each.fields["source"])})
        for each in values.articles
    ]
    return replace(values, front={**values.front, **(front or {})}, articles=tuple(articles))


def merged(source, values):
    return merge_form(source, shown=read_form_values(SOURCE), posted=values)


def test_only_what_was_changed_in_the_form_is_written():
    assert merged(SOURCE, posted()) == SOURCE
    typed = SOURCE.replace("Tide", "Ebb").replace("source: A", "source: C")
    assert merged(typed, posted()) == typed
    assert merged(typed, posted({"date": "2026-11-01"}, two="D")) == typed.replace(
        "Ebb\n", "Ebb\ndate: 2026-11-01\n"
    ).replace("source: B", "source: D")


def test_an_article_is_found_again_after_others_were_added_or_retitled():
    typed = SOURCE.replace("## One", "## New\n\nText.\n\n## One")
    assert merged(typed, posted(two="D")) == typed.replace("source: B", "source: D")
    typed = SOURCE.replace("## Two", "## Second")
    assert merged(typed, posted(two="D")) == typed.replace("source: B", "source: D")
    with pytest.raises(FieldsError, match="Two"):
        merged(SOURCE[: SOURCE.index("## Two")], posted(two="D"))


def test_a_front_matter_with_a_fault_has_no_fields():
    broken = SOURCE.replace("title: Tide", "title: 'Tide")
    assert read_form_values(broken).front is None
    assert merged(broken, replace(posted(), front=None)) == broken
    with pytest.raises(FieldsError):
        merged(broken, posted({"title": "Ebb"}))
