"""A message for the next page, in a cookie that lasts a minute."""

import base64
import json
from dataclasses import dataclass, replace

_MAX_FLASH = 1500  # octets of a cookie


@dataclass(frozen=True, slots=True)
class Flash:
    """A message for the next page; `bad`: it reports a failure. `secret`: a sealed secret that the page shows once."""

    text: str
    bad: bool = False
    secret: str = ""


def encode_flash(flash: Flash) -> str:
    data = _dump(flash)
    while len(data) > _MAX_FLASH and len(flash.text) > 1:
        flash = replace(flash, text=flash.text[: len(flash.text) * 3 // 4] + "…")
        data = _dump(flash)
    return base64.urlsafe_b64encode(data).decode()


def decode_flash(cookie: str) -> Flash | None:
    try:
        text, bad, secret = json.loads(base64.urlsafe_b64decode(cookie))
    except (ValueError, TypeError, RecursionError):
        return None
    return Flash(str(text), bool(bad), str(secret))


def _dump(flash: Flash) -> bytes:
    return json.dumps([flash.text, flash.bad, flash.secret]).encode()
