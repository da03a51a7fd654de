"""`make fuzz`: fuzzes each target for some minutes, and measures for as long how its time grows.

    python -m tests.fuzz [SECONDS [TARGET...]]

Inputs that raised are in fuzzing/TARGET/found, each with a text that says where. Ends with exit code 1 if there is anything.
"""

import logging
import subprocess
import sys
from pathlib import Path

from tests.fuzz.growth import measure
from tests.fuzz.harness import web
from tests.fuzz.targets import TARGETS

SECONDS = 600
FOLDER = Path("fuzzing")


def main() -> int:
    seconds, *names = sys.argv[1:] or [str(SECONDS)]
    logging.disable()
    found = 0
    for name in names or TARGETS:
        print(f"{name}: {seconds} s", flush=True)
        folder = FOLDER / name
        result = subprocess.run([sys.executable, "-m", "tests.fuzz.fuzzer", name, seconds, str(folder)], check=False)
        found += (result.returncode != 0) + len(list((folder / "found").iterdir()))
        found += measure(name, float(seconds))
    web().close()
    return 1 if found else 0


sys.exit(main())
