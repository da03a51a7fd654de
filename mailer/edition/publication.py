"""The publication: the settings that an edition needs, and the addresses under its web site."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchReference:
    """A dispatch that others can link to by its slug; its date, if it is known."""

    title: str
    url: str
    date: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """`base_url` is the address of `mailer serve`, without a slash at its end; `images` is MAILER_IMAGES.

    `reply_to` is where replies go if not to `from_address`.
    """

    name: str
    from_address: str
    base_url: str
    from_name: str = ""
    postal_address: str = ""
    copyright_holder: str = ""
    language: str = "en"
    images: Literal["link", "embed"] = "link"
    reply_to: str = ""

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("https://", "http://")):
            raise ValueError(f"not a web address: {self.base_url!r}")
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))

    def archive_url(self, slug: str) -> str:
        """Returns the public address of the dispatch `slug`."""
        return f"{self.base_url}/archive/{quote(slug)}"

    @property
    def unsubscribe_url(self) -> str:
        """The address that a token is appended to."""
        return f"{self.base_url}/u/"

    @property
    def preferences_url(self) -> str:
        """The address of a reader's settings, which a token is appended to."""
        return f"{self.base_url}/preferences/"

    @property
    def archive_index_url(self) -> str:
        """The address of the list of all issues."""
        return f"{self.base_url}/archive/"

    @property
    def media_url(self) -> str:
        """The address that an image's name is appended to."""
        return f"{self.base_url}/media/"
