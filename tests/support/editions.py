"""Editions for tests: the examples of the repository, and whatever a test writes."""

import datetime as dt
from functools import cache
from pathlib import Path

from mailer.dispatch.model import Dispatch
from mailer.dispatch.parse import parse_dispatch
from mailer.edition.compile import compile_edition
from mailer.edition.dispatch_view import Crop, image_files
from mailer.edition.images.loader import load_image
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.edition.model import Edition, Image
from mailer.edition.publication import DispatchReference, Publication

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
SLUGS = ("2025-12-18-eleven-winters", "2026-03-02-crane", "2026-10-26-east-quay")
PUBLICATION = Publication(
    name="The Harbour Letter",
    from_name="The Harbour Letter",
    from_address="letter@example.org",
    base_url="https://letter.example.org",
    postal_address="The Harbour Letter, 1 Quay Street, Porto Novo",
    copyright_holder="Mara Lindqvist",
)
REFERENCES = {
    "2025-12-18-eleven-winters": DispatchReference(
        title="Eleven winters",
        url=PUBLICATION.archive_url("2025-12-18-eleven-winters"),
        date=dt.date(2025, 12, 18),
    ),
    "2026-03-02-crane": DispatchReference(
        title="The crane that nobody wanted", url=PUBLICATION.archive_url("2026-03-02-crane")
    ),
}
ANA = ReaderValues(fields={"first_name": "Ana", "city": "Porto Novo"}, address="ana.reis@example.com", token="TOKEN")
NOBODY = ReaderValues(token="TOKEN")
FRONT = """---
title: A letter
date: 2026-11-02
copyright: © Mara
"""


def parsed(source: str, path: str = "dispatches/a-letter.md") -> Dispatch:
    result = parse_dispatch(source, path)
    assert result.dispatch is not None, [str(problem) for problem in result.problems]
    return result.dispatch


def edition(
    body: str,
    *,
    front: str = "",
    language: str = "en",
    publication: Publication = PUBLICATION,
    images: dict[str, Image] | None = None,
    crops: dict[Crop, Image] | None = None,
    templates: tuple[Path, ...] = (TEMPLATES,),
) -> Edition:
    """The edition of a dispatch with `body`; `front` is added to a small front matter."""
    return compile_edition(
        parsed(f"{FRONT}language: {language}\n{front}---\n\n{body}\n"),
        publication=publication,
        templates=templates,
        references=REFERENCES,
        images=images or {},
        crops=crops,
    )


@cache
def example(slug: str) -> Edition:
    path = ROOT / "dispatches" / f"{slug}.md"
    dispatch = parsed(path.read_text(encoding="utf-8"), str(path))
    images = {name: load_image(path.parent / name, root=ROOT) for name in image_files(dispatch)}
    return compile_edition(
        dispatch, publication=PUBLICATION, templates=[TEMPLATES], references=REFERENCES, images=images
    )


def html_of(made: Edition, values: ReaderValues = ANA) -> str:
    return fill(made.variant(made.key_for(values)).html, values)


def text_of(made: Edition, values: ReaderValues = ANA) -> str:
    return fill(made.variant(made.key_for(values)).text, values)


def subject_of(made: Edition, values: ReaderValues = ANA) -> str:
    return fill(made.variant(made.key_for(values)).subject, values)
