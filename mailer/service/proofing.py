"""What a dispatch would be as a letter, while it is being written.

    proofs.make(name)                     its findings, and the letter if it has no errors
    proofs.look(name, digest, …)          the letter as one reader would see it

A letter is compiled once for each state of the file, and those of late are kept: the preview is looked at in several ways.
While the text has errors, the last letter without any goes on being shown. Blocking; raises UsageError, LayoutError.
"""

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from html import escape

from mailer.audience.gather import Recipient
from mailer.audience.token import INERT
from mailer.dispatch.problem import Problem
from mailer.edition.model import Edition, Image, Values, fill
from mailer.service.checking import check_letter, inspected
from mailer.service.compiling import check, compile_checked
from mailer.service.composing import NOBODY
from mailer.service.drafting import file_of, read
from mailer.service.newsroom import Newsroom
from mailer.service.readers import find_reader

KEPT = 12
_ASKED = re.compile(r"@media([^{]*)\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")
_ALWAYS, _NEVER = "min-width: 0", "max-width: 0"


class Scheme(StrEnum):
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """`digest` is that of the text. `edition` is None while there are errors; then `before` is the last one without."""

    digest: str
    problems: tuple[Problem, ...]
    edition: Edition | None
    before: Edition | None = None
    size: int = 0
    """Octets of the HTML, for a reader without any fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A letter as somebody sees it."""

    subject: str
    html: str
    text: str
    language: str


class Proofs:
    """The letters of a newsroom. `media` is the path under which the desk shows their images, with a slash at its end."""

    def __init__(self, newsroom: Newsroom, media: str) -> None:
        self._newsroom = newsroom
        self._media = media
        self._gate = threading.Lock()
        self._made: OrderedDict[str, Proof] = OrderedDict()

    def make(self, name: str) -> Proof:
        """Check and compile the dispatch as it is now."""
        digest = read(self._newsroom, name).digest
        path = str(file_of(self._newsroom, name))
        checked = check(self._newsroom, path)
        edition, size = None, 0
        if checked.dispatch is not None and not checked.has_errors:
            edition = compile_checked(self._newsroom, checked)
            checked = inspected(self._newsroom, checked, edition)
            size = len(self._filled(edition, None).html.encode())
        else:
            checked = check_letter(self._newsroom, path)
        with self._gate:
            earlier = self._made.pop(name, None)
            before = edition or (earlier.edition or earlier.before if earlier else None)
            proof = Proof(digest=digest, problems=checked.problems, edition=edition, before=before, size=size)
            self._made[name] = proof
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
        return proof

    def look(self, name: str, digest: str, *, reader: str = "", scheme: Scheme | None = None) -> Look | None:
        """The letter to `reader`, an address on a list, or to nobody in particular; None while there never was one.

        `digest` names the state of the text that a proof is there for; any other is compiled anew.
        """
        with self._gate:
            proof = self._made.get(name)
        if proof is None or proof.digest != digest:
            proof = self.make(name)
        edition = proof.edition or proof.before
        if edition is None:
            return None
        look = self._filled(edition, find_reader(self._newsroom, reader, (), edition.fields) if reader else None)
        if scheme is None:
            return look
        return Look(subject=look.subject, html=in_scheme(look.html, scheme), text=look.text, language=look.language)

    def image(self, name: str) -> Image | None:
        """An image of a letter that was looked at."""
        with self._gate:
            editions = [each.edition or each.before for each in self._made.values()]
        return next((image for edition in editions if edition for image in edition.images if image.name == name), None)

    def _filled(self, edition: Edition, recipient: Recipient | None) -> Look:
        who = recipient or Recipient("", NOBODY)
        values = Values(fields=who.fields, address=who.address if recipient else "", token=INERT)
        variant = edition.variant(edition.key(values), browser=True)
        html = fill(variant.html, values)
        for image in edition.images:
            html = html.replace(escape(edition.media_url + image.name), escape(self._media + image.name))
        return Look(
            subject=" ".join(fill(variant.subject, values).split()),
            html=html,
            text=fill(variant.text, values),
            language=edition.language,
        )


def in_scheme(html: str, scheme: Scheme) -> str:
    """`html` as a program in light or dark mode shows it, whatever the browser's own mode is."""

    def decide(found: re.Match[str]) -> str:
        return f"@media{found[1]}({_ALWAYS if found[2] == scheme else _NEVER})"

    return _ASKED.sub(decide, html)
