"""Workspaces for tests: settings, a dispatch, a list; and the command line, run as a process."""

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.ledgers import lay_ledger
from tests.support.patience import PATIENCE

KEY = "a test key that is long enough to be taken"
DISPATCH = """\
---
title: The tide table
date: 2026-11-01
copyright: "© 2026 Mara Lindqvist"
subject: The tide table, for {{ reader.first_name or "you" }}
---

Dear {{ reader.first_name or "reader" }},

{% if reader.city == "Porto Novo" %}
High water is at noon in your town.
{% endif %}

The rest is [on our page](https://tides.example.org/?for={{ reader.city }}).

## Two high waters on Tuesday
source: Harbour Times
date: 2026-10-31
link: https://times.example.org/tides

The harbour master asks for patience.
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def make_workspace(
    root: Path,
    *,
    port: int = 25,
    rows: Iterable[str] = ("ana@example.com,Ana,Porto Novo",),
    ledger: bool = True,
    **settings: str,
) -> Path:
    """Makes a workspace with the dispatch `tide` and the list `readers`; `settings` are MAILER_ variables.

    With `ledger` it has an empty one, as the first command that needs one creates it.
    """
    for name, mode in (("dispatches", 0o777), ("subscribers", 0o700)):
        (root / name).mkdir(mode, parents=True, exist_ok=True)
    (root / "dispatches" / "tide.md").write_text(DISPATCH, encoding="utf-8")
    (root / "subscribers" / "readers.csv").write_text(
        "email,first_name,city\n" + "\n".join(rows) + "\n", encoding="utf-8"
    )
    if ledger and not settings.get("DATABASE_URL", "").startswith("postgresql"):
        lay_ledger(root)
    values = {
        "FROM": "The Harbour Letter <desk@example.org>",
        "SECRET_KEYS": json.dumps([KEY]),
        "BASE_URL": "https://letter.example.org",
        "POSTAL_ADDRESS": "1 Quay Street, Porto Novo",
        "RELAY": f"smtp://127.0.0.1:{port}",
        "RETRY": "1",
        **settings,
    }
    (root / ".env").write_text(
        "".join(f"MAILER_{name}='{value}'\n" for name, value in values.items()), encoding="utf-8"
    )
    for path in (root / ".env", root / "subscribers" / "readers.csv"):
        path.chmod(0o600)
    return root


def mailer(workspace: Path, *arguments: str, stdin: str | None = None, timeout: float = PATIENCE) -> Ran:
    """Runs the program in `workspace`."""
    result = subprocess.run(
        [sys.executable, "-m", "mailer", *arguments],
        cwd=workspace,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Ran(result.returncode, result.stdout, result.stderr)


def start_mailer(workspace: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Starts the program in `workspace`, without waiting for it."""
    return subprocess.Popen(
        [sys.executable, "-m", "mailer", *arguments],
        cwd=workspace,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
