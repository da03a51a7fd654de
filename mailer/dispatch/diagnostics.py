"""Diagnostics: faults of a dispatch, each with its position, severity, message and remedy."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A position in a file; both count from 1, columns in code points."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One diagnostic; its fields are those of `check --json`. `expected` says what to do."""

    path: str
    line: int
    column: int
    rule: str
    severity: Severity
    message: str
    expected: str = ""

    def __str__(self) -> str:
        """Returns one unwrapped line, as `mailer check` prints it."""
        expected = f"; {self.expected}" if self.expected else ""
        return f"{self.path}:{self.line}:{self.column}: {self.severity}: {self.message}{expected} [{self.rule}]"

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RuleViolation:
    """A violation of a rule whose position in the file is not known yet."""

    rule: str
    message: str
    expected: str = ""


def abbreviate(text: str, longest: int = 60) -> str:
    """Returns `text` on one line, cut to a length that a diagnostic can quote."""
    text = " ".join(text[: 4 * longest].split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def has_errors(problems: Iterable[Diagnostic]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)


def in_order(problems: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Returns `problems` in the order of the source."""
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
