"""Dates as they are typed: YYYY-MM-DD, and nothing that needs guessing."""

import datetime as dt
import re

EXPECTED_DATE = "expected an ISO date, such as 2026-10-26"
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_date(text: str) -> dt.date | None:
    """The date that `text` is; None if it is none, or one that does not exist."""
    if not _ISO.fullmatch(text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
