"""Previews of a dispatch while it is being written."""

import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from PIL import Image as Pillow

from mailer.errors import UsageError
from mailer.service.dispatches import preview as module
from mailer.service.dispatches.check_concurrency import CheckGate
from mailer.service.dispatches.files import read_dispatch
from mailer.service.dispatches.lint import lint_dispatch
from mailer.service.dispatches.preview import (
    NO_READER,
    ColorScheme,
    PreviewCache,
    compile_draft,
    force_color_scheme,
    lint_draft,
    reader_values,
    render_preview,
    sample_addresses,
)
from mailer.service.file_cache import TICK, cache_by_mtime
from tests.support.patience import PATIENCE
from tests.support.preview import SHOWN, make_newsroom
from tests.support.workspaces import DISPATCH

MEDIA = "/media/"


@pytest.fixture
def app(tmp_path):
    with make_newsroom(tmp_path) as made:
        yield made


@pytest.fixture
def path(app):
    return app.workspace.dispatches / "tide.md"


def drafted(app, path, source=DISPATCH):
    return compile_draft(app, source, path, shown=SHOWN)


def test_a_text_without_a_file_is_previewed_and_nothing_is_written(app, path):
    before = {each: each.stat().st_mtime_ns for each in app.workspace.root.rglob("*")}
    made = lint_draft(app, drafted(app, path, DISPATCH.replace("patience", "forbearance")))
    assert "forbearance" in render_preview(made.edition, media=MEDIA).text
    assert {each: each.stat().st_mtime_ns for each in app.workspace.root.rglob("*")} == before


def test_the_quick_preview_has_the_final_text_with_styles_as_in_the_template(app, path):
    soon = drafted(app, path)
    final = lint_draft(app, soon)
    one, other = render_preview(soon.edition, media=MEDIA), render_preview(final.edition, media=MEDIA)
    assert (one.subject, one.text) == (other.subject, other.text)
    assert _words(one.html) == _words(other.html)
    assert (soon.is_final, final.is_final) == (False, True)
    assert one.mailed.count(' style="') < other.mailed.count(' style="')


def _words(html):
    return re.sub(
        r"\s+", " ", unescape(re.sub(r"<style.*?</style>|<!--.*?-->|<[^>]*>", "", html, flags=re.DOTALL))
    ).strip()


@pytest.mark.parametrize(
    "source",
    [
        DISPATCH,
        DISPATCH.replace("source:", "sorce:"),
        DISPATCH.replace("The rest is", "TODO the rest is"),
        DISPATCH.replace("title:", "# check: ignore placeholder\ntitle:").replace("The rest", "TODO. The rest"),
        "no front matter",
    ],
)
def test_the_problems_are_those_of_the_check(app, path, source):
    path.write_text(source)
    checked = lint_dispatch(app, "tide")
    found = lint_draft(app, drafted(app, path, source)).problems
    assert [(each.line, each.rule) for each in found] == [(each.line, each.rule) for each in checked.problems]


def test_errors_leave_no_edition(app, path):
    made = drafted(app, path, DISPATCH.replace("source:", "sorce:"))
    assert made.edition is None
    assert lint_draft(app, made).edition is None


def test_invalid_utf_8_is_a_problem(app, path):
    made = compile_draft(app, b"---\ntitle: \xff\n---\n", path)
    assert [problem.rule for problem in made.problems] == ["encoding"]


@pytest.mark.parametrize(
    ("theme", "line", "words"),
    [
        ('theme = "daily"\n[light]\nink = "#eeeeee"\n', 3, "contrast"),
        ("theme = 'dayly'\n", 1, "daily"),
        ("\n[logo]\nfile = 'none.png'\nwidth = 100\n", 3, "no image file"),
        ("= nothing", 1, "not valid TOML"),
    ],
)
def test_an_error_in_the_theme_is_a_problem_at_its_line(app, path, theme, line, words):
    app.workspace.templates.mkdir()
    (app.workspace.templates / "theme.toml").write_text(theme)
    for problems in (lint_dispatch(app, "tide").problems, drafted(app, path).problems):
        found = problems[0]
        assert (found.rule, found.line, found.path[-20:]) == ("theme", line, "templates/theme.toml")
        assert words in found.message


def test_a_logo_is_decoded_once_while_its_file_is_unchanged(app, path, monkeypatch):
    app.workspace.templates.mkdir()
    (app.workspace.templates / "theme.toml").write_text("[logo]\nfile = 'logo.png'\nwidth = 100\n")
    logo = app.workspace.templates / "logo.png"
    Pillow.new("RGB", (40, 20), "#17506b").save(logo)
    time.sleep(2 * TICK / 1e9)  # a file that was changed at this very moment is not cached
    decoded = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **named: decoded.append(1) or run(*args, **named))
    for _ in range(3):
        assert drafted(app, path).edition.images
    assert len(decoded) == 1


def test_problems_of_dispatch_and_theme_come_together_the_dispatch_first(app, path):
    app.workspace.templates.mkdir()
    (app.workspace.templates / "theme.toml").write_text("nonsense = 1\n")
    found = drafted(app, path, DISPATCH.replace("source:", "sorce:")).problems
    assert [problem.rule for problem in found] == ["missing-key", "unknown-key", "theme"]


