"""Translations of the texts in messages and pages.

    gettext(language, message, name=value)                  the text with its values
    ngettext(language, singular, plural, count, ...)        the text in the plural form for `count`

The message ids are the English texts. The catalogues are mailer/i18n/locale/<language>.po, each read once, at first use. A
language without a catalogue, or a text without a translation, falls back to English. locale/former.po maps the message ids of
former versions to the present ones, since workspaces have copies of templates.

Nothing here raises for an unknown language.
"""

from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from mailer.i18n.bcp47 import primary_subtag

LANGUAGES = ("en", "de", "fr", "es", "pt", "he", "ar")
"""The languages with a catalogue."""

_FORMER_IDS = "former"


def gettext(language: str, message: str, **values: object) -> str:
    """Returns `message` in `language`, its `%(name)s` replaced by `values`, as plain text without escaping."""
    if not message:
        return ""
    present = _load_catalogue(_FORMER_IDS).gettext(message)
    text = _load_catalogue(primary_subtag(language)).gettext(present)
    return text % values if values else text


def ngettext(language: str, singular: str, plural: str, count: int, **values: object) -> str:
    """Returns the form for `count` of a text in `language`, its `%(count)s` and `%(name)s` replaced."""
    text = _load_catalogue(primary_subtag(language)).ngettext(singular, plural, count)
    return text % {"count": count, **values}


def translatable(message: str) -> str:
    """Returns `message` as it is. Marks a message id that is translated later, where it is shown."""
    return message


def effective_language(language: str) -> str:
    """Returns the language in which texts for `language` are shown: English without a catalogue."""
    return language if primary_subtag(language) in LANGUAGES else "en"


def read_catalogue(name: str) -> Catalog:
    """Reads locale/`name`.po: a language of LANGUAGES, or `former`."""
    locale = name if name in LANGUAGES else "en"
    with (files("mailer.i18n") / "locale" / f"{name}.po").open("rb") as file:
        return read_po(file, locale=locale, charset="utf-8", abort_invalid=True)


@lru_cache(maxsize=len(LANGUAGES) + 8)
def _load_catalogue(name: str) -> NullTranslations:
    if name not in LANGUAGES and name != _FORMER_IDS:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, read_catalogue(name))
    compiled.seek(0)
    return GNUTranslations(compiled)
