"""Columns of lists that may record opt-outs, and what their settings say that they mean.

column_meanings(app, name)     the meanings that the settings of the list state
column_rules(app, name)        these meanings, and the language of dates in the list
    require_clear_columns(plans)   raises UnclearColumnError if somebody must say what a column means before a send
"""

from collections.abc import Iterable, Mapping

from mailer.app import App
from mailer.audience.list_settings import load_list_settings
from mailer.csv.columns.header_row import ColumnRules
from mailer.csv.columns.suspected_opt_outs import ColumnMeaning
from mailer.csv.rows import UnclearColumn
from mailer.errors import NeedsConfirmationError
from mailer.ledger.types.syncs import SyncPlan


class UnclearColumnError(NeedsConfirmationError):
    """A column may say that somebody gets no mail, and nobody has said what it means. `column` of the list `name`."""

    def __init__(self, name: str, column: UnclearColumn) -> None:
        key = column.name if column.name.isascii() else f'"{column.name}"'
        step = (
            f'Say what it means, in subscribers/{name}.toml: columns.{key} = "opt-out" (what is filled in gets no mail), '
            '"opt-in" (only a yes gets mail) or "field" (it says nothing about mail).'
            if column.name
            else "Give the column a name, in the first line of the file."
        )
        super().__init__(
            f"The column “{column.header}” of the list {name} may say who gets no mail: it contains “{column.cell}” in line "
            f"{column.line:,}. Nothing was sent.",
            step,
        )
        self.list = name
        self.column = column


def column_meanings(app: App, name: str) -> Mapping[str, ColumnMeaning]:
    """Returns what the columns of a list mean, by field name. Raises ListSettingsError."""
    return load_list_settings(app.workspace.subscribers, name).columns


def column_rules(app: App, name: str) -> ColumnRules:
    """Returns what the settings of a list say about its columns. Raises ListSettingsError."""
    settings = load_list_settings(app.workspace.subscribers, name)
    return ColumnRules(meanings=settings.columns, language=settings.language or app.settings.language)


def require_clear_columns(plans: Iterable[SyncPlan]) -> None:
    """Raises UnclearColumnError for the first column that is unclear."""
    for plan in plans:
        for column in plan.unclear:
            raise UnclearColumnError(plan.list, column)
