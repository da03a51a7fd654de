"""The metadata of an article: the lines `key: value` right under its title, up to the first blank line.

Each fault is reported at its key or value; a faulty value is treated as absent.
"""

import datetime as dt
import re
from dataclasses import dataclass, field
from functools import partial

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Position, abbreviate
from mailer.dispatch.did_you_mean import suggest
from mailer.dispatch.frontmatter.iso_dates import date_fault, read_date
from mailer.dispatch.frontmatter.model import FrontMatter
from mailer.dispatch.markdown.leftover_markup import report_markup
from mailer.dispatch.template.conditionals import Heading
from mailer.dispatch.template.lexer import ESCAPED
from mailer.dispatch.template.placeholders import MaskedBody, Placeholder
from mailer.dispatch.url_validation import WEB, check_image_file, check_link, normalise_url
from mailer.i18n.bcp47 import EXPECTED_LANGUAGE, is_valid_tag

KEYS = ("source", "place", "date", "link", "image", "teaser", "rights", "language", "direction")
_PROSE = frozenset({"source", "place", "teaser", "rights"})
_SOURCE = "source: … (the paper it is from, or its author if it is your own)"
_AUTHORS = frozenset({"author", "authors", "byline", "by"})
METADATA_LINE = re.compile(r"[ \t]*(?P<key>[^\s:][^:]{0,40}?)[ \t]*:(?:[ \t]+(?P<value>.*?))?[ \t]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleMeta:
    source: str = ""
    place: str = ""
    date: dt.date = dt.date.min  # only of an article with errors
    link: str = ""
    image: str = ""
    image_position: Position = field(default_factory=Position)
    teaser: str = ""
    rights: str = ""
    language: str = ""
    direction: str = ""


def read_article_meta(heading: Heading, name: str, body: MaskedBody, findings: DiagnosticCollector) -> ArticleMeta:
    """Reads the metadata under `heading`; `name` is how diagnostics call the article."""
    values: dict[str, tuple[str, Position]] = {}
    lines: dict[str, int] = {}
    was_bad = False
    for number, text in enumerate(heading.lines, heading.line):
        match = METADATA_LINE.fullmatch(text)
        if match is None or (match["key"] not in KEYS and " " in match["key"]):
            _refuse_expressions(text, body, findings)
            if not was_bad:
                position = body.position(number, len(text) - len(text.lstrip()))
                expected = "leave a blank line before the text"
                findings.add("bad-particular", position, "this line is not of the form “name: value”", expected)
            was_bad = True
            continue
        was_bad = False
        key = match["key"]
        at_key = body.position(number, match.start("key"))
        _refuse_expressions(text, body, findings)
        if key not in KEYS:
            shown = body.restore(key)
            findings.add("unknown-key", at_key, f"unknown line “{shown}” in an article", _remedy(shown))
        elif key in lines:
            first = body.position(lines[key]).line
            findings.add(
                "duplicate-key", at_key, f"the line “{key}” is given twice", f"keep one; the first is in line {first}"
            )
        else:
            lines[key] = number
            if match["value"]:
                value = ESCAPED.sub(r"\1", body.restore(match["value"]))
                values[key] = (value, body.position(number, match.start("value")))
                if key in _PROSE:
                    report_markup(match["value"], partial(body.position, number), match.start("value"), findings)
    for key, expected in (
        ("source", f"add a line under its title: {_SOURCE}"),
        ("date", "add a line under its title, such as date: 2026-11-30"),
    ):
        if key not in values:
            at = body.position(lines[key]) if key in lines else heading.position
            findings.add("missing-key", at, f"{name} has no {key}", expected)
    return _validate(values, findings)


def _remedy(key: str) -> str:
    """Returns what to do about the unknown line `key`."""
    if key.lower() in _AUTHORS:
        return f"write {_SOURCE}"
    return "move it to the fields at the top" if key in FrontMatter.model_fields else suggest(key, KEYS)


def _refuse_expressions(text: str, body: MaskedBody, findings: DiagnosticCollector) -> None:
    for piece in body.split(text):
        if isinstance(piece, Placeholder) and piece.fault is None:
            message = "{{ … }} is not allowed in the lines under an article’s title"
            findings.add("expression-place", piece.position, message, "move it into the text")


def _validate(values: dict[str, tuple[str, Position]], findings: DiagnosticCollector) -> ArticleMeta:
    texts = {key: value for key, (value, _) in values.items()}
    date = None
    if "date" in values:
        text, position = values["date"]
        date = read_date(text)
        if date is None:
            findings.add_violation(date_fault(text), position)
    if "link" in values:
        text, position = values["link"]
        texts["link"] = normalise_url(text)
        fault = check_link(texts["link"], WEB)
        if fault:
            findings.add_violation(fault, position)
    image_position = Position()
    if "image" in values:
        text, image_position = values["image"]
        if fault := check_image_file(text):
            findings.add_violation(fault, image_position)
            texts["image"] = ""
    if "language" in values and not is_valid_tag(texts["language"]):
        text, position = values["language"]
        findings.add("bad-language", position, f"“{abbreviate(text)}” is not a language code", EXPECTED_LANGUAGE)
        texts["language"] = ""
    if "direction" in values and texts["direction"] not in {"ltr", "rtl"}:
        text, position = values["direction"]
        findings.add("bad-value", position, f"“{abbreviate(text)}” is not a direction", "write ltr or rtl")
        texts["direction"] = ""
    return ArticleMeta(
        source=texts.get("source", ""),
        place=texts.get("place", ""),
        date=date or dt.date.min,
        link=texts.get("link", ""),
        image=texts.get("image", ""),
        image_position=image_position,
        teaser=texts.get("teaser", ""),
        rights=texts.get("rights", ""),
        language=texts.get("language", ""),
        direction=texts.get("direction", ""),
    )
