"""Parsers of settings: one function for each kind of value.

Each raises ValueError with what the setting should be, and never quotes the text, which may be a secret. Arrays and objects are
JSON; lists of numbers or names may also be separated by commas, as in `60,300,900`.
"""

import ipaddress
import json
import re
import zoneinfo
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from mailer.i18n.bcp47 import is_valid_tag, normalize_case
from mailer.mailbox_address import Mailbox, MailboxError, parse_mailbox
from mailer.relay import Relay, RelayError, is_loopback, parse_relay

MIN_KEY = 32  # characters of a secret key
MAX_VERP_LOCAL_PART = 37  # octets: the 64 of RFC 5321 4.5.3.1.1 less “+” and a token of 26
EVERY_OTHER = "*"  # in an object by domain: all domains without an entry

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def parse_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("should be one line without control characters")
    return text


def parse_lines(text: str) -> str:
    if not all(part.isprintable() for part in text.splitlines()):
        raise ValueError("should have no control characters except line breaks")
    return "\n".join(part.strip() for part in text.splitlines())


def parse_bool(text: str) -> bool:
    if text.lower() not in {"true", "false", "yes", "no", "on", "off", "1", "0"}:
        raise ValueError("should be true or false")
    return text.lower() in {"true", "yes", "on", "1"}


def parse_choice(kind: type[E]) -> Callable[[str], E]:
    def parse(text: str) -> E:
        try:
            return kind(text.lower())
        except ValueError:
            raise ValueError(f"should be {' or '.join(kind)}") from None

    return parse


def parse_int(low: int, high: int = 10**9) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
            raise ValueError(f"should be a whole number from {low} to {high}")
        return int(text)

    return parse


def parse_int_list(text: str) -> tuple[int, ...]:
    expected = "should be whole numbers above 0, separated by commas, such as 60,300,900"
    items = split_list(text, expected)
    if not items or not all(re.fullmatch(r"[0-9]{1,9}", item) and int(item) > 0 for item in items):
        raise ValueError(expected)
    return tuple(int(item) for item in items)


_TLS_MODES = frozenset({"require", "verify-ca", "verify-full"})  # of libpq; the others may end up in clear text
_PER = {"s": 1, "second": 1, "m": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}


def parse_rate(text: str) -> float:
    """Returns messages a second, from a number or `N/minute`, `N/hour`, `N/day`."""
    number, slash, unit = (part.strip() for part in text.partition("/"))
    seconds = _PER.get(unit.lower()) if slash else 1
    if seconds is None or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", number) or float(number) == 0:
        raise ValueError("should be messages a second, such as 14 or 0.5, or 500/hour")
    return float(number) / seconds


def parse_name_and_address(text: str) -> Mailbox:
    """Returns the mailbox of `Name <address>` or `address`."""
    try:
        return parse_mailbox(text)
    except MailboxError as error:
        raise ValueError(f"should be “Name <address>” or an address ({_without_value(error)})") from None


def parse_address(text: str) -> Mailbox:
    try:
        found = parse_mailbox(text)
    except MailboxError as error:
        raise ValueError(f"should be an address ({_without_value(error)})") from None
    if found.name:
        raise ValueError("should be an address without a name")
    return found


def parse_bounce_address(text: str) -> Mailbox:
    found = parse_address(text)
    if len(found.local_part) > MAX_VERP_LOCAL_PART:
        raise ValueError(
            f"should have at most {MAX_VERP_LOCAL_PART} characters before the @, because “+” and a token are added to it"
        )
    return found


def parse_domain(text: str) -> str:
    """Returns a domain name in lower-case A-labels."""
    try:
        return parse_mailbox(f"x@{text}").domain
    except MailboxError:
        raise ValueError("should be a domain name, such as example.org") from None


def parse_helo(text: str) -> str:
    """Returns a full host name in A-labels, or an address literal (RFC 5321 4.1.3)."""
    expected = "should be the full name of this machine, such as mail.example.org, or its address, such as [192.0.2.1]"
    if literal := re.fullmatch(r"\[(?P<kind>IPv6:)?(?P<address>[0-9A-Fa-f:.]+)\]", text):
        try:
            address = ipaddress.ip_address(literal["address"])
        except ValueError:
            raise ValueError(expected) from None
        if (address.version == 6) is not bool(literal["kind"]):
            raise ValueError(expected)
        return text
    try:
        name = parse_domain(text)
    except ValueError:
        raise ValueError(expected) from None
    if "." not in name:
        raise ValueError(expected)
    return name


def parse_base_url(text: str) -> str:
    """Returns an absolute URL without a slash at its end."""
    expected = "should be https://HOST or https://HOST/PATH, without user, “?” or “#” (http:// only for this machine)"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(expected) from None
    if not host or port == 0 or parts.username is not None or "?" in text or "#" in text:
        raise ValueError(expected)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError(expected)
    if not re.fullmatch(r"[A-Za-z0-9._~:/%!$&'()*+,;=\[\]-]+", text):
        raise ValueError("should be in ASCII: an international host name as xn--…, the path percent-encoded")
    return text.rstrip("/")


def parse_issuer(text: str) -> str:
    """Returns the issuer URL unchanged: a “/” at its end is significant (OpenID Connect Discovery 4.3)."""
    parse_base_url(text)
    return text


def parse_claim(text: str) -> str:
    """Returns the name of a claim (RFC 7519 4)."""
    if not re.fullmatch(r"[!-~]{1,100}", text):
        raise ValueError("should be the name of a claim, such as email, sub or oid")
    return text


def parse_language(text: str) -> str:
    """Returns a language tag in its usual letter case."""
    if not is_valid_tag(text):
        raise ValueError("should be a language code (BCP 47), such as en, pt-BR or zh-Hant")
    return normalize_case(text)


