"""Records of editions and the archive. Times are seconds since the epoch, UTC."""

from dataclasses import dataclass, field

from mailer.edition.model import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEdition:
    """An edition to be stored: `json` is what a later process fills messages from; images travel beside it."""

    digest: str
    slug: str
    title: str
    subject: str
    language: str
    json: str = field(repr=False)
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEdition:
    digest: str
    slug: str
    title: str
    subject: str
    language: str
    json: str = field(repr=False)
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The archive shows the edition `digest` since `at`; `note` says to readers what was put right."""

    digest: str
    note: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedEdition:
    """A dispatch that readers may see, by the edition that the archive shows: what was sent or put right last.

    `first_at` and `at`: when its sending began, the first and the last time; `changed_at`: since when this edition is
    shown. `first`: the edition that was sent first; `sent`: all that were, that of the last sending last; `corrections`,
    the oldest first.
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
