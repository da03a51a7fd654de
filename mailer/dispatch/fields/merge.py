"""Writes what was changed in the form of a dispatch into its source, which may have been edited as text at the same time.

read_form_values(source)                     what a form shows
merge_form(source, shown=…, posted=…)        `source` with the differences between what it showed and what was posted
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from mailer.dispatch.fields.article_edit import ArticleFields, edit_article, read_articles
from mailer.dispatch.fields.front_matter_edit import FieldsError, FrontFields, edit_front_matter, read_front_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class FormArticle:
    """An article in the form: its title, which the text has, and its fields."""

    title: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormValues:
    """The values in the form. `front` is None if the front matter cannot be read; then it has no fields."""

    front: FrontFields | None
    articles: tuple[FormArticle, ...] = ()


def read_form_values(source: str) -> FormValues:
    """Returns what a form shows of `source`."""
    return form_values(source, read_articles(source))


def form_values(source: str, articles: Iterable[ArticleFields]) -> FormValues:
    """Returns the same where the articles have been read already."""
    shown = (FormArticle(title=each.title, fields=each.values) for each in articles)
    return FormValues(front=read_front_fields(source), articles=tuple(shown))


def merge_form(source: str, *, shown: FormValues, posted: FormValues) -> str:
    """Returns `source` with what differs between `shown` and `posted`. Raises FieldsError, for all or nothing.

    Articles of the form are found again in a text in which others were added, removed or moved since.
    """
    if shown.front is not None and posted.front is not None:
        changed = {key: value for key, value in posted.front.items() if value != shown.front.get(key)}
        source = edit_front_matter(source, changed) if changed else source
    places: Mapping[int, int] | None = None
    for number, (before, after) in enumerate(zip(shown.articles, posted.articles, strict=False)):
        fields = {key: value for key, value in after.fields.items() if value != before.fields.get(key, "")}
        if not fields:
            continue
        if places is None:
            places = _places(shown.articles, read_form_values(source).articles)
        if number not in places:
            raise FieldsError(
                f"The article “{before.title}” was changed in the text, too.",
                "Enter its fields again once it is saved.",
            )
        source = edit_article(source, places[number], fields)
    return source


def _places(old: tuple[FormArticle, ...], new: tuple[FormArticle, ...]) -> Mapping[int, int]:
    """Returns the numbers in `new` of the articles of `old`."""
    before, after = ([(each.title, *sorted(each.fields.items())) for each in articles] for articles in (old, new))
    places: dict[int, int] = {}
    for tag, first, last, begin, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal" or (tag == "replace" and last - first == end - begin):
            places.update(zip(range(first, last), range(begin, end), strict=True))
    return places
