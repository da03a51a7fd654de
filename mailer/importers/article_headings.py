"""Finds the heading of an article: a title, then its source and date, in one of the usual orders.

    title / source / date          the usual one, over one paragraph or several
    title / source, date           on one line
    title / date / source
    source, date / title           above a heading, as on a web page
    title                          alone, or with its source, if the contents list it

A title that is worded a little differently is confirmed by the contents; without them, by its form and the space before it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailer.i18n.date_parser import ParsedDate, ends_in_date, read_date
from mailer.importers.paragraphs import ImportedParagraph
from mailer.importers.table_of_contents import TocEntry, split_place
from mailer.importers.title_similarity import is_same, similarity

_TITLE = 180  # characters
_SOURCE = 80
_LINES = 6  # that a title with its source and date may take
_LINK = re.compile(r"<?(https?://\S+?)>?")
_LINKED = re.compile(r"\[.*\]\((https?://[^()\s]+)\)")
_SENTENCE = (".", ";", ",")
_SET_OFF = frozenset(",;:|·–—-(/•")  # between source and date
_SURE = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleHeading:
    """The heading of an article; `rest` is what follows, the rest of its own paragraph first.

    `is_headed`: its title is a heading, as on web pages.
    """

    line: int
    title: str
    source: str
    date: ParsedDate
    rest: tuple[ImportedParagraph, ...]
    place: str = ""
    link: str = ""
    is_headed: bool = False
    entry: TocEntry | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _TextLine:
    text: str
    paragraph: int
    number: int  # in its paragraph


def find_heading(
    queue: Sequence[ImportedParagraph], entries: Sequence[TocEntry], *, knows_contents: bool
) -> ArticleHeading | None:
    """Returns the heading at the first paragraph of `queue`, or None; `entries` are those not found yet."""
    lines = _first_lines(queue)
    found = _with_kicker(queue, entries) or _dated(queue, lines, entries) or _from_contents(queue, lines, entries)
    if found and not found.is_headed and found.rest and found.rest[0].level:
        return None  # the source and date belong to the heading that follows
    sure = found is not None and (found.entry is not None or found.is_headed)
    if found is None or not (sure or _looks_like_heading(queue[0], found, knows_contents=knows_contents)):
        return None
    return _with_link(found, queue)


def _first_lines(queue: Sequence[ImportedParagraph]) -> list[_TextLine]:
    lines: list[_TextLine] = []
    for index, paragraph in enumerate(queue[:4]):
        if index and paragraph.gap > 1:
            break
        lines += [_TextLine(text, index, number) for number, text in enumerate(paragraph.lines[:_LINES])]
    return lines[:_LINES]


def _dated(
    queue: Sequence[ImportedParagraph], lines: Sequence[_TextLine], entries: Sequence[TocEntry]
) -> ArticleHeading | None:
    """Finds a title with its date below."""
    for index, line in enumerate(lines[1:], start=1):
        if len(line.text) > _TITLE:
            return None
        if read := read_date(line.text):
            if index == 1:
                return _date_first(queue, lines, read, entries)
            return _heading(queue, lines[: index - 1], lines[index - 1].text, read, lines[index], entries=entries)
        ended = _source_and_date(line.text)
        if ended and len(ended[0]) <= _SOURCE and not ended[0].endswith(_SENTENCE):
            return _doubted(_heading(queue, lines[:index], *ended, line, entries=entries), line.text)
    return None


def _source_and_date(text: str) -> tuple[str, ParsedDate] | None:
    """Returns source and date of a line such as “Harbour Times, Oct. 25, 2026”; None for prose: “It opens on 6 May 2026”."""
    ended = ends_in_date(text)
    if not ended or not ended[0]:
        return None
    return None if not _is_set_off(text, ended[0]) and ended[0].split()[-1].islower() else ended


def _is_set_off(text: str, source: str) -> bool:
    return text[len(source) :].lstrip()[:1] in _SET_OFF or source.endswith(")")


def _doubted(found: ArticleHeading | None, text: str) -> ArticleHeading | None:
    """Adds a doubt to a heading that is not in the contents, if nothing but a blank is between its source and its date."""
    if found is None or found.entry or _is_set_off(text, found.source):
        return found
    return replace(found, doubts=(*found.doubts, f"“{text}” was read as the source and date of “{found.title}”"))


def _with_kicker(queue: Sequence[ImportedParagraph], entries: Sequence[TocEntry]) -> ArticleHeading | None:
    """Finds a heading with source and date above it."""
    if len(queue) < 2 or not queue[1].level or len(queue[0].lines) > 1 or len(queue[0].text) > _TITLE:
        return None
    ended = _source_and_date(queue[0].text)
    if not ended:
        return None
    source, _, place = ended[0].partition(" · ")
    title = [_TextLine(queue[1].text, 1, len(queue[1].lines) - 1)]
    found = _heading(queue, title, source, ended[1], title[0], entries=entries)
    headed = replace(found, place=found.place or place, is_headed=True) if found else None
    return _doubted(headed, queue[0].text)


def _date_first(
    queue: Sequence[ImportedParagraph], lines: Sequence[_TextLine], read: ParsedDate, entries: Sequence[TocEntry]
) -> ArticleHeading | None:
    """Finds title, date, and then the source, if the line looks like one."""
    if len(lines) < 3 or len(lines[2].text) > _SOURCE or lines[2].text.endswith((*_SENTENCE, ":", "?", "!")):
        return None
    return _heading(queue, lines[:1], lines[2].text, read, lines[2], entries=entries)


def _from_contents(
    queue: Sequence[ImportedParagraph], lines: Sequence[_TextLine], entries: Sequence[TocEntry]
) -> ArticleHeading | None:
    """Finds a title that the contents list, without a date of its own."""
    titles = {last: " ".join(line.text for line in lines[: last + 1]) for last in {0, len(queue[0].lines) - 1}}
    dated = [entry for entry in entries if entry.date]
    likely = [
        (similarity(entry.title, title), -index, last)
        for last, title in titles.items()
        for index, entry in enumerate(dated)
        if last < len(lines)
    ]
    if likely and max(likely)[0] >= _SURE:
        _, index, last = max(likely)
        title, entry = titles[last], dated[-index]
        assert entry.date
        named = last + 1 < len(lines) and is_same(split_place(lines[last + 1].text)[0], entry.source)
        source = lines[last + 1].text if named else entry.source
        missing = "there is no date" if named else "there are no source and date"
        if found := _heading(queue, lines[: last + 1], source, entry.date, lines[last + named], entries=entries):
            return replace(found, doubts=(f"{missing} under “{title}”; taken from the contents",))
    return None


def _heading(
    queue: Sequence[ImportedParagraph],
    title_lines: Sequence[_TextLine],
    source: str,
    date: ParsedDate,
    last: _TextLine,
    *,
    entries: Sequence[TocEntry],
) -> ArticleHeading | None:
    """Returns the heading with this title; `last` is the last line that belongs to it."""
    title = " ".join(line.text for line in title_lines)
    name, place = split_place(source)
    likely = sorted(entries, key=lambda entry: similarity(entry.title, title), reverse=True)
    entry = likely[0] if likely and is_same(likely[0].title, title) else None
    if entry is None:
        same = [each for each in entries if each.date and each.date.date == date.date and is_same(each.source, name)]
        entry = same[0] if len(same) == 1 else None
    if not place and entry and name != entry.source and (tail := _after(name, entry.source)):
        name, place = entry.source, tail
    if title_lines[0].paragraph != title_lines[-1].paragraph and not (entry and is_same(entry.title, title)):
        return None
    if len(name) > _SOURCE or not name:
        return None
    rest = list(queue[last.paragraph + 1 :])
    remaining = queue[last.paragraph].split(last.number + 1)[1]
    if remaining.lines:
        rest.insert(0, remaining)
    return ArticleHeading(
        line=queue[0].line,
        is_headed=queue[0].level > 1,
        title=title,
        source=name,
        place=place,
        date=date,
        entry=entry,
        rest=tuple(rest),
    )


def _after(source: str, known: str) -> str:
    """Returns the place: “Lisbon” for “National Wire, Lisbon” if the contents have “National Wire”."""
    rest = source[len(known) :] if source.casefold().startswith(known.casefold()) else ""
    return rest.strip(" ,–—-/|") if rest[:1] in {",", " ", "–", "—", "-", "/", "|"} else ""


def _looks_like_heading(first: ImportedParagraph, found: ArticleHeading, *, knows_contents: bool) -> bool:
    """Whether a heading that is not in the contents has the form of one."""
    if (
        len(found.title) > _TITLE
        or "://" in found.title
        or found.title.endswith(_SENTENCE)
        or found.source.endswith((*_SENTENCE, ":"))
    ):
        return False
    return first.gap > 1 or not knows_contents


def _with_link(found: ArticleHeading, queue: Sequence[ImportedParagraph]) -> ArticleHeading:
    """Adds the address on the line under the date, or that of a title that is a link."""
    if found.rest and (match := _LINK.fullmatch(found.rest[0].lines[0])):
        remaining = found.rest[0].split(1)[1]
        rest = (remaining, *found.rest[1:]) if remaining.lines else found.rest[1:]
        return replace(found, link=match[1], rest=rest)
    for title in queue[:2]:
        if title.level and title.text == found.title and (match := _LINKED.fullmatch(" ".join(title.markdown or ()))):
            return replace(found, link=match[1])
    return found
