"""Plain-text archives (contract 7), regular ones and those that are not."""

import datetime as dt
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.dispatch.diagnostics import Severity
from mailer.dispatch.parse import parse_dispatch
from mailer.importers.dispatch_writer import dispatch_file_name, write_dispatch
from mailer.importers.file_reader import decode_text
from mailer.importers.issue_structure import ArchiveError, read_plaintext
from mailer.importers.model import ImportedDispatch
from mailer.importers.paragraphs import split_paragraphs

TODAY = dt.date(2026, 11, 22)
REGULAR = """\
The east quay opens again: “We will not wait another winter”

October 26, 2026

The ferries Alva and Sund moored at the east quay on Thursday. (Photo by Ines Carvalho, Harbour Board)


1. Why the board changed its mind
2. “Board votes 9 to 2” (Harbour Times, Oct. 25, 2026)
3. “Rail link now expected in 2028” (National Wire, Oct. 24, 2026)


[Note by Mara Lindqvist]

I attach two pieces.

So far it is not settled.

-- Mara Lindqvist


Board votes 9 to 2
Harbour Times
October 25, 2026

PORTO NOVO – The ferry board voted on Saturday.

The vote:

Nine members were in favour.


Rail link now expected in 2028
National Wire (Lisbon)
October 24, 2026

“Nobody is abandoning the line,” a spokesman said.


* You can also find shorter items on our page social.example.org/@harbourletter

All notes and summaries copyright © Mara Lindqvist. All rights reserved.
"""


def read(text: str, language: str = "en") -> ImportedDispatch:
    return read_plaintext(split_paragraphs(text), today=TODAY, language=language)


def doubt_messages(draft: ImportedDispatch) -> str:
    return "\n".join(f"{doubt.line}: {doubt.message}" for doubt in draft.doubts)


def test_a_regular_archive_becomes_a_complete_dispatch():
    draft = read(REGULAR)
    assert draft.title == "The east quay opens again: “We will not wait another winter”"
    assert draft.date == dt.date(2026, 10, 26)
    assert (draft.editor, draft.signature) == ("Mara Lindqvist", "Mara Lindqvist")
    assert draft.photo is not None
    assert draft.photo.credit == "Photo by Ines Carvalho, Harbour Board"
    assert draft.summary == ("Why the board changed its mind",)
    assert draft.note == ("I attach two pieces.", "So far it is not settled.")
    assert draft.language == "en-US", "the dates have the month first"
    assert [(a.title, a.source, a.place, a.date.day) for a in draft.articles] == [
        ("Board votes 9 to 2", "Harbour Times", "", 25),
        ("Rail link now expected in 2028", "National Wire", "Lisbon", 24),
    ]
    assert draft.articles[0].body[1:] == ("### The vote", "Nine members were in favour.")
    assert draft.social == (
        ("You can also find shorter items on our page", "https://social.example.org/@harbourletter"),
    )
    assert draft.copyright == "All notes and summaries copyright © Mara Lindqvist. All rights reserved."
    assert doubt_messages(draft).startswith("5: a photo is described")
    assert len(draft.doubts) == 1


def test_a_photo_without_a_picture_is_a_comment_and_not_in_the_note():
    text = write_dispatch(read(REGULAR))
    head, _, body = text.partition("\n---\n\n")
    assert "#   credit: Photo by Ines Carvalho, Harbour Board" in head.splitlines()
    assert "Photo by Ines Carvalho" not in body


@pytest.mark.parametrize(("language", "found"), [("en", "en-US"), ("de", "en-US"), ("en-GB", ""), ("en-US", "")])
def test_english_dates_with_the_month_first_are_american(language, found):
    assert read(REGULAR, language).language == found
    day_first = re.sub(r"(October|Oct\.) (\d+), 2026", r"\2 \1 2026", REGULAR)
    assert read(day_first, language).language == ("en" if language == "de" else "")


