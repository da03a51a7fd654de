"""Recognises the parts of an archive in its paragraphs.

    headline · date · photo with its credit in brackets · numbered contents · [Note by NAME] · the note · -- NAME
    articles: title, source, date, then the text, in which a short line that ends in a colon is a subheading
    a social line · a copyright line

Parts may be missing or elsewhere: text that fits no part stays where it was, with a Doubt. No line is dropped: each is in
the imported dispatch, or named by a doubt. Titles and sources are matched with the contents, which may be worded
a little differently; the wording above the article is used.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mailer.errors import UsageError
from mailer.i18n.date_parser import ParsedDate, find_date, is_month_first, read_date
from mailer.importers.article_headings import ArticleHeading, find_heading
from mailer.importers.language_by_script import language_of
from mailer.importers.markdown_escaping import escape_markdown, unwrapped
from mailer.importers.model import ImportDoubt, ImportedArticle, ImportedDispatch
from mailer.importers.paragraphs import ImportedParagraph, markdown, width_of
from mailer.importers.preamble import read_preamble
from mailer.importers.table_of_contents import TableOfContents, TocEntry, find_toc
from mailer.importers.title_similarity import is_same, similarity

_COPYRIGHT = re.compile(  # not of a sentence that only speaks of it
    r"\A\W*©(?=(?:\W*\w+){1,8}\W*\Z)|(?:©|\(c\)|copyright)\W*(?:copyright\W*)?(?:19|20)\d\d|copyright\s*(?:©|\(c\)|by\b|:)|"
    r"all rights reserved|alle rechte vorbehalten|tous droits réservés|todos los derechos|"
    r"todos os direitos|tutti i diritti|כל הזכויות|جميع الحقوق|حقوق النشر",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?:https?://)?(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/[^\s)>\]]*[^\s)>\].,;:!?])?", re.IGNORECASE)
_MASTHEAD = 120  # characters of a line with the date of the issue
_MASTHEAD_WORDS = 6  # of a line that ends in a full stop
_HANDLE = re.compile(r"(?<!\S)@\w")
_FOOT = 6  # paragraphs at the end that may be social and copyright lines
_SHORT = 60  # characters of a subheading
_LONG = 400  # characters; a longer line is not part of the footer


class ArchiveError(UsageError):
    """The archive has no text."""


def _text(paragraph: ImportedParagraph, width: int) -> str:
    """Returns a paragraph as Markdown; a heading is a subheading, since only articles have others."""
    if not paragraph.level:
        return markdown(paragraph, width)
    written = paragraph.markdown if paragraph.markdown is not None else map(escape_markdown, paragraph.lines)
    return f"### {' '.join(written)}"


@dataclass(slots=True)
class _Context:
    """The width of the archive, and the doubts so far. `masthead`: the line with the date of the issue, which is kept as text."""

    width: int
    masthead: list[ImportedParagraph] = field(default_factory=list)
    doubts: list[ImportDoubt] = field(default_factory=list)

    def doubt(self, line: int, message: str) -> None:
        self.doubts.append(ImportDoubt(line=line, message=message))

    def texts(self, paragraphs: Sequence[ImportedParagraph]) -> tuple[str, ...]:
        return tuple(_text(each, self.width) for each in paragraphs)

    def date(self, read: ParsedDate, line: int) -> dt.date:
        if read.is_ambiguous:
            self.doubt(line, f"the date was read as {read.date.isoformat()}; day and month may be swapped")
        return read.date


@dataclass(frozen=True, slots=True, kw_only=True)
class DateEvidence:
    """What says when a file was sent, besides its text: the Date of the message, lines that were left out, the file's name."""

    sent: dt.date | None = None
    aside: Sequence[str] = ()
    file_name: str = ""


