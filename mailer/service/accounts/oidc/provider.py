"""Requests to the identity provider. Needs the extra `oidc`.

    provider.authorization(attempt, back)   the URL that a browser is redirected to
    provider.claims(code, attempt, back)    the verified claims of the user who came back from there

The metadata (OpenID Connect Discovery 1.0) is fetched once an hour, and must name exactly the issuer of the settings. Keys are
fetched again when a token is signed by an unknown one, at most once a minute. Requests go to https:// only, unless the provider
itself is on this machine; redirects are not followed, each request has a time limit, and each answer a size limit. Raises
ProviderError and TokenError, whose messages are shown to the person who is signing in.
"""

import base64
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from joserfc.jwk import KeySet

from mailer.http_client import ClientOptions, HttpResult, request
from mailer.service.accounts.oidc.id_token import ExpectedClaims, UnknownSignatureError, read_keys, verify_id_token
from mailer.service.accounts.oidc.login_attempt import LoginAttempt, ProviderError, error_code
from mailer.settings.parsers import parse_base_url
from mailer.settings.settings import Settings

SCOPE = "openid email profile"
KEPT_FOR = 3600.0  # seconds
REST = 60.0  # seconds between two requests for the keys
TIME_LIMIT = 10.0  # seconds of one request
LARGEST = 512 * 1024  # octets of an answer
_ANYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))  # the settings may name a private address
_AGAIN = "Try again in a minute. If it happens again, tell the person who runs this server."


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The provider’s metadata. `by_form`: the client secret is sent in the form; `says_issuer`: RFC 9207 is supported."""

    authorization: str
    token: str
    keys: str
    by_form: bool
    says_issuer: bool


class Provider:
    """The provider of `settings`. `clock` returns seconds since the epoch; `options` says how requests are sent."""

    def __init__(self, settings: Settings, clock: Callable[[], float], options: ClientOptions | None = None) -> None:
        self.name = settings.oidc_name
        self.issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else ""
        self._clock = clock
        self._options = options or ClientOptions(
            networks=_ANYWHERE, trust=ssl.create_default_context(), time_limit=TIME_LIMIT
        )
        self._endpoints: tuple[float, Endpoints] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def authorization(self, attempt: LoginAttempt, back: str) -> str:
        """Returns the URL at which `attempt` goes on; the provider redirects the browser to `back` afterwards."""
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": back,
            "scope": SCOPE,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        address = (await self._metadata()).authorization
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"

    async def check_issuer(self, said: str | None) -> None:
        """Raises ProviderError if the answer names another issuer, or none although the provider always does: RFC 9207 2.4."""
        if said != self.issuer and (said is not None or (await self._metadata()).says_issuer):
            raise ProviderError(f"The response is not from {self.name}.", "Sign in again.")

    async def claims(self, code: str, attempt: LoginAttempt, back: str) -> dict[str, Any]:
        """Exchanges `code` for an ID token and returns its claims, verified for `attempt`."""
        token = await self._exchange(code, attempt.verifier, back)
        expected = ExpectedClaims(issuer=self.issuer, client_id=self._client_id, nonce=attempt.nonce)
        try:
            return verify_id_token(token, await self._jwks(KEPT_FOR), expected, now=self._clock())
        except UnknownSignatureError:
            return verify_id_token(token, await self._jwks(REST), expected, now=self._clock())

    async def _exchange(self, code: str, verifier: str, back: str) -> str:
        endpoints = await self._metadata()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if not self._secret:
            form["client_id"] = self._client_id
        elif endpoints.by_form:
            form |= {"client_id": self._client_id, "client_secret": self._secret}
        else:
            headers["Authorization"] = _basic(self._client_id, self._secret)
        answer = await self._request("POST", endpoints.token, headers, urlencode(form).encode())
        if answer.status != 200:
            word = _word(answer)
            if word == "invalid_client":
                raise ProviderError(
                    f"{self.name} does not accept this program (invalid_client).",
                    "Tell the person who runs this server: the client ID or the client secret in the settings is wrong.",
                )
            raise ProviderError(f"{self.name} refused the sign-in ({word}).", "Sign in again.")
        token = self._read(answer, endpoints.token).get("id_token")
        if not isinstance(token, str):
            raise ProviderError(f"{self.name} did not say who you are: its response has no ID token.", _AGAIN)
        return token

    async def _metadata(self) -> Endpoints:
        now = self._clock()
        if self._endpoints is None or not 0 <= now - self._endpoints[0] < KEPT_FOR:
            url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            self._endpoints = now, self._endpoints_of(await self._get(url))
        return self._endpoints[1]

    def _endpoints_of(self, document: Mapping[str, object]) -> Endpoints:
        said = document.get("issuer")
        if said != self.issuer:
            shown = said if isinstance(said, str) and said.isprintable() else "(invalid)"
            raise ProviderError(
                f"{self.name} reports the issuer {shown}, not {self.issuer}.",
                "Tell the person who runs this server: the issuer in the settings must be exactly the same.",
            )
        ways = document.get("token_endpoint_auth_methods_supported")
        return Endpoints(
            authorization=self._address(document, "authorization_endpoint"),
            token=self._address(document, "token_endpoint"),
            keys=self._address(document, "jwks_uri"),
            by_form=isinstance(ways, list) and "client_secret_post" in ways and "client_secret_basic" not in ways,
            says_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _address(self, document: Mapping[str, object], key: str) -> str:
        """Returns a URL of the metadata; http:// is accepted only if the issuer’s URL has it too, on this machine."""
        found = document.get(key)
        try:
            if isinstance(found, str) and (found.startswith("https:") or self.issuer.startswith("http:")):
                parse_base_url(found.partition("?")[0])
                if "#" not in found and found.isascii() and found.isprintable() and " " not in found:
                    return found
        except ValueError:
            pass
        raise ProviderError(f"{self.name} has no valid URL for {key}.", _AGAIN)

    async def _jwks(self, oldest: float) -> KeySet:
        """Returns the provider’s keys, fetched within the last `oldest` seconds."""
        now = self._clock()
        if self._keys is None or not 0 <= now - self._keys[0] < oldest:
            self._keys = now, read_keys(await self._get((await self._metadata()).keys))
        return self._keys[1]

    async def _get(self, url: str) -> dict[str, Any]:
        answer = await self._request("GET", url, {}, b"")
        if answer.status != 200:
            raise ProviderError(f"{self.name} cannot be reached: {url} answered {answer.status}.", _AGAIN)
        return self._read(answer, url)

    async def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResult:
        headers = {"Accept": "application/json", "User-Agent": "mailer", **headers}
        answer = await request(method, url, headers, body, self._options, body_limit=LARGEST)
        if answer.status is None:
            raise ProviderError(f"{self.name} cannot be reached: {urlsplit(url).netloc} {answer.error}.", _AGAIN)
        return answer

    def _read(self, answer: HttpResult, url: str) -> dict[str, Any]:
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ProviderError(
                f"The response of {self.name} is invalid: {urlsplit(url).netloc} did not answer with JSON.", _AGAIN
            )
        return found


def _word(answer: HttpResult) -> str:
    """Returns the error code of an answer (RFC 6749 5.2), or else its status."""
    try:
        word = json.loads(answer.body)["error"]
    except (ValueError, RecursionError, KeyError, TypeError):
        word = None
    return error_code(word) or f"status {answer.status}"


def _basic(client_id: str, secret: str) -> str:
    """Returns the Authorization header of RFC 6749 2.3.1: both values are form-encoded first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
