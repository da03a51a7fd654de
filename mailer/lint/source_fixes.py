"""Changes of a dispatch's text that deal with a finding.

    find_fix(text, finding)              -> the Fix of a finding: a missing field, or its line, with a button for a clear change
    add_field(text, fix, value)          -> the text with a missing field
    replace_line(text, number, line)     -> the text with another line
    ignore_rule(text, rule, reason)      -> the text with a comment that ignores a rule, and the reason above it
    check_again(text, rule)              -> the text without that
    read_ignored(text)                   -> what is ignored, with the reasons

A text has \\n as line ends; lines count from 1. Pure.
"""

import json
import re
from dataclasses import dataclass

from mailer.dispatch.diagnostics import Diagnostic

_LONGEST_LINE = 1000  # characters that a field of a form has
_MISSING = re.compile(r"\b(?:add|line under its title)\b.*?\b(?P<key>[a-z_]+): (?:…|\(|YYYY|\d|https)")
_PARENT = re.compile(r"“(?P<name>\w+)” has no “(?P<key>\w+)”")
_DID_YOU_MEAN = re.compile(r"did you mean “(.+?)”\?")
_QUOTED = re.compile(r"“(.+?)”")
_SPELLING = re.compile(r"“(?P<now>.+?)” is spelt “(?P<earlier>.+?)”")
_YEAR = re.compile(r"write (\d{4})")
_ANY_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_PRETENCE = re.compile(r"^(\s*\w+:\s*[\"']?)\s*(?:(?:re|fwd?|aw|wg|rv|tr)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_IGNORE = re.compile(r"#\s*check:\s*ignore\b[:\s]*(?P<rules>.*)", re.IGNORECASE)
_PLAIN_VALUE = re.compile(r"[^\W_][\w .,’/+-]*", re.ASCII)
_END_OF_FIELDS = re.compile(r"^---[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """How a finding is fixed: by a value of the missing field `key`, or by another text of its line.

    `after`: the line below which the field is inserted, with `indent`. `line`: the present text of the finding's line, and
    `suggested`: what it is to be, if that is clear; `action` says so on a button.
    """

    number: int
    key: str = ""
    after: int = 0
    indent: str = ""
    line: str = ""
    suggested: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredRule:
    """A rule that a comment ignores; `reason` is the comment above it."""

    rule: str
    reason: str


def find_fix(text: str, finding: Diagnostic) -> Fix | None:
    """Returns the fix of `finding`; None if its line is not in `text` or has nothing to edit."""
    lines = text.split("\n")
    if not 0 < finding.line <= len(lines):
        return None
    if missing := _missing_field(lines, finding):
        return missing
    line = lines[finding.line - 1]
    if not line.strip() or line.strip() == "---" or len(line) > _LONGEST_LINE:
        return None
    suggested, action = _suggest(line, finding)
    return Fix(number=finding.line, line=line, suggested=suggested, action=action)


def add_field(text: str, fix: Fix, value: str) -> str:
    """Returns `text` with the missing field of `fix`."""
    lines = text.split("\n")
    in_fields = fix.after < _end_of_fields(lines)
    shown = value if not in_fields or _PLAIN_VALUE.fullmatch(value) else json.dumps(value, ensure_ascii=False)
    lines.insert(fix.after, f"{fix.indent}{fix.key}: {shown}")
    return "\n".join(lines)


def replace_line(text: str, number: int, line: str) -> str:
    """Returns `text` with `line` in place of line `number`."""
    lines = text.split("\n")
    if 0 < number <= len(lines):
        lines[number - 1] = line
    return "\n".join(lines)


def ignore_rule(text: str, rule: str, reason: str) -> str:
    """Returns `text` with comments at the end of the fields at the top that give the reason, and ignore `rule`."""
    lines = text.split("\n")
    if (end := _end_of_fields(lines)) == 1:
        return text
    lines[end - 1 : end - 1] = [f"# {' '.join(reason.split())}", f"# check: ignore {rule}"]
    return "\n".join(lines)


def check_again(text: str, rule: str) -> str:
    """Returns `text` without the comment that ignores `rule`, and without its reason."""
    kept: list[str] = []
    lines = text.split("\n")
    end = _end_of_fields(lines)
    for number, line in enumerate(lines, start=1):
        match = _IGNORE.fullmatch(line.strip()) if number < end else None
        rules = re.findall(r"[^\s,]+", match["rules"]) if match else []
        if rule not in rules:
            kept.append(line)
            continue
        rules.remove(rule)
        if rules:
            kept.append(f"# check: ignore {', '.join(rules)}")
        elif kept and _is_reason(kept[-1]):
            kept.pop()
    return "\n".join(kept)


def read_ignored(text: str) -> tuple[IgnoredRule, ...]:
    """Returns the rules that comments ignore, in order."""
    found = []
    lines = text.split("\n")
    for number, line in enumerate(lines[: max(0, _end_of_fields(lines) - 1)]):
        if match := _IGNORE.fullmatch(line.strip()):
            above = lines[number - 1] if number else ""
            reason = above.strip().lstrip("#").strip() if _is_reason(above) else ""
            found += [IgnoredRule(rule=rule, reason=reason) for rule in re.findall(r"[^\s,]+", match["rules"])]
    return tuple(found)


def _missing_field(lines: list[str], finding: Diagnostic) -> Fix | None:
    """Returns the fix of a finding about a field that is not there."""
    parent = _PARENT.fullmatch(finding.message)
    match = _MISSING.search(finding.expected)
    key = parent["key"] if parent else match["key"] if match else ""
    line = lines[finding.line - 1]
    if not key or (finding.rule != "missing-key" and "add" not in finding.expected):
        return None
    if line.startswith("## "):
        return Fix(number=finding.line, key=key, after=finding.line)
    end = _end_of_fields(lines)
    owner = parent["name"] if parent else "photo" if "under photo:" in finding.expected else ""
    if not owner:
        return Fix(number=finding.line, key=key, after=end - 1)
    at = next((number for number in range(1, end) if lines[number - 1].rstrip() == f"{owner}:"), 0)
    if not at:
        return None
    child = lines[at] if at < len(lines) else ""
    return Fix(number=finding.line, key=key, after=at, indent=" " * (len(child) - len(child.lstrip(" "))) or "  ")


def _suggest(line: str, finding: Diagnostic) -> tuple[str, str]:
    """Returns what the line is to be, and the words of the button; "" if only a person can say."""
    before, rest = line[: finding.column - 1], line[finding.column - 1 :]
    wrong, meant = _QUOTED.search(finding.message), _DID_YOU_MEAN.search(finding.expected)
    changed, action = line, ""
    if wrong and meant and wrong[1] in rest:
        changed, action = before + rest.replace(wrong[1], meant[1], 1), f"Use “{meant[1]}”"
    elif finding.rule == "link-insecure":
        changed = before + rest.replace("http://", "https://", 1)
        changed, action = changed if changed != line else line.replace("http://", "https://", 1), "Use https"
    elif finding.rule == "subject-pretence":
        changed, action = _PRETENCE.sub(r"\1", line), "Remove it"
    elif finding.rule == "source-spelling" and (spelling := _SPELLING.match(finding.message)):
        changed, action = line.replace(spelling["now"], spelling["earlier"], 1), f"Use “{spelling['earlier']}”"
    elif finding.rule == "copyright-year" and (year := _YEAR.match(finding.expected)):
        changed, action = _ANY_YEAR.sub(year[1], line), f"Use {year[1]}"
    return (changed, action) if changed != line else ("", "")


def _is_reason(line: str) -> bool:
    """Whether `line` is a comment that may be the reason of the one below it."""
    return line.strip().startswith("#") and not _IGNORE.fullmatch(line.strip())


def _end_of_fields(lines: list[str]) -> int:
    """Returns the number of the line `---` that ends the fields at the top; 1 if there are none."""
    if not lines or not _END_OF_FIELDS.fullmatch(lines[0]):
        return 1
    return next((number for number, line in enumerate(lines, 1) if number > 1 and _END_OF_FIELDS.fullmatch(line)), 1)
