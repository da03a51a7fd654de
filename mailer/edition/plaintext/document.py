"""The plaintext document: blocks for each part, in the order of templates/dispatch.txt.j2.

The template names parts, one a line, and may have lines of its own; its blank lines are the gaps between them. A part
that a dispatch does not have, or a variant does not show, leaves no gap behind.
"""

import re
from collections.abc import Mapping, Sequence

from mailer.dispatch import model
from mailer.dispatch.url_validation import normalise_url
from mailer.edition.dispatch_view import REASON, DispatchView, Path, non_empty_lines
from mailer.edition.html.conditional_nodes import NumberNode
from mailer.edition.merge_fields import ADDRESS, TOKEN, EscapeContext, ListName, MergeField, in_direction
from mailer.edition.plaintext.blocks import (
    Block,
    Blocks,
    ConditionalBlock,
    FootnoteBlock,
    PartBlock,
    SectionBlock,
    TextBlock,
)
from mailer.edition.plaintext.markdown_renderer import PlaintextRenderer
from mailer.edition.plaintext.wrap import COLUMNS, width, wrap
from mailer.edition.template_loader import LayoutError, TemplateSet
from mailer.i18n.bidi import has_left_to_right, has_right_to_left, isolate
from mailer.i18n.comma import comma
from mailer.i18n.date_format import long_date
from mailer.line_sanitizer import clean_line

_PART = re.compile("\0([a-z_]+)\0")


def build_plaintext(view: DispatchView, layout: TemplateSet, *, marks: bool = False) -> Blocks:
    """Returns the whole plaintext of `view`, before a variant is chosen; `marks`: with underlines and marks of emphasis."""
    parts = _PlaintextContext(view, marks=marks).parts()
    words = {name: f"\0{name}\0" for name in parts}
    text = layout.render("dispatch.txt.j2", {**words, "say": view.translate, "name": view.publication.name})
    return _arrange(text, parts)


def _arrange(text: str, parts: Mapping[str, Blocks]) -> Blocks:
    """Returns the blocks that the lines of `text` name, with the longest run of blank lines before each as its gap."""
    arranged: list[Block] = []
    gap = run = 0
    for line in text.splitlines():
        match = _PART.fullmatch(line.strip())
        if not line.strip():
            run += 1
            continue
        if "\0" in line and not match:
            raise LayoutError("a part of dispatch.txt.j2 is not alone on its line", "Give each part a line of its own.")
        blocks = parts[match[1]] if match else (TextBlock(words=(clean_line(line.strip()),), gap=0),)
        gap, run = max(gap, run), 0
        if blocks:
            arranged.append(PartBlock(gap=gap, blocks=blocks))
            gap = 0
    return tuple(arranged)


