"""What every template of a page may use: the publication, the words of a language, and where the other pages are.

`root` and `site` are the path of the site and the places of its pages; `indexed`, whether search engines may keep them.
`name` and `postal_address` are the publication’s. `language` and `direction` are those of the words; `direction_of` is for other
languages. `say("…", name=value)` is a sentence in that language, each value isolated; `long_date(date)` a date as it is
written there.
"""

import datetime as dt
from typing import Any

from mailer.app import App
from mailer.i18n.translations import effective_language, gettext, long_date, text_direction
from mailer.service.public_urls import PublicUrls

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


def bidi_isolate(text: str) -> str:
    """`text` whose direction does not mingle with that of the sentence around it."""
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


def page_context(app: App, language: str, *, root: str, site: PublicUrls) -> dict[str, Any]:
    """The context of a page whose words are in `language`, or in English where there are none."""
    language = effective_language(language)

    def in_words(message: str, **values: str) -> str:
        return gettext(language, message, **{name: bidi_isolate(value) for name, value in values.items()})

    def date_in_words(date: dt.date) -> str:
        return long_date(date, language)

    return {
        "root": root,
        "site": site,
        "indexed": app.settings.search_engines,
        "name": app.publication.name,
        "postal_address": [line for line in app.publication.postal_address.splitlines() if line.strip()],
        "language": language,
        "direction": text_direction(language),
        "direction_of": text_direction,
        "say": in_words,
        "long_date": date_in_words,
    }
