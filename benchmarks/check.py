"""CPU time of `check` by the length and shape of a dispatch: it grows with the length, not with its square.

    python -m benchmarks.check [KB]

Each shape is checked at a quarter of the length and in full, in this process. A ratio near 4 is linear, one near 16 quadratic.
"""

import sys
import tempfile
import time
from pathlib import Path

from mailer.app import App
from mailer.service.dispatches.lint import lint_dispatch
from mailer.workspace import init_workspace

KB = 300
_HEAD = "---\ntitle: The tide\ndate: 2026-10-26\nlanguage: en\n---\n\nDear reader,\n\n"
_ARTICLE = "## Title {n}\nsource: Harbour Post {n}\ndate: 2026-10-25\n\n"
_PARAGRAPH = "Some words about the ferry, “quoted”, and a [link](https://example.org/{n}) with *emphasis* in them.\n\n"
SHAPES = {
    "articles of 1 KB": _ARTICLE + _PARAGRAPH * 9,
    "articles of one paragraph": _ARTICLE + _PARAGRAPH,
    "rows of a table": "| row {n} | cell |\n",
    "footnotes": "Text[^{n}].\n\n[^{n}]: Note {n}.\n\n",
    "items of a list": "- item {n}\n",
    "readers’ fields": 'Dear {{{{ reader.first_name or "reader" }}}}, {n}.\n\n',
}


def text(shape: str, size: int) -> str:
    """Returns a dispatch of this shape, of about `size` octets."""
    part = SHAPES[shape]
    begin = "| a | b |\n|---|---|\n" if shape == "rows of a table" else ""
    return _HEAD + begin + "".join(part.format(n=number) for number in range(size // len(part.encode()) + 1))


def cpu_of_check(app: App, path: Path, source: str) -> float:
    """Returns the CPU seconds of one check."""
    path.write_text(source, encoding="utf-8")
    begun = time.process_time()
    lint_dispatch(app, str(path))
    return time.process_time() - begun


def main(size: int) -> None:
    with tempfile.TemporaryDirectory(prefix="mailer-check-") as folder:
        init_workspace(Path(folder))
        with App.open(Path(folder)) as app:
            path = Path(folder) / "dispatches" / "long.md"
            cpu_of_check(app, path, _HEAD)  # loads what the first check loads
            for shape in SHAPES:
                quarter, whole = (cpu_of_check(app, path, text(shape, each)) for each in (size // 4, size))
                print(f"| {shape} | {quarter:.1f} s | {whole:.1f} s | {whole / quarter:.1f} |", flush=True)


if __name__ == "__main__":
    main(1024 * int((sys.argv[1:] or [KB])[0]))
