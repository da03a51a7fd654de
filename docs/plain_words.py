"""Finds words and phrases that the house style forbids, in documents, pages, catalogues, docstrings, comments and messages.

`python docs/plain_words.py` prints each use as `path:line: phrase: use …` and exits 1 if there is one. `make check` runs it. The
list is short: phrases that readers of earlier texts stumbled over, and old names of things that have one name now.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
PHRASES = {
    r"\banew\b": "again",
    r"\bof late\b": "recently",
    r"\bfor good\b": "permanently",
    r"\bput(?:s|ting)? right\b": "correct",
    r"\banother one\b": "a different …",
    r"(?<!there )\bis none\b(?=[.;,:\n]|$)": "is invalid, or is malformed",
    r"(?:^|[.:] )Who(?:ever)? (?:is|has|may|comes|leaves|left)\b(?![^.]*\?)": "a noun",
    r"\bWhoever\b": "a noun",
    r"\bWhat is [^.?;,]{3,60}? is\b": "a noun",
    r"\b(?:after|before|until) the dot\b": "end of DATA",
    r"\blanes?\b": "connection",
    r"\b(?:carriages?|couriers?)\b(?! return)": "connection, or client",
    r"\bverdicts?\b": "classification, or result",
    r"\bsettlements?\b": "result",
    r"\bfencing epoch\b|\bepochs?\b(?<!the epoch)": "fencing token, or rollback guard",
    r"\bbrought? together\b|\bbrings? together\b": "sync",
    r"\bsays? no\b|\bsaid no\b": "opted out",
    r"\bholds? good\b": "is valid",
    r"\bis told of\b|\bare told of\b": "is notified of",
    r"\bMend\b": "Correct",
}
EXCEPTIONS = {  # path -> the phrases that it may contain, or "*", and why
    "docs/plain_words.py": {"*": "lists the phrases"},
    "CHANGELOG.md": {"*": "released sections are history"},
    "mailer/i18n/locale/former.po": {
        "*": "has the message ids of version 0.1, which templates of workspaces still use"
    },
    "templates/pages/expired.html.j2": {"anew": "the name of a form field, which overridden templates send"},
    "mailer/service/sends/monitor.py": {"anew": "the name of a parameter"},
    "tests/unit/web/desk/test_plain_language.py": {"*": "shows how old texts are reworded"},
    "tests/unit/smtp/test_refusal_reason.py": {"says no": "words of a server"},
    "tests/golden/corpus/*": {"*": "invented prose of a dispatch"},
    "tests/support/site.py": {"epoch": "the name of the ledger's counter"},
    "docs/templates.md": {"another one": "a further one"},
    "docs/decisions.md": {"Whoever": "people in general"},
}
SKIPPED = ("tests/data/", "vendor/")
TEXTS = ("*.md", "templates/*", "*.po", ".env.example")
_LOADED = {pattern: re.compile(pattern, re.MULTILINE) for pattern in PHRASES}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yields the texts of a file that people read, each with its first line."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield 1, source
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def is_excepted(path: str, phrase: str) -> bool:
    """Whether EXCEPTIONS allows `phrase` in `path`."""
    allowed = (phrases for pattern, phrases in EXCEPTIONS.items() if fnmatch(path, pattern))
    return any("*" in phrases or phrase in phrases for phrases in allowed)


def findings() -> Iterator[str]:
    """Yields a line for each forbidden phrase."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():
        is_code = name.endswith(".py") and name.startswith(("mailer/", "docs/", "tests/", "benchmarks/"))
        is_text = any(fnmatch(name, pattern) for pattern in TEXTS)
        if name.startswith(SKIPPED) or "/migrations/" in name or not (is_code or is_text):
            continue
        for first, text in texts(ROOT / name):
            for pattern, instead in PHRASES.items():
                for match in _LOADED[pattern].finditer(text):
                    phrase = match[0].strip(" .:")
                    if not is_excepted(name, phrase):
                        yield f"{name}:{first + text.count(chr(10), 0, match.start())}: “{phrase}”: use {instead}"


def main() -> int:
    """Prints the findings and returns the exit code."""
    found = list(findings())
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
