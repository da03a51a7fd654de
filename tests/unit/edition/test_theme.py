from itertools import product

import html5lib
import pytest
from PIL import Image as Pillow

from mailer.edition.colour import Colour, contrast_ratio
from mailer.edition.images.loader import PhotoError
from mailer.edition.template_loader import LayoutError
from mailer.edition.theme import CONTRAST, Palette, Theme, ThemeError, load_theme
from tests.support.editions import PUBLICATION, TEMPLATES, edition, html_of

THEMES = ("daily", "letter", "bulletin")


def contrast(text, ground):
    return contrast_ratio(Colour.from_hex(text), Colour.from_hex(ground))


def themed(tmp_path, text, name="theme.toml"):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return [tmp_path, TEMPLATES]


@pytest.mark.parametrize("name", THEMES)
def test_each_theme_is_complete_and_readable(tmp_path, name):
    theme = load_theme(themed(tmp_path, f'theme = "{name}"\n'))
    for palette in (theme.light, theme.dark):
        for text, ground in product((palette.ink, palette.muted, palette.accent), (palette.paper, palette.wash)):
            assert contrast(text, ground) >= CONTRAST
        assert contrast(palette.on_accent, palette.accent) >= CONTRAST
    assert theme.sizes.column - theme.measure == (48 if name == "bulletin" else 0)


def test_the_themes_look_different(tmp_path):
    seen = set()
    for name in THEMES:
        theme = load_theme(themed(tmp_path, f'theme = "{name}"\n'))
        seen.add((theme.light.canvas, theme.light.accent, theme.manner, theme.fonts))
    assert len(seen) == len(THEMES)


def test_a_workspace_overrides_parts_of_a_theme(tmp_path):
    folders = themed(
        tmp_path, 'theme = "letter"\n[light]\naccent = "#059"\n[fonts]\nread = ["Gill Sans 2", "Futura", "serif"]\n'
    )
    theme = load_theme(folders)
    assert theme.light.accent == "#005599"
    assert theme.light.paper == load_theme(themed(tmp_path, 'theme = "letter"\n')).light.paper
    html = html_of(edition("Note.", templates=tuple(themed(tmp_path, '[light]\naccent = "#059"\n'))))
    assert "#005599" in html_of(edition("[x](https://x.example.org)", templates=(tmp_path, TEMPLATES)))
    assert "Georgia" in html


def test_a_family_is_quoted_where_css_asks_for_it(tmp_path):
    theme = load_theme(themed(tmp_path, '[fonts]\nread = ["Gill Sans 2", "2Stone", "Noto Serif", "serif"]\n'))
    fonts = theme.names["fonts"]
    assert fonts["read"] == "'Gill Sans 2', '2Stone', Noto Serif, serif"
    html = html_of(edition("A paragraph.", templates=(tmp_path, TEMPLATES)))
    styles = [element.get("style", "") for element in html5lib.parse(html, namespaceHTMLElements=False).iter("td")]
    assert any('font-family:"Gill Sans 2", "2Stone", Noto Serif, serif; ' in style for style in styles)


def test_a_workspace_has_a_theme_of_its_own(tmp_path):
    own = (
        (TEMPLATES / "themes" / "daily.toml")
        .read_text(encoding="utf-8")
        .replace('accent = "#17506b"', 'accent = "#123456"')
    )
    themed(tmp_path, own, "themes/mine.toml")
    assert load_theme(themed(tmp_path, 'theme = "mine"\n')).light.accent == "#123456"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('theme = "dayly"', "theme.toml:1: there is no theme “dayly”; did you mean “daily”?"),
        ('theme = "../x"', "theme.toml:1: there is no theme “../x”; expected one of bulletin, daily, letter"),
        ("theme = 3", "theme.toml:1: there is no theme “3”"),
        ("\nthem = 1", "theme.toml:2: unknown key “them” in a theme; did you mean “theme”?"),
        ("[lihgt]", "theme.toml:1: unknown key “lihgt” in a theme; did you mean “light”?"),
        ('[light]\n\npapper = "#fff000"', "theme.toml:3: unknown key “papper” in [light]; did you mean “paper”?"),
        ('[dark]\nink = "navy"', "theme.toml:2: dark.ink: “navy” is not a colour; did you mean “#000080”?"),
        ('[dark]\nink = "e4e1da"', "theme.toml:2: dark.ink: “e4e1da” is not a colour; did you mean “#e4e1da”?"),
        (
            '[dark]\nink = "red; x: y"',
            "theme.toml:2: dark.ink: “red; x: y” is not a colour; write one such as #17506b",
        ),
        ("[dark]\nink = 3", "theme.toml:2: dark.ink: not a colour"),
        ('[light]\npaper = "#FFF"', "theme.toml:2: light.paper: #ffffff is inverted"),
        (
            '[light]\nmuted = "#aaaaaa"',
            "theme.toml:2: muted on paper has a contrast of 2.2 in [light]; use at least 4.5",
        ),
        ('[light]\npaper = "#777777"', "theme.toml:2: ink on paper has a contrast of 3.4 in [light]"),
        ('[fonts]\nread = ["a;b"]', "theme.toml:2: fonts.read.0: not the name of a font"),
        ("[fonts]\nread = []", "theme.toml:2: fonts.read: "),
        ("[sizes]\ncolumn = 900", "theme.toml:2: sizes.column: input should be less than or equal to 680"),
        ('[manner]\nmasthead = "bnad"', "theme.toml:2: manner.masthead: use 'rule', 'centre' or 'band'"),
        ("[logo]\nwidth = 80", "theme.toml:1: [logo] has no “file”"),
        ('[logo]\nfile = "a\\u0000b"\nwidth = 80', "theme.toml:2: logo.file: not the name of a file"),
        ("[text]\nflowed = 3", "theme.toml:2: text.flowed: "),
        ("light = 3", "theme.toml:1: light: input should be"),
        ("[light", "theme.toml:1: not valid TOML"),
        ("x = " + "[" * 3000, "theme.toml"),
        ("#" * 70_000, "the file is larger than 64 KB"),
    ],
)
def test_a_fault_is_reported_with_its_line(tmp_path, text, message):
    with pytest.raises(ThemeError) as raised:
        load_theme(themed(tmp_path, text + "\n"))
    assert message in raised.value.message


