"""Write docs/checks.md from the rules of `mailer check`: python docs/checks.py"""

from pathlib import Path

from mailer.dispatch.rule_catalogue import RULES as GRAMMAR
from mailer.dispatch.rule_catalogue import Rule
from mailer.lint.rule_catalogue import CONTENT_RULES, IGNORE_RULES, LINK_RULES, MESSAGE_RULES, PAGE_RULES

TARGET = Path(__file__).with_suffix(".md")
CHAPTERS: tuple[tuple[str, str, tuple[Rule, ...]], ...] = (
    (
        "The dispatch",
        (
            "The grammar of the file, and the files and lists that it names. Where there is an error, no letter is made, "
            "and the chapters below wait."
        ),
        tuple(GRAMMAR.values()),
    ),
    ("The words", "What a copy desk would have caught.", CONTENT_RULES),
    ("The links", "By their addresses and words; with `--online`, by asking them.", LINK_RULES),
    (
        "The page",
        (
            "The HTML as mail programs get it, of every variant that the conditions make: its size, its colours, its "
            "structure. Most of it is about templates."
        ),
        PAGE_RULES,
    ),
    ("The message", "Read again from the bytes that would leave.", MESSAGE_RULES),
    ("The comments", "What is wrong with a `# check: ignore`.", IGNORE_RULES),
)
INTRODUCTION = """\
# What `mailer check` looks for

This page is made from the rules themselves, by `python docs/checks.py`.

```sh
mailer check fog                     # a path or a slug
mailer check fog --to readers        # with the fields of this list
mailer check fog --strict            # warnings count as errors
mailer check fog --online            # ask the links, too
mailer check fog --json              # for scripts: see docs/json.md
mailer check fog --format sarif      # for editors and forges
mailer check --explain empty-field   # why a rule is there, and how to mend what it finds
```

An **error** keeps the dispatch from being sent, and `mailer check` exits with 1. A **warning** is shown before a send, which
asks; `--yes` accepts it. A **note** only says. To a pipe, each finding is one line; in a terminal, the reason and the remedy
stand under the first finding of each rule.

Findings of the rendered letter stand at the line that they come from where that can be told, at 1:1 where they are about
a template or the whole letter. The postal address and an https address for the pages are asked for once `MAILER_BASE_URL` is
not on this machine.

What mail programs lose is known from the data of caniemail, for those that `MAILER_CLIENTS` names. Only what matters is
counted: without rounded corners, fine underlines and dark mode a letter is still read.

`--online` asks each link with HEAD, then GET, at most 20 seconds each and 3 minutes together, one at a time for each host.
It connects to public addresses only, after redirects too, and reads no bodies.

## Ignoring a rule

A comment in the front matter ignores a rule for the whole dispatch:

```markdown
---
title: Fog on the river
date: 2026-11-08
# check: ignore subject-length, link-words
---
```

What keeps a letter from being made, from being left or from arriving cannot be ignored. A name that is no rule is an error,
and an ignore that ignores nothing is a note.
"""


def page() -> str:
    """Returns the text of docs/checks.md."""
    parts = [INTRODUCTION]
    for name, words, rules in CHAPTERS:
        parts.append(f"## {name}\n\n{words}\n")
        parts.append(
            "| rule | severity | what should hold | why | what to do | source |\n|---|---|---|---|---|---|\n"
            + "".join(_row(rule) for rule in rules)
        )
    return "\n".join(parts)


def _row(rule: Rule) -> str:
    cells = (f"`{rule.id}`", rule.severity.value, rule.title, rule.why, rule.how, rule.source)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
