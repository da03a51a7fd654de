"""The form of the editor without a script: fields and text are saved together, and nothing typed is lost."""

import io

import pytest
from lxml import html
from PIL import Image

from mailer.dispatch.article_meta import KEYS
from mailer.dispatch.fields.front_matter_edit import GROUPS, ROWS, keys_of_part
from mailer.dispatch.frontmatter.model import FrontMatter
from tests.support.deskpages import At, signed_in
from tests.support.site import site_in, visiting
from tests.support.workspaces import DISPATCH, make_workspace

TIDE = "/desk/dispatches/tide"
JSON = {"Accept": "application/json"}


@pytest.fixture
def site(tmp_path):
    make_workspace(tmp_path)
    with site_in(tmp_path) as made:
        yield made


@pytest.fixture
def desk(site):
    with visiting(site) as visitor:
        yield At(visitor, signed_in(site, "writer"))


@pytest.fixture
def file(site):
    return site.app.workspace.dispatches / "tide.md"


def form_of(page):
    """What a browser posts of the editor."""
    [form] = html.fromstring(page.text).xpath("//form[contains(@class, 'write')]")
    for area in form.xpath(".//textarea"):  # a browser drops the line end after the tag
        area.text = (area.text or "").removeprefix("\n")
    values = {}
    for name, value in form.form_values():
        values.setdefault(name, []).append(value)
    return values


def posted(desk, changes, **options):
    values = {**form_of(desk.get(TIDE)), **changes}
    return desk.post(TIDE, {name: value for name, value in values.items() if value is not None}, **options)


def test_a_form_without_changes_changes_no_byte(desk, file):
    file.write_text(DISPATCH.replace("date: 2026-11-01", "date:   2026-11-01 # Sunday"), encoding="utf-8")
    before = file.read_bytes()
    assert posted(desk, {}).status_code == 303
    assert file.read_bytes() == before


def test_there_is_an_input_for_every_field_of_the_format(desk):
    form = form_of(desk.get(TIDE))
    keys = [f"f.{key}" for key in FrontMatter.model_fields if key not in {*GROUPS, *ROWS}]
    keys += [f"f.{group}.{key}" for group in (*GROUPS, *ROWS) for key in keys_of_part(group)]
    keys += [f"a.0.{key}" for key in KEYS]
    assert set(keys) - set(form) <= {"f.photo.url"}  # shown where there is one


def test_fields_and_text_are_saved_together(desk, file):
    text = DISPATCH.replace("patience", "calm")
    changes = {
        "text": text.replace("\n", "\r\n"),
        "f.title": "The tide: a table",
        "f.lists": ["", "readers"],
        "f.summary": "Rain\r\n\r\nFog",
        "f.earlier.title": ["Crane", ""],
        "f.earlier.slug": ["", ""],
        "f.earlier.url": ["https://example.org/", ""],
        "f.earlier.note": ["", ""],
        "a.0.place": "Porto Novo",
        "do": "add",
    }
    assert posted(desk, changes).status_code == 303
    subject = 'subject: The tide table, for {{ reader.first_name or "you" }}\n'
    expected = (
        text.replace("title: The tide table", 'title: "The tide: a table"')
        .replace(
            subject,
            f"{subject}summary:\n  - Rain\n  - Fog\nearlier:\n  - title: Crane\n    url: https://example.org/\n",
        )
        .replace('Lindqvist"\n', 'Lindqvist"\nlists:\n  - readers\n')
        .replace("source: Harbour Times\n", "source: Harbour Times\nplace: Porto Novo\n")
    )
    added = "\n## The title of an article\ndate: 2027-01-15\n\nThe text of the article.\n"
    assert file.read_text(encoding="utf-8") == expected + added
    for action, titles in (
        ("up:1", ["an article", "high"]),
        ("move:1:0", ["high", "an article"]),
        ("remove:1", ["high"]),
    ):
        posted(desk, {"do": action})
        read = [line for line in file.read_text(encoding="utf-8").split("\n") if line.startswith("## ")]
        assert len(read) == len(titles)
        assert all(part in line for part, line in zip(titles, read, strict=True))


def photo_with_texts():
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = "Fog over the quay", "Ines Moura"
    data = io.BytesIO()
    Image.new("RGB", (1300, 900)).save(data, "JPEG", exif=exif)
    return data.getvalue()


def test_the_texts_of_a_photo_are_filled_in_where_nothing_is_typed(desk, file):
    upload = {"photo_file": ("quay.jpg", photo_with_texts(), "image/jpeg")}
    answer = posted(desk, {"f.photo.credit": "Agência", "f.photo.alt": "A quay"}, files=upload, headers=JSON).json()
    assert 'value="Fog over the quay"' in answer["html"]
    assert answer["title"] == "The tide table"
    text = file.read_text(encoding="utf-8")
    assert "  alt: A quay\n  caption: Fog over the quay\n  credit: Agência\n" in text
    picture = desk.get(f"{TIDE}/photo")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert b"Ines" not in picture.content
    told = posted(desk, {"f.photo.alt": ""}, headers=JSON).json()
    assert told["title"] == "The tide table"  # also while a field is missing
    assert posted(desk, {"f.photo.remove": "1"}).status_code == 303
    assert "photo:" not in file.read_text(encoding="utf-8")
    assert desk.get(f"{TIDE}/photo").status_code == 404


@pytest.mark.parametrize(
    ("changes", "files"),
    [
        ({"text": "---\ntitle: 'x\n---\n\nTyped\n", "f.subject": "Typed, too"}, {}),
        ({"text": f"{DISPATCH}Typed\0", "f.subject": "Typed, too"}, {}),
        ({"text": f"{DISPATCH}Typed", "f.subject": "Typed, too"}, {"photo_file": ("x.jpg", b"x", "image/jpeg")}),
    ],
    ids=["the text has a fault where the fields are", "the text is refused", "the photo is refused"],
)
def test_a_refused_form_comes_again_with_everything_typed(desk, file, changes, files):
    base = form_of(desk.get(TIDE))["base"]
    answer = posted(desk, changes, files=files)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "Typed" in answer.text and 'value="Typed, too"' in answer.text
    assert f'name="base" value="{base[0]}"' in answer.text
    assert file.read_text(encoding="utf-8") == DISPATCH
    assert posted(desk, changes, files=files, headers=JSON).status_code == 422
    assert desk.post(TIDE, {"text": "x", "base": "", "shown": "{"}).status_code == 422


def test_a_conflict_keeps_what_was_changed_in_the_fields(desk, file):
    form = form_of(desk.get(TIDE))
    file.write_text(DISPATCH.replace("patience", "calm"), encoding="utf-8")
    answer = desk.post(TIDE, {**form, "f.title": "Ebb"})
    assert answer.status_code == 409
    assert "title: Ebb" in answer.text


def test_the_script_gets_the_text_and_the_form_only_if_they_differ_from_what_it_has(desk, file):
    told = posted(desk, {"f.title": "Ebb"}, headers=JSON).json()
    assert "html" not in told and told["text"].startswith("---\ntitle: Ebb\n")
    assert told["layout"]["articles"] == [{"line": 16, "last": 19, "number": 0}]
    told = posted(desk, {"text": told["text"].replace("Ebb", "Tide")}, headers=JSON).json()
    assert "text" not in told and 'value="Tide"' in told["html"]
    broken = told["shown"] and file.read_text(encoding="utf-8").replace("title: Tide", "title: 'Tide")
    told = posted(desk, {"text": broken}, headers=JSON).json()
    assert not told["layout"]["has_fields"] and "have a fault" in told["html"]
