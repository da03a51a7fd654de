"""The desk in tests: people who are signed in, without a password and without a page.

who = signed_in(site, "editor")          in the ledger; `who.token` is what a browser holds
desk = At(visitor, who)                  asks as that person would: cookie, origin, form token
context = browser_of(browser, port, who)  a context of playwright that is signed in
"""

from dataclasses import dataclass
from typing import Any

import httpx

from mailer.ledger.accounts.users import User
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.accounts.sessions import csrf_token, token_digest
from tests.support.site import Site, Visitor

ORIGIN = "https://letter.example.org"
COOKIE = "__Host-mailer-session"
NAMES = {Role.WRITER: "Wim Writer", Role.EDITOR: "Mara Lindqvist", Role.ADMIN: "Ada Admin"}


@dataclass(frozen=True, slots=True)
class Signed:
    user: User
    token: str

    @property
    def csrf_token(self) -> str:
        return csrf_token(self.token)


def signed_in(site: Site, role: str = "editor", *, name: str = "", browser: str = "A browser of the tests") -> Signed:
    """Somebody with this role, signed in; made when there is nobody of this name."""
    name = name or NAMES[Role(role)]
    people = site.app.ledger.users
    found = people.credential(name)
    user = found[0] if found else people.add(name, Role(role), email=f"{name.split()[0].lower()}@example.org")
    token = f"pass-{len(site.app.ledger.sessions.of(user.id))}-of-{user.id}"
    site.app.ledger.sessions.begin(user.id, token_digest(token), browser=browser, address="192.0.2.1")
    return Signed(user, token)


class At:
    """The desk as `who` uses it; `who` None: somebody who is not signed in."""

    def __init__(self, visitor: Visitor, who: Signed | None) -> None:
        self.visitor = visitor
        self._who = who

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._request("GET", path, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> httpx.Response:
        token = {"csrf_token": self._who.csrf_token} if self._who else {}
        return self._request("POST", path, data={**token, **(data or {})}, **options)

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """The page that a redirect leads to, with the message that it left."""
        headers = self.headers_of("GET", None)
        left = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
        return self.get(answer.headers["location"], headers={"Cookie": f"{headers['Cookie']}; {left}"})

    def posting(self, path: str, data: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
        """The same as a request that is still to be made, for Visitor.at_once."""
        token = {"csrf_token": self._who.csrf_token} if self._who else {}
        return "POST", path, {"data": {**token, **data}, "headers": self.headers_of("POST", None)}

    def _request(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        return self.visitor.request(method, path, headers=self.headers_of(method, headers), **options)

    def headers_of(self, method: str, headers: dict[str, str] | None) -> dict[str, str]:
        given = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"} if method == "POST" else {}
        if self._who:
            given["Cookie"] = f"{COOKIE}={self._who.token}"
        return {**given, **(headers or {})}


def browser_of(browser: Any, port: int, who: Signed | None, **options: Any) -> Any:
    """A context of playwright's `browser` for a site at 127.0.0.1:`port`, signed in as `who`."""
    context = browser.new_context(base_url=f"http://127.0.0.1:{port}", **options)
    if who:
        context.add_cookies(
            [
                {
                    "name": f"mailer-session-{port}",
                    "value": who.token,
                    "domain": "127.0.0.1",
                    "path": "/",
                    "httpOnly": True,
                    "sameSite": "Lax",
                }
            ]
        )
    return context
