"""The letters of dispatches that are being written at the desk, kept for as long as they are looked at.

    proofs.make(name)             the findings of the text as it is saved, and its letter if it has no errors
    proofs.look(name, digest, …)  that letter as one reader sees it (mailer.service.previewing)

A letter is compiled once for each state of its file, since it is looked at in several ways, and those of the KEPT last
dispatches stay. While a text has errors, its last letter without any goes on being shown. Blocking; raises UsageError,
LayoutError.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from mailer.dispatch.problem import Problem
from mailer.edition.model import Edition, Image
from mailer.service.drafting import file_of, read
from mailer.service.newsroom import Newsroom
from mailer.service.previewing import NOBODY, Draft, Scheme, Shown, draft, proofread, reader_values, show

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
        digest, made = self._drafted(name)
        made = proofread(self._newsroom, made)
        size = show(made.edition, media=self._media).size if made.edition else 0
        return self._keep(name, Proof(digest=digest, problems=made.problems, edition=made.edition, size=size))

    def look(
        self, name: str, digest: str, *, reader: str = "", scheme: Scheme | None = None, images: bool = True
    ) -> Shown | None:
        """The letter to `reader`, an address on a list, or to nobody in particular; None while there never was one.

        `digest` names the state of the text that is to be seen. A letter that was not proofread yet is shown all the same, for
        that takes longer than compiling it for a browser.
        """
        with self._gate:
            proof = self._made.get(name)
        if proof is None or proof.digest != digest:
            now, made = self._drafted(name)
            proof = self._keep(name, Proof(digest=now, problems=made.problems, edition=made.edition))
        if proof.letter is None:
            return None
        values = reader_values(self._newsroom, reader, (), proof.letter.fields) if reader else NOBODY
        return show(proof.letter, values, media=self._media, scheme=scheme, images=images)

    def _drafted(self, name: str) -> tuple[str, Draft]:
        now = read(self._newsroom, name)
        path = file_of(self._newsroom, name)
        return now.digest, draft(self._newsroom, now.text, path, shown=f"dispatches/{name}.md")

    def _keep(self, name: str, proof: Proof) -> Proof:
        """Keep `proof` in the place of the one before, whose letter it falls back on."""
        with self._gate:
            earlier = self._made.pop(name, None)
            self._made[name] = kept = replace(proof, before=earlier.letter if earlier else None)
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
        return kept

    def image(self, name: str) -> Image | None:
        """An image of a letter that was looked at."""
        with self._gate:
            letters = [each.letter for each in self._made.values()]
        return next((image for letter in letters if letter for image in letter.images if image.name == name), None)
