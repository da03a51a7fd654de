"""The input of all checks: a dispatch, its edition, one finished message, and the settings that matter.

The caller passes everything, and nothing is changed. The HTML is parsed once a variant, when it is first used;
`checked_variants.py` chooses the variants.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mailer.dispatch.model import Article, Dispatch, walk_articles
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.edition.model import Edition, Image
from mailer.edition.numbering import VariantKey
from mailer.lint.checked_variants import checked_variants
from mailer.lint.html_page import HtmlPage
from mailer.lint.source_positions import SourceIndex
from mailer.relay import is_loopback_url

_ADDRESS = "reader.of.a.letter@example.org"
_TOKEN = "0" * 26  # as long as one is; base32 has no zero, so none is this
NOBODY = ReaderValues(address=_ADDRESS, token=_TOKEN)
"""A reader with an address and no fields."""


@dataclass(frozen=True, kw_only=True)
class LintContext:
    """A dispatch that is ready to be sent.

    `message` is as a receiver sees it, CRLF and all. `images` are those of the edition, as the dispatch names their
    files. `sources`: name of a source -> slug of an earlier dispatch that spells it so. `unsent`: slugs of dispatches
    without a page in the archive. `clients` are names of mail programs, such as `gmail` or `outlook.windows`.
    `publication_name`, `postal_address`, `unsubscribe_url` and `base_url` are those of the settings.
    """

    dispatch: Dispatch
    edition: Edition
    message: bytes
    unsubscribe_url: str
    publication_name: str = ""
    postal_address: str = ""
    base_url: str = ""
    images: Mapping[str, Image] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    unsent: frozenset[str] = frozenset()
    clients: tuple[str, ...] = ()

    @cached_property
    def source_index(self) -> SourceIndex:
        return SourceIndex(self.dispatch)

    @property
    def is_set_up(self) -> bool:
        """Whether the workspace is ready for real mail: its pages are not on this machine only."""
        return not is_loopback_url(self.base_url)

    @cached_property
    def articles(self) -> tuple[Article, ...]:
        return tuple(walk_articles(self.dispatch.articles))

    @cached_property
    def pages(self) -> tuple[HtmlPage, ...]:
        """The HTML of the checked variants; the longest is the first."""
        return tuple(HtmlPage(self._filled(key)) for key in self.keys)

    @cached_property
    def keys(self) -> tuple[VariantKey, ...]:
        """The checked variants, without repetition, the longest first."""
        chains = self.edition.chains
        return checked_variants(chains, self.edition.html)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The plaintext of the same variants."""
        return tuple(fill(self.edition.variant(key).text, NOBODY) for key in self.keys)

    def _filled(self, key: VariantKey) -> str:
        return fill(self.edition.variant(key, browser=not self.edition.embed).html, NOBODY)
