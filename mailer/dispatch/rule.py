"""A rule: what a dispatch or its letter is held to, with all that a person asks who is told of it.

A rule's id stands in brackets at the end of each finding and in `check --json`; people filter by it, so an id is never
renamed. Its severity is the same wherever it strikes. An error keeps a dispatch from being sent, a warning asks, a note
only says.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mailer.dispatch.problem import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`title` says in one line what should hold, `why` why it matters, `source` who says so, `how` how it is mended.

    A finding of a rule that is not `may_be_ignored` stays, whatever a dispatch says about it.
    """

    id: str
    severity: Severity
    title: str
    why: str
    source: str
    how: str
    may_be_ignored: bool = True


def table(rules: Iterable[Rule]) -> dict[str, Rule]:
    """`rules` by their ids, in order. Raises ValueError for two of one id."""
    found: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in found:
            raise ValueError(f"two rules are called {rule.id}")
        found[rule.id] = rule
    return found
