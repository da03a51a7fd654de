"""The settings: `MAILER_…` variables of the environment and of the workspace's `.env`; the environment wins.

`load_settings` reads and checks all of them; nothing is read at import. All problems come in one SettingsError, a line for each:
the variable, where it is set, what it should be. An empty value counts as not set. Errors quote no values, and secrets are
masked where settings are shown.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv.parser import parse_stream
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from mailer.errors import SettingsError
from mailer.mailbox_address import Mailbox
from mailer.relay import Relay
from mailer.settings import feedback_parsers, inbound_parsers, parsers

PREFIX = "MAILER_"
_MISSING = {
    "MAILER_FROM": "is missing; should be “Name <address>”",
    "MAILER_SECRET_KEYS": 'is missing; should be ["KEY"], where KEY is a random text of at least 32 characters. To make one: '
    'python3 -c "import secrets; print(secrets.token_urlsafe(32))"',
}

_REMOVED = {"MAILER_WORKERS": "a send always runs in one process"}  # former settings, and why they went
RENAMED = {
    "MAILER_DOMAIN_LANES": "MAILER_DOMAIN_CONNECTIONS",
    "MAILER_GRACE": "MAILER_SCHEDULE_GRACE",
    "MAILER_LANES": "MAILER_CONNECTIONS",
    "MAILER_PER_CONNECTION": "MAILER_MESSAGES_PER_CONNECTION",
}


class Images(StrEnum):
    LINK = "link"
    EMBED = "embed"


class OnUncertain(StrEnum):
    HOLD = "hold"
    RESEND = "resend"  # once, with the same Message-ID


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """What is wrong with a variable, in `words`. `name` is "" for a problem of several; `place` is where it is set, or ""."""

    name: str
    place: str
    words: str

    def __str__(self) -> str:
        where = f"{self.name} ({self.place})" if self.name and self.place else self.name or self.place
        return f"{where}: {self.words}" if where else self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSources:
    """The variables of `.env` and those of the environment, which win; where each is set, and the problems of the file."""

    in_file: Mapping[str, str] = field(repr=False)
    in_environment: Mapping[str, str] = field(repr=False)
    places: Mapping[str, str]
    problems: tuple[SettingProblem, ...] = ()

    @property
    def variables(self) -> dict[str, str]:
        return {**self.in_file, **self.in_environment}


def _parsed_by(parse: Callable[[str], object]) -> BeforeValidator:
    """Parses text by `parse`; a value made in code passes as it is."""
    return BeforeValidator(lambda value: parse(value.strip()) if isinstance(value, str) else value)


def _parse_database_url(value: object, info: ValidationInfo) -> object:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return (
        parsers.parse_database_url(text.strip(), workspace=info.data["workspace"]) if isinstance(text, str) else value
    )


def _parse_path(value: object, info: ValidationInfo) -> object:
    return parsers.parse_path(value.strip(), workspace=info.data["workspace"]) if isinstance(value, str) else value


def _parse_relays(value: object, info: ValidationInfo) -> object:
    """Parses the relays. If ALLOW_PLAINTEXT is invalid, only that is reported."""
    allowed = info.data.get("allow_plaintext", True)
    return parsers.parse_relays(value.strip(), allow_plaintext=allowed) if isinstance(value, str) else value


def _default_publication(data: dict[str, Any]) -> str:
    sender: Mailbox = data["sender"]
    return sender.name or sender.domain


def _default_provider_name(data: dict[str, Any]) -> str:
    return urlsplit(data.get("oidc_issuer", "")).hostname or ""


_parse_positive = parsers.parse_int(1)
_parse_connections = parsers.parse_int(1, 1000)
Line = Annotated[str, _parsed_by(parsers.parse_line)]
Flag = Annotated[bool, _parsed_by(parsers.parse_bool)]
Times = Annotated[tuple[int, ...], NoDecode, _parsed_by(parsers.parse_int_list)]
Address = Annotated[Mailbox | None, NoDecode, _parsed_by(parsers.parse_address)]
Selector = Annotated[str, _parsed_by(parsers.parse_selector)]
OptionalPath = Annotated[Path | None, BeforeValidator(_parse_path)]
Passwords = Annotated[tuple[SecretStr, ...], NoDecode, _parsed_by(feedback_parsers.parse_passwords)]


class Settings(BaseSettings):
    """All settings, valid; None or empty if not set.

    A field has the name of its variable, except `sender` (MAILER_FROM) and `eight_bit` (MAILER_8BIT); `workspace` has no
    variable. A dump leaves out the relays, because of their credentials.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        validate_default=False,
    )

    workspace: Path

    sender: Annotated[Mailbox, NoDecode, _parsed_by(parsers.parse_name_and_address)] = Field(
        validation_alias="MAILER_FROM"
    )
    reply_to: Annotated[Mailbox | None, NoDecode, _parsed_by(parsers.parse_name_and_address)] = None
    publication: Line = Field(default_factory=_default_publication)
    copyright_holder: Line = ""
    postal_address: Annotated[str, _parsed_by(parsers.parse_lines)] = ""
    base_url: Annotated[str, _parsed_by(parsers.parse_base_url)] = "http://127.0.0.1:8000"
    search_engines: Flag = True
    language: Annotated[str, _parsed_by(parsers.parse_language)] = "en"
    timezone: Annotated[ZoneInfo, _parsed_by(parsers.parse_timezone)] = Field(default_factory=lambda: ZoneInfo("UTC"))

    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode, _parsed_by(parsers.parse_secret_keys), Field(min_length=1)]
    database_url: Annotated[SecretStr, BeforeValidator(_parse_database_url)] = Field(
        default=SecretStr("sqlite:///mailer.db"), validate_default=True
    )

    allow_plaintext: Flag = False
    relay: Annotated[tuple[Relay, ...], NoDecode, BeforeValidator(_parse_relays)] = Field(
        default=(Relay(host="127.0.0.1", port=25),), exclude=True
    )
    connections: Annotated[int, _parsed_by(_parse_connections)] = 8
    rate: Annotated[float | None, _parsed_by(parsers.parse_rate)] = None
    domain_connections: Annotated[
        Mapping[str, int],
        NoDecode,
        _parsed_by(parsers.parse_per_domain(_parse_connections, '{"*": 4, "example.org": 1}')),
    ] = Field(default_factory=dict)
    domain_rate: Annotated[
        Mapping[str, float],
        NoDecode,
        _parsed_by(parsers.parse_per_domain(parsers.parse_rate, '{"*": 10, "example.org": "500/hour"}')),
    ] = Field(default_factory=dict)
    messages_per_connection: Annotated[int | None, _parsed_by(_parse_positive)] = None
    warmup: Times = ()

    retry: Times = (60, 300, 900, 1800, 3600)
    retry_for: Annotated[int, _parsed_by(_parse_positive)] = 86400
    schedule_grace: Annotated[int, _parsed_by(parsers.parse_int(0))] = 1800
    helo: Annotated[str, _parsed_by(parsers.parse_helo)] = ""
    approval: Flag = False
    bounce_address: Annotated[Mailbox | None, NoDecode, _parsed_by(parsers.parse_bounce_address)] = None
    unsubscribe_address: Address = None
    queue: Line = "mailer"
    shard_size: Annotated[int, _parsed_by(_parse_positive)] = 20_000
    bounce_count: Annotated[int, _parsed_by(_parse_positive)] = 3
    bounce_sends: Annotated[int, _parsed_by(_parse_positive)] = 5
    bounce_days: Annotated[int, _parsed_by(parsers.parse_int(0))] = 14
    bounce_reset: Annotated[int, _parsed_by(_parse_positive)] = 72
    bounce_warn: Annotated[int, _parsed_by(_parse_positive)] = 10
    bounce_hold: Annotated[int, _parsed_by(parsers.parse_int(0))] = 10
    feedback_days: Annotated[int, _parsed_by(parsers.parse_int(0))] = 7
    on_uncertain: Annotated[OnUncertain, _parsed_by(parsers.parse_choice(OnUncertain))] = OnUncertain.HOLD
    images: Annotated[Images, _parsed_by(parsers.parse_choice(Images))] = Images.LINK
    clients: Annotated[tuple[str, ...], NoDecode, _parsed_by(parsers.parse_mail_programs)] = (
        "apple-mail",
        "gmail",
        "outlook",
        "samsung-email",
        "yahoo",
    )
    eight_bit: Flag = Field(default=False, validation_alias="MAILER_8BIT")
    trusted_proxies: Annotated[tuple[parsers.Network, ...], NoDecode, _parsed_by(parsers.parse_networks)] = ()
    webhook_networks: Annotated[tuple[parsers.Network, ...], NoDecode, _parsed_by(parsers.parse_networks)] = ()

    oidc_issuer: Annotated[str, _parsed_by(parsers.parse_issuer)] = ""
    oidc_client_id: Line = ""
    oidc_client_secret: SecretStr | None = None
    oidc_name: Line = Field(default_factory=_default_provider_name)
    oidc_claim: Annotated[str, _parsed_by(parsers.parse_claim)] = "email"
    oidc_only: Flag = False

    inbound_lmtp: Annotated[
        inbound_parsers.ListenAddress | None, NoDecode, _parsed_by(inbound_parsers.parse_listen_address)
    ] = None
    inbound_imap: Annotated[
        inbound_parsers.ImapAccount | None, NoDecode, _parsed_by(inbound_parsers.parse_imap_account)
    ] = None
    inbound_imap_token: Line = ""
    inbound_maildir: OptionalPath = None
    inbound_folder: Annotated[str, _parsed_by(inbound_parsers.parse_folder)] = "mailer"
    inbound_every: Annotated[int, _parsed_by(_parse_positive)] = 60

    feedback_ses: Annotated[tuple[str, ...], NoDecode, _parsed_by(feedback_parsers.parse_topics)] = ()
    feedback_mailgun: Annotated[tuple[SecretStr, ...], NoDecode, _parsed_by(feedback_parsers.parse_signing_keys)] = ()
    feedback_sendgrid: Annotated[tuple[str, ...], NoDecode, _parsed_by(feedback_parsers.parse_p256_keys)] = ()
    feedback_postmark: Passwords = ()
    feedback_brevo: Passwords = ()
    feedback_mailjet: Passwords = ()
    feedback_sparkpost: Passwords = ()
    feedback_resend: Annotated[tuple[SecretStr, ...], NoDecode, _parsed_by(feedback_parsers.parse_webhook_secrets)] = ()
    feedback_postal: Annotated[tuple[str, ...], NoDecode, _parsed_by(feedback_parsers.parse_rsa_keys)] = ()

    dkim_domain: Annotated[str, _parsed_by(parsers.parse_domain)] = ""
    dkim_selector: Selector = ""
    dkim_key: OptionalPath = None
    dkim_ed25519_selector: Selector = ""
    dkim_ed25519_key: OptionalPath = None

    @model_validator(mode="after")
    def _check_dkim(self) -> Self:
        pairs = ((self.dkim_selector, self.dkim_key), (self.dkim_ed25519_selector, self.dkim_ed25519_key))
        complete = [bool(selector) for selector, key in pairs if selector and key]
        if any(bool(selector) != bool(key) for selector, key in pairs) or bool(complete) != bool(self.dkim_domain):
            raise ValueError(
                "MAILER_DKIM_DOMAIN: must be set together with MAILER_DKIM_SELECTOR and MAILER_DKIM_KEY, "
                "or with MAILER_DKIM_ED25519_SELECTOR and MAILER_DKIM_ED25519_KEY, or with all four"
            )
        return self

    @model_validator(mode="after")
    def _check_database(self) -> Self:
        parsers.require_private_database(self.database_url.get_secret_value(), allow_plaintext=self.allow_plaintext)
        return self

    @model_validator(mode="after")
    def _check_oidc(self) -> Self:
        if bool(self.oidc_issuer) != bool(self.oidc_client_id):
            raise ValueError("MAILER_OIDC_ISSUER: must be set together with MAILER_OIDC_CLIENT_ID")
        if self.oidc_only and not self.oidc_issuer:
            raise ValueError("MAILER_OIDC_ONLY: needs MAILER_OIDC_ISSUER; without it nobody could sign in")
        return self

    @model_validator(mode="after")
    def _check_inbound(self) -> Self:
        if self.inbound_imap and bool(self.inbound_imap.password.get_secret_value()) == bool(self.inbound_imap_token):
            raise ValueError("MAILER_INBOUND_IMAP: needs either a password, or MAILER_INBOUND_IMAP_TOKEN")
        return self

    def feedback_secrets(self, provider: str) -> tuple[str, ...]:
        """Returns what proves the requests of a mail provider; nothing if its webhooks are not set up."""
        values: tuple[str | SecretStr, ...] = getattr(self, f"feedback_{provider}")
        return tuple(each.get_secret_value() if isinstance(each, SecretStr) else each for each in values)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings'
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings'
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings'
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Reads no source but the arguments, so that settings made in code do not depend on the environment."""
        return (init_settings,)


class _Variables(EnvSettingsSource):
    """The variables of a mapping, read as pydantic-settings reads the environment."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self.env_vars = {name.lower(): value for name, value in variables.items() if value.strip()}


