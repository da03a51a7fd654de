"""The three examples, rendered, as a person last read them. MAILER_GOLDEN=write rewrites them; read the difference."""

import os
from pathlib import Path

import pytest

from tests.support.editions import ANA, SLUGS, example, html_of, text_of

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(("suffix", "render"), [("html", html_of), ("txt", text_of)])
def test_an_example_equals_its_golden_file(slug, suffix, render):
    made = example(slug)
    text = render(made, ANA)
    for image in made.images:  # its name is that of its bytes, which are Pillow's
        text = text.replace(image.name, "photo.jpg")
    golden = FOLDER / f"{slug}.{suffix}"
    if os.environ.get("MAILER_GOLDEN") == "write":
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
