"""ISO dates, YYYY-MM-DD; no other form is accepted. A date in words is not read, but how to write it is suggested."""

import datetime as dt
import re

from mailer.dispatch.diagnostics import RuleViolation, abbreviate
from mailer.i18n import date_parser

_EXPECTED = "write it as YYYY-MM-DD, such as 2026-10-26"
_YEAR = re.compile(r"[1-9][0-9]{3}")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_date(text: str) -> dt.date | None:
    """Returns the date in `text`; None if it is not an ISO date or does not exist."""
    if not _ISO.fullmatch(text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def date_fault(text: str) -> RuleViolation:
    """Returns what is wrong with `text`, which is not an ISO date, and how to write the date that it seems to be."""
    if _YEAR.fullmatch(text):
        expected = f"write a whole date, such as {text}-01-01, and say in the text that only the year is known"
        return RuleViolation("bad-date", f"“{text}” is only a year", expected)
    parsed = date_parser.read_date(text)
    is_clear = parsed is not None and not parsed.is_ambiguous
    expected = f"write it as {parsed.date.isoformat()}" if parsed and is_clear else _EXPECTED
    return RuleViolation("bad-date", f"“{abbreviate(text)}” is not a date", expected)
