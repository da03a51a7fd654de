"""Figures and buttons: paragraphs that hold one thing only.

    ![alt](file "caption")               a figure; the image may be a link: [![alt](file "caption")](address)
    [**Words**](address)                 a button: a link whose words are all bold

Both are plain Markdown that reads well in any other program. In a list without blank lines between its items there are
neither, and a list, quote or footnote has no buttons.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from mailer.dispatch.markdown.token_walk import closing_index
from mailer.line_sanitizer import clean_line


@dataclass(frozen=True, slots=True)
class StandaloneFigure:
    """An image alone; `link` is the `link_open` token around it."""

    image: Token
    link: Token | None = None

    @property
    def caption(self) -> str:
        return title_of(self.image)


@dataclass(frozen=True, slots=True)
class StandaloneButton:
    """`words` are the tokens between its `**`; `link` is its `link_open` token."""

    link: Token
    words: Sequence[Token]


def standalone_element(paragraph: Token, children: Sequence[Token]) -> StandaloneFigure | StandaloneButton | None:
    """Returns the figure or button that `children` of the `paragraph` are, if they are nothing else."""
    if paragraph.hidden:
        return None
    visible = [token for token in children if token.type != "text" or token.content.strip()]
    match visible:
        case [Token(type="image") as image]:
            return StandaloneFigure(image)
        case [Token(type="link_open") as link, Token(type="image") as image, Token(type="link_close")]:
            return StandaloneFigure(image, link)
        case [Token(type="link_open") as link, Token(type="strong_open"), *words, Token(), Token()] if (
            words and paragraph.level == 0
        ):
            whole = closing_index(visible, 0) == len(visible) - 1 and closing_index(visible, 1) == len(visible) - 2
            shows = any(word.type == "image" for word in words)
            return StandaloneButton(link, words) if whole and not shows else None
        case _:
            return None


def title_of(token: Token) -> str:
    """Returns the title of an image or a link, the text in quotation marks behind its address."""
    return clean_line(str(token.attrs.get("title", ""))).strip()
