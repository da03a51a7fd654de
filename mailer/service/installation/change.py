"""Reads the settings as they are stored, and changes them in `.env`, where a terminal finds the same.

    stored = stored_settings(app)                      what `.env` and the environment say now
    change_settings(app, changes, stored.digest)       checked as at the start of the program, then written

The running server keeps the settings that it was started with: `StoredSettings.unapplied` names those that wait for a restart.
The environment wins over `.env`, so what it sets cannot be changed here. Raises InvalidSettingsError, EnvFileError.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import SecretStr

from mailer.app import App
from mailer.errors import UsageError
from mailer.service.installation.editable import EDITABLE, RELAY
from mailer.settings.env_file import is_writable, read_env_file, save_variables
from mailer.settings.settings import SettingProblem, Settings, check_variables, read_sources, variable_names


class InvalidSettingsError(UsageError):
    """Settings that do not fit. `problems` has the words for each variable; "" is about several."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("The settings were not saved.", "Correct what is marked.")
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSettings:
    """The settings that the next start of the server takes.

    `texts`: what is typed in `.env` or the environment, by variable, of those that may be changed here; `fixed`: what the
    environment sets; `problems`: what is wrong with the file at present; `settings`: None if something is. `unapplied`: the
    variables that the running server has otherwise. `digest`: of the file, for `change_settings`.
    """

    texts: Mapping[str, str] = field(repr=False)
    fixed: frozenset[str]
    is_writable: bool
    digest: str
    settings: Settings | None
    problems: tuple[SettingProblem, ...]
    unapplied: tuple[str, ...]


def stored_settings(app: App) -> StoredSettings:
    """Returns the settings as `.env` and the environment have them now. Raises EnvFileError if the file cannot be read."""
    env_file = app.workspace.env_file
    digest = read_env_file(env_file).digest
    sources = read_sources(app.workspace.root)
    checked = check_variables(app.workspace.root, sources.variables, sources.places)
    settings = checked if isinstance(checked, Settings) else None
    wrong = () if isinstance(checked, Settings) else tuple(checked)
    return StoredSettings(
        texts={name: value for name, value in sources.variables.items() if name in EDITABLE},
        fixed=frozenset(sources.in_environment),
        is_writable=is_writable(env_file),
        digest=digest,
        settings=settings,
        problems=(*sources.problems, *wrong),
        unapplied=_unapplied(app.settings, settings) if settings else (),
    )


def change_settings(app: App, changes: Mapping[str, str], digest: str) -> tuple[str, ...]:
    """Writes the settings that differ from what is stored, and returns their variables. An empty text removes a setting.

    `digest` is of the file that the changes were made for. What the environment sets is left out.
    """
    unknown = set(changes) - {*EDITABLE, RELAY}
    if unknown:
        raise ValueError(f"{min(unknown)} is not changed here")
    sources = read_sources(app.workspace.root)
    wanted = {name: text.strip() for name, text in changes.items() if name not in sources.in_environment}
    changed = {name: text for name, text in wanted.items() if not _is_stored(name, text, sources.in_file.get(name, ""))}
    if not changed:
        return ()
    variables = {**sources.variables, **changed}
    checked = check_variables(app.workspace.root, variables, dict.fromkeys(variables, ""))
    if not isinstance(checked, Settings):
        raise InvalidSettingsError({each.name: each.words for each in checked})
    save_variables(app.workspace.env_file, {name: text or None for name, text in changed.items()}, digest)
    return tuple(changed)


def _is_stored(name: str, text: str, stored: str) -> bool:
    """Whether a text is what is stored, or the default where nothing is."""
    return text == stored.strip() or (not stored.strip() and name != RELAY and text == default_text(name))


def default_text(name: str) -> str:
    """Returns the default of a variable as one types it; "" if there is none, or it depends on others."""
    return _text(Settings.model_fields[variable_names()[name]].default)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, StrEnum | str | int | float):
        return str(value)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) and value else ""


def _unapplied(running: Settings, stored: Settings) -> tuple[str, ...]:
    return tuple(_differing(running, stored, variable_names().items()))


def _differing(one: Settings, other: Settings, names: Iterable[tuple[str, str]]) -> Iterable[str]:
    for variable, name in names:
        if _plain(getattr(one, name)) != _plain(getattr(other, name)):
            yield variable


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