def read_plaintext(
    paragraphs: Sequence[ImportedParagraph],
    *,
    today: dt.date,
    language: str = "en",
    evidence: DateEvidence | None = None,
) -> ImportedDispatch:
    """Returns the dispatch in `paragraphs`. `today` is its date if nothing states one; `language` that of the publication.

    Raises ArchiveError when there are no paragraphs.
    """
    if not paragraphs:
        raise ArchiveError("The file contains no text.", "Choose a file with the text of an issue.")
    context = _Context(width_of(paragraphs))
    title, date, rest = _parse_header(paragraphs, context)
    rest, social, copyright_line = _parse_footer(rest, context)
    contents = find_toc(rest)
    articles, front = _articles(rest, contents, context)
    front = [*context.masthead, *front]
    preamble = read_preamble(front, contents.start + len(context.masthead) if contents.entries else len(front))
    context.doubts += preamble.doubts
    summary = _summary(contents, articles, context)
    date = _choose_date(date, evidence or DateEvidence(), today, context)
    detected = language_of(" ".join(each.text for each in paragraphs)) or _dated_in(date, language)
    if (detected or language) == "en" and is_month_first("\n".join(each.text for each in paragraphs)):
        detected = "en-US"  # so that the dates of the dispatch read as those of the file
    dispatch_language = detected or language
    return ImportedDispatch(
        title=unwrapped(title),
        date=date.date,
        language=detected,
        editor=preamble.editor,
        signature=preamble.signature,
        photo=preamble.photo,
        summary=tuple(map(unwrapped, summary)),
        note=context.texts(preamble.note),
        articles=tuple(_in_language(article, dispatch_language) for _, article in articles),
        social=social,
        copyright=unwrapped(copyright_line),
        doubts=tuple(sorted(context.doubts, key=lambda doubt: doubt.line)),
    )


def _choose_date(found: ParsedDate | None, evidence: DateEvidence, today: dt.date, context: _Context) -> ParsedDate:
    """Returns the date of the message, else that under the headline, of a line left out, or of the file's name; else today.

    Never that of an article, which is older.
    """
    if evidence.sent:
        if found and abs((found.date - evidence.sent).days) > 1:
            stated = found.date.isoformat()
            context.doubt(
                1, f"the text has the date {stated}; the message was sent on {evidence.sent.isoformat()}, which is used"
            )
        return ParsedDate(evidence.sent, found.languages if found else frozenset())
    if found:
        return found
    for line in evidence.aside:
        if read := find_date(line):
            context.doubt(1, f"the date {read.date.isoformat()} was taken from a line that was left out: “{line}”")
            return read
    name = re.sub(r"[_\s]+|(?<=[^\W\d])[-.]+(?=\d)|(?<=\d)[-.]+(?=[^\W\d])", " ", evidence.file_name)
    if read := find_date(name) or find_date(re.sub(r"(?<!\d)(\d{4})(\d\d)(\d\d)(?!\d)", r"\1-\2-\3", name)):
        context.doubt(
            1, f"there is no date under the headline; that in the file’s name is used, {read.date.isoformat()}"
        )
        return read
    context.doubt(1, f"there is no date under the headline; today’s date is used, {today.isoformat()}")
    return ParsedDate(today)


def _parse_header(
    paragraphs: Sequence[ImportedParagraph], context: _Context
) -> tuple[str, ParsedDate | None, list[ImportedParagraph]]:
    """Returns headline and date, and the paragraphs after them."""
    rest = list(paragraphs)
    first = next((index for index, each in enumerate(rest[:12]) if each.level == 1), 0)
    headline = rest.pop(first)
    for above in rest[:first]:
        if len(above.text) <= _SHORT and not read_date(above.text):
            context.doubt(above.line, f"“{above.text}” is above the headline and was left out")
            rest.remove(above)
    for number, text in enumerate(headline.lines[1:], start=1):
        if read := read_date(text):
            title, others = headline.split(number)
            others = others.split(1)[1]
            date = context.date(read, headline.line + number)
            return title.text, ParsedDate(date, read.languages), ([others] if others.lines else []) + rest
    if read := read_date(headline.text):  # the date is above the headline
        if not rest:
            return headline.text, read, []
        context.date(read, headline.line)
        return rest[0].text, read, rest[1:]
    for index, each in enumerate(rest[:3]):
        if read := read_date(each.lines[0]):
            context.date(read, each.line)
            others = each.split(1)[1]
            return headline.text, read, [*rest[:index], *([others] if others.lines else []), *rest[index + 1 :]]
    return _dated_in_line(headline, rest, context)


def _dated_in_line(
    headline: ImportedParagraph, rest: list[ImportedParagraph], context: _Context
) -> tuple[str, ParsedDate | None, list[ImportedParagraph]]:
    """Returns headline and date if a line such as “Issue 12, 1 March 2026” is under the headline; the line stays in the text."""
    for number, line in enumerate(headline.lines[1:], start=1):
        if not _is_sentence(line) and (read := find_date(line)):
            title, others = headline.split(number)
            context.masthead.append(others)
            return title.text, _noted(read, line, headline.line + number, context), rest
    is_masthead = rest and len(rest[0].lines) == 1 and len(rest[0].text) <= _MASTHEAD and not _is_sentence(rest[0].text)
    if is_masthead and (read := find_date(rest[0].text)):
        context.masthead.append(rest[0])
        return headline.text, _noted(read, rest[0].text, rest[0].line, context), rest[1:]
    return headline.text, None, rest


