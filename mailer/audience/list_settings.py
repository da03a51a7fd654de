"""The settings of a list: subscribers/NAME.toml, beside its CSV.

    title = "The Harbour Letter"            the name for readers; default: the list's name
    description = "Every other Monday."     a sentence under it
    public = true                           readers see the list and can sign up at /subscribe/NAME
    own_fields = ["first_name", "city"]     fields that readers fill in and change themselves
    welcome = "welcome"                     the slug of the welcome mail: its newest edition goes to new subscribers
    language = "pt"                         of its pages and transactional mail; default: the publication's
    origins = ["https://www.example.org"]   other sites whose pages may send sign-ups to /api/v1/subscribe
    api = false                             no sign-ups by /api/v1/subscribe, only on the list's page
    columns.opt_out = "opt-out"             the meaning of the column “opt_out”: opt-out, opt-in or field (csv.opt_out_columns)

Without the file, or without `public`, nobody can sign up and readers do not see the list. The file is read at each use, so that
an edit counts at once. Address, status and date of joining are never own fields.

`write_list_settings` changes the keys it is given, and keeps comments and everything else in the file.

Raises ListSettingsError with all problems at once.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tomlkit
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, ValidationError
from tomlkit.exceptions import ParseError

from mailer.atomic_files import replace_file
from mailer.csv.columns.header_row import EMAIL, SINCE, STATUS, STATUS_SINCE, field_name
from mailer.csv.columns.suspected_opt_outs import ColumnMeaning
from mailer.dispatch.did_you_mean import suggest
from mailer.dispatch.slug import is_slug
from mailer.errors import UsageError
from mailer.i18n.bcp47 import is_valid_tag

MAX_SIZE = 64 * 1024  # bytes; a longer file is a mistake
MAX_FIELDS = 12
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")  # as browsers write the header Origin
_RESERVED = frozenset({EMAIL, STATUS, SINCE, STATUS_SINCE})


class ListSettingsError(UsageError):
    """A settings file of a list that cannot be used; the message names the file. `problems`: invalid keys, each with why."""

    def __init__(self, message: str, next_step: str, *, problems: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message, next_step)
        self.problems = tuple(problems)


def _check_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("use one line of plain text")
    return text.strip()


def _check_slug(text: str) -> str:
    if text and not is_slug(text):
        raise ValueError("use the slug of a dispatch, such as 2026-10-26-east-quay")
    return text


def _check_language(text: str) -> str:
    if text and not is_valid_tag(text):
        raise ValueError("use a language code such as en or pt-BR")
    return text


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"“{origin}” is not the address of a site; use one such as https://www.example.org")
    return origins


def _check_own_fields(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name in _RESERVED:
            raise ValueError(f"readers cannot change the field “{name}”")
        if not name or field_name(name) != name:
            raise ValueError(f"“{name}” is not the name of a field; did you mean “{field_name(name)}”?")
    if len(set(names)) != len(names):
        raise ValueError("a field appears twice")
    return names


def _check_columns(columns: dict[str, ColumnMeaning]) -> dict[str, ColumnMeaning]:
    for name in columns:
        if name in _RESERVED:
            raise ValueError(f"the meaning of the column “{name}” is fixed")
        if not name or field_name(name) != name:
            raise ValueError(f"“{name}” is not the name of a field; did you mean “{field_name(name)}”?")
    return columns


class ListSettings(BaseModel):
    """The settings of the list `name`, valid."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True)

    name: str
    title: Annotated[str, Field(max_length=200), AfterValidator(_check_line)] = ""
    description: Annotated[str, Field(max_length=1000), AfterValidator(_check_line)] = ""
    public: StrictBool = False
    own_fields: Annotated[
        tuple[str, ...], Field(max_length=MAX_FIELDS, strict=False), AfterValidator(_check_own_fields)
    ] = ()
    welcome: Annotated[str, AfterValidator(_check_slug)] = ""
    language: Annotated[str, AfterValidator(_check_language)] = ""
    origins: Annotated[tuple[str, ...], Field(max_length=50, strict=False), AfterValidator(_check_origins)] = ()
    api: StrictBool = True
    columns: Annotated[
        dict[str, Annotated[ColumnMeaning, Field(strict=False)]], Field(max_length=50), AfterValidator(_check_columns)
    ] = {}

    @property
    def shown(self) -> str:
        """The name of the list for readers."""
        return self.title or self.name


