"""Renders the HTML of an edition: the names that templates get, and the nodes of the result.

The entries of the contents and the articles are rendered one by one by their own partials, so that the branch around an
article is marked here and no template can forget it. The names a template may use are the keys
of the contexts below; docs/templates.md explains them.
"""

from collections.abc import Sequence

from markupsafe import Markup, escape

from mailer.dispatch import model
from mailer.dispatch.url_validation import normalise_url
from mailer.edition.dispatch_view import REASON, DispatchView, Path, non_empty_lines
from mailer.edition.html.conditional_nodes import ConditionalNode, ImageSource, Nodes, NumberNode
from mailer.edition.html.css_inliner import inline_styles
from mailer.edition.html.markdown_renderer import HtmlRenderer
from mailer.edition.html.node_markers import Markers
from mailer.edition.merge_fields import ADDRESS, TOKEN, EscapeContext, ListName, MergeField, in_direction
from mailer.edition.model import Image
from mailer.edition.template_loader import TemplateSet
from mailer.edition.theme import Theme
from mailer.i18n.bidi import first_strong_direction
from mailer.i18n.comma import comma
from mailer.i18n.date_format import long_date
from mailer.line_sanitizer import clean_line

_PADDING = "\u034f\u200c\u00a0" * 75
"""Fills the rest of the preview line with invisible characters: joiner, non-joiner, no-break space."""


def render_html(
    view: DispatchView, layout: TemplateSet, theme: Theme, logos: Sequence[Image], *, inlined: bool = True
) -> Nodes:
    """Returns the whole HTML of `view`, before a variant is chosen; styles are `inlined` or as the template has them."""
    page = _PageContext(view, layout, theme, logos)
    html = layout.render("dispatch.html.j2", page.context())
    return page.markers.split(inline_styles(html) if inlined else html)


