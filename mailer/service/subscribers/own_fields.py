"""The fields that subscribers fill in themselves: what is kept of them, and what is refused.

    own_field_values(names, given)     one line each, without invisible characters; empty ones are left out
    require_no_web_address(values)     raises OwnFieldError

The values go into greetings. Mail programs turn a web address into a link, also one without a scheme, so that a stranger could
have a message say “Dear Fay, pay at …”. Pure.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping

from mailer.errors import UsageError
from mailer.line_sanitizer import clean_line

LONGEST_VALUE = 200  # characters of a field
_ADDRESS = re.compile(r"//|\w:/|www\.|[^\W_][.。][^\W\d_]{2}|\d\.\d{1,3}\.\d{1,3}\.\d", re.IGNORECASE)


class OwnFieldError(UsageError):
    """A value that is refused. `name` is that of its field."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The field “{name}” holds a web or e-mail address.",
            "Leave it out. If it is just text, put a space after each dot, as in “St. Gallen”.",
        )
        self.name = name


def own_field_values(names: Collection[str], given: Mapping[str, str]) -> dict[str, str]:
    """Returns the values of the fields `names`."""
    values = {name: clean_value(given.get(name, "")) for name in names}
    return {name: value for name, value in values.items() if value}


def clean_value(value: str) -> str:
    """Returns a value in one line, without invisible characters, and not longer than LONGEST_VALUE."""
    return clean_line(value)[:LONGEST_VALUE].strip()


def require_no_web_address(values: Mapping[str, str]) -> None:
    """Raises OwnFieldError if a value, by the name of its field, holds what a mail program may turn into a link."""
    for name, value in values.items():
        if has_web_address(value):
            raise OwnFieldError(name)


def has_web_address(value: str) -> bool:
    """Whether `value` holds a web or e-mail address, also one without a scheme or in full-width characters."""
    return _ADDRESS.search(unicodedata.normalize("NFKC", value)) is not None
