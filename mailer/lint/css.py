"""Parses CSS: declarations, the rules of a style sheet, colours. Pure; invalid CSS is left out.

Style sheets of mail are small and plain, and `style` attributes repeat: parsed ones are cached.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tinycss2
from tinycss2.color4 import parse_color

from mailer.edition.colour import Colour


@dataclass(frozen=True, slots=True)
class Declaration:
    """`name: value`, both in lower case but for strings."""

    name: str
    value: str
    important: bool = False


@dataclass(frozen=True, slots=True)
class StyleRule:
    """A rule of a style sheet; `media` is the condition around it, such as `(max-width: 480px)`, or "" for none."""

    selector: str
    declarations: tuple[Declaration, ...]
    media: str = ""


@lru_cache(maxsize=2048)
def declarations(style: str) -> tuple[Declaration, ...]:
    """Returns the declarations of a `style` attribute or of a block."""
    return tuple(_declarations(tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True)))


@lru_cache(maxsize=32)
def style_rules(css: str) -> tuple[StyleRule, ...]:
    """Returns every rule of a style sheet, those under @media and @supports too, in order."""
    return tuple(_rules(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True), ""))


@lru_cache(maxsize=32)
def at_rules(css: str) -> tuple[tuple[str, str], ...]:
    """Returns name and prelude of each at-rule of a style sheet: ("media", "(max-width: 480px)")."""
    return tuple(_at_rules(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)))


@lru_cache(maxsize=512)
def colour(text: str) -> Colour | None:
    """Returns a colour of CSS; None if invalid or dependent on its context (`currentcolor`, `inherit`)."""
    try:
        parsed = parse_color(text)
        if parsed is None or isinstance(parsed, str):
            return None
        red, green, blue, alpha = parsed.to("srgb")
    except (ValueError, TypeError, NotImplementedError):
        return None
    if None in {red, green, blue, alpha}:
        return None
    return Colour(*(min(max(float(part), 0.0), 1.0) for part in (red, green, blue, alpha)))


def _declarations(nodes: list[Any]) -> Iterator[Declaration]:
    for node in nodes:
        if node.type == "declaration":
            yield Declaration(node.lower_name, tinycss2.serialize(node.value).strip(), bool(node.important))


def _rules(nodes: list[Any], media: str) -> Iterator[StyleRule]:
    for node in nodes:
        if node.type == "qualified-rule":
            inner = tinycss2.parse_blocks_contents(node.content, skip_comments=True, skip_whitespace=True)
            yield StyleRule(tinycss2.serialize(node.prelude).strip(), tuple(_declarations(inner)), media)
        elif node.type == "at-rule" and node.content is not None and node.lower_at_keyword in {"media", "supports"}:
            condition = " ".join(tinycss2.serialize(node.prelude).split()).lower()
            yield from _rules(_inside(node), f"{media} and {condition}" if media else condition)


def _at_rules(nodes: list[Any]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if node.type == "at-rule":
            yield node.lower_at_keyword, " ".join(tinycss2.serialize(node.prelude).split()).lower()
            if node.content is not None and node.lower_at_keyword in {"media", "supports"}:
                yield from _at_rules(_inside(node))


def _inside(node: Any) -> list[Any]:
    inside: list[Any] = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
    return inside
