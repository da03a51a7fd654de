"""The comma between the parts of a line, such as source and date, in the script of a language."""

from mailer.i18n.bcp47 import primary_subtag
from mailer.i18n.bidi import text_direction

_WIDE = {"zh": "\uff0c", "ja": "\u3001", "yue": "\uff0c"}
_WITH_LATIN_COMMA = frozenset({"he", "iw", "yi", "ji"})


def comma(language: str) -> str:
    """Returns the comma of `language` with the space after it, if it has one: `, `, `\u060c ` in Arabic."""
    primary = primary_subtag(language)
    if primary in _WIDE:
        return _WIDE[primary]
    is_arabic = text_direction(language) == "rtl" and primary not in _WITH_LATIN_COMMA
    return "\u060c " if is_arabic else ", "
