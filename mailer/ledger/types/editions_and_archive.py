"""Records of editions and the archive. Times are seconds since the epoch, UTC."""

from dataclasses import dataclass, field

from mailer.edition.model import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEdition:
    """An edition to be stored: `json` is what messages are composed from later; images are stored beside it."""

    digest: str
    slug: str
    title: str
    subject: str
    language: str
    json: str = field(repr=False)
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEdition:
    """A stored edition, without its images."""

    digest: str
    slug: str
    title: str
    subject: str
    language: str
    json: str = field(repr=False)
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The archive shows the edition `digest` since `at`; `note` tells readers what was corrected."""

    digest: str
    note: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedEdition:
    """A dispatch in the archive, with the edition that is shown: the one that was sent or corrected last.

    `first_at` and `at`: when the first and the last send began; `changed_at`: since when this edition is shown. `first`: the
    edition that was sent first; `sent`: all that were, the last one last; `corrections`, the oldest first. `is_listed`: it is in
    the list and the feeds; a dispatch that was sent only to welcome readers has a page of its own alone.
    """

    slug: str
    title: str
    subject: str
    language: str
    digest: str
    first_at: float
    at: float
    changed_at: float
    first: str
    sent: tuple[str, ...]
    corrections: tuple[Correction, ...] = ()
    is_listed: bool = True
