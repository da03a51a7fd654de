"""What readers may see and do of a list: subscribers/NAME.toml, beside its CSV.

    title = "The Harbour Letter"            what readers call the list; else its name
    description = "Every other Monday."     a sentence under it
    public = true                           may be joined at /subscribe/NAME, and is shown to readers
    own_fields = ["first_name", "city"]     fields that are the reader's own to fill in and to change
    welcome = "welcome"                     the slug whose newest edition goes to who has just confirmed
    language = "pt"                         of its pages and letters; else the publication's

Without the file, or without `public`, nobody joins by themselves and readers do not see the list. The file is read
each time it is asked for, so that an edit counts at once. An address, a status or a date of joining is never the reader's
own field: these have ways of their own.

`write_list_settings` changes what it is told to, and leaves comments and all else in the file.

Raises ListSettingsError, which names everything that is wrong at once.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tomlkit
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, ValidationError
from tomlkit.exceptions import ParseError

from mailer.csv.columns import EMAIL, SINCE, STATUS, STATUS_SINCE, field_name
from mailer.dispatch.did_you_mean import suggest
from mailer.dispatch.slug import EXPECTED_SLUG, is_slug
from mailer.errors import UsageError
from mailer.files import replace_file
from mailer.i18n.bcp47 import EXPECTED_LANGUAGE, is_valid_tag

LARGEST = 64 * 1024  # bytes; a longer file is a mistake
MAX_FIELDS = 12
_RESERVED = frozenset({EMAIL, STATUS, SINCE, STATUS_SINCE})


class ListSettingsError(UsageError):
    """A settings file of a list that cannot be used; names the file."""


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("should be one line of plain text")
    return text.strip()


def _welcome(text: str) -> str:
    if text and not is_slug(text):
        raise ValueError(EXPECTED_SLUG)
    return text


def _language(text: str) -> str:
    if text and not is_valid_tag(text):
        raise ValueError(EXPECTED_LANGUAGE)
    return text


def _own_fields(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name in _RESERVED:
            raise ValueError(f"“{name}” is never the reader's own")
        if not name or field_name(name) != name:
            raise ValueError(f"“{name}” is not the name of a field; did you mean “{field_name(name)}”?")
    if len(set(names)) != len(names):
        raise ValueError("a field is named twice")
    return names


class ListSettings(BaseModel):
    """The settings of the list `name`, valid."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True)

    name: str
    title: Annotated[str, Field(max_length=200), AfterValidator(_line)] = ""
    description: Annotated[str, Field(max_length=1000), AfterValidator(_line)] = ""
    public: StrictBool = False
    own_fields: Annotated[tuple[str, ...], Field(max_length=MAX_FIELDS, strict=False), AfterValidator(_own_fields)] = ()
    welcome: Annotated[str, AfterValidator(_welcome)] = ""
    language: Annotated[str, AfterValidator(_language)] = ""

    @property
    def shown(self) -> str:
        """What readers call the list."""
        return self.title or self.name


KEYS = tuple(name for name in ListSettings.model_fields if name != "name")
"""What the file may say, in the order of the class."""


def settings_file(subscribers: Path, name: str) -> Path:
    return subscribers / f"{name}.toml"


def load_list_settings(subscribers: Path, name: str) -> ListSettings:
    """The settings of the list `name`; those of a list that nobody may join where it has no file."""
    path = settings_file(subscribers, name)
    return _validated(path, name, _parsed(path, _text(path)))


def write_list_settings(subscribers: Path, name: str, values: Mapping[str, object]) -> ListSettings:
    """Have the file say `values`, by key; an empty one is left out. The settings as they are then."""
    path = settings_file(subscribers, name)
    text = _text(path)
    _parsed(path, text)
    try:
        document = tomlkit.parse(text)
    except ParseError as error:  # it takes a little less than tomllib does
        raise ListSettingsError(f"{path} cannot be changed here: {error}.", "Change the file itself.") from None
    for key, value in values.items():
        if value:
            document[key] = value
        else:
            document.pop(key, None)
    settings = _validated(path, name, document.unwrap())
    try:
        path.touch(exist_ok=True)
        replace_file(path, tomlkit.dumps(document).encode())
    except OSError as error:
        raise ListSettingsError(f"{path} cannot be written ({error.strerror}).", "See to the lists' folder.") from None
    return settings


def _text(path: Path) -> str:
    """What the file says; "" where there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ListSettingsError(f"{path} cannot be read ({error.strerror}).", "See to the file.") from None
    if len(data) > LARGEST:
        raise ListSettingsError(f"{path} has more than {LARGEST:,} bytes.", "It should have a few lines only.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListSettingsError(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ListSettingsError(f"{path} is not TOML: {error}.", "Write lines such as: public = true") from None


def public_lists(subscribers: Path, names: Sequence[str]) -> tuple[ListSettings, ...]:
    """Those of the lists `names` that readers may join, in that order."""
    found = (load_list_settings(subscribers, name) for name in names)
    return tuple(each for each in found if each.public)


def _validated(path: Path, name: str, said: dict[str, Any]) -> ListSettings:
    wrong = [f"unknown key “{key}”; {suggest(key, KEYS)}" for key in said if key not in KEYS]
    try:
        settings = ListSettings.model_validate({**{key: said[key] for key in said if key in KEYS}, "name": name})
    except ValidationError as error:
        wrong += [_sentence(found) for found in error.errors(include_url=False, include_input=False)]
        settings = None
    if settings is None or wrong:
        raise ListSettingsError(f"{path}: {'; '.join(wrong)}.", "Mend the file.")
    return settings


def _sentence(found: Any) -> str:
    said = str(found["ctx"]["error"]) if found["type"] == "value_error" else found["msg"]
    return f"{found['loc'][0]}: {said}"