def test_images_are_below_the_media_path_and_alternative_texts_replace_them(app, path):
    Pillow.new("RGB", (40, 30), "navy").save(path.parent / "quay.png")
    photo = 'photo: {file: quay.png, alt: "A quay > a bridge", caption: The quay, credit: Mara}\n'
    made = drafted(app, path, DISPATCH.replace("date: 2026-11-01\n", f"date: 2026-11-01\n{photo}", 1))
    (image,) = made.edition.images
    assert f'src="{MEDIA}{image.name}"' in render_preview(made.edition, media=MEDIA).html
    assert app.publication.media_url in render_preview(made.edition, media=MEDIA).mailed
    without = render_preview(made.edition, media=MEDIA, images=False).html
    assert image.name not in without
    assert re.search(r'<img[^>]*src="data:,"[^>]*alt="A quay &gt; a bridge"', without)


def test_links_open_in_a_new_tab_except_those_to_articles(app, path):
    source = f"{DISPATCH}\n## Another\nsource: Harbour Times\ndate: 2026-10-31\n\nText.\n"
    html = render_preview(lint_draft(app, drafted(app, path, source)).edition, media=MEDIA).html
    links = re.findall(r"<a [^>]*href[^>]*>", html)
    assert {"#" in each.partition("href=")[2][:2] for each in links} == {True, False}
    for link in links:
        assert ('target="_blank"' in link) != ('href="#' in link), link


CSS = "<head><style>@media (prefers-color-scheme: dark) { a { b: c } } @media screen and ( prefers-color-scheme:light) { d { } }</style></head>"


@pytest.mark.parametrize(
    ("scheme", "dark", "light"),
    [(ColorScheme.DARK, "(min-width: 0)", "(max-width: 0)"), (ColorScheme.LIGHT, "(max-width: 0)", "(min-width: 0)")],
)
def test_a_colour_scheme_is_forced_in_style_sheets_only(scheme, dark, light):
    words = "<p>(prefers-color-scheme: dark)</p>"
    html = force_color_scheme(CSS + words, scheme)
    assert f"@media {dark} {{ a" in html
    assert f"@media screen and {light} {{ d" in html
    assert html.endswith(words)
    assert f"color-scheme: {scheme}" in html


def test_a_preview_for_a_reader_is_what_they_would_be_sent(app, path):
    made = drafted(app, path)
    ana = reader_values(app, "Ana@example.com", (), made.edition.fields)
    assert "Dear Ana," in render_preview(made.edition, ana, media=MEDIA).text
    assert "ana@example.com" in render_preview(made.edition, ana, media=MEDIA).html
    assert "Dear reader," in render_preview(made.edition, NO_READER, media=MEDIA).text
    with pytest.raises(UsageError, match="not on any list"):
        reader_values(app, "nobody@example.com", (), made.edition.fields)


def test_sample_addresses_are_offered(app):
    (app.workspace.subscribers / "board.csv").write_text("email\nana@example.com\nben@example.com\nbroken\n")
    assert sample_addresses(app, (), 10) == ("ana@example.com", "ben@example.com")
    assert sample_addresses(app, ("readers",), 10) == ("ana@example.com",)
    assert sample_addresses(app, (), 1) == ("ana@example.com",)


def test_a_change_of_another_dispatch_is_noticed(app, path):
    other = path.with_name("other.md")
    source = DISPATCH.replace("The rest", "See [[other]]. The rest")
    assert drafted(app, path, source).edition is None
    other.write_text(DISPATCH.replace("The tide table", "Fog"))
    assert "Fog" in render_preview(drafted(app, path, source).edition, media=MEDIA).text
    other.write_text(DISPATCH.replace("The tide table", "Sun"))
    assert "Sun" in render_preview(drafted(app, path, source).edition, media=MEDIA).text


@pytest.fixture
def reading(tmp_path):
    """A function that reads a file, and what it did read."""
    reads = []

    @cache_by_mtime(maxsize=4)
    def read(path, suffix=""):
        reads.append(path)
        return path.read_text() + suffix

    file = tmp_path / "file"
    file.write_text("one")
    return read, file, reads


def test_a_file_is_read_again_only_when_it_changed(reading, monkeypatch):
    read, file, reads = reading
    later = time.time_ns() + 10**10
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert [read(file), read(file), read(file, suffix="!")] == ["one", "one", "one!"]
    assert len(reads) == 2
    file.write_text("three")
    assert read(file) == "three"
    file.unlink()
    with pytest.raises(FileNotFoundError):
        read(file)


def test_a_file_that_was_written_just_now_is_not_cached(reading, monkeypatch):
    read, file, reads = reading
    now = file.stat().st_mtime_ns
    monkeypatch.setattr(time, "time_ns", lambda: now)
    assert [read(file), read(file)] == ["one", "one"]
    assert len(reads) == 2


def test_a_text_is_checked_once_for_all_that_wait_for_it(app, path, monkeypatch):
    path.write_text(DISPATCH)
    previews, asked, checks = PreviewCache(app, MEDIA, CheckGate()), [], []
    all_asked = threading.Event()

    def reading(*given):
        asked.append(given)
        if len(asked) > 6:  # six that ask, and the first of them once more
            all_asked.set()
        return read_dispatch(*given)

    def linting(*given, go_on):
        checks.append(given)
        assert all_asked.wait(PATIENCE)
        return lint_draft(*given, go_on=go_on)

    monkeypatch.setattr(module, "read_dispatch", reading)
    monkeypatch.setattr(module, "lint_draft", linting)
    with ThreadPoolExecutor(6) as many:
        made = list(many.map(previews.make, [path.stem] * 6))
    assert (len(checks), {each.digest for each in made}) == (1, {made[0].digest})
    assert previews.make(path.stem).edition is not None
    assert len(checks) == 2, "other files that the text depends on may have changed"
