"""Timestamps as ISO 8601."""

import datetime as dt


def format_iso(seconds: float | None) -> str:
    """Returns a time, seconds since the epoch, as ISO 8601 in UTC, to the second; "" for None."""
    return "" if seconds is None else dt.datetime.fromtimestamp(int(seconds), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