def test_all_faults_are_reported_at_once(tmp_path):
    with pytest.raises(ThemeError) as raised:
        load_theme(themed(tmp_path, '[light]\nink = "x"\n[dark]\npapier = 1\n[sizes]\ntext = 99\n'))
    assert len(raised.value.message.splitlines()) == 3


@pytest.mark.parametrize("content", [b"\xff\xfe", b"theme = '\xe9'"])
def test_a_theme_that_is_not_utf8_is_named(tmp_path, content):
    (tmp_path / "theme.toml").write_bytes(content)
    with pytest.raises(ThemeError, match="UTF-8"):
        load_theme([tmp_path, TEMPLATES])


def test_a_missing_key_is_named(tmp_path):
    themed(tmp_path, "[light]\n", "themes/half.toml")
    with pytest.raises(ThemeError, match=r"half\.toml:1: \[light\] has no “paper”"):
        load_theme(themed(tmp_path, 'theme = "half"\n'))


def test_without_any_theme_the_templates_are_named(tmp_path):
    with pytest.raises(ThemeError, match=r"there is no theme\.toml"):
        load_theme([tmp_path])


def test_a_logo_replaces_the_name(tmp_path):
    Pillow.new("RGB", (400, 100), "navy").save(tmp_path / "logo.png")
    folders = themed(tmp_path, '[logo]\nfile = "logo.png"\nwidth = 160\n')
    made = edition("Note.", templates=tuple(folders))
    (image,) = made.images
    assert f'src="{PUBLICATION.media_url}{image.name}" alt="The Harbour Letter" width="160" height="40"' in html_of(
        made
    )
    assert made.digest != edition("Note.").digest


def test_a_logo_for_dark_mode_takes_the_place_of_the_other(tmp_path):
    Pillow.new("RGB", (400, 100), "navy").save(tmp_path / "logo.png")
    Pillow.new("RGB", (400, 100), "white").save(tmp_path / "pale.png")
    folders = themed(tmp_path, '[logo]\nfile = "logo.png"\ndark_file = "pale.png"\nwidth = 160\n')
    made = edition("Note.", templates=tuple(folders))
    html = html_of(made)
    assert len(made.images) == 2
    assert all(html.count(image.name) == 1 for image in made.images)
    assert ".dark-only { display: block !important; }" in html
    assert 'class="logo light-only"' in html
    assert "dark-only" not in html_of(edition("Note."))


@pytest.mark.parametrize("file", ["gone.png", "../logo.png", "/etc/passwd"])
def test_a_logo_that_is_missing_or_outside_is_refused(tmp_path, file):
    folder = tmp_path / "templates"
    folder.mkdir()
    Pillow.new("RGB", (4, 4)).save(tmp_path / "logo.png")
    with pytest.raises((PhotoError, LayoutError)):
        edition("Note.", templates=tuple(themed(folder, f'[logo]\nfile = "{file}"\nwidth = 160\n')))


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


def test_one_partial_is_overridden_without_the_rest(tmp_path):
    (tmp_path / "partials").mkdir()
    (tmp_path / "partials" / "quote.html.j2").write_text('<blockquote class="mine">{{ body }}</blockquote>\n')
    html = html_of(edition("> A quote.\n\nText.", templates=(tmp_path, TEMPLATES)))
    assert '<blockquote class="mine">' in html
    assert "Unsubscribe" in html


def test_a_partial_added_later_is_used_at_once(tmp_path):
    assert "mine" not in html_of(edition("> q", templates=(tmp_path, TEMPLATES)))
    (tmp_path / "partials").mkdir()
    (tmp_path / "partials" / "quote.html.j2").write_text('<blockquote class="mine">{{ body }}</blockquote>\n')
    assert "mine" in html_of(edition("> q", templates=(tmp_path, TEMPLATES)))
    (tmp_path / "partials" / "quote.html.j2").unlink()
    assert "mine" not in html_of(edition("> q", templates=(tmp_path, TEMPLATES)))


def test_every_table_of_a_theme_is_known_to_templates(tmp_path):
    names = load_theme(themed(tmp_path, 'theme = "daily"\n')).names
    assert set(names) == {"light", "dark", "fonts", "windows", "sizes", "manner"}
    assert set(Palette.model_fields) == set(names["light"])
    assert set(Theme.model_fields) == {*names, "logo", "text"} - {"windows"}


def test_outlook_gets_a_family_that_windows_has(tmp_path):
    names = load_theme(themed(tmp_path, 'theme = "letter"\n')).names
    assert names["windows"]["read"] == "Palatino Linotype"
    names = load_theme(themed(tmp_path, '[fonts]\nlook = ["Inter", "sans-serif"]\n')).names
    assert (names["windows"]["read"], names["windows"]["look"]) == ("", "sans-serif")
    html = html_of(edition("Note.", templates=(tmp_path, TEMPLATES)))
    outlook = html.partition("<!--[if mso]>")[2].partition("<![endif]-->")[0]
    assert ".data, .button-link {font-family: sans-serif !important}" in outlook
    assert ".read" not in outlook
