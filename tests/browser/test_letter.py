"""Editions in Chromium: the corpus at the widths of phones and desktops, in both schemes, in print, and with axe.

Boxes, sizes and colours that do not depend on fonts are always checked. Pictures are compared if the fonts and the browser
are those that the pictures were made with (tests/browser/pictures/fonts.txt); MAILER_GOLDEN=write rewrites them.
"""

import io
import os
import subprocess
from base64 import b64encode
from itertools import cycle
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from mailer.edition.theme import load_theme
from tests.support.chromium import violations
from tests.support.corpus import FLOWED, NAMES, READER, THEMES, corpus, theme_of, themed
from tests.support.editions import PUBLICATION, TEMPLATES, html_of

pytestmark = pytest.mark.chromium
PICTURES = Path(__file__).parent / "pictures"
PICTURED = ("04-everything", "08-pictures", "11-hebrew", "12-arabic", "07-tables", "03-long")
FAMILIES = ("Georgia", "Helvetica", "Noto Serif", "Noto Serif Hebrew", "Noto Naskh Arabic", "Menlo", "Iowan Old Style")
SCHEMES = ("light", "dark")


@pytest.fixture
def opened(sheet):
    """Opens an edition of the corpus, with its images embedded."""

    def opening(name, scheme="light", width=1280, theme="", height=900):
        made = corpus(name, theme)
        html = html_of(made, READER)
        for image in made.images:
            data = f"data:{image.content_type};base64,{b64encode(image.data).decode()}"
            html = html.replace(PUBLICATION.media_url + image.name, data)
        sheet.goto("about:blank")
        sheet.emulate_media(media="screen", color_scheme=scheme)
        sheet.set_viewport_size({"width": width, "height": height})
        sheet.set_content(html)
        return sheet

    return opening


def theme(name):
    return load_theme([themed(name), TEMPLATES])


def rgb(colour):
    return f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:7], 16)})"


MEASURE = """() => {
  const style = (selector, name) => getComputedStyle(document.querySelector(selector))[name];
  const sheet = document.querySelector('.sheet').getBoundingClientRect();
  const wide = [...document.querySelectorAll('.sheet *')].filter(element => {
    const box = element.getBoundingClientRect();
    return !element.closest('.scroll') && box.width && (box.right > innerWidth + 1 || box.left < -1);
  }).map(element => element.outerHTML.slice(0, 80));
  return {
    scroll: document.documentElement.scrollWidth, sheet: sheet.width, middle: (sheet.left + sheet.right) / 2, wide,
    headline: style('h1', 'fontSize'), ink: style('h1', 'color'), ground: style('body', 'backgroundColor'),
    muted: style('.over', 'color'),
    images: [...document.images].filter(image => image.naturalWidth)
      .map(image => [image.getBoundingClientRect().width, image.naturalWidth]),
  };
}"""


@pytest.mark.parametrize(("name", "scheme"), list(zip(NAMES, cycle(SCHEMES), strict=False)))
def test_an_edition_fits_every_screen_in_its_colours_and_axe_finds_nothing(opened, name, scheme):
    look = theme(theme_of(name))
    palette = getattr(look, scheme)
    gutter = 12 if look.manner.articles == "cards" else 18
    page = opened(name, scheme)
    for width in (320, 768, 1280, 375):
        page.set_viewport_size({"width": width, "height": 900})
        found = page.evaluate(MEASURE)
        narrow = width <= 480
        assert found["wide"] == []
        assert found["scroll"] <= width
        assert found["sheet"] == min(look.sizes.column, width - 2 * (gutter if narrow else 24))
        assert found["middle"] == width / 2
        assert found["headline"] == f"{round(look.sizes.headline * 0.8) if narrow else look.sizes.headline}px"
        assert (found["ink"], found["ground"]) == (rgb(palette.ink), rgb(palette.canvas))
        assert found["muted"] == rgb(palette.muted)
        assert all(shown <= min(natural, found["sheet"]) for shown, natural in found["images"])
    landmarks = {rule: {"enabled": False} for rule in ("region", "landmark-one-main")}
    assert violations(page, rules=landmarks) == []  # those are the mail program's: a letter stands inside its page


@pytest.mark.parametrize("theme_name", THEMES)
def test_in_print_it_is_dark_on_light_and_shows_link_addresses(opened, theme_name):
    page = opened("04-everything", "dark", 700, theme_name)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(17, 17, 17)"
    assert page.evaluate("getComputedStyle(document.querySelector('.piece')).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert not page.get_by_text("Unsubscribe").is_visible()
    after = page.evaluate("getComputedStyle(document.querySelector('.button-link'), '::after').content")
    assert "https://x.example.org/book" in after


@pytest.mark.parametrize("theme_name", THEMES)
def test_a_wide_table_scrolls_by_itself(opened, theme_name):
    page = opened("07-tables", width=320, theme=theme_name)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    boxes = page.evaluate("[...document.querySelectorAll('.scroll')].map(box => box.scrollWidth > box.clientWidth)")
    assert boxes == [True]


def fonts(browser):
    """Returns the versions of the browser and the fonts, which decide how text looks."""
    matched = [
        subprocess.check_output(["fc-match", "-f", "%{family} %{fontversion}", name], text=True) for name in FAMILIES
    ]
    return "\n".join([f"chromium {browser.version.partition('.')[0]}", *matched]) + "\n"


def photographed(opened, name):
    """Returns one picture of an edition at 1280 and 375 pixels, light and dark: the top of each, at a third of its size."""
    sheet = Image.new("RGB", (2 * (1280 + 375) // 3, 700))
    left = 0
    for scheme in SCHEMES:
        for width in (1280, 375):
            page = opened(name, scheme, width, height=2100)
            shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            sheet.paste(shot.reduce(3), (left, 0))
            left += width // 3
    return sheet


@pytest.mark.parametrize("name", PICTURED)
def test_an_edition_looks_like_its_picture(browser, opened, name):
    stored, writing = PICTURES / "fonts.txt", os.environ.get("MAILER_GOLDEN") == "write"
    if writing:
        stored.write_text(fonts(browser), encoding="utf-8")
    if stored.read_text(encoding="utf-8") != fonts(browser):
        pytest.skip("other fonts or another browser than the pictures were made with")
    sheet = photographed(opened, name)
    path = PICTURES / f"{name}.png"
    if writing:
        sheet.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
    with Image.open(path) as before:
        difference = ImageChops.difference(before.convert("RGB"), sheet).convert("L")
    changed = sum(difference.histogram()[40:]) / (sheet.width * sheet.height)
    assert ImageStat.Stat(difference).mean[0] < 4
    assert changed < 0.01


def test_part_of_the_corpus_is_format_flowed():
    assert {name for name in NAMES if corpus(name).flowed} == FLOWED
