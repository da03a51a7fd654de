"""API tokens: created once, recognised by their digest.

    create_api_token(app, name, scopes, …)        -> the token itself, which is stored nowhere else, and the ApiToken
    find_api_token(app, secret, address=…)        -> the ApiToken that `secret` is, or None

A token is 256 random bits, of which the ledger stores only the digest. It may have a last day, in the time zone of the settings,
and networks (CIDR) outside of which it is refused. Raises UsageError, TokenEndedError, NetworkNotAllowedError.
"""

import datetime as dt
import secrets
from collections.abc import Iterable
from ipaddress import ip_network

from mailer.app import App
from mailer.errors import MailerError, UsageError
from mailer.ledger.accounts.api_tokens import ApiToken
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.service.accounts.sessions import token_digest
from mailer.settings.parsers import Network

PREFIX = "mailer_"  # so that secret scanners find tokens in repositories
LONGEST = 200  # characters; anything longer is not a token
MAX_NETWORKS = 50


class TokenEndedError(MailerError):
    """The last day of the token is over."""

    def __init__(self, day: str) -> None:
        super().__init__(f"The last day of this token was {day}.", "Ask an admin for a new token.")


class NetworkNotAllowedError(MailerError):
    """The client is outside of the networks of the token."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"This token cannot be used from {address or 'an unknown address'}.",
            "Use it from one of its networks, or ask an admin for a token for this network.",
        )


def create_api_token(
    app: App, name: str, scopes: Iterable[Scope], *, last_day: str = "", networks: Iterable[str] = ()
) -> tuple[str, ApiToken]:
    """Creates the token `name`. `last_day`: ISO date, "" for no end. Raises UsageError for an invalid value, or a taken name."""
    secret = PREFIX + secrets.token_urlsafe(32)
    ends_at = _end_of(app, last_day) if last_day else None
    allowed = _networks(networks)
    add = app.ledger.api_tokens.add
    return secret, add(name, token_digest(secret), frozenset(scopes), ends_at=ends_at, networks=allowed)


def find_api_token(app: App, secret: str, *, address: str) -> ApiToken | None:
    """Returns the API token that `secret` is, and records its use from the IP address `address`; None if there is none.

    Raises TokenEndedError, NetworkNotAllowedError; each is in the activity log, once an hour.
    """
    if not secret.startswith(PREFIX) or len(secret) > LONGEST:
        return None
    token = app.ledger.api_tokens.find(token_digest(secret))
    if token is None:
        return None
    if token.has_ended(app.clock()):
        _record_refusal(app, token, "it has ended", address)
        raise TokenEndedError(last_day_of(app, token))
    if not token.allows(address):
        _record_refusal(app, token, "not one of its networks", address)
        raise NetworkNotAllowedError(address)
    app.ledger.api_tokens.record_use(token)
    return token


def last_day_of(app: App, token: ApiToken) -> str:
    """Returns the last day on which `token` can be used, as an ISO date; "" if it has no end."""
    if token.ends_at is None:
        return ""
    return dt.datetime.fromtimestamp(token.ends_at - 1, app.settings.timezone).date().isoformat()


def describe_token(app: App, token: ApiToken) -> str:
    """Returns what `token` allows: `lists:read sends:write until 2027-01-31 from 203.0.113.0/24, 2001:db8::/32`."""
    until = [f"until {last_day_of(app, token)}"] if token.ends_at is not None else []
    networks = [f"from {', '.join(map(str, token.networks))}"] if token.networks else []
    return " ".join([*sorted(token.scopes), *until, *networks])


def _record_refusal(app: App, token: ApiToken, why: str, address: str) -> None:
    app.ledger.audit.record_look(f"API ({token.name})", "token.refuse", token.name, why, address=address)


def _end_of(app: App, last_day: str) -> float:
    """Returns the end of a day in the time zone of the settings, in seconds since the epoch."""
    zone = app.settings.timezone
    try:
        day = dt.date.fromisoformat(last_day)
        next_day = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"“{last_day[:40]}” is not a date.", "Write the last day as 2027-01-31.") from None
    if next_day <= app.clock():
        raise UsageError(f"{day.isoformat()} is over.", "Choose today or a later day.")
    return next_day


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError as error:
            hint = " It has bits set after its length." if "host bits" in str(error) else ""
            raise UsageError(
                f"“{text[:60]}” is not a network.{hint}", "Write an IP address or a network, such as 203.0.113.0/24."
            ) from None
    if len(found) > MAX_NETWORKS:
        raise UsageError(f"A token can have at most {MAX_NETWORKS} networks.", "Combine them to larger ones.")
    return tuple(dict.fromkeys(found))
