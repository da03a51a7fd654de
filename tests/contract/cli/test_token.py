"""token: which programs may use the API, from the command line."""

import pytest

from mailer.app import App
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.service.accounts.api_tokens import find_api_token
from tests.support.workspaces import make_workspace


@pytest.fixture
def workspace(here):
    return make_workspace(here.folder, ledger=False)


def test_a_token_is_printed_once_and_lets_in_until_it_is_revoked(here, workspace):
    added = here("token", "add", "The site", "--scope", "sends:read", "--scope", "lists:write")
    secret = added.out.strip()
    assert (added.code, secret[:7], len(added.out.splitlines())) == (0, "mailer_", 1)
    assert "it is not shown again" in added.err
    with App.open(workspace) as app:
        token = find_api_token(app, secret, address="")
        assert (token.name, token.scopes) == ("The site", {Scope.SENDS_READ, Scope.LISTS_WRITE})
        assert find_api_token(app, f"{secret}x", address="") is find_api_token(app, "", address="") is None
    listed = here("token", "list").out
    assert listed.startswith("The site  lists:write sends:read  since 20")
    assert "used 20" in listed
    assert secret not in listed
    assert here("token", "revoke", "the site").out == "The token The site is revoked.\n"
    with App.open(workspace) as app:
        assert find_api_token(app, secret, address="") is None
        done = [(each.actor, each.action, each.detail) for each in app.ledger.audit.entries()]
    assert done == [("command line", "token.revoke", ""), ("command line", "token.add", "lists:write sends:read")]
    assert "There are no tokens." in here("token", "list").err


def test_a_token_has_a_last_day_and_networks(here, workspace):
    limits = ("--until", "2099-12-31", "--network", "203.0.113.0/24", "--network", "2001:db8::/32")
    assert here("token", "add", "crm", "--scope", "lists:read", *limits).code == 0
    described = "lists:read until 2099-12-31 from 203.0.113.0/24, 2001:db8::/32"
    assert f"crm  {described}  since 20" in here("token", "list").out
    [token] = here.json("token", "list")["tokens"]
    assert (token["until"], token["networks"]) == ("2099-12-31", ["203.0.113.0/24", "2001:db8::/32"])
    with App.open(workspace) as app:
        assert [each.detail for each in app.ledger.audit.entries()] == [described]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("add", "site"), "--scope"),
        (("add", "site", "--scope", "all"), "--scope"),
        (("add", "", "--scope", "sends:read"), "Invalid name: use 1 to 64 visible characters"),
        (("add", "THE  site", "--scope", "sends:read"), "There is a token “The site” already"),
        (("add", "x", "--scope", "sends:read", "--until", "soon"), "“soon” is not a date"),
        (("add", "x", "--scope", "sends:read", "--until", "9999-12-31"), "is not a date"),
        (("add", "x", "--scope", "sends:read", "--until", "2020-01-31"), "2020-01-31 is over"),
        (("add", "x", "--scope", "sends:read", "--network", "203.0.113.9/24"), "bits set after its length"),
        (("add", "x", "--scope", "sends:read", "--network", "home"), "“home” is not a network"),
        (("revoke", "nobody"), "There is no token “nobody”"),
    ],
)
def test_impossible_options_are_refused(here, workspace, arguments, expected):
    here("token", "add", "The site", "--scope", "sends:read")
    refused = here("token", *arguments)
    assert (refused.code, expected in refused.err) == (2, True)