class _PageContext:
    def __init__(self, view: DispatchView, layout: TemplateSet, theme: Theme, logos: Sequence[Image]) -> None:
        self.view = view
        self.layout = layout
        self.theme = theme
        self.logos = logos
        self.markers = Markers(view.dispatch.source + view.publication.base_url)
        self.writer = HtmlRenderer(
            self.markers,
            layout,
            home=view.direction,
            measure=theme.measure,
            references=view.references,
            images=view.images,
            footnotes=view.dispatch.footnotes,
        )

    def context(self) -> dict[str, object]:
        view, dispatch, publication = self.view, self.view.dispatch, self.view.publication
        return {
            "say": view.translate,
            "name": publication.name,
            "title": clean_line(dispatch.title),
            "standfirst": clean_line(dispatch.standfirst),
            "date": (date := long_date(dispatch.date, view.language)),
            "date_direction": view.direction_of(date),
            "comma": comma(view.language),
            "date_iso": dispatch.date.isoformat(),
            "language": view.language,
            **_table_alignment(view.direction),
            "preheader": self.preheader(),
            "padding": _PADDING,
            "view_url": view.view_url,
            "unsubscribe_url": escape(publication.unsubscribe_url)
            + self.markers.placeholder(MergeField(TOKEN, EscapeContext.URL)),
            "preferences_url": escape(publication.preferences_url)
            + self.markers.placeholder(MergeField(TOKEN, EscapeContext.URL)),
            "archive_url": publication.archive_index_url,
            "reply_url": view.reply_url,
            "for_reader": self.for_reader,
            "forward_url": view.forward_url,
            "logo": self.logo(),
            "photo": self.photo(),
            "entries": self.contents_entries(),
            "in_tiles": self.in_tiles,
            "note": self.note(),
            "articles": self.articles(),
            "earlier": [
                {
                    "title": clean_line(item.title),
                    "direction": view.direction_of(item.title),
                    "url": view.earlier_url(item),
                    "date": view.earlier_date(item),
                    "note": clean_line(item.note),
                }
                for item in dispatch.earlier
            ],
            "social": [{"text": clean_line(item.text), "url": normalise_url(item.url)} for item in dispatch.social],
            "why": self.subscription_reason(),
            "postal_address": [clean_line(line) for line in non_empty_lines(publication.postal_address)],
            "copyright": [clean_line(line) for line in view.copyright],
        }

    def preheader(self) -> Markup:
        return Markup().join(
            clean_line(part)
            if isinstance(part, str)
            else self.markers.placeholder(MergeField(part.source, EscapeContext.HTML))
            for part in self.view.preview
        )

    def logo(self) -> dict[str, object] | None:
        wanted = self.theme.logo
        if wanted is None or not self.logos:
            return None
        first, *others = (
            {"src": self.markers.placeholder(ImageSource(image.name)), **_shown_size(image, wanted.width)}
            for image in self.logos
        )
        return {**first, "alt": wanted.alt or self.view.publication.name, "dark": others[0] if others else None}

    def photo(self) -> dict[str, object] | None:
        photo = self.view.dispatch.photo
        if photo is None:
            return None
        image = self.view.images[photo.file] if photo.file else None
        width, height = image.display_size(self.theme.sizes.column) if image else (self.theme.sizes.column, None)
        return {
            "src": self.markers.placeholder(ImageSource(image.name)) if image else normalise_url(photo.url or ""),
            "width": width,
            "height": height,
            "link": "",
            "alt": clean_line(photo.alt),
            "caption": clean_line(photo.caption),
            "credit": clean_line(photo.credit),
        }

    def face(self) -> dict[str, object] | None:
        image = self.view.face
        return {"src": self.markers.placeholder(ImageSource(image.name))} if image else None

    def note(self) -> dict[str, object] | None:
        dispatch, side = self.view.dispatch, self.view.direction
        if not dispatch.note:
            return None
        return {
            "is_labelled": bool(self.view.articles),
            "has_byline": self.view.has_byline,
            "face": self.face(),
            "by": clean_line(dispatch.editor.name) if dispatch.editor else "",
            "signature": [clean_line(line) for line in non_empty_lines(dispatch.editor.signature)]
            if dispatch.editor
            else [],
            "body": self.writer.blocks(dispatch.note, side),
            "notes": self.writer.notes("", self.view.footnotes[""], side),
        }

    def contents_entries(self) -> Markup:
        """Returns the rows of the contents: summary lines, then the articles."""
        rows = Markup()
        if not self.view.has_contents:
            return rows
        for number, line in enumerate(self.view.dispatch.summary, 1):
            rows += self.contents_entry({"number": str(number), "text": clean_line(line), "article": None})
        for article, path in self.view.articles:
            place = self.markers.placeholder(NumberNode("article", article.anchor))
            image = self.view.thumbnail(article)
            shown = {
                **self.article_context(article),
                "teaser": clean_line(article.teaser),
                "image": {"src": self.markers.placeholder(ImageSource(image.name))} if image else None,
            }
            row = self.contents_entry({"number": place, "text": clean_line(article.title_text), "article": shown})
            rows += self.in_branches(path, row)
        return rows

    def contents_entry(self, context: dict[str, object]) -> Markup:
        sides = _table_alignment(self.view.direction)
        common = {
            "say": self.view.translate,
            "comma": comma(self.view.language),
            "in_tiles": self.in_tiles,
            "has_images": self.has_images,
        }
        text = self.layout.render("partials/entry.html.j2", {**context, **sides, **common})
        return Markup(text)  # noqa: S704 - the template escapes

    @property
    def has_images(self) -> bool:
        """Whether an entry of the contents has an image."""
        return any(article.image for article, _ in self.view.articles)

    @property
    def in_tiles(self) -> bool:
        """Whether the entries are in two columns: the theme wants it, and there are images to fill them."""
        return self.theme.manner.entries == "cards" and self.has_images

    def articles(self) -> Markup:
        written = Markup()
        for article, path in self.view.articles:
            side = self.view.article_direction(article)
            context = {
                **self.article_context(article),
                **_table_alignment(side),
                "say": self.view.translate,
                "title": self.writer.inline(article.title),
                "body": self.writer.blocks(article.body, side),
                "notes": self.writer.notes(article.anchor, self.view.footnotes[article.anchor], side),
                "link": normalise_url(article.link) if article.link else "",
                "rights": [clean_line(line) for line in non_empty_lines(article.rights)],
                "language": article.language,
                "read_at": self.read_at(article),
                "letter_direction": self.view.direction,
                "letter_language": self.view.language,
                "is_foreign": side != self.view.direction,
            }
            text = self.layout.render("partials/article.html.j2", context)
            written += self.in_branches(path, Markup(text))  # noqa: S704 - the template escapes
        return written

    def article_context(self, article: model.Article) -> dict[str, object]:
        """Returns the names for both the contents and the article's head; dates in the language of each."""
        view = self.view
        date = long_date(article.date, article.language or view.language)
        entry_date = long_date(article.date, view.language)
        return {
            "anchor": self.markers.placeholder(str(escape(article.anchor))),
            "source": clean_line(article.source),
            "source_direction": view.direction_of(article.source),
            "title_direction": first_strong_direction(article.title_text) or view.article_direction(article),
            "place": clean_line(article.place),
            "place_direction": view.direction_of(article.place),
            "date": date,
            "date_direction": view.direction_of(date),
            "entry_date": entry_date,
            "entry_date_direction": view.direction_of(entry_date),
            "date_iso": article.date.isoformat(),
        }

    def read_at(self, article: model.Article) -> Markup:
        """Returns the text of the link to the source, in the edition's language; the name reads in its own direction."""
        name = Markup('<span dir="{}">{}</span>').format(
            self.view.direction_of(article.source), clean_line(article.source)
        )
        before, after = self.view.translate("Read it at %(source)s", source="\0").split("\0")
        return escape(before) + name + escape(after)

    def subscription_reason(self) -> Markup:
        """Returns why the reader gets this: with the address for a reader, in general for anybody else."""
        choice = self.view.address_choice
        place = in_direction(EscapeContext.HTML, self.view.direction)
        known = self.view.translate(
            REASON,
            name=self.markers.placeholder(ListName(place, self.view.publication.name)),
            address=self.markers.placeholder(MergeField(ADDRESS, EscapeContext.HTML)),
        )
        unknown = self.view.translate("This newsletter is sent by e-mail to everyone who signed up for it.")
        return self.markers.wrap(ConditionalNode(choice, 0, ()), escape(known)) + self.markers.wrap(
            ConditionalNode(choice, 1, ()), escape(unknown)
        )

    def for_reader(self, inner: Markup) -> Markup:
        """Returns `inner` for the messages only: it is not in the archive, which has no reader."""
        return self.markers.wrap(ConditionalNode(self.view.address_choice, 0, ()), inner)

    def in_branches(self, path: Path, inner: Markup) -> Markup:
        for choice, branch in reversed(path):
            inner = self.markers.wrap(ConditionalNode(choice, branch, ()), inner)
        return inner


def _shown_size(image: Image, widest: int) -> dict[str, int]:
    width, height = image.display_size(widest)
    return {"width": width, "height": height}


def _table_alignment(reading: str) -> dict[str, str]:
    """Returns the sides at which lines start and end, as left and right, the only words that mail clients know."""
    start, end = ("right", "left") if reading == "rtl" else ("left", "right")
    return {"direction": reading, "start": start, "end": end}
