"""Copies, renames and templates of dispatches.

    duplicate_dispatch(app, name, …)             a copy with the date of today
    rename_dispatch(app, name, title, …)         another title, and another file name if nothing depends on it
    save_template(app, name, template, …)        keeps a copy in dispatches/templates/, to start from
    create_from_template(app, template, title)   a dispatch that starts from it
    list_templates(app)                          the names of all templates

Raises UsageError.
"""

import datetime as dt
import re
from pathlib import Path

from mailer.app import App
from mailer.atomic_files import create_file, replace_file
from mailer.audience.list_settings import load_list_settings
from mailer.dispatch.fields.front_matter_edit import FieldsError, edit_front_matter
from mailer.dispatch.metadata_scan import read_metadata
from mailer.dispatch.slug import slugify
from mailer.errors import UsageError
from mailer.service.dispatches.create import write_new_dispatch
from mailer.service.dispatches.dispatch_list import DispatchStatus, DispatchSummary, find_dispatch_summary
from mailer.service.dispatches.files import encode_like, read_dispatch, read_source, source_digest

_TEMPLATE_NAME = re.compile(r"[^\W_][\w-]{0,80}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}-")
_MOST_COPIES = 100
_LONGEST_TITLE = 300


def duplicate_dispatch(app: App, name: str, *, by: str) -> str:
    """Makes a copy of the dispatch `name`. Returns the name of the copy."""
    text, title = read_dispatch(app, name).text, f"{find_dispatch_summary(app, name).title} (copy)"
    stem = f"{_today(app)}-{slugify(title) or 'copy'}"
    for number in range(1, _MOST_COPIES):
        path = app.workspace.dispatches / f"{stem}{f'-{number}' if number > 1 else ''}.md"
        if not path.exists():
            write_new_dispatch(app, path, _retitled(text, title, _today(app)), by=by)
            return path.stem
    raise UsageError("There are too many copies of this dispatch.", "Delete some of them, or rename them.")


def rename_dispatch(app: App, name: str, title: str, *, by: str) -> str:
    """Gives the dispatch `name` another title, and its file a name that fits. Returns the new name."""
    title = " ".join(title.split())[:_LONGEST_TITLE]
    if not title:
        raise UsageError("A dispatch needs a title.")
    summary, now = find_dispatch_summary(app, name), read_dispatch(app, name)
    date = _DATE.match(name)
    stem = f"{date[0] if date else ''}{slugify(title) or 'dispatch'}"
    text = _retitled(now.text, title)
    data = encode_like(text, like=read_source(app.workspace.dispatches / f"{name}.md"))
    old, new = (app.workspace.dispatches / f"{each}.md" for each in (name, stem))
    if stem != name:
        _require_independent(app, summary)
    try:
        if stem == name:
            replace_file(old.resolve(), data)
        else:
            create_file(new, data)
            old.unlink()
    except FileExistsError:
        raise UsageError("There is a dispatch of this name already.", "Choose a different title.") from None
    except OSError as error:
        raise UsageError(f"The dispatch cannot be renamed ({error.strerror}).", "Ask an admin.") from None
    app.ledger.revisions.rename(name, stem)
    app.ledger.revisions.save(stem, text, digest=source_digest(data), actor=by, step=True)
    return stem


def save_template(app: App, name: str, template: str) -> str:
    """Keeps a copy of the dispatch `name` as a template, in place of one of the same name. Returns the template’s name."""
    stem = slugify(template)
    if not _TEMPLATE_NAME.fullmatch(stem):
        raise UsageError("The template has no name.", "Give it one of letters and digits, such as: monthly issue.")
    path = _templates(app) / f"{stem}.md"
    try:
        path.parent.mkdir(exist_ok=True)
        replace_file(path, read_dispatch(app, name).text.encode(), mode=0o644)
    except OSError as error:
        raise UsageError(f"The template cannot be written ({error.strerror}).", "Ask an admin.") from None
    return stem


def create_from_template(app: App, template: str, title: str, *, by: str) -> str:
    """Creates a dispatch with `title`, the date of today and the text of `template`. Returns its name."""
    title = " ".join(title.split())
    if not title:
        raise UsageError("A dispatch needs a title.")
    if template not in list_templates(app):
        raise UsageError("There is no such template.", "Choose a different one.")
    try:
        text = read_source(_templates(app) / f"{template}.md").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("The template is not UTF-8 text.", "Save it as UTF-8 in the program that wrote it.") from None
    path = app.workspace.dispatches / f"{_today(app)}-{slugify(title) or 'dispatch'}.md"
    write_new_dispatch(app, path, _retitled(text, title, _today(app)), by=by)
    return path.stem


def list_templates(app: App) -> tuple[str, ...]:
    """Returns the names of the templates, sorted."""
    found = (
        path.stem for path in _templates(app).glob("*.md") if path.is_file() and app.workspace.has_dispatch_file(path)
    )
    return tuple(sorted(name for name in found if _TEMPLATE_NAME.fullmatch(name)))


def remove_template(app: App, template: str) -> None:
    """Removes a template."""
    if template in list_templates(app):
        (_templates(app) / f"{template}.md").unlink(missing_ok=True)


def require_idle(summary: DispatchSummary) -> None:
    """Raises UsageError if a send of the dispatch waits or runs."""
    if summary.status in {DispatchStatus.SCHEDULED, DispatchStatus.SENDING}:
        raise UsageError("A send of this dispatch waits or runs.", "Cancel it, or wait until it has ended.")


def _dependants(app: App, name: str) -> tuple[str, ...]:
    """Returns what refers to the dispatch `name` by its slug: titles of other dispatches, and lists that it welcomes to."""
    slug = _slug(app, name)
    pattern = re.compile(rf"(?<![\w-]){re.escape(slug)}(?![\w-])")
    found = [
        find_dispatch_summary(app, path.stem).title
        for path in app.workspace.dispatch_files()
        if path.stem != name and pattern.search(read_source(path).decode(errors="replace"))
    ]
    settings = (load_list_settings(app.workspace.subscribers, each) for each in app.workspace.list_names())
    return (*found, *(f"the list {each.name}" for each in settings if each.welcome == slug))


def _require_independent(app: App, summary: DispatchSummary) -> None:
    """Raises UsageError if the file name of the dispatch, which is part of its address, must stay."""
    require_idle(summary)
    if app.ledger.sends.latest(_slug(app, summary.name)):
        raise UsageError(
            "This dispatch was sent, and keeps its name: it is part of its address in the archive.",
            "Change its title in the editor, or duplicate it.",
        )
    if used := _dependants(app, summary.name):
        raise UsageError(
            f"This dispatch keeps its name: it is used by {', '.join(used)}.", "Change its title in the editor."
        )


def _slug(app: App, name: str) -> str:
    metadata = read_metadata(read_dispatch(app, name).text.encode(), f"{name}.md", language=app.settings.language)
    return metadata.slug if metadata else name


def _retitled(text: str, title: str, date: str = "") -> str:
    """Returns `text` with `title`, and with `date` and no slug if it is a copy; as it is if its fields cannot be read."""
    fields = {"title": title, **({"date": date, "slug": ""} if date else {})}
    try:
        return edit_front_matter(text, fields)
    except FieldsError:
        return text


def _today(app: App) -> str:
    return dt.datetime.fromtimestamp(app.clock(), app.settings.timezone).date().isoformat()


def _templates(app: App) -> Path:
    return app.workspace.dispatches / "templates"
