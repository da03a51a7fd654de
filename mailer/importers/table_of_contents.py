"""The numbered contents of an archive: `1. “Title” (Source, Date)`, or a line of summary.

find_toc(paragraphs)    their place, and their entries
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailer.i18n.date_parser import ParsedDate, ends_in_date
from mailer.importers.paragraphs import ImportedParagraph
from mailer.importers.title_similarity import unquoted

_NUMBERED = re.compile(r"(?P<number>\d{1,2})[.)]\s*(?P<text>\S.*)")
_IN_BRACKETS = re.compile(r"(?P<title>.+?)\s*[(\[](?P<inside>[^()\[\]]*(?:\([^()]*\)[^()\[\]]*)*)[)\]]\.?")
_PLACE = re.compile(r"(?P<source>.+?)\s*\((?P<place>[^()]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class TocEntry:
    """A line of the contents; `date` is None for a line of summary."""

    line: int
    title: str
    source: str = ""
    place: str = ""
    date: ParsedDate | None = None
    text: str = ""
    """The whole line, without its number."""


@dataclass(frozen=True, slots=True)
class TableOfContents:
    """Entries, and their paragraphs: from `start` up to `end`."""

    start: int
    end: int
    entries: tuple[TocEntry, ...]


def find_toc(paragraphs: Sequence[ImportedParagraph]) -> TableOfContents:
    """Returns the first numbered list from 1 that looks like contents; empty at 0 when there is none."""
    for start, first in enumerate(paragraphs):
        if not (match := _NUMBERED.fullmatch(first.lines[0])) or int(match["number"]) != 1:
            continue
        numbered: list[tuple[int, str]] = []
        end = start
        while end < len(paragraphs) and (more := _numbered(paragraphs[end], len(numbered) + 1)):
            numbered += more
            end += 1
        entries = tuple(_entry(line, text) for line, text in numbered)
        if any(entry.date for entry in entries):
            return TableOfContents(start, end, entries)
    return TableOfContents(0, 0, ())


def split_place(source: str) -> tuple[str, str]:
    """(“National Wire”, “Lisbon”) for “National Wire (Lisbon)”."""
    match = _PLACE.fullmatch(source.strip())
    return (match["source"], match["place"].strip()) if match else (source.strip(), "")


def _numbered(paragraph: ImportedParagraph, expected: int) -> list[tuple[int, str]]:
    """Returns line and text of each item of `paragraph`, counted from `expected`; none when the numbers differ."""
    found: list[tuple[int, str]] = []
    for line, text in enumerate(paragraph.lines, start=paragraph.line):
        match = _NUMBERED.fullmatch(text)
        if match and int(match["number"]) == expected + len(found):
            found.append((line, match["text"]))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {text}")
        else:
            return []
    return found


def _entry(line: int, text: str) -> TocEntry:
    match = _IN_BRACKETS.fullmatch(text)
    if match and (ended := ends_in_date(match["inside"])):
        source, date = ended
        name, place = split_place(source)
        return TocEntry(line=line, title=unquoted(match["title"]), source=name, place=place, date=date, text=text)
    return TocEntry(line=line, title=unquoted(text), text=text)
