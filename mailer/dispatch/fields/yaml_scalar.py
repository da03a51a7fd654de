"""Writes a text as a YAML scalar, in the style of the one that it replaces where that style can hold it."""

from collections.abc import Iterator

import yaml


def write_scalar(text: str, *, like: str = "", indent: int = 0) -> str:
    """Returns `text` as YAML. `like`: the scalar that it replaces, as typed; `indent`: the column of the key."""
    return next(
        (each for each in _candidates(text, like, indent) if _reads_as(each, text, indent)), _double_quoted(text)
    )


def _candidates(text: str, like: str, indent: int) -> Iterator[str]:
    if like.startswith('"'):
        return
    if "\n" in text:
        yield "|-\n" + "\n".join(f"{' ' * (indent + 2)}{line}" if line else "" for line in text.split("\n"))
        return
    if like.startswith("'"):
        yield f"'{text.replace(chr(39), chr(39) * 2)}'"
        return
    yield text


def _reads_as(scalar: str, text: str, indent: int) -> bool:
    try:
        return bool(yaml.load(f"{' ' * indent}key: {scalar}\n", Loader=yaml.BaseLoader) == {"key": text})  # noqa: S506 - BaseLoader makes texts only
    except (yaml.YAMLError, ValueError):
        return False


def _double_quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**9).rstrip("\n")