def variable_names() -> dict[str, str]:
    """Returns the name of every field by its variable, in the order of the class."""
    return {
        str(field.validation_alias or f"{PREFIX}{name.upper()}"): name
        for name, field in Settings.model_fields.items()
        if name != "workspace"
    }


def load_settings(workspace: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Returns the settings of a workspace. `environ` replaces the environment of this process. Raises SettingsError."""
    result = _load(workspace, environ)
    if isinstance(result, Settings):
        return result
    listed = "\n".join(f"  {problem}" for problem in result)  # raised here, where no local holds a value
    env_file = workspace / ".env"
    if env_file.exists():
        next_step = f"Correct them in {env_file} or in the environment. docs/operator.md explains each setting."
    else:
        next_step = "To create a workspace here: mailer init. To use another folder: --workspace DIR"
    if not env_file.exists() and not _has_variables(os.environ if environ is None else environ):
        raise SettingsError(f"The folder {workspace.resolve()} is not a workspace: it has no .env file.", next_step)
    raise SettingsError(f"Invalid settings:\n{listed}", next_step)


def _load(workspace: Path, environ: Mapping[str, str] | None) -> Settings | list[SettingProblem]:
    sources = read_sources(workspace, environ)
    result = check_variables(workspace, sources.variables, sources.places)
    if isinstance(result, Settings):
        return list(sources.problems) or result
    return [*sources.problems, *result]


def _has_variables(environ: Mapping[str, str]) -> bool:
    return any(name.upper().startswith(PREFIX) for name in environ)


def read_sources(workspace: Path, environ: Mapping[str, str] | None = None) -> SettingSources:
    """Returns the variables of a workspace, unchecked. `environ` replaces the environment of this process."""
    given = os.environ if environ is None else environ
    in_file, places, problems = _read_env_file(workspace / ".env")
    in_environment = {
        name.upper(): value for name, value in given.items() if name.upper().startswith(PREFIX) and value.strip()
    }
    places.update(dict.fromkeys(in_environment, "environment"))
    return SettingSources(in_file=in_file, in_environment=in_environment, places=places, problems=tuple(problems))


def check_variables(
    workspace: Path, variables: Mapping[str, str], places: Mapping[str, str]
) -> Settings | list[SettingProblem]:
    """Returns the settings that these variables make, or all that is wrong with them."""
    names = variable_names()
    problems = [_describe_unknown(name, places[name], names) for name in variables if name not in names]
    known = {name: value for name, value in variables.items() if name in names}
    values = {**_Variables(known)(), "workspace": workspace}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        return problems + format_errors(error, places)
    return problems or settings


def _describe_unknown(name: str, place: str, names: Iterable[str]) -> SettingProblem:
    if name in _REMOVED:
        return SettingProblem(name, place, f"is no longer a setting, because {_REMOVED[name]}. Delete it.")
    if name in RENAMED:
        return SettingProblem(name, place, f"is now called {RENAMED[name]}. Rename it.")
    close = get_close_matches(name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in names], n=1)
    hint = f"; did you mean {PREFIX}{close[0]}?" if close else ""
    return SettingProblem(name, place, f"is not a setting{hint}")


def suggest_name(name: str) -> str:
    """Returns the variable for a name with a typing error in its prefix, such as MAILLER_FROM; "" for any other name."""
    prefix, _, rest = name.partition("_")
    close = get_close_matches(f"{prefix}_", [PREFIX], n=1, cutoff=0.8)
    return f"{PREFIX}{rest}" if close and f"{PREFIX}{rest}" in variable_names() else ""


def format_errors(error: ValidationError, places: Mapping[str, str]) -> list[SettingProblem]:
    variables = {field: name for name, field in variable_names().items()}
    problems = []
    for found in error.errors(include_url=False, include_input=False):
        if found["type"] == "default_factory_not_called":  # follows from another error
            continue
        where = str(found["loc"][0]) if found["loc"] else ""
        name = variables.get(where, where)
        text = str(found["ctx"]["error"]) if found["type"] == "value_error" else found["msg"]
        if found["type"] == "missing":
            text = _MISSING[name]
        problems.append(SettingProblem(name, places.get(name, ""), text))
    return problems


def _read_env_file(path: Path) -> tuple[dict[str, str], dict[str, str], list[SettingProblem]]:
    """Returns the variables of a .env file, the line of each, and the problems of the file. A missing file sets nothing."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}, {}, []
    except UnicodeDecodeError:
        return {}, {}, [SettingProblem("", str(path), "should be UTF-8 text")]
    except OSError as error:
        return {}, {}, [SettingProblem("", str(path), f"cannot be read ({error.strerror})")]
    values: dict[str, str] = {}
    places: dict[str, str] = {}
    problems: list[SettingProblem] = []
    for binding in parse_stream(StringIO(text)):
        place = f"{path.name}:{binding.original.line}"
        if binding.error:
            quoted = re.match(r"""[^'"=]*=\s*['"]""", binding.original.string.lstrip())
            problem = "the quote is not closed" if quoted else "should be NAME=value, a comment or empty"
            problems.append(SettingProblem("", place, problem))
        elif binding.key is not None and (name := binding.key.upper()).startswith(PREFIX):
            values[name], places[name] = binding.value or "", place
        elif binding.key is not None and (close := suggest_name(binding.key.upper())):
            problems.append(SettingProblem(binding.key, place, f"is not a setting; did you mean {close}?"))
    return values, places, problems
