"""Collects the diagnostics of one dispatch; the severity of each is that of its rule (rule_catalogue.py)."""

from mailer.dispatch.diagnostics import Diagnostic, Position, RuleViolation, in_order
from mailer.dispatch.rule_catalogue import RULES


class DiagnosticCollector:
    """The diagnostics of the dispatch at `path`, each once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._problems: dict[Diagnostic, None] = {}

    def add(self, rule: str, position: Position, message: str, expected: str = "") -> None:
        problem = Diagnostic(
            path=self.path,
            line=position.line,
            column=position.column,
            rule=rule,
            severity=RULES[rule].severity,
            message=message,
            expected=expected,
        )
        self._problems[problem] = None

    def add_violation(self, violation: RuleViolation, position: Position) -> None:
        self.add(violation.rule, position, violation.message, violation.expected)

    def in_order(self) -> tuple[Diagnostic, ...]:
        """Returns the diagnostics in the order of the file."""
        return in_order(self._problems)
