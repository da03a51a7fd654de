"""Converts diagnostics into SARIF 2.1.0, which editors and forges show next to the lines.

One run of one tool; every rule with a diagnostic is described with its reason and its remedy. Columns count
code points, as everywhere here.
"""

from collections.abc import Sequence
from pathlib import PurePath
from urllib.parse import quote

from mailer import __version__
from mailer.dispatch.diagnostics import Diagnostic
from mailer.dispatch.rule_catalogue import Rule
from mailer.lint.rule_catalogue import RULEBOOK

VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(problems: Sequence[Diagnostic]) -> dict[str, object]:
    """Returns the log file as values for `json`."""
    rules = [RULEBOOK[name] for name in dict.fromkeys(problem.rule for problem in problems)]
    index = {rule.id: number for number, rule in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "mailer",
                        "semanticVersion": __version__,
                        "rules": [_described(rule) for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem, index) for problem in problems],
            }
        ],
    }


def _described(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.how}\n\nWhy: {rule.why}\nSource: {rule.source}"},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(problem: Diagnostic, index: dict[str, int]) -> dict[str, object]:
    text = f"{problem.message}; {problem.expected}" if problem.expected else problem.message
    place = {
        "artifactLocation": {"uri": _uri(problem.path)},
        "region": {"startLine": problem.line, "startColumn": problem.column},
    }
    return {
        "ruleId": problem.rule,
        "ruleIndex": index[problem.rule],
        "level": problem.severity.value,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


def _uri(path: str) -> str:
    """Returns a path as a URI reference: relative as it was typed, or file:///…"""
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(pure.as_posix())
