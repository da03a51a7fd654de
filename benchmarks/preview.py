"""From save to sight: how long after a dispatch was saved its new words stand in the preview, drawn.

    python -m benchmarks.preview [SAVES]

Serves the preview of the largest example, with its articles four times, from a workspace of its own; opens it in Debian's
Chromium; saves, as an editor program does, a paragraph more each time, when the sample before was made in full. The clock is the
machine's, read in this process before the save and in the page after the second animation frame that follows the new words.
"""

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import ROOT

SAVES = 15
LARGEST = "2026-10-26-east-quay.md"
_CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_SEEN = """word => { window.seen = new Promise(done => {
  const look = () => {
    const frame = document.querySelector('#glass iframe:not(.is-coming)');
    if (frame.contentDocument?.body?.textContent.includes(word)) {
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.timeOrigin + performance.now())));
    } else { setTimeout(look, 4); }
  };
  look();
}); }"""


def workspace(folder: Path) -> Path:
    """A workspace with the example made long; returns the file."""
    subprocess.run([sys.executable, "-m", "mailer", "init", folder], check=True, capture_output=True)
    source = ROOT / "dispatches" / LARGEST
    shutil.copytree(ROOT / "dispatches", folder / "dispatches", dirs_exist_ok=True)
    text = source.read_text(encoding="utf-8")
    head, articles = text[: text.index("\n## ")], text[text.index("\n## ") :]
    long = folder / "dispatches" / "long.md"
    long.write_text(head + articles * 4, encoding="utf-8")
    return long


def measure(saves: int) -> tuple[int, list[float]]:
    """The octets of the sample's HTML, and milliseconds from save to sight."""
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415 - a large import, for this alone

    with tempfile.TemporaryDirectory(prefix="mailer-preview-") as folder:
        path = workspace(Path(folder))
        text = path.read_text(encoding="utf-8")
        command = [sys.executable, "-m", "mailer", "preview", "long", "--no-open"]
        with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as serving:
            assert serving.stderr is not None
            found = re.search(r"http://\S+/", serving.stderr.readline())
            assert found is not None
            try:
                with sync_playwright() as playwright:
                    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_CHROMIUM)
                    page = browser.new_page(viewport={"width": 1280, "height": 860})
                    page.goto(found[0])
                    expect(page.locator("#status")).to_have_text("· checked", timeout=30_000)
                    size = json.loads(page.request.get(f"{found[0]}state").text())["size"]
                    times = []
                    for number in range(saves):
                        expect(page.locator("#status")).to_have_text("· checked", timeout=30_000)
                        word = f"word{number}of{time.time_ns()}"
                        page.evaluate(_SEEN, word)
                        page.wait_for_timeout(300)
                        begun = time.time()
                        path.write_text(text.replace("\n\n## ", f"\n\n{word}\n\n## ", 1), encoding="utf-8")
                        times.append(page.evaluate("() => window.seen") - begun * 1000)
                    browser.close()
            finally:
                serving.terminate()
        return size, times[1:]  # the first save compiles the templates


def main() -> None:
    size, times = measure(int(sys.argv[1]) if len(sys.argv) > 1 else SAVES)
    load = Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
    print(
        f"{size / 1024:.0f} KB of HTML, {len(times)} saves: median {statistics.median(times):.0f} ms, "
        f"from {min(times):.0f} to {max(times):.0f}; load {load}"
    )


if __name__ == "__main__":
    main()
