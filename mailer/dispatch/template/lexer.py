r"""Finds template parts in a text, before Markdown or YAML is parsed.

    tokenize  {{ … }}, {% … %} and {# … #} of a text, in order
    read_tag  what is between {% and %}

A closing brace inside quotes closes nothing. `\{{` (and `\{%`, `\{#`) is literal, and so is a code span.
A part must end in the text in which it began; otherwise it is unclosed, and its opening braces alone are the part. The time
is proportional to the text, whatever is in it: a part has at most `LONGEST` characters.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mailer.dispatch.diagnostics import Position, RuleViolation
from mailer.dispatch.template.expression import Expression, ExpressionError, parse_expression

LONGEST = 1_000
ESCAPED = re.compile(r"\\(\{[{%#])")
_INTERESTING = re.compile(r"\\\{[{%#]|\\.|`+|\{[{%#]", re.DOTALL)
_TOKENS = {
    opening: re.compile(rf"""(?P<string>"[^"]*"|'[^']*')|(?P<close>{re.escape(closing)})|(?P<open>\{{[{{%#])""")
    for opening, closing in (("{{", "}}"), ("{%", "%}"))
}
_COMMENT_END = re.compile(r"#\}")
_TAG = re.compile(r"\s*([A-Za-z_]*)\s*(.*?)\s*", re.DOTALL)
_TAGS = "use if, elif, else or endif"


class TagKind(StrEnum):
    EXPRESSION = "{{"
    TAG = "{%"
    COMMENT = "{#"


@dataclass(frozen=True, slots=True)
class Token:
    """A template part from `start` to `end`; `inner` is the text between the braces, None when it is unclosed."""

    kind: TagKind
    start: int
    end: int
    inner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag line; `condition` belongs to if and elif, and is None where it is faulty."""

    name: str
    condition: Expression | None
    position: Position


def tokenize(text: str, start: int = 0, end: int | None = None, *, code_spans: bool = False) -> Iterator[Token]:
    """Yields the template parts of text[start:end], in order; with `code_spans`, none of those inside backticks."""
    end = len(text) if end is None else end
    runs = _backtick_runs(text, start, end) if code_spans else {}
    at = start
    while match := _INTERESTING.search(text, at, end):
        at = match.end()
        if match[0][0] == "`" and code_spans:
            same = runs.get(len(match[0]), [])
            closing = bisect_left(same, at)
            if closing < len(same):
                at = same[closing] + len(match[0])
        elif match[0][0] == "{":
            part = _part(text, match.start(), TagKind(match[0]), end)
            yield part
            at = part.end


def _backtick_runs(text: str, start: int, end: int) -> dict[int, list[int]]:
    runs: dict[int, list[int]] = defaultdict(list)
    for match in re.compile("`+").finditer(text, start, end):
        runs[len(match[0])].append(match.start())
    return runs


def _part(text: str, start: int, kind: TagKind, end: int) -> Token:
    limit = min(end, start + LONGEST)
    if kind is TagKind.COMMENT:
        match = _COMMENT_END.search(text, start + 2, limit)
        return Token(kind, start, match.end(), text[start + 2 : match.start()]) if match else _unclosed(kind, start)
    for token in _TOKENS[kind].finditer(text, start + 2, limit):
        if token["close"]:
            return Token(kind, start, token.end(), text[start + 2 : token.start()])
        if token["open"]:
            break
    return _unclosed(kind, start)


def _unclosed(kind: TagKind, start: int) -> Token:
    return Token(kind, start, start + 2, None)


def unclosed_error(kind: TagKind) -> RuleViolation:
    closing = {TagKind.EXPRESSION: "}}", TagKind.TAG: "%}", TagKind.COMMENT: "#}"}[kind]
    place = "on the same line" if kind is TagKind.TAG else "in the same paragraph"
    return RuleViolation(
        "template-unclosed",
        f"“{kind}” is not closed",
        f"close it with “{closing}” {place}; write \\{kind} for literal braces",
    )


def read_expression(inner: str, position: Position) -> Expression | RuleViolation:
    """Returns the expression between the braces, or the rule that it violates."""
    try:
        return parse_expression(inner, position)
    except ExpressionError as error:
        return RuleViolation("expression", str(error), error.expected)


def read_tag(inner: str, position: Position) -> tuple[Tag | None, RuleViolation | None]:
    """Returns the tag between `{%` and `%}`, and the rule that it violates; a tag with a faulty condition has both."""
    match = _TAG.fullmatch(inner)
    name, rest = (match[1], match[2]) if match else ("", inner)
    if name in {"else", "endif"}:
        fault = (
            RuleViolation("tag-unknown", f"“{name}” must be alone in its tag", f"write {{% {name} %}}")
            if rest
            else None
        )
        return Tag(name=name, condition=None, position=position), fault
    if name not in {"if", "elif"}:
        shown = f"{{% {name or inner.strip()[:40]} %}}"
        hint = "; write elif" if name in {"elseif", "elsif"} else ""
        return None, RuleViolation("tag-unknown", f"“{shown}” is not allowed", _TAGS + hint)
    if not rest:
        fault = RuleViolation(
            "tag-unknown",
            f"“{name}” has no condition",
            f'write one, such as {{% {name} reader.city == "Porto Novo" %}}',
        )
        return Tag(name=name, condition=None, position=position), fault
    condition = read_expression(rest, position)
    if isinstance(condition, RuleViolation):
        return Tag(name=name, condition=None, position=position), condition
    return Tag(name=name, condition=condition, position=position), None
