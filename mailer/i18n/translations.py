"""Translations of the texts in messages and pages.

The catalogues are mailer/i18n/locale/<language>.po, each read once, at first use; the message ids are the English sentences. A
language without a catalogue, or a sentence without a translation, falls back to English.

Nothing here raises for an unknown language.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from babel.messages.pofile import read_po

from mailer.i18n.bcp47 import primary_subtag

LANGUAGES = ("en", "de", "fr", "es", "pt", "he", "ar")
"""The languages with a catalogue."""


def gettext(language: str, message: str, **values: object) -> str:
    """Returns `message` in `language`, its `%(name)s` replaced by `values`, as plain text without escaping."""
    text = _load_catalogue(primary_subtag(language)).get(message, message)
    return text % values if values else text


def effective_language(language: str) -> str:
    """Returns the language in which texts for `language` are shown: English without a catalogue."""
    return language if primary_subtag(language) in LANGUAGES else "en"


@lru_cache(maxsize=len(LANGUAGES) + 8)
def _load_catalogue(primary: str) -> Mapping[str, str]:
    if primary not in LANGUAGES:
        return {}
    with (files("mailer.i18n") / "locale" / f"{primary}.po").open("rb") as file:
        catalogue = read_po(file, locale=primary, charset="utf-8", abort_invalid=True)
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}
