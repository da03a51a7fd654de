"""Checks sizes: the HTML against Gmail’s clip, style blocks, images; and how images are changed.

A KB is 1024 bytes. Gmail counts the bytes of the HTML after decoding, so the longest variant is measured.
"""

import re
from collections.abc import Iterator
from itertools import takewhile

from mailer.dispatch.diagnostics import Position, abbreviate
from mailer.dispatch.model import Article
from mailer.lint.context import LintContext
from mailer.lint.findings import Finding
from mailer.lint.html_page import HtmlPage

KB = 1024
LARGE = 90 * KB
CLIPPED = 100 * KB
LARGEST_STYLE = 16 * KB
LARGEST_IMAGE = 500 * KB
LARGEST_IMAGES = 1536 * KB
NARROWEST_PHOTO = 600  # pixels

_ANCHOR = re.compile(r'<a\b[^>]*?\bname="([^"]+)"')


def html_size(context: LintContext) -> Iterator[Finding]:
    page = max(context.pages, key=lambda each: each.size)
    if page.size < LARGE:
        return
    rule, limit = ("html-clipped", CLIPPED) if page.size >= CLIPPED else ("html-size", LARGE)
    article = _article_over_limit(context, page, limit)
    tips = f"; “{abbreviate(article.title_text, 50)}” takes it over {limit // KB}" if article else ""
    yield Finding(
        rule=rule,
        message=f"the HTML has {page.size / KB:.1f} KB{tips}",
        expected=f"stay below {limit // KB} KB; Gmail cuts messages at 102 KB",
        position=article.position if article else Position(),
    )


def _article_over_limit(context: LintContext, page: HtmlPage, limit: int) -> Article | None:
    """Returns the last article that begins before the page is `limit` bytes long."""
    articles = {article.anchor: article for article in context.articles}
    found, size, end = None, 0, 0
    for match in _ANCHOR.finditer(page.html):
        if match[1] in articles:
            size, end = size + len(page.html[end : match.start()].encode()), match.start()
            if size >= limit:
                break
            found = articles[match[1]]
    return found


def style_blocks(context: LintContext) -> Iterator[Finding]:
    for page in context.pages:
        for css in page.style_blocks:
            size = len(css.encode())
            if size > LARGEST_STYLE:
                message = f"a style block has {size / KB:.1f} KB"
                yield Finding(rule="style-size", message=message, expected=f"use at most {LARGEST_STYLE // KB} KB")
        for element in page.each("style"):
            if not any(True for _ in element.iterancestors("head")):
                yield Finding(
                    rule="style-place", message="a style block is in the body", expected="move it to the head"
                )


def image_changes(context: LintContext) -> Iterator[Finding]:
    """Reports images that readers do not see as their file has them: animations, and dark ones without a ground."""
    for path, image in context.images.items():
        position = context.source_index.find(path)
        if image.is_animated:
            message = f"“{abbreviate(path)}” is an animation; readers get its first picture"
            yield Finding(
                rule="image-animated",
                message=message,
                expected="choose the picture, or link to the animation",
                position=position,
            )
        if image.vanishes:
            yield _vanishing(f"“{abbreviate(path)}”", "give it a light ground", position)
    photos = {image.name for image in context.images.values()}
    logos = list(takewhile(lambda image: image.name not in photos, context.edition.images))  # they come first
    if len(logos) == 1 and logos[0].vanishes:
        yield _vanishing("the logo", "set dark_file in [logo] of theme.toml, or give it a light ground", Position())


def _vanishing(what: str, expected: str, position: Position) -> Finding:
    message = f"{what} is dark on a transparent ground, and vanishes in dark mode"
    return Finding(rule="image-vanishes", message=message, expected=expected, position=position)


def image_sizes(context: LintContext) -> Iterator[Finding]:
    source_index = context.source_index
    for path, image in context.images.items():
        if len(image.data) > LARGEST_IMAGE:
            yield Finding(
                rule="image-bytes",
                message=f"“{abbreviate(path)}” has {len(image.data) / KB:,.0f} KB in the message",
                expected=f"use at most {LARGEST_IMAGE // KB} KB",
                position=source_index.find(path),
            )
    total = sum({image.name: len(image.data) for image in context.images.values()}.values())
    if total > LARGEST_IMAGES:
        message = f"the images have {total / KB:,.0f} KB together"
        yield Finding(rule="image-bytes", message=message, expected=f"use at most {LARGEST_IMAGES // KB:,} KB")
    photo = context.dispatch.photo
    image_of_photo = context.images.get(photo.file) if photo and photo.file else None
    if image_of_photo and image_of_photo.width < NARROWEST_PHOTO:
        yield Finding(
            rule="image-width",
            message=f"the photo is {image_of_photo.width} pixels wide, but shown at {NARROWEST_PHOTO} or more",
            expected=f"use one of {2 * NARROWEST_PHOTO} pixels or more",
            position=source_index.key("photo", "file"),
        )