def _is_sentence(line: str) -> bool:
    """Whether a line with a date says what happened then, such as “We met on 3 March 2026.”, rather than when it was sent."""
    return line.rstrip("”\"' ").endswith((".", "!", "?")) and len(line.split()) > _MASTHEAD_WORDS


def _noted(read: ParsedDate, text: str, line: int, context: _Context) -> ParsedDate:
    stated = "the first day of the month is used" if read.is_month else f"read as {read.date.isoformat()}"
    context.doubt(line, f"the date is in the line “{text}”, which was kept as text; {stated}")
    context.date(read, line)
    return read


def _parse_footer(
    paragraphs: list[ImportedParagraph], context: _Context
) -> tuple[list[ImportedParagraph], tuple[tuple[str, str], ...], str]:
    """Takes the social and copyright lines off the end."""
    rest, social, copyright_line = list(paragraphs), list[tuple[str, str]](), ""
    for each in reversed(paragraphs[max(1, len(paragraphs) - _FOOT) :]):
        lines = each.lines
        if each.markdown is None and len(lines) > 1 and all(_is_foot(line) for line in lines):
            singles = [
                ImportedParagraph(line=each.line + n, lines=(line,), gap=each.gap) for n, line in enumerate(lines)
            ]
        else:
            singles = [each]
        for single in reversed(singles):
            text = single.text
            if len(text) > _LONG:
                return rest, tuple(social), copyright_line
            if not copyright_line and _COPYRIGHT.search(text):
                copyright_line = text
            elif match := _social(text, single):
                social.insert(0, match)
                if not text.startswith("*"):
                    context.doubt(single.line, f"“{text}” was read as the line about social media")
            else:
                return rest, tuple(social), copyright_line
        rest.remove(each)
    return rest, tuple(social), copyright_line


def _is_foot(line: str) -> bool:
    return bool(_COPYRIGHT.search(line) or line.startswith("*"))


def _social(text: str, paragraph: ImportedParagraph) -> tuple[str, str] | None:
    """Returns words and address of a social line: one that begins with an asterisk, or is set apart and names an account."""
    match = list(_ADDRESS.finditer(text))
    if not match or not (text.startswith("*") or (paragraph.gap > 1 and _HANDLE.search(text))):
        return None
    found = match[-1]
    if not text.startswith("*") and text[found.end() :].strip(" .)"):
        return None
    address = found[0] if "://" in found[0] else f"https://{found[0]}"
    words = text.lstrip("*• ").strip()
    if text[found.end() :].strip(" .)") == "":
        words = text[: found.start()].lstrip("*• ").rstrip(" :–—-(")
    return (unwrapped(words) or found[0], address)


def _articles(
    rest: Sequence[ImportedParagraph], contents: TableOfContents, context: _Context
) -> tuple[list[tuple[int, ImportedArticle]], list[ImportedParagraph]]:
    """Returns the articles, each with its line, and the paragraphs before the first, without the contents."""
    front: list[ImportedParagraph] = []
    above = rest[contents.start - 1] if contents.start else None
    if above and (above.level or above.text.endswith(":")) and len(above.text) <= _SHORT:
        context.doubt(
            above.line,
            f"“{above.text}” is above the contents and was left out, because every message gets such a line automatically",
        )
        rest = [*rest[: contents.start - 1], *rest[contents.start :]]
        contents = TableOfContents(contents.start - 1, contents.end - 1, contents.entries)
    articles: list[tuple[int, ArticleHeading, list[ImportedParagraph]]] = []
    queue = [*rest[: contents.start], *rest[contents.end :]]
    open_entries = [entry for entry in contents.entries if entry.date]
    while queue:
        if found := find_heading(queue, open_entries, knows_contents=bool(contents.entries)):
            queue = list(found.rest)
            if found.entry in open_entries:
                open_entries.remove(found.entry)
            articles.append((found.line, found, []))
            continue
        (articles[-1][2] if articles else front).append(queue.pop(0))
    return [(line, _article(found, body, contents, context)) for line, found, body in articles], front


