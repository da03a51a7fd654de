"""A view of a dispatch for rendering: what HTML and plaintext both need, computed once.

The input of numbering, the if chains with the program's own at the end, every article with its branches, and what the
program adds: copyright lines, preview line, links to earlier dispatches.

Raises EditionError for a slug or an image that was not handed in; `mailer check` names their lines.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from urllib.parse import quote

from markdown_it.token import Token

from mailer.dispatch import model
from mailer.dispatch.markdown.token_walk import walk_tokens
from mailer.dispatch.model import image_file, inline_tokens, walk_articles
from mailer.dispatch.url_validation import normalise_url
from mailer.edition.conditions import ConditionChain
from mailer.edition.merge_fields import ADDRESS
from mailer.edition.model import EditionError, Image
from mailer.edition.numbering import ConditionalItems, Footnote, FootnoteRef, Items, NumberingInput, Section
from mailer.edition.publication import DispatchReference, Publication
from mailer.i18n.bidi import first_strong_direction, text_direction
from mailer.i18n.date_format import long_date
from mailer.i18n.translations import gettext, translatable
from mailer.line_sanitizer import clean_line

THUMBNAIL = (480, 320)
"""Pixels of an article's image in the contents; the larger layout shows it at more than half of it."""
FACE = (144, 144)
"""Pixels of the editor's photo, three times the size at which it is shown."""

Path = tuple[tuple[int, int], ...]
"""The choices and branches around an element, outer first."""


REASON = translatable("You are receiving “%(name)s” at %(address)s because you signed up for it.")
"""Why a reader gets a message; the name is that of the list, or of the publication."""
_NO_REPLY = re.compile(r"(?i)(no|do-?not)[._-]?reply.*")


class Crop(NamedTuple):
    """An image file of a dispatch, cut to `size`, a width and a height in pixels."""

    file: str
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class DispatchView:
    """A dispatch with what it refers to. `images` are named as the dispatch names their files; `crops` are cut from files."""

    dispatch: model.Dispatch
    publication: Publication
    references: Mapping[str, DispatchReference]
    images: Mapping[str, Image]
    crops: Mapping[Crop, Image] = field(default_factory=dict)

    @property
    def language(self) -> str:
        return self.dispatch.language or self.publication.language

    @property
    def direction(self) -> str:
        return text_direction(self.language)

    def translate(self, message: str, **values: object) -> str:
        return gettext(self.language, message, **values)

    @cached_property
    def articles(self) -> tuple[tuple[model.Article, Path], ...]:
        """Every article with the branches around it, in source order."""
        return tuple(_articles(self.dispatch.articles, ()))

    @cached_property
    def chains(self) -> tuple[ConditionChain, ...]:
        """The if chains, by their index; the last is the program's: whether the reader has an address."""
        chains = dict(_chains((*self.dispatch.note, *self.dispatch.articles), None))
        assert sorted(chains) == list(range(len(chains))), "the parser numbers choices without gaps"
        return (*(chains[index] for index in range(len(chains))), ConditionChain((ADDRESS, None)))

    @property
    def address_choice(self) -> int:
        """The index of the program's own choice; branch 0: the reader has an address."""
        return len(self.chains) - 1

    @cached_property
    def outline(self) -> NumberingInput:
        return NumberingInput(
            summaries=len(self.dispatch.summary),
            items=(Section("", _mentions_in(self.dispatch.note)), *_sections(self.dispatch.articles)),
            footnotes=tuple(
                Footnote(label, tuple(mention.label for mention in _mentions(tokens)))
                for label, tokens in self.dispatch.footnotes.items()
            ),
        )

    @cached_property
    def footnotes(self) -> Mapping[str, tuple[str, ...]]:
        """For each section the labels that it may have to print."""
        return {section.name: self.outline.reachable(section) for section in self.outline.sections()}

    @property
    def view_url(self) -> str:
        return self.publication.archive_url(self.dispatch.slug)

    def article_direction(self, article: model.Article) -> str:
        return article.direction or (text_direction(article.language) if article.language else self.direction)

    @property
    def has_contents(self) -> bool:
        """Whether there is a table of contents: a single article without summary lines needs none."""
        return bool(self.dispatch.summary) or len(self.articles) > 1

    @property
    def has_byline(self) -> bool:
        """Whether a note without a heading is preceded by the editor's name: one with a photo or after a standfirst."""
        editor = self.dispatch.editor
        return editor is not None and not self.articles and bool(editor.photo or self.dispatch.standfirst)

    def direction_of(self, text: str) -> str:
        """Returns the direction of `text` by its first strong character; without one, that of the edition."""
        return first_strong_direction(text) or self.direction

    def earlier_url(self, earlier: model.PreviousIssue) -> str:
        if earlier.url:
            return normalise_url(earlier.url)
        reference = self.references.get(earlier.slug or "")
        return reference.url if reference else self.publication.archive_url(earlier.slug or "")

    def earlier_date(self, earlier: model.PreviousIssue) -> str:
        """Returns the date of an earlier dispatch in words, or "" if it is not known."""
        reference = self.references.get(earlier.slug or "")
        return long_date(reference.date, self.language) if reference and reference.date else ""

    @property
    def reply_url(self) -> str:
        """Returns the mailto address of a reply, or "" if nobody reads replies."""
        address = self.publication.reply_to or self.publication.from_address
        if _NO_REPLY.fullmatch(address.rpartition("@")[0]):
            return ""
        return f"mailto:{quote(address, safe='@')}?subject={quote(f'Re: {clean_line(self.dispatch.title)}', safe='')}"

    @property
    def forward_url(self) -> str:
        """Returns the mailto address of a new message with a link to this one's page.

        Forwarding the message itself would give away its links for unsubscribing.
        """
        subject, body = quote(clean_line(self.dispatch.title), safe=""), quote(self.view_url, safe="")
        return f"mailto:?subject={subject}&body={body}"

    @property
    def copyright(self) -> tuple[str, ...]:
        """The lines of the copyright footer: the dispatch's own, else one for the publication's holder."""
        if self.dispatch.copyright:
            return non_empty_lines(self.dispatch.copyright)
        if holder := self.publication.copyright_holder:
            year = self.dispatch.date.year
            return (self.translate("Copyright © %(year)s %(holder)s. All rights reserved.", year=year, holder=holder),)
        return ()

    @property
    def preview(self) -> model.Template:
        """The text that an inbox shows after the subject.

        The preheader, else the standfirst, else the summary, else the unconditional headlines.
        """
        headlines = tuple(article.title_text for article, path in self.articles if not path)
        return self.dispatch.preheader or (self.dispatch.standfirst or " · ".join(self.dispatch.summary or headlines),)

    def require_references(self) -> None:
        """Raises EditionError for the first slug or image that is missing."""
        advice = f"To see all errors: mailer check {self.dispatch.path}"
        for token in inline_tokens(self.dispatch):
            if token.type == "dispatch_link" and token.meta["slug"] not in self.references:
                raise EditionError(f"there is no dispatch “{token.meta['slug']}” to link to", advice)
        for name in image_files(self.dispatch):
            if name not in self.images:
                raise EditionError(f"the image “{name}” is missing", advice)
        for crop in cropped_files(self.dispatch):
            if crop not in self.crops:
                raise EditionError(f"the image “{crop.file}” is missing", advice)

    def thumbnail(self, article: model.Article) -> Image | None:
        """Returns the image of `article` for the contents."""
        return self.crops[Crop(article.image, THUMBNAIL)] if article.image else None

    @property
    def face(self) -> Image | None:
        """The photo of the editor."""
        editor = self.dispatch.editor
        return self.crops[Crop(editor.photo, FACE)] if editor and editor.photo else None


