"""Reads slug, title, date and article sources of a dispatch without parsing its body.

Much quicker than parse.py: hundreds of other dispatches are read while one is checked.
"""

import datetime as dt
import re
from dataclasses import dataclass

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import has_errors
from mailer.dispatch.frontmatter.parser import read_front_matter, split_front_matter
from mailer.dispatch.markdown.smart_punctuation import punctuate_text
from mailer.dispatch.source_text import read_source

_SOURCE = re.compile(
    r"^##[ \t][^\n]*\n(?:[ \t]*[a-z]+[ \t]*:[^\n]*\n)*?[ \t]*source[ \t]*:[ \t]*([^\n]+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Slug, title, date and sources of a dispatch; `sources` as typed, in the order of its articles, each once."""

    slug: str
    title: str
    date: dt.date
    sources: tuple[str, ...]


def read_metadata(raw: bytes, path: str, *, language: str = "en") -> Metadata | None:
    """Reads the metadata of the dispatch in `raw`; None when its front matter has errors.

    `language` is the default for a dispatch that names none.
    """
    findings = DiagnosticCollector(path)
    source = read_source(raw, findings)
    if source is None:
        return None
    span, start = split_front_matter(source, findings)
    front, _ = read_front_matter(source, span, path, findings) if span else (None, None)
    if front is None or front.slug is None or has_errors(findings.in_order()):
        return None
    names = (match[1].strip() for match in _SOURCE.finditer(source.text, start or 0))
    title = punctuate_text(front.title, front.language or language)
    return Metadata(front.slug, title, front.date, tuple(dict.fromkeys(name for name in names if name)))