def test_an_imported_dispatch_has_no_errors_and_reads_back():
    draft = read(REGULAR)
    parsed = parse_dispatch(write_dispatch(draft).encode(), dispatch_file_name(draft), language="en")
    assert [problem for problem in parsed.problems if problem.severity is Severity.ERROR] == []
    assert parsed.dispatch is not None
    assert parsed.dispatch.title == draft.title
    assert [article.title_text for article in parsed.dispatch.articles] == [a.title for a in draft.articles]


VARIANTS = [
    ("no blank lines between title, date and photo", lambda t: t.replace("winter”\n\nOctober", "winter”\nOctober", 1), ""),
    ("blank lines inside the heading", lambda t: t.replace("Harbour Times\nOctober", "Harbour Times\n\nOctober", 1), ""),
    ("blank lines between the contents", lambda t: t.replace("\n2. “", "\n\n2. “", 1), ""),
    ("source and date on one line", lambda t: t.replace("Harbour Times\nOctober 25", "Harbour Times, October 25", 1), ""),
    ("date before source", lambda t: t.replace("Harbour Times\nOctober 25, 2026", "October 25, 2026\nHarbour Times", 1), ""),
    ("ISO date", lambda t: t.replace("October 25, 2026\n", "2026-10-25\n", 1), ""),
    ("the body right under the date", lambda t: t.replace("October 25, 2026\n\nPORTO", "October 25, 2026\nPORTO", 1), ""),
    ("Windows line ends", lambda t: t.replace("\n", "\r\n"), ""),
    ("brackets instead of a dot", lambda t: re.sub(r"^(\d)\.", r"\1)", t, flags=re.MULTILINE), ""),
    ("a title that differs a little", lambda t: t.replace("Board votes 9 to 2\nH", "Board votes nine to 2\nH", 1), "the contents have the title"),
    ("no date under a title", lambda t: t.replace("Harbour Times\nOctober 25, 2026\n", "Harbour Times\n", 1), "there is no date"),
    ("neither source nor date", lambda t: t.replace("Harbour Times\nOctober 25, 2026\n", "", 1), "there are no source and date"),
    ("no note heading", lambda t: t.replace("[Note by Mara Lindqvist]\n", "", 1), "was imported as the note"),
    ("no contents", lambda t: re.sub(r"^\d\..*\n", "", t, flags=re.MULTILINE), ""),
    ("a wrapped entry", lambda t: t.replace("(National Wire, Oct.", "(National Wire,\n   Oct.", 1), ""),
]  # fmt: skip


@pytest.mark.parametrize(("change", "doubt"), [v[1:] for v in VARIANTS], ids=[v[0] for v in VARIANTS])
def test_archives_of_other_forms_are_imported(change, doubt):
    text = change(REGULAR)
    assert text != REGULAR
    draft = read(text)
    assert [(a.source, a.date) for a in draft.articles] == [
        ("Harbour Times", dt.date(2026, 10, 25)),
        ("National Wire", dt.date(2026, 10, 24)),
    ], doubt_messages(draft)
    assert "PORTO NOVO" in draft.articles[0].body[0]
    assert draft.date == dt.date(2026, 10, 26)
    assert draft.editor == "Mara Lindqvist"
    assert doubt in doubt_messages(draft)


def test_an_entry_without_an_article_is_kept_and_reported():
    draft = read(REGULAR.replace("3. “Rail", "3. “The bell” (Sea News, Oct. 23, 2026)\n4. “Rail", 1))
    assert draft.summary == ("Why the board changed its mind", "“The bell” (Sea News, Oct. 23, 2026)")
    assert "the contents list “The bell”, but there is no such article" in doubt_messages(draft)


def test_an_article_missing_from_the_contents_is_reported():
    more = "\n\n\nA bell\nSea News\nOctober 20, 2026\n\nIt rang.\n\n\n* You can"
    draft = read(REGULAR.replace("\n\n\n* You can", more, 1))
    assert draft.articles[-1].title == "A bell"
    assert "“A bell” is not in the contents" in doubt_messages(draft)


def test_a_date_within_a_text_begins_no_article():
    text = REGULAR.replace("Nine members were in favour.", "They met.\n\nOctober 1, 2026\n\nAnd voted.", 1)
    draft = read(text)
    assert len(draft.articles) == 2
    assert "October 1, 2026" in " ".join(draft.articles[0].body)


