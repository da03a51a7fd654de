"""Renders Markdown tokens as plaintext, the way a careful person would type it.

Emphasis has marks, `_so_` and `*so*`, only if the theme wants them: a screen reader spells them out. A link is followed by its
number, unless it shows its own address; a subheading ends in a colon; a button is its words and, under them, its address; a
picture is its alt text, then its caption; a table is aligned; a quote has `> ` before each line. Code is neither wrapped nor
changed.
"""

from collections.abc import Mapping, Sequence

from markdown_it.token import Token

from mailer.dispatch import model
from mailer.dispatch.markdown.token_walk import closing_index
from mailer.edition.html.conditional_nodes import NumberNode
from mailer.edition.html.figures_and_buttons import StandaloneButton, StandaloneFigure, standalone_element, title_of
from mailer.edition.merge_fields import EscapeContext, ListName, MergeField, in_direction
from mailer.edition.plaintext.blocks import (
    Block,
    Blocks,
    ConditionalBlock,
    Table,
    TextBlock,
    TextLink,
    UnruledTable,
    Words,
)
from mailer.edition.publication import DispatchReference
from mailer.edition.url_with_merge_fields import link_target
from mailer.i18n.bidi import text_direction
from mailer.i18n.translations import gettext
from mailer.line_sanitizer import clean_line

_MARKS = {"em_open": "_", "em_close": "_", "strong_open": "*", "strong_close": "*", "s_open": "~", "s_close": "~"}
_STRUCK = frozenset({"s_open", "s_close"})  # without marks, what is struck out would be taken for valid
_ENDS = (":", "?", "!", ".", "…", "؟", "。", "？", "！", "：")


