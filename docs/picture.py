"""Makes docs/edition.png: the largest example as a reader's desktop shows it, and as a phone in the dark does.

    .venv/bin/python docs/picture.py

Compiles the dispatch in this source tree and photographs it with Debian's chromium; nothing is fetched.
"""

import io
import sys
from base64 import b64encode
from pathlib import Path

from PIL import Image as Pillow
from playwright.sync_api import Browser, sync_playwright

from mailer.dispatch.parse import parse_dispatch
from mailer.edition.compile import compile_edition
from mailer.edition.dispatch_view import image_files
from mailer.edition.images.loader import load_image
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.edition.publication import DispatchReference, Publication
from mailer.edition.template_loader import builtin_dir

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ANA = ReaderValues(fields={"first_name": "Ana", "city": "Porto Novo"}, address="ana.reis@example.com", token="ana")
GAP = 40
HEIGHT = 1900


def render_example() -> str:
    """Returns the HTML of the example for one reader, with its photo embedded."""
    path = ROOT / "dispatches" / "2026-10-26-east-quay.md"
    dispatch = parse_dispatch(path.read_bytes(), str(path)).dispatch
    if dispatch is None:
        sys.exit(f"{path} has errors: mailer check says which")
    publication = Publication(
        name="The Harbour Letter",
        from_address="letter@example.org",
        base_url="https://letter.example.org",
        postal_address="The Harbour Letter, 1 Quay Street, Porto Novo",
    )
    titles = {"2025-12-18-eleven-winters": "Eleven winters", "2026-03-02-crane": "The crane that nobody wanted"}
    edition = compile_edition(
        dispatch,
        publication=publication,
        templates=[builtin_dir()],
        references={
            slug: DispatchReference(title=title, url=publication.archive_url(slug)) for slug, title in titles.items()
        },
        images={name: load_image(path.parent / name, root=ROOT) for name in image_files(dispatch)},
    )
    html = fill(edition.variant(edition.key_for(ANA)).html, ANA)
    for image in edition.images:
        data = f"data:{image.content_type};base64,{b64encode(image.data).decode()}"
        html = html.replace(publication.media_url + image.name, data)
    return html


def photograph(browser: Browser, html: str, *, width: int, scheme: str) -> Pillow.Image:
    """Takes a picture of `html` in a window of `width` pixels under a colour scheme, of its full height."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page.set_content(html)
    picture = page.screenshot(full_page=True)
    page.close()
    return Pillow.open(io.BytesIO(picture)).convert("RGB")


def main() -> None:
    html = render_example()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        desktop = photograph(browser, html, width=760, scheme="light")
        phone = photograph(browser, html, width=375, scheme="dark")
        browser.close()
    picture = Pillow.new("RGB", (desktop.width + GAP + phone.width + 2 * GAP, HEIGHT + 2 * GAP), "#e6e1d6")
    picture.paste(desktop.crop((0, 0, desktop.width, HEIGHT)), (GAP, GAP))
    picture.paste(phone.crop((0, 0, phone.width, HEIGHT)), (2 * GAP + desktop.width, GAP))
    picture.save(ROOT / "docs" / "edition.png", optimize=True)


if __name__ == "__main__":
    main()
