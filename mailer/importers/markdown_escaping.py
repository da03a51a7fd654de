"""Escapes imported text, so that Markdown and templates interpret none of its characters."""

import re

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~$^]|!(?=\[)|&(?=[#\w]+;)|\{(?=[{%#])|(?<=[}%#])\}")
_FIRST = re.compile(r"(?P<before>\s*(?:\d+(?=[.)])|))(?P<mark>[#+\-=:.)])")
_URL = re.compile(r"https?://[^\s<>\"“”()\[\]{}|\\^`]+[^\s<>\"“”()\[\]{}|\\^`.,;:!?'’*_~]")


def escape_markdown(text: str, *, is_first: bool = False) -> str:
    """Escapes `text` for Markdown and templates; `is_first`: it is at the beginning of a line."""
    pieces: list[str] = []
    end = 0
    for url in _URL.finditer(text):
        pieces += [_SPECIAL.sub(r"\\\g<0>", text[end : url.start()]), f"<{url[0]}>"]
        end = url.end()
    escaped = "".join([*pieces, _SPECIAL.sub(r"\\\g<0>", text[end:])])
    return _FIRST.sub(r"\g<before>\\\g<mark>", escaped, count=1) if is_first and _FIRST.match(escaped) else escaped


def unwrapped(text: str) -> str:
    """Returns `text` for one line of the front matter or of article metadata: no template braces, single spaces."""
    return " ".join(text.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #").split())