KEYS = tuple(name for name in ListSettings.model_fields if name != "name")
"""The keys of the file, in the order of the class."""


def settings_file(subscribers: Path, name: str) -> Path:
    return subscribers / f"{name}.toml"


def load_list_settings(subscribers: Path, name: str) -> ListSettings:
    """Returns the settings of the list `name`; without a file, those of a list that is not public."""
    path = settings_file(subscribers, name)
    return _validate(path, name, _parse_toml(path, _read_text(path)))


def write_list_settings(subscribers: Path, name: str, values: Mapping[str, object]) -> ListSettings:
    """Writes `values`, by key, to the file; removes keys with an empty value. Returns the new settings."""
    path = settings_file(subscribers, name)
    text = _read_text(path)
    _parse_toml(path, text)
    try:
        document = tomlkit.parse(text)
    except ParseError as error:  # it accepts a little less than tomllib
        raise ListSettingsError(f"{path.name} cannot be changed here: {error}.", "Edit the file itself.") from None
    for key, value in values.items():
        if value:
            document[key] = value
        else:
            document.pop(key, None)
    settings = _validate(path, name, document.unwrap())
    try:
        path.touch(exist_ok=True)
        replace_file(path, tomlkit.dumps(document).encode())
    except OSError as error:
        raise ListSettingsError(
            f"{path.name} cannot be written ({error.strerror}).",
            "Check the disk space and the permissions of the lists’ folder.",
        ) from None
    return settings


def _read_text(path: Path) -> str:
    """Returns the text of the file; "" without a file."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ListSettingsError(
            f"{path.name} cannot be read ({error.strerror}).", "Check the permissions of the file."
        ) from None
    if len(data) > MAX_SIZE:
        raise ListSettingsError(
            f"{path.name} is larger than {MAX_SIZE:,} bytes.", "Keep only the few lines of the settings."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListSettingsError(f"{path.name} is not UTF-8 text.", "Save the file as UTF-8.") from None


def _parse_toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ListSettingsError(
            f"{path.name} is not valid TOML: {error}.", "Write lines such as: public = true"
        ) from None


def public_lists(subscribers: Path, names: Sequence[str], *, skip_invalid: bool = False) -> tuple[ListSettings, ...]:
    """Returns those of the lists `names` that are public, in that order. `skip_invalid`: leaves out those with an error."""
    found = []
    for name in names:
        try:
            settings = load_list_settings(subscribers, name)
        except ListSettingsError:
            if not skip_invalid:
                raise
        else:
            found += [settings] if settings.public else []
    return tuple(found)


def _validate(path: Path, name: str, values: dict[str, Any]) -> ListSettings:
    problems = [(key, f"unknown key; {suggest(key, KEYS)}") for key in values if key not in KEYS]
    try:
        settings = ListSettings.model_validate({**{key: values[key] for key in values if key in KEYS}, "name": name})
    except ValidationError as error:
        problems += [_describe_error(found) for found in error.errors(include_url=False, include_input=False)]
        settings = None
    if settings is None or problems:
        listed = "; ".join(f"{key}: {text}" for key, text in problems)
        end = "" if listed.endswith("?") else "."
        raise ListSettingsError(f"{path.name}: {listed}{end}", "Correct the file.", problems=problems)
    return settings


def _describe_error(error: Any) -> tuple[str, str]:
    text = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    return str(error["loc"][0]), f"{text[:1].lower()}{text[1:]}"
