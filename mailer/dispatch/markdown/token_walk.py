"""Walks over markdown-it tokens: all tokens inside others, the token that closes another, the text without markup."""

from collections.abc import Iterator, Sequence

from markdown_it.token import Token


def walk_tokens(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yields `tokens` and all tokens inside them, each before its children."""
    for token in tokens:
        yield token
        yield from walk_tokens(token.children or ())


def closing_index(tokens: Sequence[Token], index: int) -> int:
    """Returns the index of the token that closes what `tokens[index]` opens."""
    depth = 0
    for position in range(index, len(tokens)):
        depth += tokens[position].nesting
        if depth == 0:
            return position
    raise ValueError(f"{tokens[index].type} is never closed")


def plain_text(children: Sequence[Token]) -> str:
    """Returns the text of inline tokens without markup; a merge field has none."""
    pieces = []
    for token in children:
        if token.type in {"softbreak", "hardbreak"}:
            pieces.append(" ")
        elif token.type == "image":
            pieces.append(plain_text(token.children or []))
        else:
            pieces.append(token.content)
    return "".join(pieces)
