"""Text of the front matter and of particulars: as a Template where readers may differ, as plain text elsewhere.

`\\{{` stands for `{{` in both.
"""

from collections.abc import Callable

from mailer.dispatch.link import Fault
from mailer.dispatch.model import Template
from mailer.dispatch.problem import Position
from mailer.dispatch.rules import Findings
from mailer.dispatch.scanner import ESCAPED, Kind, find_parts, read_expression, unclosed

Locate = Callable[[int], Position]
"""The position in the file of an offset into the text."""


def read_template(text: str, locate: Locate, findings: Findings) -> Template:
    """`text` with its expressions read; tags and comments are findings."""
    pieces: list[Template] = []
    at = 0
    for part in find_parts(text):
        pieces.append((_unescape(text[at : part.start]),))
        at = part.end
        position = locate(part.start)
        if part.inner is not None and part.kind is Kind.EXPRESSION:
            read = read_expression(part.inner, position)
        elif part.inner is None:
            read = unclosed(part.kind)
        else:
            read = Fault(
                "expression-place", "only expressions can stand here", "{% if %} belongs into the note and articles"
            )
        if isinstance(read, Fault):
            findings.add(read.rule, position, read.message, read.expected)
        else:
            pieces.append((read,))
    pieces.append((_unescape(text[at:]),))
    return tuple(piece for (piece,) in pieces if piece)


def read_plain(text: str, locate: Locate, findings: Findings, where: str) -> str:
    """`text` for a place where nothing differs per reader; `where` names it."""
    for part in find_parts(text):
        findings.add("expression-place", locate(part.start), f"“{part.kind}” cannot stand in {where}", _WHERE)
    return _unescape(text)


_WHERE = "reader fields go into the subject, the preheader and the text; write \\{{ for the braces"


def _unescape(text: str) -> str:
    return ESCAPED.sub(r"\1", text)
