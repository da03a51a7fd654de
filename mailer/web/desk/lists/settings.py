"""The settings of a list, which are kept in subscribers/NAME.toml: title, sign-up, fields, welcome, language, origins, and the
meaning of columns that may say who gets no mail.
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from mailer.audience.list_settings import (
    MAX_FIELDS,
    ListSettings,
    ListSettingsError,
    load_list_settings,
    write_list_settings,
)
from mailer.csv.columns.suspected_opt_outs import ColumnMeaning
from mailer.csv.rows import UnclearColumn
from mailer.dispatch.slug import is_slug
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.reference_targets import read_dispatch_index
from mailer.service.lists.member_edits import editable_fields
from mailer.web.desk.flash import Flash
from mailer.web.desk.lists.list_path import ONE, name_of, path_of
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_LABELS = {
    "title": "Name for readers",
    "description": "Description for readers",
    "public": "Readers can sign up for this list themselves",
    "own_fields": "Fields that readers can change themselves",
    "welcome": "Welcome dispatch",
    "language": "Language",
    "origins": "Other sites whose forms may sign readers up",
    "columns": "Columns that may say who gets no mail",
}
_MEANINGS = {
    ColumnMeaning.OPT_OUT: "Readers with an entry there, unless it is a “no”, get no mail",
    ColumnMeaning.OPT_IN: "Only readers with a “yes” or a date there get mail",
    ColumnMeaning.FIELD: "It says nothing about mail",
}


def _settings(request: DeskRequest) -> Response:
    return _page(request, load_list_settings(request.app.workspace.subscribers, name_of(request)))


def _page(request: DeskRequest, settings: ListSettings, problems: Mapping[str, str] | None = None) -> Response:
    """Shows the form, filled with `settings`, which need not be valid; `problems`: what is wrong, by key."""
    name = name_of(request)
    fields = dict.fromkeys((*editable_fields(request.app, name), *settings.own_fields))
    return request.page(
        "list-settings",
        status=422 if problems else 200,
        flash=Flash("The settings were not saved. See what is marked below.", bad=True) if problems else request.flash,
        problems=problems or {},
        heading=f"Settings of “{name}”",
        name=name,
        settings=settings,
        fields=tuple(fields),
        columns=_columns(request, name, settings),
        meanings=_MEANINGS,
        labels=_LABELS,
        most=MAX_FIELDS,
        dispatches=[path.stem for path in request.app.workspace.dispatch_files()][::-1],
    )


def _save(request: DeskRequest) -> Response:
    name, form = name_of(request), request.form
    values: dict[str, Any] = {
        "title": form.text("title"),
        "description": form.text("description"),
        "public": form.has("public"),
        "own_fields": list(form.texts("own_fields")),
        "welcome": form.text("welcome"),
        "language": form.text("language"),
        "origins": form.text("origins").replace(",", " ").lower().split(),
        "columns": _chosen_meanings(request, name),
    }
    typed = ListSettings.model_construct(**{**values, "name": name})
    if not _has_dispatch(request, name, values["welcome"]):
        return _page(request, typed, {"welcome": "there is no dispatch of this name"})
    try:
        write_list_settings(request.app.workspace.subscribers, name, values)
    except ListSettingsError as error:
        problems = {key.partition(".")[0]: text for key, text in error.problems}
        if not problems or not problems.keys() <= _LABELS.keys():
            raise
        return _page(request, typed, problems)
    request.record("list.settings", name)
    return request.redirect(path_of(name), "The settings are saved.")


def _has_dispatch(request: DeskRequest, name: str, slug: str) -> bool:
    """Whether the welcome dispatch `slug` exists, or was sent, or is not changed by the form."""
    app = request.app
    if not slug or slug == load_list_settings(app.workspace.subscribers, name).welcome or not is_slug(slug):
        return True
    return slug in read_dispatch_index(app, app.workspace.root).titles


def _columns(request: DeskRequest, name: str, settings: ListSettings) -> dict[str, UnclearColumn | None]:
    """Returns the columns whose meaning is stated, or must be; those that are unclear with a suspicious cell."""
    state = request.app.ledger.syncs.state(name)
    unclear = {each.name: each for each in state.unclear} if state else {}
    return dict.fromkeys(settings.columns) | unclear


def _chosen_meanings(request: DeskRequest, name: str) -> dict[str, str]:
    settings = load_list_settings(request.app.workspace.subscribers, name)
    chosen = {column: request.form.text(f"column:{column}") for column in _columns(request, name, settings)}
    return {column: meaning for column, meaning in chosen.items() if meaning}


ROUTES = (
    DeskRoute("GET", f"{ONE}/settings", Role.ADMIN, _settings),
    DeskRoute("POST", f"{ONE}/settings", Role.ADMIN, _save),
)
