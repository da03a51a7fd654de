"""The line of a message in the inbox."""

import pytest

from mailer.lint.inbox_line import INBOX_WIDTHS, SENDER_WIDTH, Device, inbox_lines, snippet_of

FILLER = "&#847;&zwnj;&nbsp;" * 40


@pytest.mark.parametrize(
    ("body", "snippet"),
    [
        (f"<div hidden>High water at noon.{FILLER}</div><h1>Tide</h1>", "High water at noon."),
        ("<h1>Tide</h1><p>High\n water</p>", "Tide High water"),
        ("<style>p{}</style><p>Fog</p>", "Fog"),
        ("می\u200cخواهم بدانم", "می\u200cخواهم بدانم"),
        ("", ""),
    ],
)
def test_a_program_shows_the_beginning_of_the_text_up_to_the_filler(body, snippet):
    assert snippet_of(f"<html><head><title>T</title></head><body>{body}</body></html>") == snippet


@pytest.mark.parametrize("device", Device)
def test_each_program_cuts_what_is_longer_than_its_width(device):
    widths = [each for each in INBOX_WIDTHS if each.device is device]
    lines = inbox_lines("s" * 300, "t" * 300, f"<p>{'u' * 300}</p>", device)
    assert [each.program for each in lines] == ["Gmail", "Apple Mail", "Outlook"] and all(
        each.sources for each in widths
    )
    for line, width in zip(lines, widths, strict=True):
        assert (len(line.sender), len(line.subject), len(line.preheader)) == (
            SENDER_WIDTH,
            width.subject,
            width.preheader,
        )
        assert all(each.endswith("…") for each in (line.sender, line.subject, line.preheader))
    [short, *_] = inbox_lines("Harbour", "Tide", "<p>Noon</p>", device)
    assert (short.sender, short.subject, short.preheader) == ("Harbour", "Tide", "Noon")
