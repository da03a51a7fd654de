"""What a dispatch would be as a letter, while it is being written. Nothing is written to disk, and nobody is mailed.

    draft(newsroom, source, path)       the text -> its findings, and a letter when it has no errors: soon, to be shown at once
    proofread(newsroom, draft)          the same with the letter as it would be mailed, and what is to be said of it
    show(edition, values, …)            the edition -> what one reader sees: subject, HTML for a scheme, plaintext
    reader_values(newsroom, email, …)   a reader of a list, as a letter is filled for one

`source` need not be what the file holds; `path` is where it is, or would be, and what its images are relative to.
Blocking. Raises UsageError for a list or reader that does not exist, LayoutError for a template that is wrong.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from html import escape
from pathlib import Path

from mailer.audience.row import Member
from mailer.audience.token import INERT
from mailer.dispatch.problem import Problem
from mailer.edition.model import Edition, Values, fill
from mailer.service.checking import inspected, unignored
from mailer.service.compiling import Checked, check_source, compile_checked
from mailer.service.newsroom import Newsroom
from mailer.service.readers import find_reader, opened_lists

DEVICES: Mapping[str, int] = {"phone": 375, "tablet": 768, "desktop": 1280}
"""The widths, in pixels, that a letter is looked at in."""

NOBODY = Values(token=INERT)
"""Nobody in particular: all fields empty, links that unsubscribe nobody."""

_SCHEMES = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)")
_TAG = r"(?:[^>\"']|\"[^\"]*\"|'[^']*')*>"  # the rest of a tag, a > in its attributes too
_STYLE = re.compile(rf"<style\b{_TAG}.*?</style>", re.DOTALL)
_IMAGE = re.compile(rf"<img\b{_TAG}")
_SOURCE = re.compile(r"""(\ssrc=)(?:"[^"]*"|'[^']*')""")
_LINK = re.compile(r"""<a(?=\s)(?=[^>]*?\shref=["'](?!#))""")
_HEAD_END = "</head>"


class Scheme(StrEnum):
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A text, read. `edition` is None when there are errors among the findings, which stand in source order.

    Until it `is_final` its styles are not inlined: in a browser it looks the same, and its digest is nobody's.
    """

    source: str
    checked: Checked
    edition: Edition | None
    is_final: bool = False

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.checked.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one reader sees. `html` is a whole document for a browser, `mailed` the HTML as it leaves."""

    subject: str
    html: str
    text: str
    mailed: str

    @property
    def size(self) -> int:
        """The octets of the HTML, which Gmail clips near 102 KB."""
        return len(self.mailed.encode())


def draft(newsroom: Newsroom, source: str | bytes, path: Path, *, shown: str = "", lists: Sequence[str] = ()) -> Draft:
    """What `source` is as a dispatch; findings name it as `shown`, or by its `path`. Checked for `lists`, as `check` does."""
    checked = check_source(newsroom, source, path, shown or str(path), lists)
    has_letter = checked.dispatch is not None and not checked.has_errors
    edition = compile_checked(newsroom, checked, inlined=False) if has_letter else None
    text = source if isinstance(source, str) else source.decode("utf-8-sig", "replace")
    return Draft(source=text, checked=checked, edition=edition)


def proofread(newsroom: Newsroom, made: Draft) -> Draft:
    """`made` in full, with all that `mailer check` says of it, and nothing that it ignores."""
    if made.edition is None:
        return replace(made, checked=unignored(made.checked), is_final=True)
    edition = compile_checked(newsroom, made.checked)
    return replace(made, checked=inspected(newsroom, made.checked, edition), edition=edition, is_final=True)


def show(
    edition: Edition, values: Values = NOBODY, *, media: str, scheme: Scheme | None = None, images: bool = True
) -> Shown:
    """The letter as `values` get it.

    In the browser its images lie under the path `media`, which ends with a slash; links open elsewhere than in the letter. With a
    `scheme` the letter is light or dark whatever the browser is; without `images` their words stand for them.
    """
    key = edition.key(values)
    variant = edition.variant(key)
    html = fill(edition.variant(key, browser=True).html, values)
    for image in edition.images:
        html = html.replace(escape(edition.media_url + image.name), escape(media + image.name))
    html = _LINK.sub('<a target="_blank" rel="noopener noreferrer"', html)
    if not images:
        html = _IMAGE.sub(lambda tag: _SOURCE.sub(r'\1"data:,"', tag[0]), html)
    if scheme is not None:
        html = in_scheme(html, scheme)
    return Shown(
        subject=" ".join(fill(variant.subject, values).split()),
        html=html,
        text=fill(variant.text, values),
        mailed=fill(variant.html, values),
    )


def in_scheme(html: str, scheme: Scheme) -> str:
    """`html` as a program in light or dark mode shows it, whatever the browser's own mode is."""

    def decided(condition: re.Match[str]) -> str:
        return "(min-width: 0)" if condition[1] == scheme else "(max-width: 0)"

    html = _STYLE.sub(lambda style: _SCHEMES.sub(decided, style[0]), html)
    forced = f"<style>:root {{ color-scheme: {scheme} !important }}</style>"
    return html.replace(_HEAD_END, forced + _HEAD_END, 1)


def reader_values(newsroom: Newsroom, email: str, lists: Sequence[str], fields: frozenset[str]) -> Values:
    """The reader with this address on one of `lists`, else on any, with those of `fields` that an edition asks for."""
    recipient = find_reader(newsroom, email, lists, fields)
    return Values(fields=recipient.fields, address=recipient.address, token=INERT)


def some_readers(newsroom: Newsroom, lists: Sequence[str], limit: int) -> tuple[str, ...]:
    """The first addresses of `lists`, else of all, at most `limit`: for whoever looks for a reader to write as."""
    found: dict[str, None] = {}
    for source in opened_lists(newsroom, lists):
        for row in source.rows(frozenset()):
            if isinstance(row, Member):
                found[row.address.envelope] = None
            if len(found) == limit:
                return tuple(found)
    return tuple(found)
