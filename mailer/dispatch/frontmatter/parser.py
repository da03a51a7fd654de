"""Reads the front matter: the YAML between two lines of `---`.

split_front_matter  the offsets of the front matter and of the body
read_front_matter   YAML -> FrontMatter, each fault reported at the line and column of its key or value
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import PurePath
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Position, abbreviate
from mailer.dispatch.did_you_mean import suggest
from mailer.dispatch.frontmatter.model import MODELS, FrontMatter, groups_with, keys_of
from mailer.dispatch.frontmatter.yaml_parser import MappingNode, SequenceNode, parse_yaml
from mailer.dispatch.slug import is_slug, slugify
from mailer.dispatch.source_map import Place, YamlSourceMap
from mailer.dispatch.source_text import SourceText

_FENCE = re.compile(r"---[ \t]*")


def split_front_matter(source: SourceText, findings: DiagnosticCollector) -> tuple[tuple[int, int] | None, int | None]:
    """Returns the offsets of the front matter (None: there is none) and of the body (None: unknown)."""
    lines = source.text.split("\n")
    if not _FENCE.fullmatch(lines[0]):
        findings.add(
            "front-matter",
            Position(),
            "the fields at the top are missing",
            "begin the file with a line of ---, then title: and date:, then ---",
        )
        return None, 0
    end = start = len(lines[0]) + 1
    for line in lines[1:]:
        if _FENCE.fullmatch(line):
            return (start, end), min(end + len(line) + 1, len(source.text))
        end += len(line) + 1
    findings.add(
        "front-matter", Position(), "the fields at the top are not closed", "add a line of --- after the last field"
    )
    return None, None


def read_front_matter(
    source: SourceText, span: tuple[int, int], path: str, findings: DiagnosticCollector
) -> tuple[FrontMatter | None, YamlSourceMap | None]:
    """Reads the front matter in `span` of `source`; `path` gives the slug where none is typed.

    With errors the result is partial, without the faulty values; None when the text is not even YAML.
    """
    tree = parse_yaml(source, *span, findings)
    if tree is None:
        return None, None
    source_map = YamlSourceMap(source, tree)
    try:
        front = FrontMatter.model_validate(source_map.plain)
    except ValidationError as error:
        found = error.errors(include_url=False)
        for details in found:
            _report(details, source_map, findings)
        front = FrontMatter.model_validate(_without_errors(source_map.plain, found))
    _exactly_one(source_map, ("photo",), "file", "url", findings)
    earlier = source_map.node(("earlier",))
    for number in range(len(earlier.items) if isinstance(earlier, SequenceNode) else 0):
        _exactly_one(source_map, ("earlier", number), "slug", "url", findings)
    if "slug" not in source_map.plain and not is_slug(stem := PurePath(path).stem):
        example = f"add a line such as slug: {slugify(stem) or 'my-dispatch'}"
        findings.add("bad-slug", source_map.start, f"the file name “{abbreviate(stem)}” is not a valid slug", example)
    if front.slug is None:
        front = front.model_copy(update={"slug": PurePath(path).stem})
    return front, source_map


def _without_errors(plain: Mapping[str, Any], found: Sequence[ErrorDetails]) -> dict[str, Any]:
    """Returns `plain` with placeholders for missing values, and without unknown keys and faulty values."""
    repaired: dict[str, Any] = deepcopy(dict(plain))
    wrong = {details["loc"][0] for details in found if details["type"] not in {"missing", "extra_forbidden"}}
    for name in wrong:
        repaired.pop(str(name), None)
    for details in found:
        *outer, name = details["loc"]
        if wrong.isdisjoint(details["loc"][:1]):
            part: Any = repaired
            for step in outer:
                part = part[step]
            if details["type"] == "missing":
                part[name] = _STAND_INS.get(str(name), "…")
            else:
                del part[name]
    return {"title": "…", "date": _STAND_INS["date"]} | repaired


_STAND_INS = {"date": "1970-01-01", "url": "https://example.org/"}


def _exactly_one(
    source_map: YamlSourceMap, place: Place, first: str, second: str, findings: DiagnosticCollector
) -> None:
    if not isinstance(source_map.node(place), MappingNode):
        return
    given = [name for name in (first, second) if source_map.node((*place, name)) is not None]
    if len(given) == 2:
        message = f"“{first}” and “{second}” are both given"
        findings.add("bad-value", source_map.key((*place, second)), message, "keep one of them")
    elif not given:
        message = f"{_name(place)} has no “{first}” or “{second}”"
        findings.add("missing-key", source_map.key(place), message, "add one of them")


def _report(details: ErrorDetails, source_map: YamlSourceMap, findings: DiagnosticCollector) -> None:
    """Reports one of pydantic's errors as a diagnostic."""
    place = details["loc"]
    where = _name(place[:-1])
    match details["type"]:
        case "rule":
            context = details["ctx"]
            findings.add(context["rule"], source_map.value(place), context["message"], context["expected"])
        case "missing":
            key = f"add {place[-1]}: …" if place[-1] != "date" else "add date: YYYY-MM-DD"
            findings.add("missing-key", source_map.key(place), f"{where} has no “{place[-1]}”", key)
        case "extra_forbidden":
            message, expected = _unknown_key(place, where)
            findings.add("unknown-key", source_map.key(place), message, expected)
        case kind:
            findings.add(
                "bad-value",
                source_map.value(place),
                f"{_name(place)} is not {_KIND.get(kind, 'valid')}",
                _hint(kind, source_map, place),
            )


