"""The time at which a send is to start: parsed from `--at`, and shown, in the installation's time zone."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

from mailer.errors import UsageError

_DATE_ONLY = re.compile(r"\d{4}-?\d\d-?\d\d|\d{4}-?W\d\d(-?\d)?")
FORMS = "Write YYYY-MM-DD HH:MM, or ISO 8601 with an offset such as 2026-10-26T07:00+01:00."


def parse_schedule_time(text: str, zone: ZoneInfo, *, now: float) -> float:
    """Returns `text` as seconds since the epoch. Raises UsageError for text that is not a time, is past, does not exist or is
    ambiguous.
    """
    if _DATE_ONLY.fullmatch(text.strip()):
        raise UsageError(f"“{text}” has no time.", FORMS)
    try:
        moment = dt.datetime.fromisoformat(text.strip())
        seconds = (moment if moment.tzinfo else _in_zone(moment, zone, text)).timestamp()
        dt.datetime.fromtimestamp(seconds, dt.UTC)  # raises if the year is out of range
    except (ValueError, OverflowError):
        raise UsageError(f"“{text}” is not a time.", FORMS) from None
    if seconds <= now:
        raise UsageError(f"“{text}” is in the past.", "To send now, leave out the time.")
    return seconds


def describe_schedule_time(at: float, zone: ZoneInfo) -> str:
    """Returns a start in the words in which people enter it: local time, the zone, and the offset from UTC."""
    local = dt.datetime.fromtimestamp(at, zone)
    offset = "" if zone.key == "UTC" else f", UTC{local:%z}"
    return f"{local:%Y-%m-%d %H:%M} ({zone.key}{offset})"


def _in_zone(moment: dt.datetime, zone: ZoneInfo, text: str) -> dt.datetime:
    """Returns a local time, if the clocks of `zone` show it exactly once."""
    early, late = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() == late.utcoffset():
        return early
    there_and_back = early.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None)
    fault = "does not exist" if there_and_back != moment else "happens twice"
    raise UsageError(f"“{text}” {fault} in {zone.key}, because the clocks change.", "Add an offset, such as +01:00.")
