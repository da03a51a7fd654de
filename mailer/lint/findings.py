"""Findings of checks.

Checks yield Findings; the file's path and the severity of the rule are added
here, and nowhere else, when a Finding becomes a Diagnostic.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mailer.dispatch.diagnostics import Diagnostic, Position, in_order
from mailer.lint.rule_catalogue import RULES as INSPECTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A violation of a rule, and its position in the dispatch; the first character, if it concerns all of it.

    `message` says what is wrong, `expected` what to write instead; without it, the remedy of the rule is shown.
    """

    rule: str
    message: str
    expected: str = ""
    position: Position = field(default_factory=Position)

    def __post_init__(self) -> None:
        if self.rule not in INSPECTION:
            raise ValueError(f"“{self.rule}” is not in mailer/lint/rule_catalogue.py")


def to_diagnostics(path: str, findings: Iterable[Finding]) -> tuple[Diagnostic, ...]:
    """Returns diagnostics of the dispatch at `path`, each once, in the order of the file."""
    problems = dict.fromkeys(
        Diagnostic(
            path=path,
            line=found.position.line,
            column=found.position.column,
            rule=found.rule,
            severity=INSPECTION[found.rule].severity,
            message=found.message,
            expected=found.expected,
        )
        for found in findings
    )
    return in_order(problems)
