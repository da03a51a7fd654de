"""Fixing a finding by a field or a button, and ignoring a rule with a reason."""

import pytest

from mailer.dispatch.diagnostics import Diagnostic, Severity
from mailer.lint.source_fixes import add_field, check_again, find_fix, ignore_rule, read_ignored, replace_line

TEXT = """\
---
title: Tide
subject: "Re: Tide"
copyright: © 2020 Q
photo:
    file: p.jpg
---

A [page](http://a.example).

## Two: high waters
sorce: Harbor
"""


def finding(line, rule, message="", expected="", column=1):
    return Diagnostic(
        path="x.md", line=line, column=column, rule=rule, severity=Severity.WARNING, message=message, expected=expected
    )


@pytest.mark.parametrize(
    ("found", "action", "line"),
    [
        (finding(12, "unknown-key", "unknown line “sorce” in an article", "did you mean “source”?"), "Use “source”", "source: Harbor"),
        (finding(9, "link-insecure", column=12), "Use https", "A [page](https://a.example)."),
        (finding(3, "subject-pretence"), "Remove it", 'subject: "Tide"'),
        (finding(4, "copyright-year", "the line says 2020", "write 2026"), "Use 2026", "copyright: © 2026 Q"),
        (finding(12, "source-spelling", "“Harbor” is spelt “Harbour” in old"), "Use “Harbour”", "sorce: Harbour"),
        (finding(2, "subject-length"), "", ""),
    ],
)  # fmt: skip
def test_a_clear_change_has_a_button_and_each_line_a_field(found, action, line):
    fix = find_fix(TEXT, found)
    assert (fix.line, fix.action, fix.suggested) == (TEXT.split("\n")[found.line - 1], action, line)
    if line:
        assert replace_line(TEXT, fix.number, fix.suggested).split("\n")[found.line - 1] == line


@pytest.mark.parametrize(
    ("found", "value", "after", "added"),
    [
        (finding(1, "missing-key", "the dispatch has no “date”", "add date: YYYY-MM-DD"), "2026-11-01", 6, "date: 2026-11-01"),
        (finding(5, "missing-key", "“photo” has no “alt”", "add alt: …"), "A boat: red", 5, '    alt: "A boat: red"'),
        (finding(5, "photo-credit", "the photo has no credit", "add credit: … under photo:"), "Ana", 5, "    credit: Ana"),
        (finding(11, "source-link", "it has none", "add link: https://… under its title"), "https://a.org/#x", 11, "link: https://a.org/#x"),
        (finding(11, "missing-key", "the article “T” has no date", "add a line under its title, such as date: 2026-11-30"), "2026-11-01", 11, "date: 2026-11-01"),
        (finding(11, "missing-key", "the article “T” has no source", "add a line under its title: source: … (the paper)"), "Q", 11, "source: Q"),
    ],
)  # fmt: skip
def test_a_missing_field_has_a_field(found, value, after, added):
    lines = TEXT.split("\n")
    made = add_field(TEXT, find_fix(TEXT, found), value)
    assert made.split("\n") == [*lines[:after], added, *lines[after:]]


def test_a_finding_elsewhere_has_no_field():
    assert find_fix(TEXT, finding(99, "theme")) is None
    assert find_fix(TEXT, finding(8, "html-size")) is None


def test_a_rule_is_ignored_with_a_reason_and_checked_again():
    ignored = ignore_rule(TEXT, "subject-pretence", "It is\na reply.")
    assert "    file: p.jpg\n# It is a reply.\n# check: ignore subject-pretence\n---\n" in ignored
    assert [(each.rule, each.reason) for each in read_ignored(ignored)] == [("subject-pretence", "It is a reply.")]
    assert check_again(ignored, "subject-pretence") == TEXT
    several = TEXT.replace("title:", "# check: ignore link-words, subject-length\ntitle:")
    assert check_again(several, "link-words") == several.replace("link-words, ", "")
    assert check_again(check_again(several, "link-words"), "subject-length") == TEXT
    for text in ("", "no fields\n# check: ignore x\n", "---\nunclosed: yes\n"):
        assert (read_ignored(text), check_again(text, "x")) == ((), text)
