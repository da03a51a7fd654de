"""The rules that a dispatch is held to: one table, and the only way to make a Problem from it.

A rule's id stands in brackets at the end of each finding and in `check --json`; people filter by it, so an id is never
renamed. Its severity is the same wherever it strikes. An error keeps a dispatch from being sent, a warning asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mailer.dispatch.problem import Position, Problem, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked for, in one line."""

    id: str
    severity: Severity
    description: str


def _table(severity: Severity, rules: dict[str, str]) -> dict[str, Rule]:
    return {name: Rule(name, severity, description) for name, description in rules.items()}


RULES: dict[str, Rule] = _table(
    Severity.ERROR,
    {
        # the file
        "encoding": "the file is UTF-8",
        "control-character": "the file holds no NUL and no other invisible control characters",
        "too-large": "the file and its front matter are of a size that a letter can have",
        "empty-file": "the file is not empty",
        "front-matter": "the file opens with front matter between two lines of ---",
        # front matter and particulars
        "yaml-syntax": "the front matter is YAML",
        "yaml-feature": "the front matter is plain: no anchors, aliases, tags, merge keys or deep nesting",
        "unknown-key": "each key is one that is known at its place",
        "duplicate-key": "no key stands twice",
        "missing-key": "what is required is there",
        "bad-value": "a value is of the kind that its key asks for",
        "bad-date": "a date is an ISO date that exists",
        "bad-slug": "a slug is made of a-z, 0-9 and hyphens",
        "bad-language": "a language is a BCP 47 tag",
        "bad-particular": "each line under an article's title, up to the first blank one, is `key: value`",
        # expressions and conditions
        "expression": "an expression is one that is allowed",
        "expression-place": "an expression stands where it may differ per reader",
        "template-unclosed": "what opens with {{, {% or {# is closed in the same paragraph",
        "template-comment": "template comments are not used",
        "tag-unknown": "a tag is if, elif, else or endif, with a condition where one belongs",
        "tag-line": "a tag stands alone on its line",
        "tag-unclosed": "each {% if %} has its {% endif %}",
        "tag-unmatched": "elif, else and endif belong to an {% if %}",
        "tag-place": "a tag stands between blocks, not inside a list, quote, table or footnote",
        "tag-depth": "conditions nest to a depth that can be overseen",
        "tag-across": "a condition holds blocks of one article or of the note, or whole articles",
        # text
        "heading-level": "# is the title's, ## opens an article at the start of its line, ### is a subheading",
        "heading-content": "an article's title is text: no links, images or footnotes",
        "heading-empty": "an article has a title",
        "nesting": "lists and quotes nest to a depth that can be read",
        "paragraph-length": "a paragraph is of a length that can be read",
        "link-scheme": "a link is http, https, mailto or tel",
        "link-relative": "a link is absolute",
        "link-invalid": "a link is a whole address",
        "link-expression": "an expression in a link stands in its path, query or fragment",
        "dispatch-link": "[[…]] holds a slug and nothing else",
        "image-alt": "an image says in words what it shows",
        "image-address": "an image is a file beside the dispatch or an https address",
        "footnote-missing": "a footnote that is referred to is defined",
        "footnote-duplicate": "a footnote is defined once",
        "footnote-empty": "a footnote has a text",
        "footnote-branch": "a footnote is defined wherever it is used",
        # what needs the world
        "unknown-dispatch": "a slug that is linked to is that of a dispatch",
        "self-link": "a dispatch does not link to itself",
        "unknown-field": "a reader field is a column of a list",
        "image-file": "an image file is there, is sound and lies in the workspace",
    },
) | _table(
    Severity.WARNING,
    {
        "raw-html": "HTML is shown as text",
        "link-text": "a link has a text",
        "reference-duplicate": "a link reference is defined once",
        "table-cells": "a row of a table has no more cells than its header",
        "footnote-unused": "a footnote that is defined is referred to",
        "empty-dispatch": "a dispatch has a note or an article",
        "subject-empty": "the subject is not empty for a reader without any fields",
        "no-copyright": "there is a copyright line",
    },
)


class Findings:
    """The problems of one dispatch, gathered while it is read; the same one is kept once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._problems: dict[Problem, None] = {}

    def add(self, rule: str, position: Position, message: str, expected: str = "") -> None:
        problem = Problem(
            path=self.path,
            line=position.line,
            column=position.column,
            rule=rule,
            severity=RULES[rule].severity,
            message=message,
            expected=expected,
        )
        self._problems[problem] = None

    def in_order(self) -> tuple[Problem, ...]:
        """As they stand in the source."""
        return in_order(self._problems)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
