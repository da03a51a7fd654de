"""Reads JSON that a stranger may have written: whatever is missing or of another type is empty."""

import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Any

from mailer.feedback.providers.model import PayloadError

TEXT = 2000  # characters of a value
EVENTS = 20_000  # in one request
_EARLIEST, _LATEST = 946_684_800.0, 4_102_444_800.0  # 2000 to 2100


def parse_json(body: bytes | str) -> Any:
    """Parses a body. Raises PayloadError."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise PayloadError("the body is no JSON") from None


def parse_object(body: bytes | str) -> Mapping[str, Any]:
    """Parses a body that is one object. Raises PayloadError."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise PayloadError("the body is no JSON object")
    return value


def parse_objects(body: bytes) -> list[Mapping[str, Any]]:
    """Parses a body that is one object or an array, without what is no object in it. Raises PayloadError if nothing is one."""
    value = parse_json(body)
    found = value if isinstance(value, list) else [value]
    objects: list[Mapping[str, Any]] = [each for each in found if isinstance(each, dict)]
    if len(found) > EVENTS or (found and not objects):
        raise PayloadError("the body is no array of JSON objects")
    return objects


def mapping_of(value: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Returns the object at a path of names; an empty one without it."""
    for name in names:
        found = value.get(name)
        value = found if isinstance(found, dict) else {}
    return value


def mappings_of(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Returns the objects of an array; none without it."""
    found = value.get(name)
    return [each for each in found[:100] if isinstance(each, dict)] if isinstance(found, list) else []


def text_of(value: Mapping[str, Any], name: str) -> str:
    """Returns a text, or a number as text; "" without it."""
    found = value.get(name)
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**63:
        return str(found)
    return found[:TEXT] if isinstance(found, str) else ""


def seconds_of(value: Mapping[str, Any], name: str) -> float | None:
    """Returns a time from seconds since the epoch, or from ISO 8601; None without a plausible one."""
    found = value.get(name)
    try:
        if isinstance(found, str) and not found.replace(".", "", 1).isdecimal():
            moment = dt.datetime.fromisoformat(found[:40])
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
        else:
            seconds = float(found) if isinstance(found, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return seconds if _EARLIEST < seconds < _LATEST else None


def header_of(headers: list[Mapping[str, Any]], name: str) -> str:
    """Returns a header from a list of `{"name", "value"}`; "" without it. `name` is in lower case."""
    return next((text_of(each, "value").strip() for each in headers if text_of(each, "name").lower() == name), "")
