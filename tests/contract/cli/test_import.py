"""`mailer import` as a person uses it."""

import io
import json

import pytest
from PIL import Image

from tests.support.workspaces import make_workspace
from tests.unit.importers.test_issue_structure import REGULAR


@pytest.fixture
def workspace(here):
    make_workspace(here.folder)
    return here


def test_an_archive_becomes_a_dispatch_that_checks(workspace, tmp_path):
    (tmp_path / "old.txt").write_text(REGULAR, encoding="utf-8")
    result = workspace("import", str(tmp_path / "old.txt"))
    assert result.code == 0
    made = result.out.strip()
    assert made.endswith("2026-10-26-the-east-quay-opens-again-we-will-not-wait-another-winter.md")
    assert "old.txt:5: a photo is described" in result.err
    assert workspace("check", made).code == 0
    again = workspace("import", str(tmp_path / "old.txt"))
    assert again.code == 2
    assert "exists already" in again.err


def test_a_folder_is_summed_up(workspace, tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.txt").write_text(REGULAR, encoding="utf-8")
    (folder / "b.txt").write_text("Another\n\nMay 3, 2025\n\n[Note by M]\n\nShort.\n", encoding="utf-8")
    (folder / "c.txt").write_text(" \n", encoding="utf-8")
    result = workspace("import", str(folder), "-o", str(tmp_path / "new"))
    assert result.code == 1
    assert "2 dispatches imported, 1 with 1 doubt; 1 file not imported" in result.err
    assert len(list((tmp_path / "new").glob("*.md"))) == 2


def test_a_page_brings_its_picture(workspace, tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    (tmp_path / "quay.png").write_bytes(picture.getvalue())
    (tmp_path / "page.html").write_text(
        "<h1>The quay</h1><p>26 October 2026</p><img src='quay.png' alt='A quay'><p>Seen. (Photo: Ines)</p><h2>Note by M</h2><p>x</p>",
        encoding="utf-8",
    )
    result = workspace("import", str(tmp_path / "page.html"), "-o", str(tmp_path / "x.md"), "--json")
    assert result.code == 0
    assert json.loads(result.out)["imported"][0]["problems"] == []
    assert len(list((tmp_path / "photos").iterdir())) == 1
    assert workspace("check", str(tmp_path / "x.md")).code == 0
