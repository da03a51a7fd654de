"""Reads the program's own cookies from a request.

The standard library's parser takes quadratic time on some headers before Python 3.11.10 and 3.12.6 (CVE-2024-7592). So only
our own cookies are read, by a pattern: their values are letters, digits and a few marks, perhaps in quotation marks.
"""

import re
import sys

from starlette.requests import Request

_VALUE = r'"?([\w.~=+/%-]*)"?'


def read_cookie(request: Request, name: str) -> str:
    """Returns the value of the first cookie called `name`; "" if there is none, or if its value cannot be ours."""
    for header in request.headers.getlist("cookie"):
        for pair in header.split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name and (match := re.fullmatch(_VALUE, value, re.ASCII)):
                return match[1]
    return ""


def has_slow_cookie_parser(version: tuple[int, int, int] = sys.version_info[:3]) -> bool:
    """Whether this Python has CVE-2024-7592. It was fixed in 3.11.10 and 3.12.6."""
    return version < (3, 11, 10) or (3, 12) <= version < (3, 12, 6)