class _PlaintextContext:
    def __init__(self, view: DispatchView, *, marks: bool) -> None:
        self.view = view
        self.marks = marks
        self.writer = PlaintextRenderer(view.language, view.references, marks=marks)

    def parts(self) -> dict[str, Blocks]:
        view, dispatch, publication = self.view, self.view.dispatch, self.view.publication
        return {
            "title": self.heading(clean_line(dispatch.title), "="),
            "standfirst": _plain_lines([dispatch.standfirst]),
            "publication": _plain_lines([publication.name]),
            "date": _plain_lines([long_date(dispatch.date, view.language)]),
            "photo": self.photo(),
            "contents": self.contents(),
            "note": self.note(),
            "articles": self.articles(),
            "earlier": self.earlier(),
            "social": tuple(
                block
                for number, item in enumerate(dispatch.social)
                for block in _labelled(clean_line(item.text), normalise_url(item.url), gap=min(number, 1))
            ),
            "view": _labelled(view.translate("Read in your browser:"), view.view_url),
            "why": self.subscription_reason(),
            "unsubscribe": (
                TextBlock(words=(view.translate("Unsubscribe:"),), gap=0),
                TextBlock(words=(publication.unsubscribe_url, MergeField(TOKEN, EscapeContext.TEXT_URL)), gap=0),
            ),
            "settings": (
                TextBlock(words=(view.translate("Your settings (take a break, change your address):"),), gap=0),
                TextBlock(words=(publication.preferences_url, MergeField(TOKEN, EscapeContext.TEXT_URL)), gap=0),
            ),
            "postal_address": _plain_lines(non_empty_lines(publication.postal_address)),
            "copyright": _plain_lines(view.copyright),
        }

    def photo(self) -> Blocks:
        photo = self.view.dispatch.photo
        if photo is None:
            return ()
        picture = self.view.translate("[Picture: %(alt)s]", alt=clean_line(photo.alt))
        caption, credit = clean_line(photo.caption), clean_line(photo.credit)
        if caption and credit:
            caption, credit = (_isolated(text, self.view.direction) for text in (caption, credit))
        said = " ".join(filter(None, (caption, f"({credit})" if credit else "")))
        return tuple(TextBlock(words=(text,), gap=0) for text in (picture, said) if text)

    def contents(self) -> Blocks:
        dispatch, direction = self.view.dispatch, self.view.direction
        if not self.view.has_contents:
            return ()
        entries: list[Block] = [
            TextBlock(lead=(f"{number}. ",), words=(clean_line(line),), gap=0)
            for number, line in enumerate(dispatch.summary, 1)
        ]
        for article, path in self.view.articles:
            title = _isolated(clean_line(article.title_text), direction)
            date = long_date(article.date, self.view.language)
            origin = self.source_line(article, date, direction, comma(self.view.language))
            between = " " if width(title + origin) < COLUMNS - 6 else "\n"
            teaser = clean_line(article.teaser)
            entry = TextBlock(
                lead=(NumberNode("article", article.anchor), ". "),
                words=(f"{title}{between}({origin})" + (f"\n{teaser}" if teaser else ""),),
                gap=0,
            )
            entries.append(_in_branches(path, entry))
        return (TextBlock(words=(self.view.translate("In this issue"),)), PartBlock(gap=1, blocks=tuple(entries)))

    def note(self) -> Blocks:
        dispatch = self.view.dispatch
        if not dispatch.note:
            return ()
        editor = dispatch.editor
        heading = (
            self.view.translate("Note by %(name)s", name=clean_line(editor.name))
            if editor
            else self.view.translate("Note")
        )
        signature = [clean_line(line) for line in non_empty_lines(editor.signature)] if editor else []
        byline = _plain_lines([self.view.translate("By %(name)s", name=clean_line(editor.name))]) if editor else ()
        blocks = (
            *(self.heading(heading, "-") if self.view.articles else ()),
            *(byline if self.view.has_byline else ()),
            *self.writer.blocks(dispatch.note),
            *(TextBlock(words=(line,), gap=int(number == 0)) for number, line in enumerate(signature)),
        )
        return (SectionBlock(section="", blocks=blocks, notes=self.footnote_blocks("")),)

    def articles(self) -> Blocks:
        return tuple(_in_branches(path, self.article(article)) for article, path in self.view.articles)

    def article(self, article: model.Article) -> SectionBlock:
        language = article.language or self.view.language
        direction = self.view.article_direction(article)
        kicker = self.source_line(article, long_date(article.date, language), direction, comma(language))
        title = clean_line(article.title_text)
        head: Blocks = (TextBlock(words=(title,), gap=2),)
        if self.marks:
            head = _underlined(title, "-", gap=2)
        elif self.view.has_contents:  # its number, to be found by
            head = (TextBlock(lead=(NumberNode("article", article.anchor), ". "), words=(title,), gap=2),)
        blocks: list[Block] = [
            *head,
            TextBlock(words=(kicker,), gap=0),
            *self.writer.blocks(article.body),
        ]
        if article.link:
            label = self.view.translate(
                "Read it at %(source)s:", source=_isolated(clean_line(article.source), self.view.direction)
            )
            blocks.extend(_labelled(label, normalise_url(article.link), gap=1))
        blocks.extend(
            TextBlock(words=(clean_line(text),), gap=int(not index))
            for index, text in enumerate(non_empty_lines(article.rights))
        )
        return SectionBlock(section=article.anchor, blocks=tuple(blocks), notes=self.footnote_blocks(article.anchor))

    def footnote_blocks(self, section: str) -> tuple[FootnoteBlock, ...]:
        footnotes = self.view.dispatch.footnotes
        return tuple(
            FootnoteBlock(label=label, blocks=self.writer.footnote(label, footnotes[label]))
            for label in self.view.footnotes[section]
        )

    def earlier(self) -> Blocks:
        blocks: list[Block] = []
        for item in self.view.dispatch.earlier:
            title, date = clean_line(item.title), self.view.earlier_date(item)
            if date or item.note:
                title = _isolated(title, self.view.direction)
            head = f"{title} ({_isolated(date, self.view.direction)})" if date else title
            text = f"{head}{comma(self.view.language)}{clean_line(item.note)}" if item.note else head
            blocks.append(TextBlock(lead=("- ",), words=(text,), gap=int(not blocks)))
            blocks.append(TextBlock(words=(self.view.earlier_url(item),), indent="  ", gap=0))
        archive = _labelled(self.view.translate("All issues:"), self.view.publication.archive_index_url, gap=1)
        return (TextBlock(words=(self.view.translate("Earlier issues"),)), *blocks, *archive) if blocks else ()

    def subscription_reason(self) -> Blocks:
        choice = self.view.address_choice
        fields: dict[str, ListName | MergeField] = {
            "n": ListName(in_direction(EscapeContext.TEXT, self.view.direction), self.view.publication.name),
            "a": MergeField(ADDRESS, EscapeContext.TEXT),
        }
        texts = self.view.translate(REASON, name="\0n\0", address="\0a\0").split("\0")
        unknown = self.view.translate("This newsletter is sent by e-mail to everyone who signed up for it.")
        return (
            ConditionalBlock(
                choice=choice,
                branch=0,
                blocks=(TextBlock(words=tuple(fields.get(text, text) for text in texts)),),
            ),
            ConditionalBlock(choice=choice, branch=1, blocks=(TextBlock(words=(unknown,)),)),
        )

    def heading(self, text: str, rule: str) -> Blocks:
        return _underlined(text, rule) if self.marks else (TextBlock(words=(text,)),)

    def source_line(self, article: model.Article, date: str, direction: str, comma_after: str) -> str:
        """Returns source, place in brackets, and date, each isolated if its direction is not that of the line."""
        source, place, date = (
            _isolated(text, direction) for text in (clean_line(article.source), clean_line(article.place), date)
        )
        return f"{source} ({place}){comma_after}{date}" if place else f"{source}{comma_after}{date}"