def test_hebrew_and_arabic_articles_know_their_language():
    hebrew = (
        "\n\n\nהמוזיאון מבקש את הפעמון\nחדשות הים\n23 באוקטובר 2026\n\nהמוזיאון הימי ביקש להחזיר את הפעמון.\n\n\n* You"
    )
    draft = read(REGULAR.replace("\n\n\n* You", hebrew, 1))
    assert draft.articles[-1].language == "he"
    assert draft.articles[-1].date == dt.date(2026, 10, 23)


def test_the_language_is_detected_by_a_french_date():
    draft = read("Le quai rouvre\n\n26 octobre 2026\n\n[Note de Mara L.]\n\nDeux articles.\n\n-- Mara L.\n")
    assert draft.language == "fr"
    assert draft.editor == "Mara L."


def test_markdown_and_template_signs_stay_text():
    text = "T\n\nOctober 26, 2026\n\n[Note by M]\n\n# no heading {{ reader.x }} {% if %} *not* _so_ [x](y) <b> 1. `c` | &amp;\n\n- a\n- b\n"
    draft = read(text)
    parsed = parse_dispatch(write_dispatch(draft).encode(), "2026-10-26-t.md", language="en")
    assert parsed.dispatch is not None, parsed.problems
    assert parsed.dispatch.expressions == ()
    kinds = [token.type for block in parsed.dispatch.note for token in block.tokens]
    assert kinds[:3] == ["paragraph_open", "inline", "paragraph_close"]
    assert "bullet_list_open" in kinds


def test_wrapped_lines_are_joined_and_intended_line_ends_stay():
    text = "T\n\nOctober 26, 2026\n\n[Note by M]\n\nA line that goes on as far as this width lets it go,\nand then on.\n\nRoses\nViolets\n"
    note = read(text).note
    assert note == ("A line that goes on as far as this width lets it go,\nand then on.", "Roses\\\nViolets")


@pytest.mark.parametrize("text", ["", " \n\n ", "\ufeff"])
def test_an_empty_archive_is_refused(text):
    with pytest.raises(ArchiveError):
        read(decode_text(text.encode())[0])


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text))


@given(
    st.lists(
        st.sampled_from([each for each in REGULAR.split("\n") if each] + ["", "", "zebra", "quux: 7", "-- Somebody"]),
        max_size=40,
    )
)
def test_no_word_is_dropped_whatever_the_order(lines):
    text = "\n".join(lines)
    if not text.strip():
        return
    draft = read(text)
    written = write_dispatch(draft) + doubt_messages(draft)
    dates = words(" ".join(f"{d:%B %b %d %Y} {d.day}" for d in [dt.date(2026, 10, n) for n in (24, 25, 26)])) | {"Oct"}
    lost = words(text) - words(written) - dates - {"Note", "by", "1", "2", "3"}
    assert not lost, (lost, written)


@given(st.text(max_size=400))
def test_any_text_is_read(text):
    found = split_paragraphs(text)
    if found:
        write_dispatch(read_plaintext(found, today=TODAY))


def test_the_work_grows_no_faster_than_the_text():
    """Counts calls, since no test measures time."""

    def calls(lines):
        count = 0

        def seen(_frame, event, _argument):
            nonlocal count
            count += event in {"call", "c_call"}

        read = split_paragraphs("Head\n\n26 October 2026\n\n" + "26 October 2026\n" * lines)
        sys.setprofile(seen)
        try:
            read_plaintext(read, today=dt.date(2026, 1, 1), language="en")
        finally:
            sys.setprofile(None)
        return count

    calls(1)  # the names of months are loaded
    assert calls(4000) < 3 * calls(2000)


def test_the_lines_of_a_text_that_was_not_wrapped_stay_lines():
    assert read("Letter\n\n12 March 2024\n\nroses are red\nviolets are blue\n").note == (
        "roses are red\\\nviolets are blue",
    )
