"""Writes docs/checks.md from the rules of `mailer check`: .venv/bin/python docs/checks.py"""

from pathlib import Path

from mailer.dispatch.rule_catalogue import RULES as GRAMMAR
from mailer.dispatch.rule_catalogue import Rule
from mailer.lint.rule_catalogue import CONTENT_RULES, IGNORE_RULES, LINK_RULES, MESSAGE_RULES, PAGE_RULES

TARGET = Path(__file__).with_suffix(".md")
CHAPTERS: tuple[tuple[str, str, tuple[Rule, ...]], ...] = (
    (
        "The dispatch",
        (
            "The grammar of the file, and the files and lists that it names. If there is an error, no message is made, and the "
            "rules of the other chapters are not checked."
        ),
        tuple(GRAMMAR.values()),
    ),
    ("The text", "What a copy editor would find.", CONTENT_RULES),
    ("The links", "Their addresses and their text; with `--online`, whether they work.", LINK_RULES),
    (
        "The page",
        (
            "The HTML as mail programs get it, of every variant that the conditions make: size, colours, structure. Most "
            "of these findings are about templates."
        ),
        PAGE_RULES,
    ),
    ("The message", "Parsed from the bytes that would be sent.", MESSAGE_RULES),
    ("The comments", "Errors in a `# check: ignore`.", IGNORE_RULES),
)
INTRODUCTION = """\
# Checks

For editors who want to know why `mailer check` reports something, and for engineers who add a rule. It lists every rule with
its reason and what to do. The page is made from the rules themselves, by `.venv/bin/python docs/checks.py`.

```sh
mailer check fog                     # a path or a slug
mailer check fog --to readers        # with the fields of this list
mailer check fog --strict            # warnings count as errors
mailer check fog --online            # checks the links, too
mailer check fog --json              # for scripts: see docs/json.md
mailer check fog --format sarif      # for text editors and forges
mailer check --explain empty-field   # the reason for a rule, and what to do
```

A dispatch with an **error** cannot be sent, and `mailer check` exits with 1. A **warning** is shown before a send, which
asks; `--yes` accepts it. A **note** is for your information. In a pipe, each finding is one line; in a terminal, the reason
and what to do follow the first finding of each rule.

A finding about the rendered message has the line of the dispatch that it comes from, if that is known, and 1:1 if it is about
a template or the whole message. The postal address and an https address for the pages are required once `MAILER_BASE_URL` is
not on this machine.

What mail programs do not support comes from the data of caniemail, for the programs in `MAILER_CLIENTS`. Only losses that
matter are reported: without rounded corners, fine underlines and dark mode a message can still be read.

`--online` requests each link with HEAD, then GET, for at most 20 seconds each and 3 minutes in all, one at a time for each
host. It connects to public addresses only, after redirects too, and reads no bodies.

## Ignoring a rule

A comment in the front matter ignores a rule for the whole dispatch:

```markdown
---
title: Fog on the river
date: 2026-11-08
# check: ignore subject-length, link-words
---
```

Rules without which a message cannot be made, unsubscribed from or delivered cannot be ignored. An unknown rule name is an
error, and a comment that ignores nothing is a note.
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
