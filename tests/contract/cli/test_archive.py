"""archive: corrections, and the archive as files."""

import json
import re
from pathlib import Path

import pytest

from mailer.service.archive.export import MANIFEST, ExportError, export_archive
from tests.support.site import PHOTO, site_in
from tests.support.workspaces import DISPATCH, mailer, make_workspace


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path / "workspace") as made:
        yield made


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    (tmp_path / "workspace").mkdir()


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_editor_puts_right_what_was_sent(here, catcher):
    workspace = make_workspace(here.folder, port=catcher.port, ledger=False)
    never = mailer(workspace, "archive", "correct", "tide", "--note", "Noon, not ten.")
    assert never.code == 2
    assert "tide was never sent" in never.err
    assert here("send", "tide", "--to", "readers", "--yes").code == 0
    same = here("archive", "correct", "tide", "--note", "Noon, not ten.")
    assert same.code == 2
    assert "is the same as in the archive" in same.err
    (workspace / "dispatches" / "tide.md").write_text(DISPATCH.replace("patience", "calm"), encoding="utf-8")
    for note in ("", "  \n", "x" * 501):
        assert here("archive", "correct", "tide", "--note", note).code == 2
    done = here("archive", "correct", "tide", "--note", "He asked\nfor calm.", "--json")
    assert done.code == 0
    told = done.json()
    assert list(told) == ["slug", "edition", "note", "at", "url"]
    assert told["note"] == "He asked for calm."
    assert here("archive", "build", str(workspace / "out")).code == 0
    page = (workspace / "out" / "archive" / "tide.html").read_text(encoding="utf-8")
    assert "asks for calm" in page
    assert "He asked for calm." in page
    assert here("status", "1", "--json").json()["edition"] != told["edition"]
    (workspace / "dispatches" / "tide.md").write_text("---\ntitle: x\n---\n## A\n", encoding="utf-8")
    wrong = here("archive", "correct", "tide", "--note", "More.")
    assert wrong.code == 1
    assert "tide.md:" in wrong.err


def unsent(here) -> list[str]:
    return [line for line in here("check", "flood").out.splitlines() if "link-unsent" in line]


def test_a_link_to_a_dispatch_that_was_never_sent_is_noted_before_the_first_send(here, catcher):
    workspace = make_workspace(here.folder, port=catcher.port, ledger=False)
    folder = workspace / "dispatches"
    (folder / "ebb.md").write_text(DISPATCH.replace("The tide table", "Ebb"), encoding="utf-8")
    (folder / "flood.md").write_text(f"{DISPATCH}\nAfter [[ebb]], and [[tide]].\n", encoding="utf-8")
    assert unsent(here) == []  # the examples link to each other, and a new workspace checks without findings
    assert here("test", "flood", "mara@example.org").code == 0
    assert len(unsent(here)) == 2
    asked = here("send", "flood", "--to", "readers")
    assert asked.code == 4
    assert "“ebb” was never sent" in asked.err
    assert here("send", "tide", "--to", "readers", "--yes").code == 0
    (noted,) = unsent(here)
    assert "note: “ebb” was never sent" in noted
    assert here("send", "ebb", "--to", "readers", "--yes").code == 0
    assert unsent(here) == []


def test_a_build_says_what_it_wrote(tmp_path, programs):
    workspace = make_workspace(tmp_path / "desk")
    first = mailer(workspace, "archive", "build", "out", "--json").json()
    assert first == {
        "files": 5,
        "written": ["feed.json", "feed.xml", "index.html", "reading.css", "style.css"],
        "removed": [],
    }
    again = programs.run(workspace, "archive", "build", "out")
    assert again.out == "out: 5 files, 0 written, 0 removed\n"


def test_the_folder_holds_all_of_it_with_relative_links(site, tmp_path):
    site.begin(site.send(site.named("one", title="One")))
    site.clock.forward(60)
    sent = site.letter("[One](https://letter.example.org/archive/one).")
    site.begin(site.send(sent))
    out = tmp_path / "out"
    export_archive(site.app, out)
    assert set(tree(out)) == {
        MANIFEST, "index.html", "style.css", "reading.css", "feed.xml", "feed.json", f"media/{PHOTO.name}",
        "archive/one.html", "archive/a-letter.html",
    }  # fmt: skip
    for name in ("index.html", "archive/one.html", "archive/a-letter.html"):
        text = (out / name).read_text(encoding="utf-8")
        for link in re.findall(r'(?:href|src)="([^"#]+)"', text):
            if not link.startswith(("https://", "mailto:?")):
                assert (out / name).parent.joinpath(link).is_file(), link
    page = (out / "archive" / "a-letter.html").read_text(encoding="utf-8")
    assert 'href="../archive/one.html"' in page
    assert f'src="../media/{PHOTO.name}"' in page
    assert 'property="og:image" content="https://letter.example.org/media/' in page


