"""The program as it is installed from its wheel, with nothing of the repository beside it; and its demonstration."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from mailer import __version__

ROOT = Path(__file__).parents[3]
PROOFS = (
    "2026-10-26-east-quay: 12 recipients = 10 accepted + 1 failed + 1 skipped",
    "2026-03-02-crane: 12 recipients = 9 accepted + 3 skipped",
)


def ran(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"TMPDIR": str(cwd)}
    return subprocess.run(
        [str(each) for each in command], cwd=cwd, env=inherited, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `mailer` from the wheel, in an environment that sees our libraries, but not our tree."""
    folder = tmp_path_factory.mktemp("installed")
    built = ran(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    assert wheel.name == f"newsletter_desk-{__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.endswith("share/man/man1/mailer.1")]
    assert "mailer/starter/templates/dispatch.html.j2" in names
    assert "mailer/starter/env.example" in names
    assert not [name for name in names if name.endswith((".env", ".db"))]
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "libraries.pth").write_text(libraries)  # whose own .pth files, our tree's among them, are not read
    put = ran(
        sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "-q", wheel, cwd=folder
    )
    assert put.returncode == 0, put.stderr
    return folder / "venv" / "bin" / "mailer"


def test_the_wheel_has_the_command_its_version_and_its_manual_page(installed: Path, tmp_path: Path) -> None:
    assert ran(installed, "--version", cwd=tmp_path).stdout == f"mailer {__version__}\n"
    manual = installed.parents[1] / "share" / "man" / "man1" / "mailer.1"
    assert manual.read_bytes() == (ROOT / "docs" / "mailer.1").read_bytes()
    metadata = "from importlib.metadata import metadata; print(metadata('newsletter-desk').get_all('Provides-Extra'))"
    extras = ran(installed.with_name("python"), "-c", metadata, cwd=tmp_path).stdout
    assert all(extra in extras for extra in ("oidc", "postgresql"))


def test_init_and_demo_work_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert ran(installed, "init", "news", cwd=tmp_path).returncode == 0
    news = tmp_path / "news"
    checked = ran(installed, "check", "2026-10-26-east-quay", cwd=news)
    assert checked.returncode == 0, checked.stderr
    shown = ran(installed, "demo", cwd=news)
    assert shown.returncode == 0, shown.stderr
    for proof in PROOFS:
        assert proof in shown.stdout
    found = re.search(r"--workspace (\S+) report 1", shown.stdout)
    assert found
    report = ran(installed, "--workspace", found[1], "report", "1", cwd=news)
    assert report.returncode == 1
    assert PROOFS[0].partition(": ")[2] in report.stdout
    messages = re.search(r"19 messages received, in (\S+)", shown.stdout)
    assert messages
    assert len(list(Path(messages[1]).glob("*.eml"))) == 19
