"""Changes the articles in the source of a dispatch: the lines under a title, and the order; everything else keeps its bytes.

    read_articles(source)                  the articles: title, lines under it, where they are
    edit_article(source, number, fields)   the source with these fields of an article instead
    add_article, move_article, remove_article

Articles are counted from 0. Raises FieldsError for an article that cannot be edited in this way.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from mailer.dispatch.article_meta import KEYS, METADATA_LINE
from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.fields.front_matter_edit import FieldsError
from mailer.dispatch.frontmatter.parser import split_front_matter
from mailer.dispatch.markdown.parser import map_lines, read_markdown
from mailer.dispatch.source_text import SourceText
from mailer.dispatch.template.conditionals import Heading, find_boundaries
from mailer.dispatch.template.lexer import Tag
from mailer.dispatch.template.placeholders import LineMap, MaskedBody

_MARKS = re.compile(r"##[ \t]*(.*?)(?:[ \t]+#+)?[ \t]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleFields:
    """An article as a form has it. `line` is that of its `##`, from 1, and `last` the last one of the lines under it.

    `is_simple`: each of these lines is a field, and none is there twice; only then can they be edited. `can_move`: no
    condition stands between articles.
    """

    title: str
    line: int
    last: int
    values: Mapping[str, str]
    is_simple: bool
    can_move: bool


@lru_cache(maxsize=16)  # a save asks three times for the same text
def read_articles(source: str) -> tuple[ArticleFields, ...]:
    """Returns the articles in their order, also those inside conditions; empty if it is unknown where the body begins."""
    findings = DiagnosticCollector("")
    text = SourceText(source)
    _, start = split_front_matter(text, findings)
    if start is None:
        return ()
    body = MaskedBody(text, start, map_lines(source[start:]) if "{" in source else LineMap())
    lines = source.split("\n")
    depth, found, is_nested = 0, [], False
    for each in find_boundaries(read_markdown(body, "en", findings), body, findings):
        if isinstance(each.piece, Tag):
            depth += {"if": 1, "endif": -1}.get(each.piece.name, 0)
        elif isinstance(each.piece, Heading):
            is_nested = is_nested or depth > 0
            first, count = each.piece.position.line, len(each.piece.lines)
            last = body.position(each.piece.line + count - 1).line if count else first
            found.append((first, last, last - first == count))
    return tuple(
        _article(lines, first, last, is_simple=is_simple, can_move=not is_nested) for first, last, is_simple in found
    )


def _article(lines: list[str], first: int, last: int, *, is_simple: bool, can_move: bool) -> ArticleFields:
    values = dict.fromkeys(KEYS, "")
    seen = set()
    for line in lines[first:last]:
        match = METADATA_LINE.fullmatch(line)
        if match is None or match["key"] not in KEYS or match["key"] in seen:
            is_simple = False
            continue
        seen.add(match["key"])
        values[match["key"]] = match["value"] or ""
    title = _MARKS.fullmatch(lines[first - 1])
    return ArticleFields(
        title=title[1] if title else "", line=first, last=last, values=values, is_simple=is_simple, can_move=can_move
    )


def edit_article(source: str, number: int, fields: Mapping[str, str]) -> str:
    """Returns `source` with these fields of an article; an empty one is removed."""
    articles = read_articles(source)
    if number >= len(articles) or not articles[number].is_simple:
        raise FieldsError(
            "The lines under the title of this article have a fault.", "Open the source and fix it there."
        )
    article = articles[number]
    lines = source.split("\n")
    block = lines[article.line : article.last]
    for key, value in fields.items():
        text = " ".join(value.split())
        if text != article.values[key]:
            block = _with_field(block, key, text)
    return "\n".join([*lines[: article.line], *block, *lines[article.last :]])


def _with_field(block: list[str], key: str, text: str) -> list[str]:
    keys = [match["key"] if (match := METADATA_LINE.fullmatch(line)) else "" for line in block]
    if key in keys:
        at = keys.index(key)
        if not text:
            return [*block[:at], *block[at + 1 :]]
        line = block[at]
        match = METADATA_LINE.fullmatch(line)
        start, end = match.span("value") if match and match["value"] else (line.index(":") + 1, len(line))
        lead = "" if match and match["value"] else " "
        return [*block[:at], f"{line[:start]}{lead}{text}{line[end:]}", *block[at + 1 :]]
    if not text:
        return block
    before = [number for number, each in enumerate(keys) if each and KEYS.index(each) < KEYS.index(key)]
    at = before[-1] + 1 if before else 0
    return [*block[:at], f"{key}: {text}", *block[at:]]


def add_article(source: str, title: str, date: str, text: str) -> str:
    """Returns `source` with another article at its end."""
    return f"{source.rstrip()}\n\n## {title}\ndate: {date}\n\n{text}\n"


def move_article(source: str, number: int, to: int) -> str:
    """Returns `source` with the article `number` at the place `to`; blank lines between articles stay where they are."""
    head, sections = _sections(source)
    if not 0 <= number < len(sections):
        return source
    gaps = [section[len(section.rstrip()) :] for section in sections]
    texts = [section.rstrip() for section in sections]
    texts.insert(max(0, min(to, len(texts) - 1)), texts.pop(number))
    return head + "".join(text + gap for text, gap in zip(texts, gaps, strict=True))


def remove_article(source: str, number: int) -> str:
    """Returns `source` without the article `number`."""
    head, sections = _sections(source)
    if not 0 <= number < len(sections):
        return source
    kept = head + "".join(sections[:number] + sections[number + 1 :])
    return f"{kept.rstrip()}\n" if number == len(sections) - 1 else kept


def _sections(source: str) -> tuple[str, list[str]]:
    """Returns the text before the first article, and each article from its `##` on."""
    articles = read_articles(source)
    if not all(each.can_move for each in articles):
        raise FieldsError(
            "Articles of this dispatch are for some readers only.", "Open the source to move or remove them."
        )
    ends = [match.end() for match in re.finditer("\n", source)]
    starts = [ends[each.line - 2] for each in articles]
    parts = [source[start:end] for start, end in zip(starts, [*starts[1:], len(source)], strict=False)]
    return source[: starts[0]] if starts else source, parts
