"""The API in tests: a token, and who asks with it.

api = Asking(visitor, token_of(site))            may do everything
api = Asking(visitor, token_of(site, "lists:read"))
"""

from typing import Any

import httpx

from mailer.ledger.types.roles_and_scopes import Scope
from mailer.service.accounts.api_tokens import create_api_token
from tests.support.site import Site, Visitor
from tests.support.workspaces import DISPATCH


def token_of(site: Site, *scopes: str, name: str = "", **limits: Any) -> str:
    """A new token with these scopes, or with all; `limits` are those of create_api_token."""
    wanted = list(map(Scope, scopes)) or list(Scope)
    return create_api_token(site.app, name or f"token {len(site.ledger.api_tokens.all()) + 1}", wanted, **limits)[0]


def fill_workspace(site: Site) -> None:
    """The dispatches `tide` and that of the document's examples, and the list `readers` of two, which anybody may join."""
    workspace = site.app.workspace
    for folder in (workspace.dispatches, workspace.subscribers):
        folder.mkdir(exist_ok=True)
    for name in ("tide", "2026-10-26-east-quay"):
        (workspace.dispatches / f"{name}.md").write_text(DISPATCH, encoding="utf-8")
    rows = "email,first_name,city\nana@example.com,Ana,Porto Novo\nben@example.net,Ben,Lisbon\n"
    (workspace.subscribers / "readers.csv").write_text(rows, encoding="utf-8")
    (workspace.subscribers / "readers.toml").write_text(
        'public = true\nown_fields = ["first_name"]\n', encoding="utf-8"
    )


class Asking:
    """Somebody who asks the API with a token; "" for none."""

    def __init__(self, visitor: Visitor, token: str) -> None:
        self._visitor = visitor
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        key: str = "",
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        given = {**self._headers, **({"Idempotency-Key": key} if key else {}), **(headers or {})}
        said = {} if json is None else {"json": json}
        return self._visitor.request(method, f"/api/v1{path}", headers=given, **said, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self("GET", path, **options)
