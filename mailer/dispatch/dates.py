"""ISO dates, YYYY-MM-DD; no other form is accepted."""

import datetime as dt
import re

EXPECTED_DATE = "write it as YYYY-MM-DD, such as 2026-10-26"
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_date(text: str) -> dt.date | None:
    """Returns the date in `text`; None if it is not an ISO date or does not exist."""
    if not _ISO.fullmatch(text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
