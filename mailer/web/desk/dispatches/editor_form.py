"""The form above the text of a dispatch: its fields as inputs, and what was posted of them merged into the text.

    show_form(text)                 what the template of the fields shows
    merge_posted(form, text, …)     the text with the changed fields, and with the article that a button added, moved or removed

The form contains what it showed (`shown`), so that only what the user changed is written. A form without it has no fields.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from mailer.dispatch.fields.article_edit import ArticleFields, add_article, move_article, read_articles, remove_article
from mailer.dispatch.fields.front_matter_edit import (
    GROUPS,
    LISTS,
    ROWS,
    TEXTS,
    FieldValue,
    FrontFields,
    keys_of_part,
    normalise,
)
from mailer.dispatch.fields.merge import FormArticle, FormValues, form_values, merge_form
from mailer.dispatch.frontmatter.iso_dates import read_date
from mailer.errors import UsageError
from mailer.service.dispatches.photos import SavedPhoto
from mailer.web.request_body import DeskForm

_VALUES = TypeAdapter(FormValues)
_NEW_TITLE = "The title of an article"
_NEW_TEXT = "The text of the article."


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorForm:
    """The form: `shown` is what the browser posts back as it is, `values` what the inputs contain."""

    values: FormValues
    shown: str
    articles: tuple[ArticleFields, ...]

    def is_date(self, text: str) -> bool:
        """Whether a date input can show `text`; it would lose any other."""
        return not text or read_date(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedText:
    """The text with the fields, and the values that the inputs had."""

    text: str
    posted: FormValues | None


def show_form(text: str) -> EditorForm:
    """Returns the form of `text`."""
    articles = read_articles(text)
    values = form_values(text, articles)
    return EditorForm(values=values, shown=_VALUES.dump_json(values).decode(), articles=articles)


def show_again(form: DeskForm, text: str) -> EditorForm:
    """Returns the form as it was posted, for a page that says why it was refused."""
    shown = _read_shown(form)
    if shown is None:
        return show_form(text)
    posted = _read_posted(form, shown)
    articles = (
        replace(each, values=posted.articles[number].fields) if number < len(posted.articles) else each
        for number, each in enumerate(read_articles(text))
    )
    return EditorForm(values=posted, shown=form.raw("shown"), articles=tuple(articles))


def merge_posted(form: DeskForm, text: str, *, today: str, photo: SavedPhoto | None) -> MergedText:
    """Returns `text` with what the form changes. `photo`: an uploaded one, which replaces that of the dispatch."""
    shown = _read_shown(form)
    if shown is None:
        return MergedText(text=text, posted=None)
    posted = _read_posted(form, shown)
    wanted = posted
    if photo and posted.front is not None:
        wanted = replace(posted, front={**posted.front, "photo": _with_photo(posted.front["photo"], photo)})
    merged = merge_form(text, shown=shown, posted=wanted)
    return MergedText(text=_with_article_action(merged, form.text("do"), today), posted=posted)


def _read_shown(form: DeskForm) -> FormValues | None:
    if not form.has("shown"):
        return None
    try:
        return _VALUES.validate_json(form.raw("shown"))
    except ValidationError:
        raise UsageError("The form is incomplete.", "Copy what you typed, and load the page again.") from None


def _read_posted(form: DeskForm, shown: FormValues) -> FormValues:
    """Returns the values of the inputs; of a field without one, what was shown."""
    articles = (
        FormArticle(title=each.title, fields={**each.fields, **dict(_posted_keys(form, f"a.{number}", each.fields))})
        for number, each in enumerate(shown.articles)
    )
    front = None if shown.front is None else {key: _posted_value(form, key, shown.front) for key in shown.front}
    return FormValues(front=front, articles=tuple(articles))


def _posted_value(form: DeskForm, key: str, shown: FrontFields) -> FieldValue:
    name, before = f"f.{key}", shown[key]
    if key in TEXTS:
        return normalise(form.raw(name), key) if form.has(name) else before
    if key in GROUPS and isinstance(before, Mapping):
        if form.has(f"{name}.remove"):
            return dict.fromkeys(before, "")
        return {**before, **dict(_posted_keys(form, name, before))}
    if key in LISTS and form.has(name):
        lines = (normalise(line, key) for value in form.texts(name) for line in value.splitlines())
        return [line for line in lines if line]
    if key in ROWS and form.has(f"{name}.{keys_of_part(key)[0]}"):
        return list(_posted_rows(form, key))
    return before


def _posted_keys(form: DeskForm, name: str, keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((key, normalise(form.raw(f"{name}.{key}"), key)) for key in keys if form.has(f"{name}.{key}"))


def _posted_rows(form: DeskForm, key: str) -> Iterator[Mapping[str, str]]:
    keys = keys_of_part(key)
    for values in zip(*(form.texts(f"f.{key}.{part}") for part in keys), strict=False):
        row = {part: normalise(value, part) for part, value in zip(keys, values, strict=True)}
        if any(row.values()):
            yield row


def _with_photo(before: FieldValue, photo: SavedPhoto) -> FieldValue:
    """Returns the fields of a photo with the uploaded file; its texts are those of the file where none are typed."""
    assert isinstance(before, Mapping)
    return {
        **before,
        "file": photo.file,
        "url": "",
        "caption": before["caption"] or photo.caption,
        "credit": before["credit"] or photo.credit,
    }


def _with_article_action(text: str, action: str, today: str) -> str:
    """Returns `text` after the action of a button: add, up:N, down:N, move:N:TO, remove:N."""
    name, *numbers = action.split(":")
    places = [int(each) for each in numbers if each.isdecimal() and len(each) < 6]
    match name, places:
        case "add", []:
            return add_article(text, _NEW_TITLE, today, _NEW_TEXT)
        case "up", [number]:
            return move_article(text, number, number - 1)
        case "down", [number]:
            return move_article(text, number, number + 1)
        case "move", [number, to]:
            return move_article(text, number, to)
        case "remove", [number]:
            return remove_article(text, number)
    return text
