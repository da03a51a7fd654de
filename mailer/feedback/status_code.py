"""Finds SMTP reply codes and enhanced status codes (RFC 3463) in the words of a server."""

import re

ENHANCED = re.compile(r"(?<![\d.-])[245]\.\d{1,3}\.\d{1,3}(?![\d.]|-\d)")
"""An enhanced code, which no IP address or version number is."""
REPLY = re.compile(r"(?<![\d./#-])(?<!\d:)([45]\d\d)(?=[ \-:;,)#]|$)(?!-\d\d\b)")


def specificity(status: str) -> int:
    """Returns how much an enhanced code tells: 0, nothing or its class; 1, its subject as well; 2, its detail as well."""
    _, subject, detail = (status or "5.0.0").split(".")
    return 0 if int(subject) == 0 else 1 if int(detail) == 0 else 2


def find_status(words: str) -> str:
    """Returns the most specific enhanced code in `words`, the first one of equals; "" without one."""
    return max((code for code in ENHANCED.findall(words) if code[0] != "2"), key=specificity, default="")


def find_reply_code(words: str) -> int:
    """Returns the first code of a reply in `words`; 0 without one."""
    found = REPLY.findall(words)
    return int(found[0]) if found else 0