def parse_timezone(text: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("should be the name of a time zone, such as UTC or Europe/Lisbon") from None


def parse_secret_keys(text: str) -> tuple[str, ...]:
    expected = f'should be a JSON array of strings of at least {MIN_KEY} characters: ["…"]'
    keys = _parse_json(text, list, expected)
    if not keys or not all(isinstance(key, str) and len(key) >= MIN_KEY for key in keys):
        raise ValueError(expected)
    return tuple(keys)


def parse_relays(text: str, *, allow_plaintext: bool) -> tuple[Relay, ...]:
    expected = "should be a URL or a JSON array of URLs"
    urls = _parse_json(text, list, expected) if text.startswith("[") else [text]
    if not urls or not all(isinstance(url, str) for url in urls):
        raise ValueError(expected)
    found = []
    for number, url in enumerate(urls, start=1):
        try:
            found.append(parse_relay(url, allow_plaintext=allow_plaintext))
        except RelayError as error:
            raise ValueError(f"relay {number} {error}" if len(urls) > 1 else str(error)) from None
    return tuple(found)


def parse_database_url(text: str, *, workspace: Path) -> str:
    """Returns SQLAlchemy's URL of an SQLite file, with an absolute path, or of PostgreSQL through psycopg 3."""
    expected = "should be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE, user and password percent-encoded"
    scheme, _, rest = text.partition("://")
    if scheme == "sqlite":
        file = rest.removeprefix("/")
        if file == rest or not file.strip("/") or "?" in file or file.startswith((":memory:", "file:")):
            raise ValueError("should be sqlite:///FILE, relative to the workspace, or sqlite:////absolute/FILE")
        path = workspace.resolve() / file
        if "?" in str(path):
            raise ValueError("cannot be a file in a folder with “?” in its name; use another folder")
        return f"sqlite:///{path}"
    if scheme in {"postgresql", "postgres", "postgresql+psycopg"}:
        try:
            parts = urlsplit(f"postgresql://{rest}")
            _ = parts.port
        except ValueError:
            raise ValueError(expected) from None
        if parts.path.strip("/") and parts.netloc.count("@") <= 1 and not parts.fragment:
            return f"postgresql+psycopg://{rest}"
    raise ValueError(expected)


def require_private_database(url: str, *, allow_plaintext: bool) -> None:
    """Raises ValueError for a PostgreSQL on another host without TLS: readers' data would cross the network in clear text."""
    parts = urlsplit(url)
    if parts.scheme != "postgresql+psycopg" or allow_plaintext:
        return
    options = parse_qs(parts.query)
    hosts = [*options.get("host", ()), *options.get("hostaddr", ())] or [parts.hostname or ""]
    is_here = all(not host or host.startswith("/") or is_loopback(host) for each in hosts for host in each.split(","))
    if not is_here and options.get("sslmode", [""])[-1] not in _TLS_MODES:
        raise ValueError(
            "MAILER_DATABASE_URL: would send readers' data in clear text to another host: add ?sslmode=verify-full (or require), "
            "or set MAILER_ALLOW_PLAINTEXT=true"
        )


def parse_networks(text: str) -> tuple[Network, ...]:
    expected = "should be networks, separated by commas, such as 127.0.0.1,10.0.0.0/8,fd00::/8"
    try:
        return tuple(ipaddress.ip_network(item) for item in split_list(text, expected))
    except ValueError:
        raise ValueError(expected) from None


def parse_mail_programs(text: str) -> tuple[str, ...]:
    """Returns names of mail programs, such as `gmail` or `outlook.windows`; whether they exist is checked elsewhere."""
    expected = "should be mail programs, separated by commas, such as gmail,apple-mail,outlook.windows"
    names = tuple(dict.fromkeys(name.lower() for name in split_list(text, expected)))
    if not names or not all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)?", name) for name in names):
        raise ValueError(expected)
    return names


def parse_per_domain(parse: Callable[[str], T], example: str) -> Callable[[str], dict[str, T]]:
    """Returns a parser of JSON objects whose keys are domains or `*`, and whose values are parsed by `parse`."""
    expected = f"should be a JSON object of domains, such as {example}"

    def parse_object(text: str) -> dict[str, T]:
        values = _parse_json(text, dict, expected)
        try:
            return {
                name if name == EVERY_OTHER else parse_domain(name): parse(str(value)) for name, value in values.items()
            }
        except ValueError:
            raise ValueError(expected) from None

    return parse_object


def parse_selector(text: str) -> str:
    """Returns a DKIM selector (RFC 6376 3.1)."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", text.lower()):
        raise ValueError("should be a selector such as s2026, of letters, digits, “-” and “.”")
    return text.lower()


def parse_path(text: str, *, workspace: Path) -> Path:
    """Returns an absolute path; `~` is the home folder."""
    try:
        return workspace.resolve() / Path(text).expanduser()
    except (RuntimeError, ValueError):
        raise ValueError("should be a path, relative to the workspace or absolute") from None


def _parse_json(text: str, kind: type[T], expected: str) -> T:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(expected) from None
    if not isinstance(value, kind):
        raise ValueError(expected)  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def split_list(text: str, expected: str) -> list[str]:
    """Returns the items of a list with commas, or of a JSON array."""
    if not text.startswith("["):
        return [item.strip() for item in text.split(",")]
    items = _parse_json(text, list, expected)
    if not all(isinstance(item, str | int) and not isinstance(item, bool) for item in items):
        raise ValueError(expected)
    return [str(item).strip() for item in items]


def _without_value(error: Exception) -> str:
    """Returns the text of an error up to the colon, after which it quotes the value."""
    return str(error).partition(":")[0]
