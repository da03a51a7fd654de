"""Markdown tokens as HTML for mail: few elements, one class each, which style.css gives its look.

What differs per reader or variant is an opaque word (marks.py). Sides are physical, left or right by the direction of
what is written: mail clients do not know `start`. A table of data keeps its header cells; layout tables are the template's.
"""

from collections.abc import Mapping, Sequence

from markdown_it.token import Token
from markupsafe import Markup, escape

from mailer.dispatch import model
from mailer.dispatch.check import image_file
from mailer.edition.marks import Marks
from mailer.edition.model import Image
from mailer.edition.publication import Reference
from mailer.edition.slot import Place, Slot, clean
from mailer.edition.target import address
from mailer.edition.text import alignment, clean_lines
from mailer.edition.tree import Note, Notes, Number, Source, When

_PLAIN = {
    "em_open": "<em>", "em_close": "</em>", "strong_open": "<strong>", "strong_close": "</strong>",
    "s_open": "<s>", "s_close": "</s>", "softbreak": "\n", "hardbreak": "<br>\n",
    "list_item_open": "<li>", "list_item_close": "</li>\n", "thead_open": "<thead>", "thead_close": "</thead>\n",
    "tbody_open": "<tbody>", "tbody_close": "</tbody>\n", "tr_open": "<tr>", "tr_close": "</tr>\n",
    "th_close": "</th>", "td_close": "</td>", "table_close": "</table>\n", "blockquote_close": "</blockquote>\n",
    "bullet_list_close": "</ul>\n", "ordered_list_close": "</ol>\n", "link_close": "</a>", "footnote_anchor": "",
    "hr": '<p class="break" role="separator">* * *</p>\n',
}  # fmt: skip


class HtmlWriter:
    """Writes the tokens of one dispatch with the words of `marks`."""

    def __init__(
        self,
        marks: Marks,
        *,
        references: Mapping[str, Reference],
        images: Mapping[str, Image],
        footnotes: Mapping[str, Sequence[Token]],
    ) -> None:
        self._marks = marks
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
                written += self._marks.around(When(block.index, number, ()), self.blocks(items, direction))
        return written

    def notes(self, section: str, labels: Sequence[str], direction: str) -> Markup:
        """The footnotes that `section` may have to show."""
        if not labels:
            return Markup()
        bodies = Markup().join(
            self._marks.around(Note(label, ()), self._footnote(label, direction)) for label in labels
        )
        return self._marks.around(Notes(section, ()), bodies)

    def _footnote(self, label: str, direction: str) -> Markup:
        anchor = self._anchors[label]
        lead = Markup('<a name="{0}" id="{0}"></a><sup class="sup">{1}</sup> ').format(
            anchor, self._marks.word(Number("note", label))
        )
        tokens = self._footnotes[label]
        if tokens and tokens[0].type == "paragraph_open":
            return self.tokens(tokens, direction, paragraph="over muted", lead=lead)
        return Markup('<p class="over muted">{}</p>\n').format(lead) + self.tokens(
            tokens, direction, paragraph="over muted"
        )

    def tokens(  # noqa: C901, PLR0912 - one case a kind of token
        self, tokens: Sequence[Token], direction: str, *, paragraph: str = "", lead: Markup | None = None
    ) -> Markup:
        """Block tokens. Paragraphs get the class `paragraph`; the first starts with `lead`."""
        side = "right" if direction == "rtl" else "left"
        written: list[str] = []
        for token in tokens:
            match token.type:
                case "paragraph_open" if not token.hidden:
                    written.append(f'<p class="{paragraph}">' if paragraph else "<p>")
                case "paragraph_close" if not token.hidden:
                    written.append("</p>\n")
                case "paragraph_open" | "paragraph_close":
                    pass
                case "inline":
                    written.append((lead or "") + self.inline(token.children or ()))
                    lead = None
                case "heading_open" | "heading_close":
                    slash, css = ("/", "") if token.nesting < 0 else ("", ' class="sub ink"')
                    written.append(f"<{slash}{token.tag}{css}>" + "\n" * (token.nesting < 0))
                case "bullet_list_open":
                    written.append(f'<ul class="list-{side}">\n')
                case "ordered_list_open":
                    written.append(f'<ol class="list-{side}"{_start(token)}>\n')
                case "blockquote_open":
                    written.append(f'<blockquote class="quote-{side} line">\n')
                case "table_open":
                    written.append('<table class="data ink" width="100%" cellpadding="0" cellspacing="0">\n')
                case "th_open":
                    written.append(f'<th scope="col" class="th-{alignment(token) or side} muted line">')
                case "td_open":
                    written.append(f'<td class="td-{alignment(token) or side} ink line">')
                case "fence" | "code_block":
                    code = escape(clean_lines(token.content.rstrip("\n")))
                    written.append(f'<pre class="pre ink wash" dir="ltr">{code}</pre>\n')
                case kind:
                    written.append(_PLAIN[kind])
        return Markup("".join(written))  # noqa: S704 - made of escaped pieces

    def inline(self, tokens: Sequence[Token]) -> Markup:
        """Inline tokens, or an `inline` token around them."""
        return Markup().join(self._inline(token) for token in tokens)

    def _inline(self, token: Token) -> Markup:
        match token.type:
            case "inline":
                return self.inline(token.children or ())
            case "text" | "text_special":
                return escape(clean(token.content))
            case "code_inline":
                return Markup('<code class="code">{}</code>').format(clean(token.content))
            case "slot":
                return self._marks.word(Slot(token.meta["expression"].source, Place.HTML))
            case "footnote_ref":
                label = token.meta["label"]
                return Markup('<sup class="sup"><a class="link" href="#{}">{}</a></sup>').format(
                    self._anchors[label], self._marks.word(Number("note", label))
                )
            case "dispatch_link":
                reference = self._references[token.meta["slug"]]
                return Markup('<a class="link" href="{}">{}</a>').format(reference.url, clean(reference.title))
            case "link_open":
                return Markup('<a class="link" href="{}">').format(self._address(token, "href"))
            case "image":
                return self._image(token)
            case kind:
                return Markup(_PLAIN[kind])  # noqa: S704 - a constant

    def _image(self, token: Token) -> Markup:
        alt = clean(str(token.attrs["alt"]))
        file = image_file(token)
        if file is None:
            return Markup('<img class="image" src="{}" alt="{}">').format(self._address(token, "src"), alt)
        image = self._images[file]
        return Markup('<img class="image" src="{}" alt="{}" width="{}" height="{}">').format(
            self._marks.word(Source(image.name)), alt, image.display_width, image.display_height
        )

    def _address(self, token: Token, attribute: str) -> Markup:
        """An address as one word a piece, so that nothing between here and the reader rewrites it."""
        return Markup().join(
            self._marks.word(part if isinstance(part, Slot) else str(escape(part)))
            for part in address(token, attribute, Place.URL)
        )


def _start(token: Token) -> str:
    start = int(token.attrs.get("start", 1))
    return f' start="{start}"' if start != 1 else ""
