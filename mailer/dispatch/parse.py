"""Parses a dispatch file into a Dispatch and all its diagnostics. Raises nothing, whatever is in the file.

    parse_dispatch(text, path) -> ParseResult(dispatch, problems)

Checks that need more than the file (other dispatches, images, lists) are in reference_checks.py.
"""

from dataclasses import dataclass
from functools import partial

from mailer.dispatch.body import ParsedBody, read_body
from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Diagnostic, has_errors
from mailer.dispatch.frontmatter.model import FrontMatter
from mailer.dispatch.frontmatter.parser import read_front_matter, split_front_matter
from mailer.dispatch.markdown.leftover_markup import report_markup
from mailer.dispatch.markdown.smart_punctuation import punctuate_template, punctuate_text
from mailer.dispatch.model import Byline, Dispatch, Photo, PreviousIssue, SocialLink, Template
from mailer.dispatch.source_map import Place, YamlSourceMap
from mailer.dispatch.source_text import SourceText, read_source
from mailer.dispatch.template.front_matter_text import parse_plain, parse_template
from mailer.i18n.bcp47 import is_valid_tag


@dataclass(frozen=True, slots=True)
class ParseResult:
    """`dispatch` is None when there are errors among `problems`, which are in source order.

    `partial` is the readable part of a dispatch with errors, for further checks only; None if there is none.
    """

    dispatch: Dispatch | None
    problems: tuple[Diagnostic, ...]
    partial: Dispatch | None = None


def parse_dispatch(source: str | bytes, path: str, *, language: str = "en") -> ParseResult:
    """Parses `source`, the content of the file at `path`; diagnostics repeat `path` as it was typed.

    `language` is the default for a dispatch that names none.
    """
    findings = DiagnosticCollector(path)
    partial_dispatch = _read(source, path, language, findings)
    problems = findings.in_order()
    return ParseResult(None if has_errors(problems) else partial_dispatch, problems, partial_dispatch)


def _read(raw: str | bytes, path: str, language: str, findings: DiagnosticCollector) -> Dispatch | None:
    source = read_source(raw, findings)
    if source is None:
        return None
    span, start = split_front_matter(source, findings)
    front, source_map = read_front_matter(source, span, path, findings) if span else (None, None)
    if source_map:
        typed = source_map.plain.get("language")
        language = typed if isinstance(typed, str) and is_valid_tag(typed) else language
    texts = _FrontMatterTexts(source_map, language, findings) if source_map else None
    body = read_body(source, start, language, findings) if start is not None else None
    if front is None or texts is None or body is None:
        return None
    return _dispatch(source, path, language=language, front=front, texts=texts, body=body)


_NOT_PROSE = frozenset({"date", "file", "language", "lists", "photo", "slug", "url"})


class _FrontMatterTexts:
    """The texts of the front matter: subject and preheader as Templates, all others plain; prose with its punctuation."""

    def __init__(self, source_map: YamlSourceMap, language: str, findings: DiagnosticCollector) -> None:
        self._source_map = source_map
        self._plain: dict[Place, str] = {}
        self._templates: dict[Place, Template] = {}
        for place, text in source_map.scalars():
            locate = partial(source_map.position_within, place)
            name = next(each for each in reversed(place) if isinstance(each, str))
            if place in {("subject",), ("preheader",)}:
                self._templates[place] = punctuate_template(parse_template(text, locate, findings), language)
                continue
            plain = parse_plain(text, locate, findings, f"“{name}”")
            self._plain[place] = plain if name in _NOT_PROSE else punctuate_text(plain, language)
            if name not in _NOT_PROSE:
                report_markup(text, locate, 0, findings)

    def plain(self, *place: int | str) -> str:
        """Returns the text at `place`; "" when there is none."""
        return self._plain.get(place, "")

    def template(self, name: str) -> Template:
        return self._templates.get((name,), ())

    def source_map(self) -> YamlSourceMap:
        return self._source_map


def _dispatch(
    source: SourceText, path: str, *, language: str, front: FrontMatter, texts: _FrontMatterTexts, body: ParsedBody
) -> Dispatch:
    subject, preheader = texts.template("subject"), texts.template("preheader")
    title = texts.plain("title")
    in_front = [piece for piece in (*subject, *preheader) if not isinstance(piece, str)]
    assert front.slug is not None
    return Dispatch(
        path=path,
        source=source.text,
        slug=front.slug,
        title=title,
        date=front.date,
        subject=subject or (title,),
        preheader=preheader,
        language=language,
        standfirst=texts.plain("standfirst"),
        editor=_byline(front, texts),
        photo=_photo(front, texts),
        summary=tuple(texts.plain("summary", number) for number in range(len(front.summary))),
        earlier=tuple(
            PreviousIssue(
                title=texts.plain("earlier", number, "title"),
                slug=earlier.slug,
                url=earlier.url,
                note=texts.plain("earlier", number, "note"),
                position=texts.source_map().value(("earlier", number, "slug" if earlier.slug else "url")),
            )
            for number, earlier in enumerate(front.earlier)
        ),
        social=tuple(
            SocialLink(text=texts.plain("social", number, "text"), url=social.url)
            for number, social in enumerate(front.social)
        ),
        copyright=texts.plain("copyright"),
        lists=front.lists,
        note=body.note,
        articles=body.articles,
        footnotes=body.footnotes,
        expressions=(*sorted(in_front, key=lambda expression: expression.position), *body.expressions),
    )


def _byline(front: FrontMatter, texts: _FrontMatterTexts) -> Byline | None:
    if front.editor is None:
        return None
    return Byline(
        name=texts.plain("editor", "name"),
        signature=texts.plain("editor", "signature"),
        photo=texts.plain("editor", "photo"),
        position=texts.source_map().value(("editor", "photo")),
    )


def _photo(front: FrontMatter, texts: _FrontMatterTexts) -> Photo | None:
    if front.photo is None:
        return None
    return Photo(
        alt=texts.plain("photo", "alt"),
        file=texts.plain("photo", "file") or None,
        url=front.photo.url,
        caption=texts.plain("photo", "caption"),
        credit=texts.plain("photo", "credit"),
        position=texts.source_map().value(("photo", "file" if front.photo.file else "url")),
    )
