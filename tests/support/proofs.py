"""Proofs for tests: a dispatch, compiled and composed, with whatever a test wants to be different."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mailer.delivery.message import Composer, Letterhead, Marks
from mailer.delivery.records import Claim
from mailer.dispatch.problem import Problem
from mailer.edition.compile import compile_edition
from mailer.edition.model import Image
from mailer.edition.publication import Publication
from mailer.edition.tree import Note, Notes, When
from mailer.inspection.inspect import inspect
from mailer.inspection.proof import Proof
from tests.support.editions import PUBLICATION, REFERENCES, TEMPLATES, parsed

CLIENTS = ("apple-mail", "gmail", "outlook", "samsung-email", "yahoo")
TOKEN = "a" * 26
FRONT = "---\ntitle: A letter\ndate: 2026-11-02\ncopyright: © 2026 Mara\n"


def letterhead(**changes: Any) -> Letterhead:
    values = {
        "sender_name": PUBLICATION.from_name,
        "sender_address": PUBLICATION.from_address,
        "publication": PUBLICATION.name,
        "base_url": PUBLICATION.base_url,
        **changes,
    }
    return Letterhead(**values)


def proof(
    source: str,
    *,
    publication: Publication = PUBLICATION,
    images: dict[str, Image] | None = None,
    templates: tuple[Path, ...] = (TEMPLATES,),
    head: Letterhead | None = None,
    **changes: Any,
) -> Proof:
    """The proof of the dispatch `source`; `changes` are fields of the Proof."""
    dispatch = parsed(source)
    edition = compile_edition(
        dispatch, publication=publication, templates=templates, references=REFERENCES, images=images or {}
    )
    composer = Composer(edition, head or letterhead(), lambda _: Marks(unsubscribe=TOKEN, bounce=TOKEN, message=TOKEN))
    claim = Claim(delivery_id=1, identity="x", address="reader@example.org", fields={}, attempt=1, date=1_800_000_000.0)
    values = {
        "dispatch": dispatch,
        "edition": edition,
        "message": composer.compose(claim).unstuffed(),
        "unsubscribe_url": publication.unsubscribe_url,
        "postal_address": publication.postal_address,
        "base_url": publication.base_url,
        "images": images or {},
        "clients": CLIENTS,
        **changes,
    }
    return Proof(**values)


def letter(body: str, front: str = "") -> str:
    """A dispatch with `body`; `front` is added to a small front matter of four lines."""
    return f"{FRONT}{front}---\n\n{body}\n"


def findings(source: str, **changes: Any) -> tuple[Problem, ...]:
    return inspect(proof(source, **changes))


def places(source: str, rule: str, **changes: Any) -> list[str]:
    """Where `rule` found something, as line:column."""
    return [f"{each.line}:{each.column}" for each in findings(source, **changes) if each.rule == rule]


def with_html(whole: Proof, old: str, new: str) -> Proof:
    """`whole` as a template would make it that writes `new` for `old`, in the static text of the HTML."""
    assert any(old in text for text in _strings(whole.edition.html)), f"the letter has no {old}"
    return replace(whole, edition=replace(whole.edition, html=_replaced(whole.edition.html, old, new)))


def with_message(whole: Proof, old: bytes, new: bytes) -> Proof:
    assert old in whole.message, f"the message has no {old!r}"
    return replace(whole, message=whole.message.replace(old, new))


def _strings(nodes: Any) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, str):
            yield node
        elif isinstance(node, When | Note):
            yield from _strings(node.nodes)
        elif isinstance(node, Notes):
            yield from _strings(node.notes)


def _replaced(nodes: Any, old: str, new: str) -> Any:
    return tuple(
        node.replace(old, new)
        if isinstance(node, str)
        else replace(node, nodes=_replaced(node.nodes, old, new))
        if isinstance(node, When | Note)
        else node
        for node in nodes
    )