def _unknown_key(place: Place, where: str) -> tuple[str, str]:
    """Returns message and remedy for the unknown key at the end of `place`."""
    key, is_inner = str(place[-1]), len(place) > 1
    if not is_inner and (groups := groups_with(key)):
        *others, last = [f"“{group}”" for group in groups]
        under = f"{', '.join(others)} or {last}" if others else last
        return f"“{key}” belongs under {under}", "move it there, indented by two spaces"
    if not is_inner and key in _ARTICLE_KEYS:
        return f"“{key}” belongs to an article", "move it to the lines under the title of the article"
    model = MODELS.get(str(place[0]), FrontMatter) if is_inner else FrontMatter
    expected = ("" if is_inner else _OTHER_NAMES.get(key.lower(), "")) or suggest(key, [*model.model_fields])
    return f"unknown field “{abbreviate(key)}” in {where}", expected


_OTHER_NAMES = {
    **dict.fromkeys(
        ("subtitle", "subheading", "tagline", "deck", "lead", "lede"),
        "write standfirst: … for the sentence under the headline",
    ),
    **dict.fromkeys(
        ("description", "excerpt", "preview", "previewtext", "preview_text"),
        "mail programs show “subject” and, after it, “preheader”",
    ),
    **dict.fromkeys(("author", "authors", "byline", "by", "from"), "write name: … under “editor”"),
    **dict.fromkeys(("image", "picture", "cover", "hero"), "write file: … and alt: … under “photo”"),
}
"""What other programs call a field at the top, and the remedy."""

_ARTICLE_KEYS = frozenset({"source", "place", "link", "rights", "direction", "teaser"})
_KIND = {
    "string_type": "a text",
    "tuple_type": "a list",
    "model_type": "a group of fields",
    "model_attributes_type": "a group of fields",
}


def _hint(kind: str, source_map: YamlSourceMap, place: Place) -> str:
    group = str(place[0])
    match kind:
        case "tuple_type" if group in MODELS:
            return f"begin each item on a line of its own with “- ”; it has the fields {keys_of(group)}"
        case "tuple_type":
            return "begin each item on a line of its own with “- ”"
        case "model_type" | "model_attributes_type":
            return f"write {keys_of(group)} on lines of their own under it, each indented by two spaces"
    return "put the text in quotes" if isinstance(source_map.node(place), MappingNode) else "write a single text"


def _name(place: Place) -> str:
    """Returns the name of the value at `place` for a diagnostic."""
    match place:
        case ():
            return "the dispatch"
        case (str(name),):
            return f"“{name}”"
        case (str(name), int(number)):
            return f"item {number + 1} of “{name}”"
        case (*outer, str(name)):
            return f"“{name}” of {_name(tuple(outer))}"
        case _:
            return "this"
