"""Asks the OSV database for known vulnerabilities of the packages in requirements.lock: .venv/bin/python docs/audit.py

Prints each as `package version: advisory`, and exits 1 if there is one. One request asks for all packages. If the database
cannot be reached within a few seconds, or the variable CI is set, the audit is skipped, with a line that says so.

`make check` only reports what is found: whether the same commit passes must not depend on the network. `make audit` fails.
"""

import json
import os
import re
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"
DATABASE = "https://api.osv.dev/v1/querybatch"
PATIENCE = 4.0  # seconds
ACCEPTED: dict[str, str] = {}  # advisory -> why it does not concern us
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pins(lock: str) -> list[tuple[str, str]]:
    """Returns the packages and versions that `lock` pins."""
    return _PIN.findall(lock)


def advisories(packages: Sequence[tuple[str, str]], url: str = DATABASE) -> list[tuple[str, str, str]]:
    """Returns package, version and advisory of each known vulnerability. Raises OSError, ValueError if it cannot be had."""
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in packages]
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        results = json.loads(answer.read())["results"]
    if len(results) != len(packages):
        raise ValueError("the database answered for a different number of packages")
    return [
        (name, version, each["id"])
        for (name, version), result in zip(packages, results, strict=True)
        for each in result.get("vulns", ())
        if each["id"] not in ACCEPTED
    ]


def main(url: str = DATABASE, environment: dict[str, str] | None = None) -> int:
    """Returns the exit code: 1 if a vulnerability is known."""
    if (os.environ if environment is None else environment).get("CI"):
        print("Dependency audit skipped: CI is set.")
        return 0
    packages = pins(LOCK.read_text(encoding="utf-8"))
    try:
        found = advisories(packages, url)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"Dependency audit skipped: the database of vulnerabilities cannot be reached ({error}).")
        return 0
    for name, version, advisory in found:
        print(f"{name} {version}: {advisory} (https://osv.dev/vulnerability/{advisory})")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
