import re

import pytest

from mailer.edition.html.css_inliner import inline_styles
from mailer.edition.template_loader import LayoutError, TemplateSet, builtin_dir
from mailer.edition.theme import load_theme

PAGE = "<!DOCTYPE html>\n<html><head>{head}</head><body>{body}</body></html>"
RULES = "<style>p {{ color: #ffffff; margin: 0 }}{}</style>"


def page(head="", body="<p>x</p>"):
    return PAGE.format(head=head, body=body)


def test_rules_are_inlined_and_those_for_phones_stay():
    phone = "@media (max-width: 480px) { p { color: #000000 !important } }"
    html = inline_styles(page(f'<style data-premailer="ignore">{phone}</style><style>p {{ color: #ffffff }}</style>'))
    assert '<p style="color:#ffffff">x</p>' in html
    assert html.count("<style") == 1
    assert phone in html
    assert html.startswith("<!DOCTYPE html>")


def test_branch_comments_survive_between_table_rows():
    rows = "<table><!--q1b0z--><tr><td>a</td></tr><!--q1c0z--><!--q1b1z--><tr><td>b</td></tr><!--q1c1z--></table>"
    assert rows in inline_styles(page(body=rows)).replace("\n", "")


def test_markers_survive_in_addresses():
    assert 'href="https://x.example/q1w2z?a=q1w3z"' in inline_styles(
        page(body='<a href="https://x.example/q1w2z?a=q1w3z">x</a>')
    )


def test_attributes_and_characters_are_left_alone():
    html = inline_styles(
        page("<style>img { width: 100%; height: auto }</style>", '<img src="a" alt="" width="600" height="338">\u00a0é')
    )
    assert 'width="600" height="338"' in html
    assert "\u00a0é" in html


@pytest.mark.parametrize(
    ("head", "body", "kept"),
    [
        ("<style data-premailer='ignore'>@media (x) { p { color: #ffffff !important } }</style>", "", "!important"),
        ("<style>p { color: #ffffff }</style>", "", "color:#ffffff"),
        ("<style>img { width: 100% }</style>", '<img src="a" alt="" width="600">', 'width="600"'),
        ("<style>td { background-color: #eeeeee }</style>", '<table><tr><td bgcolor="#111111">', 'bgcolor="#111111"'),
        ("", "<!--[if mso]><table><tr><td><![endif]-->", "<!--[if mso]><table><tr><td><![endif]-->"),
        ("", "<!--[if !mso]><!--><b>x</b><!--<![endif]-->", "<!--[if !mso]><!--><b>x</b><!--<![endif]-->"),
        ("<!--[if mso]><style>p {color: #111111}</style><![endif]-->", "", "<style>p {color: #111111}</style>"),
        ("<style>p { font-family: 'A B', serif }</style>", "", "A B"),
        ("<style>p { mso-padding-alt: 12px 22px }</style>", "", "mso-padding-alt:12px 22px"),
        ('<style data-premailer="ignore">[data-ogsc] p { color: #ffffff }</style>', "", "[data-ogsc] p"),
    ],
)
def test_rules_that_premailer_would_lose_are_kept(head, body, kept):
    assert kept in inline_styles(page(head, body + "<p>x</p>"))


def test_our_templates_use_only_selectors_that_are_inlined():
    css = TemplateSet([builtin_dir()], load_theme([builtin_dir()]).names).render("style.css", SIDES)
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    assert len(selectors) > 60
    assert all(re.fullmatch(r"\.[a-z-]+|p|li", selector.strip()) for selector in selectors)
    assert "@" not in css
    assert "var(" not in css


@pytest.mark.parametrize("name", ["phone.css", "dark.css", "print.css"])
def test_kept_style_blocks_do_not_nest(name):
    css = TemplateSet([builtin_dir()], load_theme([builtin_dir()]).names).render(name, SIDES)
    depth, deepest = 0, 0
    for sign in css:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        deepest = max(deepest, depth)
    assert (depth, deepest) == (0, 2)
    assert len(css) < 4_000


SIDES = {"direction": "ltr", "start": "left", "end": "right", "logo": {"dark": {"src": "a.png"}}}


@pytest.mark.parametrize(
    "head",
    [
        "<style>@import url(https://evil.example/x.css);</style>",
        "<style>@IMPORT 'x.css';</style>",
        "<style>@\\69mport 'x.css';</style>",
        "<style>@im/**/port 'x'; @import/**/'y';</style>",
        '<link rel="stylesheet" href="https://evil.example/x.css">',
        '<link href="x.css" rel=stylesheet>',
    ],
)
def test_nothing_is_fetched(head):
    with pytest.raises(LayoutError, match="loads a style sheet"):
        inline_styles(page(head))


def test_a_style_sheet_that_premailer_cannot_read_is_an_error():
    with pytest.raises(LayoutError, match="cannot be inlined"):
        inline_styles(page("<style>a[href='x,y'] { color: red }</style>"))


def test_the_doctype_is_required():
    with pytest.raises(LayoutError, match="DOCTYPE"):
        inline_styles("<!doctype html><html></html>")