def _article(
    found: ArticleHeading, body: list[ImportedParagraph], contents: TableOfContents, context: _Context
) -> ImportedArticle:
    for message in found.doubts:
        context.doubt(found.line, message)
    if found.entry is None and contents.entries:
        context.doubt(found.line, f"“{found.title}” is not in the contents; it was imported as an article")
    if not body:
        context.doubt(found.line, f"“{found.title}” has no text")
    if not contents.entries and not found.is_headed:
        context.doubt(
            found.line, f"“{found.title}” was read as the title of an article, because there is a date under it"
        )
    return ImportedArticle(
        title=unwrapped(found.title),
        source=unwrapped(found.source),
        place=unwrapped(found.place),
        date=context.date(found.date, found.line),
        link=found.link,
        language=language_of(" ".join([found.title, *(each.text for each in body)])),
        body=_body(body, context),
    )


def _body(paragraphs: Sequence[ImportedParagraph], context: _Context) -> tuple[str, ...]:
    """Returns the text of an article; a short line that ends in a colon is a subheading."""
    blocks: list[str] = []
    for each in paragraphs:
        first = each.lines[0]
        if each.level or each.code:
            blocks.append(_text(each, context.width))
            continue
        is_subheading = first.endswith(":") and len(first) <= _SHORT and not first.startswith(("-", "*", "•"))
        if is_subheading and (len(each.lines) == 1 or first[:1].isupper()):
            blocks.append(f"### {escape_markdown(first.rstrip(': ') or first)}")
            rest = each.split(1)[1]
            if not rest.lines:
                continue
            blocks.append(markdown(rest, context.width))
        else:
            blocks.append(markdown(each, context.width))
    return tuple(blocks)


def _summary(
    contents: TableOfContents, articles: Sequence[tuple[int, ImportedArticle]], context: _Context
) -> tuple[str, ...]:
    """Returns the lines of the contents that are no article; reports contents that differ from the articles."""
    lines: list[str] = []
    order: list[int] = []
    for entry in contents.entries:
        index = _article_of(entry, [article for _, article in articles], order)
        if index is not None:
            order.append(index)
            _compare(entry, articles[index][1], context)
            continue
        lines.append(entry.text if entry.date else entry.title)
        if entry.date:
            context.doubt(
                entry.line,
                f"the contents list “{entry.title}”, but there is no such article; the line was moved to the summary",
            )
        elif order:
            context.doubt(entry.line, "a summary line between articles in the contents was moved before them")
    if order != sorted(order):
        context.doubt(
            contents.entries[0].line,
            "the contents have a different order than the articles; the order of the articles is kept",
        )
    return tuple(lines)


def _article_of(entry: TocEntry, articles: Sequence[ImportedArticle], taken: Sequence[int]) -> int | None:
    """Returns the article that `entry` announces: the most similar one."""
    likely = [
        (similarity(entry.title, article.title), -index)
        for index, article in enumerate(articles)
        if index not in taken and is_same(entry.title, article.title)
    ]
    if likely and (entry.date or max(likely)[0] > 0.9):
        return -max(likely)[1]
    if entry.date is None:
        return None
    same = [
        index
        for index, article in enumerate(articles)
        if index not in taken and article.date == entry.date.date and is_same(entry.source, article.source)
    ]
    return same[0] if len(same) == 1 else None


def _compare(entry: TocEntry, article: ImportedArticle, context: _Context) -> None:
    title, source = unwrapped(entry.title), unwrapped(entry.source)
    if similarity(title, article.title) < 1:
        context.doubt(
            entry.line,
            f"the contents have the title “{title}”, the article “{article.title}”; the article’s title is kept",
        )
    if entry.date and similarity(source, article.source) < 1:
        context.doubt(
            entry.line, f"the contents name the source of “{article.title}” “{source}”; “{article.source}” is kept"
        )
    if entry.date and entry.date.date != article.date:
        stated = entry.date.date.isoformat()
        context.doubt(entry.line, f"the contents date “{article.title}” {stated}; {article.date.isoformat()} is kept")


def _dated_in(date: ParsedDate, language: str) -> str:
    """Returns the language of the month's name, if there is only one, and it is not the publication’s."""
    primary = language.lower().replace("_", "-").partition("-")[0]
    return next(iter(date.languages)) if len(date.languages) == 1 and primary not in date.languages else ""


def _in_language(article: ImportedArticle, detected: str) -> ImportedArticle:
    return replace(article, language="") if article.language == detected else article
