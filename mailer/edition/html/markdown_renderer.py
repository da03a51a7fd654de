"""Renders Markdown tokens as HTML for mail: few elements with one class each, which style.css styles.

Tables, quotes, figures, buttons and footnotes are rendered by partials, so that a publication can have its own; inline
elements are written here. What differs per reader or variant is a marker (node_markers.py). Sides are left or right
by the direction of the text: mail clients do not know `start`.
"""

from collections.abc import Mapping, Sequence

from markdown_it.token import Token
from markupsafe import Markup, escape

from mailer.dispatch import model
from mailer.dispatch.markdown.token_walk import closing_index
from mailer.dispatch.model import image_file
from mailer.edition.html.conditional_nodes import ConditionalNode, FootnoteList, FootnoteNode, ImageSource, NumberNode
from mailer.edition.html.figures_and_buttons import StandaloneButton, StandaloneFigure, standalone_element, title_of
from mailer.edition.html.node_markers import Markers
from mailer.edition.merge_fields import EscapeContext, MergeField, in_direction
from mailer.edition.model import Image
from mailer.edition.plaintext.markdown_renderer import alignment, clean_lines
from mailer.edition.publication import DispatchReference
from mailer.edition.template_loader import TemplateSet
from mailer.edition.url_with_merge_fields import link_target
from mailer.line_sanitizer import clean_line

_PLAIN = {
    "em_open": "<em>", "em_close": "</em>", "strong_open": "<strong>", "strong_close": "</strong>",
    "s_open": "<s>", "s_close": "</s>", "softbreak": "\n", "hardbreak": "<br>\n",
    "list_item_close": "</li>\n",
    "bullet_list_close": "</ul>\n", "ordered_list_close": "</ol>\n", "link_close": "</a>", "footnote_anchor": "",
    "hr": '<p class="break muted" role="separator">* * *</p>\n',
}  # fmt: skip
_NUMBER, _DIGIT = 26, 11  # pixels: the indent of a list in style.css, and of each digit after the second
_LONG = 20  # characters of a word in a table that may be broken
_WIDE = 32  # characters that the longest words of all columns may have to fit side by side on the smallest phone


