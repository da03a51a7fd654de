"""The line of a message in the inbox: sender, subject and preheader, cut as mail programs cut them.

    inbox_lines(sender, subject, html, device)    -> one line for each program
    snippet_of(html)                              -> the text that a program shows after the subject

Widths differ with the window, the font and the letters: the numbers are what was measured or is advised for usual
settings, the smaller one where sources differ. Pure.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from mailer.lint.html_page import HtmlPage


class Device(StrEnum):
    PHONE = "phone"
    DESKTOP = "desktop"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxWidths:
    """How many characters of subject and preheader a mail program shows. `sources`: where the numbers are from."""

    program: str
    device: Device
    subject: int
    preheader: int
    sources: tuple[str, ...]


_LIMITS = "activecampaign.com/glossary/subject-line-length"
_MEASURED = "emailtooltester.com/en/blog/email-subject-lines-character-limit"
_PREHEADERS = "knowledge.acellemail.com/articles/email-preheader-text-the-hidden-conversion-booster"
_SUBJECTS = "typecount.com/blog/email-subject-line-length"
SENDER_WIDTH = 20
"""Characters of a sender’s name that are seen on most devices: help.buzz.ai/en/articles/12021659, read in 2026."""

INBOX_WIDTHS = (
    InboxWidths(
        program="Gmail", device=Device.PHONE, subject=33, preheader=40, sources=(_LIMITS, _PREHEADERS)
    ),  # Android; 37 on an iPhone
    InboxWidths(program="Apple Mail", device=Device.PHONE, subject=48, preheader=99, sources=(_MEASURED,)),
    InboxWidths(program="Outlook", device=Device.PHONE, subject=38, preheader=40, sources=(_SUBJECTS, _PREHEADERS)),
    InboxWidths(program="Gmail", device=Device.DESKTOP, subject=70, preheader=100, sources=(_LIMITS, _PREHEADERS)),
    InboxWidths(
        program="Apple Mail", device=Device.DESKTOP, subject=64, preheader=140, sources=(_SUBJECTS, _PREHEADERS)
    ),
    InboxWidths(program="Outlook", device=Device.DESKTOP, subject=50, preheader=50, sources=(_LIMITS, _PREHEADERS)),
)
"""The sources were read in 2026."""

_LONGEST = 200  # characters of a snippet: more than any program shows
_FILLER = "\u00ad\u034f\u115f\u200b\u200c\u200d\u2007\u2060\ufeff"
_PADDING = re.compile(rf"(?:[\s\u00a0]*[{_FILLER}]){{3,}}[\s\u00a0]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxLine:
    """The line in the inbox of one program, cut."""

    program: str
    sender: str
    subject: str
    preheader: str


def inbox_lines(sender: str, subject: str, html: str, device: Device) -> tuple[InboxLine, ...]:
    """Returns the line of a message with this `html`, in each program on `device`."""
    snippet = snippet_of(html)
    return tuple(
        InboxLine(
            program=each.program,
            sender=_cut(sender, SENDER_WIDTH),
            subject=_cut(subject, each.subject),
            preheader=_cut(snippet, each.preheader),
        )
        for each in INBOX_WIDTHS
        if each.device is device
    )


def snippet_of(html: str) -> str:
    """Returns the beginning of the text of `html`, up to the filler that keeps the rest of the message out of the inbox."""
    text = HtmlPage(html).text
    padding = _PADDING.search(text)
    return " ".join(text[: padding.start() if padding else _LONGEST].split())[:_LONGEST]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"
