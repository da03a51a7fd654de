"""The JSON Schema of the front matter, for editors that complete and check YAML while it is typed."""

from typing import Any

from mailer.dispatch.frontmatter.model import FrontMatter


def front_matter_schema() -> dict[str, Any]:
    """Returns a JSON Schema (draft 2020-12) of the front matter, with a description of every key."""
    schema = FrontMatter.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        part["title"] = part["title"].removesuffix("Part")
        for name, value in part["properties"].items():
            part["properties"][name] = _without_null(value)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _without_null(value: dict[str, Any]) -> dict[str, Any]:
    """Removes null from the types of a key: it may be absent but not null, which pydantic does not distinguish."""
    value = {key: inner for key, inner in value.items() if key not in {"title", "default"}}
    kinds = [kind for kind in value.pop("anyOf", []) if kind != {"type": "null"}]
    return {**value, **kinds[0]} if kinds else value
