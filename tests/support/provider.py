"""A small identity provider of our own, on 127.0.0.1: OpenID Connect, with real keys and real tokens.

with providing(clock) as provider:
    back = provider.approve(url, email="mara@example.org")    somebody signs in there; where the browser is sent
    provider.forge = lambda claims, sign: ...                 another token than the honest one
    provider.answers["/token"] = (500, b"…")                  another answer than the honest one
    provider.asked                                            the paths that were asked for
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from tests.support.webserver import serving

CLIENT, SECRET = "the desk", "a secret: of the desk/ü"
Claims = dict[str, Any]
Sign = Callable[..., str]


@dataclass
class Grant:
    """What a code stands for."""

    redirect_uri: str
    challenge: str
    claims: Claims


@dataclass
class Provider:
    issuer: str
    clock: Callable[[], float]
    keys: list[Key] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)  # of what it tells about itself
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forge: Callable[[Claims, Sign], str] | None = None
    checks_pkce: bool = True
    somebody: Claims = field(default_factory=dict)  # who sits at the browser that comes to sign in
    may_answer: threading.Event = field(default_factory=threading.Event)
    _grants: dict[str, Grant] = field(default_factory=dict)

    def rotate(self, kind: str = "RSA") -> None:
        """Sign with a new key, and publish no other."""
        name = f"key {len(self.asked)}"
        made: Key = (
            RSAKey.generate_key(2048, {"kid": name}) if kind == "RSA" else ECKey.generate_key("P-256", {"kid": name})
        )
        self.keys = [made]

    def approve(self, url: str, **claims: Any) -> str:
        """Somebody signs in at the address that the desk sent them to."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        now = int(self.clock())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **claims}
        self._grants[code] = Grant(asked["redirect_uri"], asked["code_challenge"], said)
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.issuer})}"

    def sign(self, claims: Claims, *, key: Key | None = None, alg: str = "", **header: Any) -> str:
        key = key or self.keys[0]
        alg = alg or ("RS256" if isinstance(key, RSAKey) else "ES256")
        return jwt.encode({"alg": alg, "kid": key.kid, **header}, claims, key, algorithms=[alg])

    def answer(self, path: str, form: dict[str, list[str]], headers: Any) -> tuple[int, bytes]:
        self.asked.append(path)
        self.may_answer.wait()
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            own = {name: f"{self.issuer}/{at}" for name, at in _PATHS.items()}
            return 200, json.dumps({"issuer": self.issuer, **own, **self.changes}).encode()
        if path == "/keys":
            return 200, json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()
        return self._exchange({name: values[0] for name, values in form.items()}, headers)

    def _exchange(self, form: dict[str, str], headers: Any) -> tuple[int, bytes]:
        if not self._knows(form, headers.get("Authorization", "")):
            return 401, b'{"error": "invalid_client"}'
        grant = self._grants.pop(form["code"], None)
        made = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if (
            grant is None
            or grant.redirect_uri != form["redirect_uri"]
            or (self.checks_pkce and grant.challenge != made)
        ):
            return 400, b'{"error": "invalid_grant"}'
        token = self.forge(grant.claims, self.sign) if self.forge else self.sign(grant.claims)
        return 200, json.dumps({"access_token": "x", "token_type": "Bearer", "id_token": token}).encode()

    def _knows(self, form: dict[str, str], authorization: str) -> bool:
        if "client_secret_post" in self.changes.get("token_endpoint_auth_methods_supported", ()):
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        expected = base64.b64encode(b"the+desk:a+secret%3A+of+the+desk%2F%C3%BC").decode()
        return authorization == f"Basic {expected}" and "client_secret" not in form


_PATHS = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/authorize"):
            self._go(self.provider.approve(self.path, **self.provider.somebody))
        else:
            self._answer({})

    def _go(self, address: str) -> None:
        self.send_response(303)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self._answer(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))

    def _answer(self, form: dict[str, list[str]]) -> None:
        status, body = self.provider.answer(self.path, form, self.headers)
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # nobody waited for it

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def providing(clock: Callable[[], float], host: str = "127.0.0.1") -> Iterator[Provider]:
    handler = type("Handler", (_Handler,), {})
    with serving(handler) as port:
        provider = Provider(f"http://{host}:{port}", clock)
        provider.rotate()
        provider.may_answer.set()
        handler.provider = provider
        try:
            yield provider
        finally:
            provider.may_answer.set()
