"""Fields and order of articles."""

import pytest

from mailer.dispatch.article_meta import KEYS
from mailer.dispatch.fields.article_edit import add_article, edit_article, move_article, read_articles, remove_article
from mailer.dispatch.fields.front_matter_edit import FieldsError

HEAD = "---\ntitle: Tide\n---\n\nDear all,\n\n```\n## no article\n```\n\n"
ONE = "## One *more* ##\nsource:  Harbour Times  \ndate: 2026-10-31\nrights:\n\nText.\n\n{% if reader.a %}\nx\n{% endif %}\n\n\n"
TWO = "## Two\nlink: https://example.org/\n\nText.\n"
SOURCE = HEAD + ONE + TWO


def test_articles_are_found_with_their_lines():
    one, two = read_articles(SOURCE)
    assert (one.title, one.line, one.last, one.is_simple, one.can_move) == ("One *more*", 11, 14, True, True)
    assert one.values == {**dict.fromkeys(KEYS, ""), "source": "Harbour Times", "date": "2026-10-31"}
    assert (two.title, two.values["link"]) == ("Two", "https://example.org/")
    assert read_articles("---\ntitle: x\n") == ()
    assert read_articles("## a")[0].last == 1


@pytest.mark.parametrize(
    ("number", "fields", "old", "new"),
    [
        (0, {"source": "Harbour Times", "place": ""}, "", ""),
        (0, {"source": "The  Quay"}, "Harbour Times", "The Quay"),
        (0, {"source": ""}, "source:  Harbour Times  \n", ""),
        (0, {"rights": "CC: BY"}, "rights:", "rights: CC: BY"),
        (0, {"place": "Porto"}, "Times  \n", "Times  \nplace: Porto\n"),
        (1, {"date": "2026-11-01", "source": "A", "rights": "B"}, "## Two\nlink: https://example.org/\n",
         "## Two\nsource: A\ndate: 2026-11-01\nlink: https://example.org/\nrights: B\n"),
    ],
)  # fmt: skip
def test_a_field_of_an_article_is_written(number, fields, old, new):
    assert edit_article(SOURCE, number, fields) == SOURCE.replace(old, new, 1)


def test_an_article_with_a_fault_is_left_to_the_source():
    for lines in ("sorce: x", "source: a\nsource: b", "a text without a colon"):
        source = f"## One\n{lines}\n\nText.\n"
        assert not read_articles(source)[0].is_simple
        with pytest.raises(FieldsError):
            edit_article(source, 0, {"place": "x"})


def test_articles_are_added_moved_and_removed():
    one, two = ONE.rstrip(), TWO.rstrip()
    assert move_article(SOURCE, 1, 0) == f"{HEAD}{two}\n\n\n{one}\n" == move_article(SOURCE, 0, 9)
    assert move_article(SOURCE, 0, 0) == SOURCE == move_article(SOURCE, 7, 0) == remove_article(SOURCE, 7)
    assert remove_article(SOURCE, 0) == HEAD + TWO
    assert remove_article(SOURCE, 1) == f"{HEAD}{one}\n"
    added = add_article(SOURCE, "Three", "2026-11-01", "Text.")
    assert added == f"{SOURCE}\n## Three\ndate: 2026-11-01\n\nText.\n"
    for_some = f"{HEAD}{{% if reader.a %}}\n{TWO}\n{{% endif %}}\n\n{ONE}"
    assert [each.can_move for each in read_articles(for_some)] == [False, False]
    with pytest.raises(FieldsError):
        move_article(for_some, 0, 1)
