"""Fuzzes one target with atheris: `python -m tests.fuzz.fuzzer TARGET SECONDS FOLDER`.

Goes on after an exception. The first input for each line that raises is written to FOLDER/found, and so is an input that takes more
than SLOW seconds. FOLDER/corpus is where the next run begins.
"""

import hashlib
import logging
import sys
import time
import traceback
from pathlib import Path

import atheris

SLOW = 1.0  # seconds of CPU, far more than the largest input of a target takes
MEMORY = 1024  # MB
PARSERS = [
    "csv",
    "email",
    "h11",
    "html",
    "jinja2",
    "markdown_it",
    "mdit_py_plugins",
    "python_multipart",
    "starlette",
    "urllib",
    "yaml",
]

# slow, and they read nothing that strangers write: our templates, the theme, and what is stored of an edition
UNOBSERVED = [
    "jinja2.compiler",
    "jinja2.environment",
    "jinja2.runtime",
    "jinja2.utils",
    "mailer.edition.json_codec",
    "mailer.edition.theme",
]

with atheris.instrument_imports(include=["mailer", *PARSERS], exclude=UNOBSERVED):
    from tests.fuzz.targets import TARGETS, Target


class Observer:
    """Runs a target, and keeps what it raises and how long it takes."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._seen: set[str] = set()
        self._slowest = 0.0

    def run(self, data: bytes) -> None:
        began = time.process_time()
        try:
            self._target.run(data)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            self._keep(
                f"{type(error).__name__} {Path(frame.filename).name}:{frame.lineno}", data, traceback.format_exc()
            )
        self._time(data, time.process_time() - began)

    def _time(self, data: bytes, seconds: float) -> None:
        if seconds > self._slowest:
            self._slowest = seconds
            (self._folder / "slowest").write_bytes(data)
            if seconds > SLOW:
                self._keep(f"{seconds:.0f} s", data, "")

    def _keep(self, why: str, data: bytes, trace: str) -> None:
        if why not in self._seen:
            self._seen.add(why)
            path = self._folder / "found" / hashlib.sha256(data).hexdigest()[:16]
            path.write_bytes(data)
            path.with_suffix(".txt").write_text(f"{why}\n{trace}")
            print(f"{why}: {path}", flush=True)


def main() -> None:
    name, seconds, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    logging.disable()  # the program logs each invalid sign-in
    target = TARGETS[name]
    for each in ("corpus", "found"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    for seed in (*target.seeds, *target.raised):
        (folder / "corpus" / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    escaped = ("".join(map(r"\x{:02x}".format, word.encode())) for word in target.words)
    (folder / "words").write_text("".join(f'"{word}"\n' for word in escaped))
    options = (
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={MEMORY}",
        f"-max_len={target.largest}",
        "-len_control=20",
        "-timeout=300",
        f"-dict={folder}/words",
        f"-artifact_prefix={folder}/found/",
        "-print_final_stats=1",
        "-verbosity=0",
    )
    atheris.Setup([sys.argv[0], *options, f"{folder}/corpus"], Observer(target, folder).run)
    atheris.Fuzz()  # ends the process


main()
