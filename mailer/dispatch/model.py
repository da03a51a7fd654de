"""The records of a parsed dispatch.

    Dispatch
      note       blocks before the first `##`
      articles   Article, or Choice between articles
      footnotes  label -> blocks
    Block = Markdown (whole top-level Markdown blocks, as markdown-it tokens) | Choice (an if chain between blocks)

Conditions and expressions are part of the tree, unevaluated; nothing here depends on a reader. In inline tokens an
expression is a token of type `merge_field` with `meta["expression"]`; a link or image has no address attribute, but a
Template in `meta["href"]` (`meta["src"]`). `[[slug]]` is a token of type `dispatch_link` with `meta["slug"]`; a footnote
reference is `footnote_ref` with `meta["label"]`.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from markdown_it.token import Token

from mailer.dispatch.diagnostics import Position
from mailer.dispatch.markdown.token_walk import walk_tokens
from mailer.dispatch.template.expression import Expression

Template = tuple[str | Expression, ...]
"""Text with expressions in it, in order; static text is as typed, not escaped for anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Byline:
    """`photo` is an image file with the editor's face, relative to the dispatch, or ""."""

    name: str
    signature: str = ""
    photo: str = ""
    position: Position = field(default_factory=Position)
    """That of the photo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """Exactly one of `file` (relative to the dispatch) and `url` (https)."""

    alt: str
    file: str | None = None
    url: str | None = None
    caption: str = ""
    credit: str = ""
    position: Position = field(default_factory=Position)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousIssue:
    """An earlier dispatch; exactly one of `slug` and `url`."""

    title: str
    slug: str | None = None
    url: str | None = None
    note: str = ""
    position: Position = field(default_factory=Position)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialLink:
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Markdown:
    """Whole blocks of Markdown, never empty, as flat markdown-it tokens at nesting level 0."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One branch of a choice; `condition` is None for `else`. In a Choice between articles, items are articles."""

    condition: Expression | None
    items: tuple["Block | Article", ...]
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An if chain. `index` numbers the chains of a dispatch from 0, in source order, outer before inner."""

    index: int
    branches: tuple[Branch, ...]
    position: Position


Block = Markdown | Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """`title` holds inline tokens; `anchor` is unique in the dispatch, over all branches.

    `image`, a file relative to the dispatch, and `teaser`, a line, are for the contents; either may be "".
    """

    title: tuple[Token, ...]
    title_text: str
    anchor: str
    source: str
    date: dt.date
    place: str = ""
    link: str = ""
    rights: str = ""
    language: str = ""
    direction: str = ""
    image: str = ""
    image_position: Position = field(default_factory=Position)
    teaser: str = ""
    body: tuple[Block, ...]
    position: Position

    def __post_init__(self) -> None:
        if self.direction not in {"", "ltr", "rtl"}:
            raise ValueError(f"not a direction: {self.direction!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A dispatch without errors. `path` is as it was typed; `source` is the whole file."""

    path: str
    source: str
    slug: str
    title: str
    date: dt.date
    subject: Template
    preheader: Template = ()
    standfirst: str = ""
    language: str
    editor: Byline | None = None
    photo: Photo | None = None
    summary: tuple[str, ...] = ()
    earlier: tuple[PreviousIssue, ...] = ()
    social: tuple[SocialLink, ...] = ()
    copyright: str = ""
    lists: tuple[str, ...] = ()
    note: tuple[Block, ...] = ()
    articles: tuple[Article | Choice, ...] = ()
    footnotes: Mapping[str, tuple[Token, ...]] = field(default_factory=dict)
    expressions: tuple[Expression, ...] = ()
    """Every expression and condition, in source order."""

    @property
    def fields(self) -> frozenset[str]:
        """The reader fields that the dispatch uses."""
        return frozenset().union(*(expression.fields for expression in self.expressions))

    @property
    def defaults(self) -> dict[str, tuple[str, ...]]:
        """What readers get who have nothing in a field, by field: each default once, without empty ones."""
        found: dict[str, tuple[str, ...]] = {}
        for expression in self.expressions:
            value = expression.evaluate({})
            if len(expression.fields) == 1 and isinstance(value, str) and value.strip():
                (name,) = expression.fields
                found[name] = tuple(dict.fromkeys((*found.get(name, ()), value)))
        return found


def walk_blocks(items: tuple["Article | Block", ...]) -> Iterator[Article | Markdown]:
    """Yields every article and every run of Markdown, in source order, those of every branch; an article before its body."""
    for item in items:
        match item:
            case Markdown():
                yield item
            case Article(body=body):
                yield item
                yield from walk_blocks(body)
            case Choice(branches=branches):
                for branch in branches:
                    yield from walk_blocks(branch.items)


def walk_articles(items: tuple["Article | Block", ...]) -> Iterator[Article]:
    """Yields every article, in source order, those of every branch."""
    return (block for block in walk_blocks(items) if isinstance(block, Article))


def inline_tokens(dispatch: Dispatch) -> Iterator[Token]:
    """Yields every inline token, those of all branches and footnotes; an image before the tokens of its alt text."""
    for block in walk_blocks((*dispatch.note, *dispatch.articles)):
        if isinstance(block, Article):
            yield from block.title
        else:
            yield from (token for token in walk_tokens(block.tokens) if not token.block)
    for tokens in dispatch.footnotes.values():
        yield from (token for token in walk_tokens(tokens) if not token.block)


def text_tokens(dispatch: Dispatch) -> Iterator[Token]:
    """Yields every token that holds a run of text (`inline`), those of all branches and footnotes; not the articles' titles."""
    for block in walk_blocks((*dispatch.note, *dispatch.articles)):
        if isinstance(block, Markdown):
            yield from (token for token in block.tokens if token.type == "inline")
    for tokens in dispatch.footnotes.values():
        yield from (token for token in tokens if token.type == "inline")


def image_file(token: Token) -> str | None:
    """Returns the path of an image that is a file, relative to the dispatch; None for an image with a web address."""
    source = token.meta["src"]
    if len(source) == 1 and isinstance(source[0], str) and not source[0].lower().startswith("https:"):
        return source[0]
    return None
