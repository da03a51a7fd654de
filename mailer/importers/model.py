"""The records of an imported dispatch, before an editor has checked it.

ImportedDispatch  the parts of a dispatch; texts are plain, bodies Markdown
Doubt             an uncertainty of the import, with its line
"""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportDoubt:
    """`line` of the archive, from 1; `message` is a sentence without its full stop."""

    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPhoto:
    """`address` is that of the picture, or the name of its file; "" if the archive has none."""

    caption: str
    credit: str = ""
    alt: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedArticle:
    title: str
    source: str
    date: dt.date
    place: str = ""
    link: str = ""
    language: str = ""
    body: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedDispatch:
    title: str
    date: dt.date
    language: str = ""
    editor: str = ""
    signature: str = ""
    photo: ImportedPhoto | None = None
    summary: tuple[str, ...] = ()
    note: tuple[str, ...] = ()
    articles: tuple[ImportedArticle, ...] = ()
    social: tuple[tuple[str, str], ...] = ()
    """Each with text and address."""
    copyright: str = ""
    doubts: tuple[ImportDoubt, ...] = ()
