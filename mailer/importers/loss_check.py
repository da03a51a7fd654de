"""Compares what came into an import with what came out: the words and links of the file with those of the dispatch.

    find_losses(source, text, doubts)   what is neither in the dispatch nor named by a doubt

Dates are left out of the comparison, because the dispatch has them in another form.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailer.i18n.date_parser import is_word_of_date
from mailer.importers.model import ImportDoubt
from mailer.importers.paragraphs import ImportedParagraph

_WORD = re.compile(r"\w+")
_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200f\u2060\ufeff]")
_LINK = re.compile(r"\]\([^)]*\)")
_MARKS = re.compile(r"[\\*`\[\]<>]")
_SHOWN = 8  # words that are listed
_MOST_READ = 1000  # characters without a space: normalising takes quadratic time on combining marks
_NOTE_BY = re.compile(  # of a line such as “[Note by NAME]”, which the dispatch has as a field
    "note|by|from|of|an|editors?|anmerkung|notiz|vorbemerkung|nota|opmerking|von|de|da|do|por|par|van|di|הערה|הערת|מאת|ملاحظة|من|بقلم"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSource:
    """The `paragraphs` of a file, the lines that were left `aside`, and what its reader reports as `doubts`.

    `lines`: all of its text, each line with its number, 0 for a file without lines; `links`: the addresses of its links.
    """

    paragraphs: list[ImportedParagraph]
    lines: Sequence[tuple[int, str]]
    links: Sequence[str] = ()
    aside: Sequence[str] = ()
    doubts: tuple[ImportDoubt, ...] = ()


def find_losses(source: ImportSource, text: str, doubts: Iterable[ImportDoubt]) -> tuple[ImportDoubt, ...]:
    """Returns a doubt for each line with words, and for each link, that is neither in the dispatch `text` nor in `doubts`."""
    named = " ".join(doubt.message for doubt in doubts)
    links = [
        ImportDoubt(line=0, message=f"the link to {link} was left out")
        for link in dict.fromkeys(source.links)
        if not _has_link(text, link) and not _has_link(named, link)
    ]
    kept = {*_words(_MARKS.sub("", _LINK.sub("", text))), *_words(text), *_words(named)}
    words = []
    for line, content in source.lines:
        lost = list(
            dict.fromkeys(word for word in _words(content) if word not in kept and not _NOTE_BY.fullmatch(word))
        )
        if lost:
            more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
            listed = ", ".join(f"“{word}”" for word in lost[:_SHOWN])
            words.append(ImportDoubt(line=line, message=f"not in the dispatch: {listed}{more}"))
    return (*words, *links)


def _has_link(text: str, link: str) -> bool:
    """Whether `link` is in `text`, and not only the beginning of a longer address."""
    return link in text and re.search(rf"{re.escape(link)}(?![\w/?#&=%~+@-]|[.:][\w/])", text) is not None


def _words(text: str) -> Iterator[str]:
    """Yields the words of `text` in one form, without figures and words of dates."""
    parts = (unicodedata.normalize("NFKC", part[:_MOST_READ]) for part in _INVISIBLE.sub("", text).split())
    for word in _WORD.findall(" ".join(parts).casefold()):
        if not word.strip("_").isdecimal() and word.strip("_") and not is_word_of_date(word):
            yield word.strip("_")
