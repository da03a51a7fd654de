"""Comments `# check: ignore RULE` in a front matter, by which an editor accepts findings.

    without_ignored(problems, source_index, path) -> the remaining diagnostics, and those about the comments

A comment holds for the whole dispatch and may name several rules. Each rule has to exist and may be
ignored; a comment that ignores nothing is reported.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mailer.dispatch.diagnostics import Diagnostic, Position, abbreviate, in_order
from mailer.dispatch.did_you_mean import suggest
from mailer.lint.findings import Finding, to_diagnostics
from mailer.lint.rule_catalogue import RULEBOOK
from mailer.lint.source_positions import SourceIndex

_COMMENT = re.compile(r"#\s*check:\s*ignore\b[:\s]*(?P<rules>.*)", re.IGNORECASE)
_NAME = re.compile(r"[^\s,]+")


@dataclass(frozen=True, slots=True)
class Ignore:
    """A rule that is named in a comment, and its position."""

    rule: str
    position: Position


def read_ignores(source_index: SourceIndex) -> tuple[Ignore, ...]:
    """Returns every rule that the comments of a front matter name, in order."""
    return tuple(_read(source_index))


def _read(source_index: SourceIndex) -> Iterator[Ignore]:
    for offset, comment in source_index.comments():
        if match := _COMMENT.match(comment):
            names = list(_NAME.finditer(match["rules"]))
            if not names:
                yield Ignore("", source_index.position(offset))
            for name in names:
                yield Ignore(name[0], source_index.position(offset + match.start("rules") + name.start()))


def without_ignored(
    problems: Sequence[Diagnostic], source_index: SourceIndex, path: str, *, unsought: Collection[str] = ()
) -> tuple[Diagnostic, ...]:
    """Returns `problems` without the ignored ones, with the findings about the comments themselves.

    Rules that are `unsought` were not checked, so that ignoring them is not reported as unused.
    """
    ignores = read_ignores(source_index)
    wanted = {ignore.rule for ignore in ignores if ignore.rule in RULEBOOK and RULEBOOK[ignore.rule].may_be_ignored}
    left = [problem for problem in problems if problem.rule not in wanted]
    found = {problem.rule for problem in problems}
    return in_order((*left, *to_diagnostics(path, _check_comments(ignores, found.union(unsought)))))


def _check_comments(ignores: tuple[Ignore, ...], found: set[str]) -> Iterator[Finding]:
    for ignore in ignores:
        rule = RULEBOOK.get(ignore.rule)
        if rule is None:
            yield Finding(
                rule="ignore-unknown",
                message=f"there is no rule “{abbreviate(ignore.rule)}”"
                if ignore.rule
                else "this comment has no rule name",
                expected=suggest(ignore.rule, RULEBOOK) or "write the name of a rule, as in brackets after a finding",
                position=ignore.position,
            )
        elif not rule.may_be_ignored:
            message = f"the rule “{rule.id}” cannot be ignored"
            yield Finding(
                rule="ignore-refused", message=message, expected="fix what it reports", position=ignore.position
            )
        elif rule.id not in found:
            message = f"the rule “{rule.id}” finds nothing here"
            yield Finding(
                rule="ignore-unused", message=message, expected="remove it from the comment", position=ignore.position
            )
