"""The identity provider: where it is asked, and what it answers. Needs the extra `oidc`.

    provider.authorization(departure, back)   the address to which a browser is sent
    provider.claims(code, departure, back)    what the provider says about who came back from there

What the provider tells about itself is asked once an hour (OpenID Connect Discovery 1.0), and must name the very issuer of the
settings. Keys are asked for again when a token is signed by one that we do not know, at most once a minute. Requests go to
https:// alone, unless the provider itself is on this machine; no redirect is followed, each has a time limit, and no more is read
of an answer than a sane one has. Raises ProviderError and TokenError, in words for who wants to sign in.
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
from mailer.service.idtoken import Expected, UnknownSignatureError, read_keys, verify
from mailer.service.oidc import Departure, ProviderError, plain_word
from mailer.settings import Settings
from mailer.variable import base_url

SCOPE = "openid email profile"
KEPT_FOR = 3600.0  # seconds
REST = 60.0  # seconds between two looks at the keys
TIME_LIMIT = 10.0  # seconds of one request
LARGEST = 512 * 1024  # octets of an answer
_ANYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))  # who writes the settings may name a private address
_AGAIN = "Try again in a minute; if it stays so, tell whoever runs this program."


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """What a provider tells about itself. `by_form`: it wants our secret in the form; `says_issuer`: RFC 9207."""

    authorization: str
    token: str
    keys: str
    by_form: bool
    says_issuer: bool


class Provider:
    """The one of `settings`. `clock`: seconds since the epoch; `options`: how requests are made."""

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

    async def authorization(self, departure: Departure, back: str) -> str:
        """Where `departure` leads; the provider sends the browser on to `back`."""
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": back,
            "scope": SCOPE,
            "state": departure.state,
            "nonce": departure.nonce,
            "code_challenge": departure.challenge,
            "code_challenge_method": "S256",
        }
        address = (await self._described()).authorization
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"

    async def check_issuer(self, said: str | None) -> None:
        """Whether the answer came from this provider, where it says so at all: RFC 9207 2.4."""
        if said != self.issuer and (said is not None or (await self._described()).says_issuer):
            raise ProviderError(f"This answer is not from {self.name}.", "Begin again.")

    async def claims(self, code: str, departure: Departure, back: str) -> dict[str, Any]:
        """Turn `code` into the claims of a token that was made for `departure`."""
        token = await self._exchange(code, departure.verifier, back)
        expected = Expected(issuer=self.issuer, client_id=self._client_id, nonce=departure.nonce)
        try:
            return verify(token, await self._published(KEPT_FOR), expected, now=self._clock())
        except UnknownSignatureError:
            return verify(token, await self._published(REST), expected, now=self._clock())

    async def _exchange(self, code: str, verifier: str, back: str) -> str:
        endpoints = await self._described()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if not self._secret:
            form["client_id"] = self._client_id
        elif endpoints.by_form:
            form |= {"client_id": self._client_id, "client_secret": self._secret}
        else:
            headers["Authorization"] = _basic(self._client_id, self._secret)
        answer = await self._ask("POST", endpoints.token, headers, urlencode(form).encode())
        if answer.status != 200:
            word = _word(answer)
            if word == "invalid_client":
                raise ProviderError(
                    f"{self.name} does not know this program (invalid_client).",
                    "MAILER_OIDC_CLIENT_ID or MAILER_OIDC_CLIENT_SECRET is wrong: tell whoever runs this program.",
                )
            raise ProviderError(f"{self.name} took this sign-in back ({word}).", "Begin again.")
        token = self._read(answer, endpoints.token).get("id_token")
        if not isinstance(token, str):
            raise ProviderError(f"{self.name} says nothing about who you are: its answer has no ID token.", _AGAIN)
        return token

    async def _described(self) -> Endpoints:
        now = self._clock()
        if self._endpoints is None or not 0 <= now - self._endpoints[0] < KEPT_FOR:
            url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            self._endpoints = now, self._endpoints_of(await self._get(url))
        return self._endpoints[1]

    def _endpoints_of(self, document: Mapping[str, object]) -> Endpoints:
        said = document.get("issuer")
        if said != self.issuer:
            shown = said if isinstance(said, str) and said.isprintable() else "something else"
            raise ProviderError(
                f"{self.name} calls itself {shown}, not {self.issuer}.",
                "MAILER_OIDC_ISSUER must be the same to the letter: tell whoever runs this program.",
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
        """An address that the provider names; http:// only where the issuer itself is reached by it, on this machine."""
        found = document.get(key)
        try:
            if isinstance(found, str) and (found.startswith("https:") or self.issuer.startswith("http:")):
                base_url(found.partition("?")[0])
                if "#" not in found and found.isascii() and found.isprintable() and " " not in found:
                    return found
        except ValueError:
            pass
        raise ProviderError(f"{self.name} names no address that can be used as its {key}.", _AGAIN)

    async def _published(self, oldest: float) -> KeySet:
        """The provider's keys, asked for within the last `oldest` seconds."""
        now = self._clock()
        if self._keys is None or not 0 <= now - self._keys[0] < oldest:
            self._keys = now, read_keys(await self._get((await self._described()).keys))
        return self._keys[1]

    async def _get(self, url: str) -> dict[str, Any]:
        answer = await self._ask("GET", url, {}, b"")
        if answer.status != 200:
            raise ProviderError(f"{self.name} cannot be asked: {url} answered {answer.status}.", _AGAIN)
        return self._read(answer, url)

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> HttpResult:
        headers = {"Accept": "application/json", "User-Agent": "mailer", **headers}
        answer = await request(method, url, headers, body, self._options, body_limit=LARGEST)
        if answer.status is None:
            raise ProviderError(f"{self.name} cannot be asked: {urlsplit(url).netloc} {answer.error}.", _AGAIN)
        return answer

    def _read(self, answer: HttpResult, url: str) -> dict[str, Any]:
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ProviderError(f"{self.name} cannot be understood: {urlsplit(url).netloc} answered no JSON.", _AGAIN)
        return found


def _word(answer: HttpResult) -> str:
    """The error's word of RFC 6749 5.2, if the answer has one."""
    try:
        word = json.loads(answer.body)["error"]
    except (ValueError, RecursionError, KeyError, TypeError):
        word = None
    return plain_word(word) or f"status {answer.status}"


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749 2.3.1: both are encoded as in a form first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