def image_files(dispatch: model.Dispatch) -> tuple[str, ...]:
    """Returns the image files of `dispatch`, as it names them: relative to its own folder. Each once."""
    found = [dispatch.photo.file] if dispatch.photo else []
    found.extend(image_file(token) for token in inline_tokens(dispatch) if token.type == "image")
    return tuple(dict.fromkeys(name for name in found if name))


def cropped_files(dispatch: model.Dispatch) -> tuple[Crop, ...]:
    """Returns the image files of `dispatch` that are shown in a fixed shape: the editor's photo, the articles' images."""
    editor = dispatch.editor
    found = [Crop(editor.photo, FACE)] if editor and editor.photo else []
    found.extend(Crop(article.image, THUMBNAIL) for article in walk_articles(dispatch.articles) if article.image)
    return tuple(dict.fromkeys(found))


def non_empty_lines(text: str) -> tuple[str, ...]:
    """Returns the lines of a text that an editor or an admin typed, without empty ones."""
    return tuple(line for raw in text.splitlines() if (line := raw.strip()))


def _articles(items: Iterable["model.Article | model.Block"], path: Path) -> Iterator[tuple[model.Article, Path]]:
    for item in items:
        if isinstance(item, model.Article):
            yield item, path
        elif isinstance(item, model.Choice):
            for number, branch in enumerate(item.branches):
                yield from _articles(branch.items, (*path, (item.index, number)))


def _chains(
    items: Iterable["model.Article | model.Block"], outer: tuple[int, int] | None
) -> Iterator[tuple[int, ConditionChain]]:
    for item in items:
        if isinstance(item, model.Article):
            yield from _chains(item.body, outer)
        elif isinstance(item, model.Choice):
            conditions = (branch.condition.source if branch.condition else None for branch in item.branches)
            yield item.index, ConditionChain(tuple(conditions), outer)
            for number, branch in enumerate(item.branches):
                yield from _chains(branch.items, (item.index, number))


def _sections(items: Iterable["model.Article | model.Block"]) -> Items:
    found: list[FootnoteRef | Section | ConditionalItems] = []
    for item in items:
        if isinstance(item, model.Article):
            found.append(Section(item.anchor, (*_mentions(item.title), *_mentions_in(item.body))))
        elif isinstance(item, model.Choice):
            found.extend(
                ConditionalItems(item.index, number, _sections(branch.items))
                for number, branch in enumerate(item.branches)
            )
    return tuple(found)


def _mentions_in(blocks: Iterable["model.Article | model.Block"]) -> Items:
    found: list[FootnoteRef | Section | ConditionalItems] = []
    for block in blocks:
        if isinstance(block, model.Markdown):
            found.extend(_mentions(block.tokens))
        elif isinstance(block, model.Choice):
            found.extend(
                ConditionalItems(block.index, number, _mentions_in(branch.items))
                for number, branch in enumerate(block.branches)
            )
    return tuple(found)


def _mentions(tokens: Sequence[Token]) -> tuple[FootnoteRef, ...]:
    return tuple(FootnoteRef(token.meta["label"]) for token in walk_tokens(tokens) if token.type == "footnote_ref")
