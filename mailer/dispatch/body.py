"""Parses the body: the note, the articles with their metadata, and the conditions around blocks or whole articles.

A condition that contains a `##` is one between articles: each of its branches begins with a `##` (or another such
condition) and holds whole articles, one or several; after its endif comes the next `##`, or nothing. Any other condition
contains blocks of the note or of one article.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from markdown_it.token import Token

from mailer.dispatch.article_meta import read_article_meta
from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.markdown.footnote_validation import Footnotes, Path
from mailer.dispatch.markdown.parser import map_lines, read_markdown
from mailer.dispatch.markdown.placeholder_resolution import resolve
from mailer.dispatch.markdown.smart_punctuation import punctuate_text
from mailer.dispatch.markdown.token_walk import plain_text
from mailer.dispatch.model import Article, Block, Branch, Choice, Markdown, walk_blocks
from mailer.dispatch.slug import Anchors
from mailer.dispatch.source_text import SourceText
from mailer.dispatch.template.conditionals import (
    BranchSpan,
    FootnoteDefinition,
    Heading,
    IfChain,
    Item,
    build_tree,
    find_boundaries,
)
from mailer.dispatch.template.conditionals import ContentBlock as Piece
from mailer.dispatch.template.expression import Expression
from mailer.dispatch.template.placeholders import LineMap, MaskedBody
from mailer.i18n.bidi import first_strong_direction, text_direction


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedBody:
    """The content of a body; the fields are those of Dispatch."""

    note: tuple[Block, ...]
    articles: tuple[Article | Choice, ...]
    footnotes: Mapping[str, tuple[Token, ...]]
    expressions: tuple[Expression, ...]


def read_body(source: SourceText, start: int, language: str, findings: DiagnosticCollector) -> ParsedBody:
    """Parses the body of `source`, which begins at offset `start`. With errors among the diagnostics, the result is partial."""
    text = source.text[start:]
    body = MaskedBody(source, start, map_lines(text) if _has_braces(text) else LineMap())
    tokens = read_markdown(body, language, findings)
    in_code = resolve(tokens, body, findings)
    placeholders = [placeholder for placeholder in body.placeholders if placeholder.number not in in_code]
    for placeholder in placeholders:
        if placeholder.fault:
            findings.add_violation(placeholder.fault, placeholder.position)
    _check_headings(tokens, body, findings)
    builder = _TreeBuilder(body, language, findings)
    note, articles = builder.build(build_tree(find_boundaries(tokens, body, findings), findings))
    if not articles and not note:
        findings.add(
            "empty-dispatch", source.position(start), "there is no note and no article", "write a note or an article"
        )
    read = [
        placeholder.expression or (placeholder.tag.condition if placeholder.tag else None)
        for placeholder in placeholders
    ]
    return ParsedBody(
        note=note,
        articles=articles,
        footnotes=builder.footnotes.check(findings),
        expressions=tuple(expression for expression in read if expression is not None),
    )


def _has_braces(text: str) -> bool:
    return any(opening in text for opening in ("{{", "{%", "{#"))


def _check_headings(tokens: Sequence[Token], body: MaskedBody, findings: DiagnosticCollector) -> None:
    for token in tokens:
        if token.type != "heading_open" or token.tag not in {"h1", "h2"} or token.map is None:
            continue
        line = body.lines[token.map[0]]
        position = body.position(token.map[0], max(line.find("#"), 0))
        if token.tag == "h1":
            findings.add(
                "heading-level",
                position,
                "a heading with a single # is not allowed",
                "use ## for an article, ### for a subheading",
            )
        else:
            message = "“##” is not at the start of its line"
            findings.add(
                "heading-level", position, message, "move it there to begin an article, or write ### for a subheading"
            )


@dataclass(frozen=True, slots=True)
class _Section:
    """The items after `opener`: a heading, a chain of articles, or None for the beginning of the body."""

    opener: Heading | IfChain | None
    items: list[Item]


def _sections(items: Sequence[Item]) -> list[_Section]:
    sections = [_Section(None, [])]
    for item in items:
        if isinstance(item, Heading) or (isinstance(item, IfChain) and item.holds_articles):
            sections.append(_Section(item, []))
        else:
            sections[-1].items.append(item)
    return sections


class _TreeBuilder:
    def __init__(self, body: MaskedBody, language: str, findings: DiagnosticCollector) -> None:
        self._body, self._language, self._findings = body, language, findings
        self._anchors = Anchors()
        self.footnotes = Footnotes()

    def build(self, items: Sequence[Item]) -> tuple[tuple[Block, ...], tuple[Article | Choice, ...]]:
        """Returns the note and the articles."""
        beginning, *sections = _sections(items)
        note = self._blocks(beginning.items, ())
        return note, self._articles(sections, (), place="the note")

    def _articles(self, sections: Sequence[_Section], path: Path, place: str) -> tuple[Article | Choice, ...]:
        """Returns articles and choices between them; `place` names where a chain that opens them was opened."""
        found: list[Article | Choice] = []
        for section in sections:
            if isinstance(section.opener, Heading):
                found.append(self._article(section.opener, section.items, path))
                place = "an article"
            elif section.opener:
                found.append(self._choice_of_articles(section.opener, path, place))
                place = "an article"
                blocks = self._blocks(section.items, path)
                if blocks and section.opener.end:
                    position = section.opener.end.position
                    message = "the text after this {% endif %} belongs to no article"
                    self._findings.add(
                        "tag-across", position, message, "begin an article with ## before it, or move it into one"
                    )
        return tuple(found)

    def _choice_of_articles(self, chain: IfChain, path: Path, place: str) -> Choice:
        branches = []
        for number, span in enumerate(chain.branches):
            inner = (*path, (chain.index, number))
            beginning, *sections = _sections(span.items)
            blocks = self._blocks(beginning.items, inner)
            if blocks and chain.end:
                message = f"this {{% {span.tag.name} %}} begins with text and goes on into an article"
                expected = (
                    f"close a condition in {place} before the next ##; begin one around articles directly before a ##"
                )
                self._findings.add("tag-across", span.tag.position, message, expected)
            branches.append(_branch(span, self._articles(sections, inner, place)))
        return _choice(chain, branches)

    def _article(self, heading: Heading, items: Sequence[Item], path: Path) -> Article:
        self.footnotes.add_references(heading.title, path)
        title = " ".join(plain_text(heading.title).split())
        name = f"the article “{title}”" if title else "this article"
        if not title:
            self._findings.add("heading-empty", heading.position, "this article has no title", "write it after ##")
        article_meta = read_article_meta(heading, name, self._body, self._findings)
        body = self._blocks(items, path)
        punctuated = partial(punctuate_text, language=article_meta.language or self._language)
        return Article(
            title=heading.title,
            title_text=title,
            anchor=self._anchors.create(title),
            source=punctuated(article_meta.source),
            date=article_meta.date,
            place=punctuated(article_meta.place),
            link=article_meta.link,
            image=article_meta.image,
            image_position=article_meta.image_position,
            teaser=punctuated(article_meta.teaser),
            rights=punctuated(article_meta.rights),
            language=article_meta.language,
            direction=article_meta.direction or _direction(article_meta.language, title, body),
            body=body,
            position=heading.position,
        )

    def _blocks(self, items: Sequence[Item], path: Path) -> tuple[Block, ...]:
        """Returns blocks and choices between them; adjacent blocks are one Markdown, footnotes are set aside."""
        found: list[Block] = []
        tokens: list[Token] = []
        for item in items:
            match item:
                case FootnoteDefinition():
                    self.footnotes.add_definition(item, path)
                case Piece():
                    tokens += item.tokens
                    self.footnotes.add_references(item.tokens, path)
                case IfChain():
                    found += [Markdown(tuple(tokens))] if tokens else []
                    tokens = []
                    found.append(self._choice_of_blocks(item, path))
                case Heading():
                    raise AssertionError(item)
        return (*found, Markdown(tuple(tokens))) if tokens else tuple(found)

    def _choice_of_blocks(self, chain: IfChain, path: Path) -> Choice:
        return _choice(
            chain,
            [
                _branch(span, self._blocks(span.items, (*path, (chain.index, number))))
                for number, span in enumerate(chain.branches)
            ],
        )


def _branch(span: BranchSpan, items: Iterable[Block | Article]) -> Branch:
    return Branch(condition=span.tag.condition, items=tuple(items), position=span.tag.position)


def _choice(chain: IfChain, branches: Iterable[Branch]) -> Choice:
    return Choice(index=chain.index, branches=tuple(branches), position=chain.branches[0].tag.position)


def _direction(language: str, title: str, body: Sequence[Block]) -> str:
    """The direction of the article's language; without one, that of the first strong character of its title or text."""
    if language:
        return text_direction(language)
    return next(filter(None, map(first_strong_direction, (title, *_texts(body)))), "")


def _texts(blocks: Sequence[Block]) -> Iterator[str]:
    for block in walk_blocks(tuple(blocks)):
        if isinstance(block, Markdown):
            yield from (plain_text(token.children or []) for token in block.tokens if token.type == "inline")