class HtmlRenderer:
    """Renders the tokens of one dispatch with `markers`.

    `home` is the edition's direction; images are at most `measure` pixels wide.
    """

    def __init__(
        self,
        markers: Markers,
        layout: TemplateSet,
        *,
        home: str,
        measure: int,
        references: Mapping[str, DispatchReference],
        images: Mapping[str, Image],
        footnotes: Mapping[str, Sequence[Token]],
    ) -> None:
        self._markers = markers
        self._layout = layout
        self._home = home
        self._measure = measure
        self._references = references
        self._images = images
        self._footnotes = footnotes
        self._anchors = {label: f"note:{number}" for number, label in enumerate(footnotes, 1)}

    def blocks(self, blocks: Sequence[model.Block], direction: str) -> Markup:
        """Blocks of a note or an article, branches and all."""
        written = Markup()
        for block in blocks:
            if isinstance(block, model.Markdown):
                written += self.tokens(block.tokens, direction)
                continue
            for number, branch in enumerate(block.branches):
                items = [item for item in branch.items if not isinstance(item, model.Article)]
                written += self._markers.wrap(ConditionalNode(block.index, number, ()), self.blocks(items, direction))
        return written

    def notes(self, section: str, labels: Sequence[str], direction: str) -> Markup:
        """Returns the footnotes that `section` may have to show."""
        if not labels:
            return Markup()
        bodies = Markup().join(
            self._markers.wrap(FootnoteNode(label, ()), self._footnote(label, direction)) for label in labels
        )
        return self._markers.wrap(FootnoteList(section, ()), bodies)

    def _footnote(self, label: str, direction: str) -> Markup:
        tokens = self._footnotes[label]
        is_text = (
            bool(tokens)
            and tokens[0].type == "paragraph_open"
            and not standalone_element(tokens[0], tokens[1].children or ())
        )
        begins = 3 if is_text else 0
        return self._part(
            "footnotes",
            direction,
            anchor=self._anchors[label],
            number=self._markers.placeholder(NumberNode("note", label)),
            text=self.inline(tokens[1:2]) if begins else "",
            more=self.tokens(tokens[begins:], direction, paragraph="over muted"),
        )

    def tokens(  # noqa: C901, PLR0912 - one case a kind of token
        self, tokens: Sequence[Token], direction: str, *, paragraph: str = ""
    ) -> Markup:
        """Renders block tokens. Paragraphs get the class `paragraph`."""
        side = "right" if direction == "rtl" else "left"
        opening = f'<p class="{paragraph}">' if paragraph else "<p>"
        written: list[str] = []
        items: list[str] = []  # the opening tag of the items of each open list
        index = 0
        while index < len(tokens):
            token = tokens[index]
            match token.type:
                case "paragraph_open":
                    index += 2
                    written.append(self._paragraph(token, tokens[index - 1], direction, opening))
                case "inline":
                    written.append(self.inline(token.children or ()))
                case "heading_open":
                    script = "" if direction == self._home else f" script-{direction}"
                    written.append(f'<{token.tag} class="sub ink{script}">')
                case "heading_close":
                    written.append(f"</{token.tag}>\n")
                case "bullet_list_open":
                    written.append(f'<ul class="{_list_class(tokens, index)}">\n')
                    items.append(f'<li class="item-{side}">')
                case "ordered_list_open":
                    style = _number_room(token, tokens[index : closing_index(tokens, index)], side)
                    written.append(f'<ol class="{_list_class(tokens, index)}"{_start(token)}>\n')
                    items.append(f'<li class="item-{side}"{style}>')
                case "bullet_list_close" | "ordered_list_close":
                    items.pop()
                    written.append(_PLAIN[token.type])
                case "list_item_open":
                    written.append(items[-1])
                case "blockquote_open":
                    end = closing_index(tokens, index)
                    body = self._quoted(tokens[index + 1 : end], direction, paragraph)
                    written.append(self._part("quote", direction, body=body))
                    index = end
                case "table_open":
                    end = closing_index(tokens, index)
                    written.append(self._table(tokens[index + 1 : end], direction, side))
                    index = end
                case "fence" | "code_block":
                    code = escape(clean_lines(token.content.rstrip("\n")))
                    written.append(self._part("code", direction, code=code))
                case kind:
                    written.append(_PLAIN[kind])
            index += 1
        return Markup("".join(written))  # noqa: S704 - made of escaped pieces

    def _quoted(self, tokens: Sequence[Token], direction: str, paragraph: str) -> Markup:
        """Renders the body of a quote. Its last paragraph has no margin: in a cell, it would add to that of the quote."""
        begin = len(tokens) - 3 if tokens and tokens[-1].type == "paragraph_close" else len(tokens)
        last = self.tokens(tokens[begin:], direction, paragraph=f"{paragraph} end".strip())
        return self.tokens(tokens[:begin], direction, paragraph=paragraph) + last

    def _paragraph(self, token: Token, inline: Token, direction: str, opening: str) -> str:
        children = inline.children or ()
        match standalone_element(token, children):
            case StandaloneFigure() as figure:
                return self._figure(figure, direction)
            case StandaloneButton(link=link, words=words):
                return self._part("button", direction, link=self._address(link, "href"), text=self.inline(words))
            case None:
                text = self.inline(children)
                return str(text) if token.hidden else f"{opening}{text}</p>\n"

    def _figure(self, figure: StandaloneFigure, direction: str) -> Markup:
        file = image_file(figure.image)
        image = self._images[file] if file else None
        photo = {
            "src": self._markers.placeholder(ImageSource(image.name)) if image else self._address(figure.image, "src"),
            "alt": clean_line(str(figure.image.attrs["alt"])),
            "width": image.display_size(self._measure)[0] if image else None,
            "height": image.display_size(self._measure)[1] if image else None,
            "caption": figure.caption,
            "credit": "",
            "link": self._address(figure.link, "href") if figure.link else "",
        }
        return self._part("photo", direction, photo=photo)

    def _table(self, inner: Sequence[Token], direction: str, side: str) -> Markup:
        rows: list[list[dict[str, object]]] = []
        longest: list[list[int]] = []
        for index, token in enumerate(inner):
            if token.type == "tr_open":
                rows.append([])
                longest.append([])
            elif token.type in {"th_open", "td_open"}:
                content = inner[index + 1 : closing_index(inner, index)]
                word = max(map(len, inner[index + 1].content.split()), default=0)
                longest[-1].append(min(word, _LONG))
                cell = {"side": alignment(token) or side, "text": self.inline(content), "is_long": word > _LONG}
                rows[-1].append(cell)
        is_wide = sum(max(column) for column in zip(*longest, strict=True)) > _WIDE
        return self._part("table", direction, is_wide=is_wide, header=rows[0], rows=rows[1:])

    def _part(self, name: str, direction: str, **context: object) -> Markup:
        start, end = ("right", "left") if direction == "rtl" else ("left", "right")
        sides = {"direction": direction, "start": start, "end": end}
        text = self._layout.render(f"partials/{name}.html.j2", {**sides, **context})
        return Markup(text + "\n")  # noqa: S704 - the template escapes

    def inline(self, tokens: Sequence[Token]) -> Markup:
        """Renders inline tokens, or an `inline` token around them."""
        return Markup().join(self._inline(token) for token in tokens)

    def _inline(self, token: Token) -> Markup:
        match token.type:
            case "inline":
                return self.inline(token.children or ())
            case "text" | "text_special":
                return escape(clean_line(token.content))
            case "code_inline":
                return Markup('<code class="code">{}</code>').format(clean_line(token.content))
            case "merge_field":
                place = in_direction(EscapeContext.HTML, self._home)
                return self._markers.placeholder(MergeField(token.meta["expression"].source, place))
            case "footnote_ref":
                label = token.meta["label"]
                return Markup('<sup class="sup"><a class="link" href="#{}">{}</a></sup>').format(
                    self._anchors[label], self._markers.placeholder(NumberNode("note", label))
                )
            case "dispatch_link":
                reference = self._references[token.meta["slug"]]
                return Markup('<a class="link" href="{}">{}</a>').format(reference.url, clean_line(reference.title))
            case "link_open":
                return Markup('<a class="link" href="{}"{}>').format(self._address(token, "href"), _title(token))
            case "image":
                return self._image(token)
            case kind:
                return Markup(_PLAIN[kind])  # noqa: S704 - a constant

    def _image(self, token: Token) -> Markup:
        alt = clean_line(str(token.attrs["alt"]))
        file = image_file(token)
        if file is None:
            return Markup('<img class="image" src="{}" alt="{}"{}>').format(
                self._address(token, "src"), alt, _title(token)
            )
        image = self._images[file]
        width, _ = image.display_size(self._measure)
        return Markup('<img class="image" src="{}" alt="{}" width="{}"{}>').format(
            self._markers.placeholder(ImageSource(image.name)), alt, width, _title(token)
        )

    def _address(self, token: Token, attribute: str) -> Markup:
        """Returns an address in which each merge field is a marker, so that nothing rewrites it before it is filled."""
        return Markup().join(
            self._markers.placeholder(part if isinstance(part, MergeField) else str(escape(part)))
            for part in link_target(token, attribute, EscapeContext.URL)
        )


def _title(token: Token) -> Markup:
    title = title_of(token)
    return Markup(' title="{}"').format(title) if title else Markup()


def _list_class(tokens: Sequence[Token], index: int) -> str:
    """Returns the class of the list that begins at `index`; one inside a tight list has no space after it."""
    is_inner = index > 0 and tokens[index - 1].type == "paragraph_close" and tokens[index - 1].hidden
    return "list-inner" if is_inner else "list"


def _number_room(token: Token, inner: Sequence[Token], side: str) -> str:
    """Returns the style that gives the items of a list with numbers of three digits or more room for the widest."""
    count = sum(each.type == "list_item_open" and each.level == token.level + 1 for each in inner)
    digits = len(str(int(token.attrs.get("start", 1)) + count - 1))
    return f' style="margin-{side}:{_NUMBER + _DIGIT * (digits - 2)}px"' if digits > 2 else ""


def _start(token: Token) -> str:
    start = int(token.attrs.get("start", 1))
    return f' start="{start}"' if start != 1 else ""
