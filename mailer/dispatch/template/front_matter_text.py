r"""Texts of the front matter: as a Template where readers may differ, as plain text elsewhere.

`\{{` stands for `{{` in both.
"""

from collections.abc import Callable

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Position, RuleViolation
from mailer.dispatch.model import Template
from mailer.dispatch.template.lexer import ESCAPED, TagKind, read_expression, tokenize, unclosed_error

Locate = Callable[[int], Position]
"""The position in the file of an offset into the text."""


def parse_template(text: str, locate: Locate, findings: DiagnosticCollector) -> Template:
    """Parses `text` with its expressions; tags and comments are reported."""
    pieces: list[Template] = []
    at = 0
    for part in tokenize(text):
        pieces.append((_unescape(text[at : part.start]),))
        at = part.end
        position = locate(part.start)
        if part.inner is not None and part.kind is TagKind.EXPRESSION:
            read = read_expression(part.inner, position)
        elif part.inner is None:
            read = unclosed_error(part.kind)
        else:
            read = RuleViolation(
                "expression-place", "{% … %} is not allowed here", "use {% if %} in the note and in articles"
            )
        if isinstance(read, RuleViolation):
            findings.add_violation(read, position)
        else:
            pieces.append((read,))
    pieces.append((_unescape(text[at:]),))
    return tuple(piece for (piece,) in pieces if piece)


def parse_plain(text: str, locate: Locate, findings: DiagnosticCollector, where: str) -> str:
    """Returns `text` for a place where expressions are not allowed; `where` names the place."""
    for part in tokenize(text):
        findings.add("expression-place", locate(part.start), f"“{part.kind}” is not allowed in {where}", _WHERE)
    return _unescape(text)


_WHERE = "use reader fields in the subject, the preheader and the text; write \\{{ for literal braces"


def _unescape(text: str) -> str:
    return ESCAPED.sub(r"\1", text)
