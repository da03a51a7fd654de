"""The metadata of a dispatch, read without its body; it equals that of parsing."""

from pathlib import Path

import pytest

from mailer.dispatch.metadata_scan import read_metadata
from mailer.dispatch.model import walk_articles
from mailer.dispatch.parse import parse_dispatch

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "dispatches").glob("*.md"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_metadata_equals_that_of_parsing(path):
    dispatch = parse_dispatch(path.read_bytes(), path.name).dispatch
    skimmed = read_metadata(path.read_bytes(), path.name)
    assert (skimmed.slug, skimmed.title) == (dispatch.slug, dispatch.title)
    assert set(skimmed.sources) == {article.source for article in walk_articles(dispatch.articles)}


@pytest.mark.parametrize(
    "raw", [b"", b"no front matter", b"---\ntitle: T\n---\n", b"---\ntitle: [\n---\n", b"\xff\xfe\x00"]
)
def test_a_dispatch_with_faulty_front_matter_has_no_metadata(raw):
    assert read_metadata(raw, "a.md") is None


def test_a_line_of_text_is_not_a_source():
    raw = b"---\ntitle: T\ndate: 2026-11-01\n---\n\nsource: x\n\n## A\ndate: 2026-11-01\n  source:  The Wire  \n\nsource: y\n"
    assert read_metadata(raw, "a.md").sources == ("The Wire",)
