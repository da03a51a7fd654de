"""The letters of dispatches that are being written at the desk, kept for as long as they are looked at.

    proofs.make(name)             the findings of the text as it is saved, and its letter if it has no errors
    proofs.look(name, digest, …)  that letter as one reader sees it (mailer.service.previewing)

A letter is compiled once for each state of its file, since it is looked at in several ways, and those of the KEPT last
dispatches stay. While a text has errors, its last letter without any goes on being shown. Blocking; raises UsageError,
LayoutError.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from mailer.dispatch.problem import Problem
from mailer.edition.model import Edition, Image
from mailer.service.drafting import file_of, read
from mailer.service.newsroom import Newsroom
from mailer.service.previewing import NOBODY, Scheme, Shown, draft, proofread, reader_values, show

KEPT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """`digest` is that of the text. `edition` is None while there are errors; then `before` is the last one without."""

    digest: str
    problems: tuple[Problem, ...]
    edition: Edition | None
    before: Edition | None = None
    size: int = 0
    """Octets of the HTML, for a reader without any fields."""

    @property
    def letter(self) -> Edition | None:
        """What there is to look at."""
        return self.edition or self.before


class Proofs:
    """The letters of a newsroom. `media` is the path under which the desk shows their images, with a slash at its end."""

    def __init__(self, newsroom: Newsroom, media: str) -> None:
        self._newsroom = newsroom
        self._media = media
        self._gate = threading.Lock()
        self._made: OrderedDict[str, Proof] = OrderedDict()

    def make(self, name: str) -> Proof:
        """Check and compile the dispatch as it is now."""
        now = read(self._newsroom, name)
        path = file_of(self._newsroom, name)
        made = proofread(self._newsroom, draft(self._newsroom, now.text, path, shown=f"dispatches/{name}.md"))
        size = show(made.edition, media=self._media).size if made.edition else 0
        with self._gate:
            earlier = self._made.pop(name, None)
            proof = Proof(
                digest=now.digest,
                problems=made.problems,
                edition=made.edition,
                before=earlier.letter if earlier else None,
                size=size,
            )
            self._made[name] = proof
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
        return proof

    def look(
        self, name: str, digest: str, *, reader: str = "", scheme: Scheme | None = None, images: bool = True
    ) -> Shown | None:
        """The letter to `reader`, an address on a list, or to nobody in particular; None while there never was one.

        `digest` names the state of the text that a proof is there for; any other is compiled anew.
        """
        with self._gate:
            proof = self._made.get(name)
        if proof is None or proof.digest != digest:
            proof = self.make(name)
        if proof.letter is None:
            return None
        values = reader_values(self._newsroom, reader, (), proof.letter.fields) if reader else NOBODY
        return show(proof.letter, values, media=self._media, scheme=scheme, images=images)

    def image(self, name: str) -> Image | None:
        """An image of a letter that was looked at."""
        with self._gate:
            letters = [each.letter for each in self._made.values()]
        return next((image for letter in letters if letter for image in letter.images if image.name == name), None)
