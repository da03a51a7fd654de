"""Small dispatches, of every kind and script, each in one of the themes: tests/golden/corpus."""

import tempfile
from functools import cache
from pathlib import Path

from mailer.dispatch.parse import parse_dispatch
from mailer.edition.compile import compile_edition
from mailer.edition.dispatch_view import cropped_files, image_files
from mailer.edition.images.loader import load_image
from mailer.edition.merge_fields import ReaderValues
from mailer.edition.model import Edition
from tests.support.editions import PUBLICATION, REFERENCES, TEMPLATES

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "corpus"
THEMES = ("daily", "letter", "bulletin")
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.md")))
FLOWED = frozenset({"06-footnotes", "15-han"})
READER = ReaderValues(
    fields={"first_name": "Ana", "city": "Porto Novo", "member": "yes"}, address="ana@example.com", token="TOKEN"
)


def theme_of(name: str) -> str:
    """Each theme gets a third of the corpus."""
    return THEMES[NAMES.index(name) % len(THEMES)]


@cache
def themed(theme: str, *, flowed: bool = False) -> Path:
    """A folder of templates that chooses `theme` and has nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="mailer-theme-"))
    text = f'theme = "{theme}"\n' + ("[text]\nflowed = true\n" if flowed else "")
    (folder / "theme.toml").write_text(text, encoding="utf-8")
    return folder


@cache
def corpus(name: str, theme: str = "", *, inlined: bool = True) -> Edition:
    path = FOLDER / f"{name}.md"
    dispatch = parse_dispatch(path.read_bytes(), str(path)).dispatch
    assert dispatch is not None, f"{path} has errors"
    images = {file: load_image(path.parent / file, root=FOLDER) for file in image_files(dispatch)}
    crops = {crop: load_image(path.parent / crop.file, root=FOLDER, crop=crop.size) for crop in cropped_files(dispatch)}
    folder = themed(theme or theme_of(name), flowed=name in FLOWED)
    return compile_edition(
        dispatch,
        publication=PUBLICATION,
        templates=[folder, TEMPLATES],
        references=REFERENCES,
        images=images,
        crops=crops,
        inlined=inlined,
    )
