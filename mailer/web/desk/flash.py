"""A message for the next page, in a cookie that lasts a minute."""

import base64
import json
from dataclasses import dataclass

_MAX_FLASH = 1500  # octets of a cookie


@dataclass(frozen=True, slots=True)
class Flash:
    """A message for the next page; `bad`: it reports a failure."""

    text: str
    bad: bool = False


def encode_flash(flash: Flash) -> str:
    data = json.dumps([flash.text, flash.bad]).encode()
    while len(data) > _MAX_FLASH:
        flash = Flash(flash.text[: len(flash.text) * 3 // 4] + "…", flash.bad)
        data = json.dumps([flash.text, flash.bad]).encode()
    return base64.urlsafe_b64encode(data).decode()


def decode_flash(cookie: str) -> Flash | None:
    try:
        text, bad = json.loads(base64.urlsafe_b64decode(cookie))
    except (ValueError, TypeError, RecursionError):
        return None
    return Flash(str(text), bool(bad))
