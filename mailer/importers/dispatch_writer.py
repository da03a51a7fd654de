"""Writes an imported dispatch as a dispatch file: front matter and Markdown that `mailer check` reads back to the same.

write_dispatch(draft)   the text
file_name(draft)        2026-10-26-the-east-quay-opens-again.md
"""

from typing import Any

import yaml

from mailer.dispatch.slug import slugify
from mailer.importers.markdown_escaping import escape_markdown
from mailer.importers.model import ImportedArticle, ImportedDispatch, ImportedPhoto

_WIDE = 1_000_000  # characters: a value stays on its line


def dispatch_file_name(draft: ImportedDispatch) -> str:
    return f"{draft.date.isoformat()}-{slugify(draft.title) or 'dispatch'}.md"


def write_dispatch(draft: ImportedDispatch) -> str:
    front: dict[str, Any] = {"title": draft.title, "date": draft.date}
    if draft.language:
        front["language"] = draft.language
    if draft.editor:
        front["editor"] = {"name": draft.editor} | ({"signature": draft.signature} if draft.signature else {})
    if draft.photo and draft.photo.address:
        front["photo"] = _photo(draft.photo)
    if draft.summary:
        front["summary"] = list(draft.summary)
    if draft.social:
        front["social"] = [{"text": text, "url": url} for text, url in draft.social]
    if draft.copyright:
        front["copyright"] = draft.copyright
    commented_photo = _commented_photo(draft.photo) if draft.photo and not draft.photo.address else ""
    blocks = [f"---\n{_yaml(front)}{commented_photo}---", *draft.note]
    for article in draft.articles:
        blocks += [_heading(article), *article.body]
    return "\n\n".join(blocks) + "\n"


def _heading(article: ImportedArticle) -> str:
    metadata = (
        ("source", article.source),
        ("place", article.place),
        ("date", article.date.isoformat()),
        ("link", article.link),
        ("language", article.language),
    )
    return "\n".join([f"## {escape_markdown(article.title)}", *(f"{key}: {value}" for key, value in metadata if value)])


def _photo(photo: ImportedPhoto) -> dict[str, str]:
    where = "url" if "://" in photo.address else "file"
    keys = {where: photo.address, "alt": photo.alt}
    return keys | {key: value for key, value in (("caption", photo.caption), ("credit", photo.credit)) if value}


def _commented_photo(photo: ImportedPhoto) -> str:
    """Returns the photo as a comment in the front matter, for the editor who has the picture."""
    lines = _yaml({"photo": {"file": "photos/NAME.jpg", "alt": "What the photo shows", **_words(photo)}}).splitlines()
    return "".join(f"# {line}\n" for line in lines)


def _words(photo: ImportedPhoto) -> dict[str, str]:
    return {"caption": photo.caption, "credit": photo.credit}


def _yaml(value: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=_WIDE)
    return text
