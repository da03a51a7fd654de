"""Renders a dispatch to files: HTML, plain text, message, metadata and images, for `mailer render`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailer.app import App
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.ledger.types.sends import Recipient
from mailer.link_tokens import PLACEHOLDER
from mailer.service.dispatches.check_and_compile import CheckResult, check_dispatch, compile_checked
from mailer.service.dispatches.sample_message import SAMPLE_ADDRESS, sample_composer
from mailer.service.lists.recipient_lookup import find_recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """`files`: name -> content; edition.html, edition.txt, message.eml, edition.json, and the images."""

    checked: CheckResult
    files: Mapping[str, bytes]


def render_files(app: App, name: str, *, reader: str | None = None, lists: Sequence[str] = ()) -> Rendered:
    """Compiles the dispatch `name` and renders it for `reader`, or for nobody: all fields empty, placeholder tokens."""
    checked = check_dispatch(app, name, lists)
    edition = compile_checked(app, checked)
    named = lists or (checked.dispatch.lists if checked.dispatch else ())
    recipient = find_recipient(app, reader, named, edition.fields) if reader else Recipient("", SAMPLE_ADDRESS)
    values = ReaderValues(fields=recipient.fields, address=recipient.address if reader else "", token=PLACEHOLDER)
    variant = edition.variant(edition.key_for(values))
    html = fill(variant.html, values).encode()
    about = {
        "digest": edition.digest,
        "slug": edition.slug,
        "subject": " ".join(fill(variant.subject, values).split()),
        "language": edition.language,
        "bytes": len(html),
        "slots": list(edition.merge_fields),
        "variants": edition.variant_count,
        "articles": edition.article_count,
    }
    files = {
        "edition.html": html,
        "edition.txt": fill(variant.text, values).encode(),
        "message.eml": sample_composer(app, edition)(recipient).without_dot_stuffing(),
        "edition.json": json.dumps(about, ensure_ascii=False, indent=2).encode() + b"\n",
        **{image.name: image.data for image in edition.images},
    }
    return Rendered(checked=checked, files=files)