def test_each_page_has_a_policy_of_its_own(site, tmp_path):
    site.begin(site.send())
    export_archive(site.app, tmp_path / "out")
    pages = list((tmp_path / "out").rglob("*.html"))
    for page in pages:
        [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page.read_text())
        assert policy.startswith("default-src &#x27;none&#x27;; style-src &#x27;self&#x27; file: ")
        assert "unsafe" not in policy and "script" not in policy
    assert len(pages) > 1


def test_only_what_changed_is_written(site, tmp_path):
    site.begin(site.send(site.named("one")))
    site.begin(site.send(site.named("two")))
    out = tmp_path / "out"
    export_archive(site.app, out)
    before = {path: path.stat().st_ino for path in out.rglob("*") if path.is_file()}
    assert export_archive(site.app, out).written == ()
    assert {path: path.stat().st_ino for path in before} == before
    site.correct(site.named("one", body="Better."))
    done = export_archive(site.app, out)
    original = f"archive/one/{site.named('one').digest[:16]}.html"
    assert set(done.written) == {"index.html", "feed.xml", "feed.json", "archive/one.html", original}
    assert b"Better." in (out / "archive" / "one.html").read_bytes()
    assert b"Better." not in (out / original).read_bytes()


def test_what_is_no_longer_part_of_it_goes_and_nothing_else(site, tmp_path):
    site.begin(site.send())
    out = tmp_path / "out"
    export_archive(site.app, out)
    (out / "archive" / "mine.html").write_text("mine")
    (out / "CNAME").write_text("letter.example.org")
    manifest = json.loads((out / MANIFEST).read_text())
    (out / "archive" / "old.html").write_text("a former build's")
    (tmp_path / "victim.html").write_text("not ours")
    manifest["files"] += [
        "archive/old.html",
        "../victim.html",
        "CNAME",
        "/etc/hostname",
        "archive/../../victim.html",
        7,
    ]
    (out / MANIFEST).write_text(json.dumps(manifest))
    assert export_archive(site.app, out).removed == ("archive/old.html",)
    assert (out / "archive" / "mine.html").read_text() == "mine"
    assert (out / "CNAME").exists()
    assert (tmp_path / "victim.html").exists()


def test_a_file_of_somebody_elses_is_left_and_named(site, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "index.html").write_text("my home page")
    with pytest.raises(ExportError, match=r"index\.html already exists"):
        export_archive(site.app, out)
    assert tree(out) == {"index.html": b"my home page"}


def test_nothing_is_written_through_a_link(site, tmp_path):
    site.begin(site.send())
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "archive").symlink_to(elsewhere)
    with pytest.raises(ExportError, match="is reached through a link"):
        export_archive(site.app, out)
    assert tree(elsewhere) == {}


def test_a_build_that_was_interrupted_goes_on(site, tmp_path, monkeypatch):
    site.begin(site.send())
    out, calls = tmp_path / "out", []
    replace = Path.replace

    def fail(self, target):
        calls.append(target)
        if len(calls) == 4:
            raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ExportError, match="No space left on device"):
        export_archive(site.app, out)
    assert not [path for path in out.rglob(".*") if path.name != MANIFEST]
    monkeypatch.undo()
    (out / "index.html").write_text("half a page of ours")
    export_archive(site.app, out)
    assert b"A letter" in (out / "index.html").read_bytes()


def test_a_damaged_list_of_files_is_named(site, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for text in ("{", "[]", '{"files": 1}'):
        (out / MANIFEST).write_text(text)
        with pytest.raises(ExportError, match="is damaged"):
            export_archive(site.app, out)


def test_files_ask_search_engines_to_stay_away_where_that_is_set(tmp_path):
    with site_in(tmp_path / "workspace", search_engines=False) as site:
        site.begin(site.send())
        export_archive(site.app, tmp_path / "out")
    files = tree(tmp_path / "out")
    assert files["robots.txt"] == b"User-agent: *\nDisallow: /\n"
    assert b'content="noindex, nofollow"' in files["index.html"]
    assert b'content="noindex, nofollow"' in files["archive/a-letter.html"]