def _isolated(text: str, direction: str) -> str:
    """Isolates `text` in a line of `direction` if it has letters of the other direction."""
    is_other = has_left_to_right(text) if direction == "rtl" else has_right_to_left(text)
    return isolate(text) if is_other else text


def _underlined(text: str, rule: str, *, gap: int = 1) -> tuple[TextBlock, TextBlock]:
    """Returns a heading, wrapped, with a rule as long as its longest line."""
    wrapped = wrap(text)
    longest = max(width(line) for line in wrapped.split("\n"))
    return TextBlock(words=(wrapped,), literal=True, gap=gap), TextBlock(words=(rule * longest,), gap=0, literal=True)


def _labelled(label: str, url: str, gap: int = 0) -> tuple[TextBlock, TextBlock]:
    """Returns a label and, on a line of its own, the address."""
    return TextBlock(words=(label,), gap=gap), TextBlock(words=(url,), gap=0)


def _plain_lines(texts: Sequence[str]) -> Blocks:
    return tuple(TextBlock(words=(clean_line(text),), gap=0) for text in texts if text)


def _in_branches(path: Path, block: Block) -> Block:
    """Returns `block`, shown only in the branches of `path`."""
    for choice, branch in reversed(path):
        block = ConditionalBlock(choice=choice, branch=branch, blocks=(block,))
    return block
