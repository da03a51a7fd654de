import pytest

from mailer.edition.template_loader import LayoutError, TemplateSet


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("line one\n{{ nothing }}", r"a\.html\.j2:2: 'nothing' is undefined"),
        ("{% if %}", r"a\.html\.j2:1: "),
        ("\n\n{{ 1 / 0 }}", r"a\.html\.j2:3: division by zero"),
        ("{{ ''.__class__.__mro__ }}", r"a\.html\.j2:1: .*unsafe"),
        ("{% include 'gone.j2' %}", "no template “gone.j2”"),
    ],
)
def test_an_error_in_a_template_names_it_and_the_line(tmp_path, template, words):
    (tmp_path / "a.html.j2").write_text(template)
    with pytest.raises(LayoutError, match=words):
        TemplateSet([tmp_path]).render("a.html.j2", {})


def test_the_first_folder_wins_and_only_html_is_escaped(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "a.html.j2").write_text("1 {{ x }}")
    (tmp_path / "two" / "a.html.j2").write_text("2 {{ x }}")
    (tmp_path / "two" / "a.txt.j2").write_text("2 {{ x }}")
    layout = TemplateSet([tmp_path / "one", tmp_path / "two"])
    assert layout.render("a.html.j2", {"x": "<"}) == "1 &lt;"
    assert layout.render("a.txt.j2", {"x": "<"}) == "2 <"


def test_a_template_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "a.html.j2").write_bytes(b"\xe9")
    with pytest.raises(LayoutError, match="not UTF-8"):
        TemplateSet([tmp_path]).render("a.html.j2", {})
