"""The template context that every public page has: the publication, the language, and the URLs of the other pages.

`root` and `site` are the path of the site and the URLs of its pages; `indexed`, whether search engines may index them.
`can_sign_up()` tells whether anybody may join a list, on the page `signup`. On the page `preferences`, readers get a link to
theirs. `name` and `postal_address` are the publication’s; `contact` is the address that readers write to. `language` and
`direction` are those of the texts; `direction_of` is for other languages. `say("…", name=value)` is a translated text, each value
isolated; `say("…", "…", count=number)` has a singular and a plural, and takes the form for that number. `long_date(date)` is a
date as it is written in that language.
"""

import datetime as dt
from typing import Any

from mailer.app import App
from mailer.audience.list_settings import public_lists
from mailer.i18n.bidi import text_direction
from mailer.i18n.date_format import long_date
from mailer.i18n.translations import effective_language, gettext, ngettext
from mailer.service.public_urls import PublicUrls, language_query

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_MASK, _UNBROKEN_MASK = "…@", "…\N{WORD JOINER}@"  # a masked address has no line end after its ellipsis


def bidi_isolate(text: str) -> str:
    """Returns `text` between isolates, so that its direction does not affect the text around it."""
    return f"{_FIRST_STRONG_ISOLATE}{text.replace(_MASK, _UNBROKEN_MASK)}{_POP_ISOLATE}"


def page_context(app: App, language: str, *, root: str, site: PublicUrls) -> dict[str, Any]:
    """Returns the context of a page in `language`, or in English if that is not translated."""
    language = effective_language(language)
    query = language_query(language, app.publication.language)

    def in_words(message: str, plural: str = "", *, count: int = 0, **values: str) -> str:
        isolated = {name: bidi_isolate(value) for name, value in values.items()}
        return (
            ngettext(language, message, plural, count, **isolated) if plural else gettext(language, message, **isolated)
        )

    def date_in_words(date: dt.date) -> str:
        return long_date(date, language)

    def can_sign_up() -> bool:
        return bool(public_lists(app.workspace.subscribers, app.workspace.list_names(), skip_invalid=True))

    return {
        "root": root,
        "site": site,
        "indexed": app.settings.search_engines,
        "can_sign_up": can_sign_up,
        "signup": f"{root}/subscribe{query}",
        "preferences": f"{root}/preferences{query}",
        "name": app.publication.name,
        "contact": (app.settings.reply_to or app.settings.sender).address,
        "postal_address": [line for line in app.publication.postal_address.splitlines() if line.strip()],
        "language": language,
        "direction": text_direction(language),
        "direction_of": text_direction,
        "say": in_words,
        "long_date": date_in_words,
    }
