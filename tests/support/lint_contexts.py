"""Lint contexts for tests: a dispatch, compiled and composed, with the changes that a test asks for."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mailer.delivery.queue_port import Claim
from mailer.dispatch.diagnostics import Diagnostic
from mailer.edition.compile import compile_edition
from mailer.edition.html.conditional_nodes import ConditionalNode, FootnoteList, FootnoteNode
from mailer.edition.model import Image
from mailer.edition.publication import Publication
from mailer.lint.context import LintContext
from mailer.lint.run import run_checks
from mailer.mime.composer import Composer, MessageTokens, SenderProfile
from tests.support.editions import PUBLICATION, REFERENCES, TEMPLATES, parsed

CLIENTS = ("apple-mail", "gmail", "outlook", "samsung-email", "yahoo")
TOKEN = "a" * 26
FRONT = "---\ntitle: A letter\ndate: 2026-11-02\ncopyright: © 2026 Mara\n"


def sender_profile(**changes: Any) -> SenderProfile:
    values = {
        "sender_name": PUBLICATION.from_name,
        "sender_address": PUBLICATION.from_address,
        "publication": PUBLICATION.name,
        "base_url": PUBLICATION.base_url,
        **changes,
    }
    return SenderProfile(**values)


def lint_context(
    source: str,
    *,
    publication: Publication = PUBLICATION,
    images: dict[str, Image] | None = None,
    templates: tuple[Path, ...] = (TEMPLATES,),
    sender: SenderProfile | None = None,
    **changes: Any,
) -> LintContext:
    """Returns the context of the dispatch `source`; `changes` are fields of LintContext."""
    dispatch = parsed(source)
    edition = compile_edition(
        dispatch, publication=publication, templates=templates, references=REFERENCES, images=images or {}
    )
    composer = Composer(
        edition, sender or sender_profile(), lambda _: MessageTokens(unsubscribe=TOKEN, bounce=TOKEN, message=TOKEN)
    )
    claim = Claim(delivery_id=1, identity="x", address="reader@example.org", fields={}, attempt=1, date=1_800_000_000.0)
    values = {
        "dispatch": dispatch,
        "edition": edition,
        "message": composer.compose(claim).without_dot_stuffing(),
        "unsubscribe_url": publication.unsubscribe_url,
        "postal_address": publication.postal_address,
        "base_url": publication.base_url,
        "images": images or {},
        "clients": CLIENTS,
        **changes,
    }
    return LintContext(**values)


def dispatch_text(body: str, front: str = "") -> str:
    """A dispatch with `body`; `front` is added to a small front matter of four lines."""
    return f"{FRONT}{front}---\n\n{body}\n"


def findings(source: str, **changes: Any) -> tuple[Diagnostic, ...]:
    return run_checks(lint_context(source, **changes))


def positions(source: str, rule: str, **changes: Any) -> list[str]:
    """Returns the positions of the findings of `rule`, as line:column."""
    return [f"{each.line}:{each.column}" for each in findings(source, **changes) if each.rule == rule]


def with_html(context: LintContext, old: str, new: str) -> LintContext:
    """`context` as a template would make it that writes `new` for `old`, in the static text of the HTML."""
    assert any(old in text for text in _strings(context.edition.html)), f"the letter has no {old}"
    return replace(context, edition=replace(context.edition, html=_replaced(context.edition.html, old, new)))


def with_message(context: LintContext, old: bytes, new: bytes) -> LintContext:
    assert old in context.message, f"the message has no {old!r}"
    return replace(context, message=context.message.replace(old, new))


def _strings(nodes: Any) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, str):
            yield node
        elif isinstance(node, ConditionalNode | FootnoteNode):
            yield from _strings(node.nodes)
        elif isinstance(node, FootnoteList):
            yield from _strings(node.notes)


def _replaced(nodes: Any, old: str, new: str) -> Any:
    return tuple(
        node.replace(old, new)
        if isinstance(node, str)
        else replace(node, nodes=_replaced(node.nodes, old, new))
        if isinstance(node, ConditionalNode | FootnoteNode)
        else node
        for node in nodes
    )