class PlaintextRenderer:
    """Renders the tokens of one dispatch; `references` are the dispatches that `[[slug]]` may name."""

    def __init__(self, language: str, references: Mapping[str, DispatchReference], *, marks: bool = False) -> None:
        self._language = language
        self._has_marks = marks
        self._references = references
        self._in_text = in_direction(EscapeContext.TEXT, text_direction(language))

    def blocks(self, blocks: Sequence[model.Block]) -> Blocks:
        """Renders blocks of a note or an article, branches and all."""
        written: list[Block] = []
        for block in blocks:
            if isinstance(block, model.Markdown):
                written.extend(self.tokens(block.tokens))
                continue
            written.extend(
                ConditionalBlock(choice=block.index, branch=number, blocks=self.blocks(_inside(branch.items)))
                for number, branch in enumerate(block.branches)
            )
        return tuple(written)

    def footnote(self, label: str, tokens: Sequence[Token]) -> Blocks:
        """Returns a footnote's text, which starts with its number."""
        before, after = gettext(self._language, "Note %(number)s:", number="\0").split("\0")
        lead: Words = (before, NumberNode("note", label), after + " ")
        blocks = list(self.tokens(tokens))
        if blocks and isinstance(blocks[0], TextBlock) and not blocks[0].lead and not blocks[0].literal:
            blocks[0] = TextBlock(words=(*lead, *blocks[0].words))
        else:
            blocks.insert(0, TextBlock(words=lead))
        return tuple(blocks)

    def tokens(  # noqa: C901 - one case a kind of token
        self, tokens: Sequence[Token], indent: str = "", gap: int = 1
    ) -> list[Block]:
        """Renders block tokens; each line starts with `indent`; `gap` blank lines are before the first and between them."""
        blocks: list[Block] = []
        index = 0
        while index < len(tokens):
            token = tokens[index]
            end = closing_index(tokens, index)
            inner = tokens[index + 1 : end]
            match token.type:
                case "paragraph_open":
                    blocks.extend(self._paragraph(token, inner, indent, 0 if token.hidden else gap))
                case "heading_open":
                    blocks.append(TextBlock(words=_subheading(self.inline(inner)), indent=indent, gap=1))
                case "bullet_list_open" | "ordered_list_open":
                    blocks.extend(self._list(token, inner, indent, gap))
                case "blockquote_open":
                    blocks.extend(self.tokens(inner, indent + "> "))
                case "table_open":
                    blocks.append(self._table(inner, indent))
                case "fence" | "code_block":
                    code = clean_lines(token.content.rstrip("\n"))
                    blocks.append(TextBlock(words=(code,), indent=indent + "    ", literal=True))
                case "hr":
                    blocks.append(TextBlock(words=("* * *",), indent=indent))
                case "inline":
                    blocks.append(TextBlock(words=self.inline([token]), indent=indent))
                case kind if kind not in _LEFT_OUT:
                    raise ValueError(f"no plaintext for the token {kind}")
            index = end + 1
        return blocks

    def _paragraph(self, token: Token, inner: Sequence[Token], indent: str, gap: int) -> list[Block]:
        children = inner[0].children or ()
        match standalone_element(token, children):
            case StandaloneFigure(image=image, link=link) as figure:
                shown: Words = (
                    self._picture(image),
                    *((TextLink(link_target(link, "href", EscapeContext.TEXT_URL)),) if link else ()),
                )
                caption = [TextBlock(words=(figure.caption,), indent=indent, gap=0)] if figure.caption else []
                return [TextBlock(words=shown, indent=indent, gap=gap), *caption]
            case StandaloneButton(link=link, words=words):
                target = link_target(link, "href", EscapeContext.TEXT_URL)
                label = TextBlock(words=_subheading(self.inline(words)), indent=indent, gap=gap)
                return [label, TextBlock(words=target, indent=indent, gap=0)]
            case None:
                return [TextBlock(words=self.inline(children), indent=indent, gap=gap)]

    def _picture(self, image: Token) -> str:
        return gettext(self._language, "[Picture: %(alt)s]", alt=clean_line(str(image.attrs["alt"])))

    def inline(self, tokens: Sequence[Token]) -> Words:  # noqa: C901 - one case a kind of token
        """Renders inline tokens, or an `inline` token around them, as words."""
        words: list[str | MergeField | ListName | NumberNode | TextLink] = []
        index = 0
        while index < len(tokens):
            token = tokens[index]
            match token.type:
                case "inline":
                    words.extend(self.inline(token.children or ()))
                case "text" | "code_inline" | "text_special":
                    words.append(clean_line(token.content))
                case "softbreak":
                    words.append(" ")
                case "hardbreak":
                    words.append("\n")
                case "merge_field":
                    words.append(MergeField(token.meta["expression"].source, self._in_text))
                case "footnote_ref":
                    before, after = gettext(self._language, "(note %(number)s)", number="\0").split("\0")
                    words.extend((" " + before, NumberNode("note", token.meta["label"]), after))
                case "dispatch_link":
                    reference = self._references[token.meta["slug"]]
                    words.extend((clean_line(reference.title), TextLink((reference.url,))))
                case "image":
                    title = title_of(token)
                    words.append(self._picture(token) + (f" ({title})" if title else ""))
                case "link_open":
                    end = closing_index(tokens, index)
                    words.extend(self._link(token, self.inline(tokens[index + 1 : end])))
                    index = end
                case kind if kind in _MARKS:
                    words.append(_MARKS[kind] if self._has_marks or kind in _STRUCK else "")
                case kind if kind not in _LEFT_OUT:
                    raise ValueError(f"no plaintext for the token {kind}")
            index += 1
        return tuple(words)

    def _link(self, token: Token, shown: Words) -> Words:
        target = link_target(token, "href", EscapeContext.TEXT_URL)
        if title := title_of(token):
            return (*shown, TextLink((*target, f" ({title})")))
        text = "".join(word for word in shown if isinstance(word, str))
        if len(target) == len(shown) == 1 and text in {target[0], str(target[0]).removeprefix("mailto:")}:
            return shown
        return (*shown, TextLink(target)) if text.strip() or len(shown) > 1 else (*shown, *target)

    def _list(self, token: Token, inner: Sequence[Token], indent: str, gap: int) -> list[Block]:
        number = int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None
        blocks: list[Block] = []
        index = 0
        while index < len(inner):
            end = closing_index(inner, index)
            marker = "- " if number is None else f"{number}. "
            content = inner[index + 1 : end]
            tight = any(part.hidden for part in content if part.level == inner[index].level + 1)
            item = self.tokens(content, indent + " " * len(marker), gap=0 if tight else 1)
            item_gap = (gap if not blocks else 0) if tight else 1
            blocks.extend(_marked(item, indent, marker, item_gap))
            number = None if number is None else number + 1
            index = end + 1
        return blocks

    def _table(self, inner: Sequence[Token], indent: str) -> Table:
        rows: list[tuple[Words, ...]] = []
        cells: list[Words] = []
        alignments: list[str] = []
        for index, token in enumerate(inner):
            if token.type in {"th_open", "td_open"}:
                cells.append(self.inline(inner[index + 1 : closing_index(inner, index)]))
                if token.type == "th_open":
                    alignments.append(alignment(token))
            elif token.type == "tr_close":
                rows.append(tuple(cells))
                cells = []
        kind = Table if self._has_marks else UnruledTable
        return kind(header=rows[0], rows=tuple(rows[1:]), alignments=tuple(alignments), indent=indent)


_LEFT_OUT = frozenset({"footnote_anchor"})


def alignment(cell: Token) -> str:
    """Returns left, center or right, by the second line of the table, or ""."""
    return str(cell.attrs.get("style", "")).removeprefix("text-align:")


def clean_lines(code: str) -> str:
    """Returns code without controls, its tabs as spaces."""
    return "\n".join(clean_line(line.expandtabs(4)) for line in code.split("\n"))


def _subheading(words: Words) -> Words:
    text = "".join(word for word in words if isinstance(word, str)).rstrip()
    return words if text.endswith(_ENDS) else (*words, ":")


def _marked(item: list[Block], indent: str, marker: str, gap: int) -> list[Block]:
    """Returns a list item with its marker before its first line."""
    first = item[0] if item else None
    if (
        isinstance(first, TextBlock)
        and not first.lead
        and not first.literal
        and first.indent == indent + " " * len(marker)
    ):
        head = TextBlock(words=first.words, lead=(marker,), indent=indent, gap=gap)
        return [head, *item[1:]]
    return [TextBlock(words=(marker.rstrip(),), indent=indent, gap=gap), *item]


def _inside(items: Sequence["model.Block | model.Article"]) -> list[model.Block]:
    return [item for item in items if not isinstance(item, model.Article)]
