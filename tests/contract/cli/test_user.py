"""user: who may sign in at the desk, from the command line."""

import signal

import pytest

from mailer.app import App
from mailer.service.accounts.invites import accept_invite
from mailer.service.accounts.passwords import sign_in
from mailer.service.accounts.sessions import token_digest
from tests.support.workspaces import make_workspace

PASSWORD = "ferry lamp ocean nine"


@pytest.fixture
def workspace(here):
    return make_workspace(here.folder, ledger=False)


def test_without_a_terminal_there_is_a_link_and_the_first_person_is_an_admin(here, workspace):
    first = here("user", "add", "Mara  Lindqvist", "--email", "mara@example.org")
    assert first.code == 0
    assert first.out.startswith("https://letter.example.org/desk/link/")
    assert "Give this link to Mara Lindqvist, to choose a password." in first.err
    local = first.out.strip().replace("https://letter.example.org", "http://127.0.0.1:8000")
    assert f"On this machine: {local} " in first.err
    here("user", "add", "Wim")
    assert here("user", "list").out.splitlines() == [
        "admin     Mara Lindqvist  mara@example.org  (no password yet)",
        "writer    Wim  (no password yet)",
    ]
    with App.open(workspace) as app:
        entered = accept_invite(app, first.out.strip().rpartition("/")[2], PASSWORD, browser="", address="")
        assert app.ledger.sessions.find(token_digest(entered.token)).user.name == "Mara Lindqvist"


def test_at_a_terminal_the_password_is_asked_for(here, workspace, monkeypatch):
    monkeypatch.setattr("mailer.cli.admin.user.is_interactive", lambda: True)
    monkeypatch.setattr("mailer.cli.admin.user.click.prompt", lambda *_, **__: PASSWORD)
    added = here("user", "add", "Mara", "--role", "editor")
    assert (added.out, "Mara can now sign in as editor" in added.err) == ("", True)
    with App.open(workspace) as app:
        assert sign_in(app, "Mara", PASSWORD, browser="", address="") is not None


@pytest.mark.parametrize(
    ("password", "expected"),
    [("short", "at least 12"), ("aaaaaaaaaaaaaaaa", "too easy"), ("Mara mara MARA 12", "too easy")],
)
def test_a_bad_password_adds_nobody(here, workspace, monkeypatch, password, expected):
    monkeypatch.setattr("mailer.cli.admin.user.is_interactive", lambda: True)
    monkeypatch.setattr("mailer.cli.admin.user.click.prompt", lambda *_, **__: password)
    refused = here("user", "add", "Mara")
    assert (refused.code, expected in refused.err) == (2, True)
    assert here("user", "list").out == ""


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "Ma\u202era", "two\x00"])
def test_a_name_that_nobody_can_have(here, workspace, name):
    refused = here("user", "add", name)
    assert (refused.code, "Invalid name: use 1 to 64 visible characters" in refused.err) == (2, True)


def test_serve_says_how_to_let_the_first_person_in(here, workspace, programs):
    def told():
        process = programs.start(workspace, "serve", "--port", "0")
        try:
            return process.said(r"\n(Desk: .*)\n")[1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()

    assert "(no users yet; to add the first one: mailer user add NAME)" in told()
    here("user", "add", "Ada")
    assert told().startswith("Desk: http://127.0.0.1:")


def test_serve_warns_that_a_key_is_missing(here, programs):
    make_workspace(here.folder, DKIM_DOMAIN="example.org", DKIM_SELECTOR="s1", DKIM_KEY="dkim-s1.pem")
    process = programs.start(here.folder, "serve", "--port", "0")
    try:
        process.said(r"Warning: No mail can be sent\. MAILER_DKIM_KEY: the file .*dkim-s1\.pem cannot be read")
        process.said("Serving")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def test_a_link_of_this_machine_says_where_its_port_is_set(here):
    make_workspace(here.folder, BASE_URL="http://127.0.0.1:8000")
    assert "If mailer serve has another port, set MAILER_BASE_URL to it" in here("user", "add", "Mara", "--link").err


def test_serve_warns_that_links_lead_to_another_port(here, programs):
    make_workspace(here.folder, BASE_URL="http://127.0.0.1:1")
    process = programs.start(here.folder, "serve", "--port", "0")
    try:
        process.said(
            r"Warning: Links in messages, pages and invitations lead to http://127\.0\.0\.1:1, not to this server\."
        )
        process.said("Serving")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def test_somebody_may_come_by_an_identity_provider(here):
    make_workspace(here.folder, OIDC_ISSUER="https://id.example.org", OIDC_CLIENT_ID="mailer")
    added = here("user", "add", "Mara", "--oidc", "Mara@Example.org")
    assert (added.code, added.out, "Mara can now sign in as admin" in added.err) == (0, "", True)
    here("user", "add", "Wim")
    assert "A different user has the account “mara@example.org”" in here("user", "oidc", "Wim", "mara@example.org").err
    assert "is not an e-mail address" in here("user", "oidc", "Wim", "wim").err
    assert here("user", "oidc", "wim", "wim@example.org").out == "Wim: wim@example.org\n"
    assert here("user", "list").out.splitlines() == [
        "admin     Mara  (as mara@example.org)",
        "writer    Wim  (as wim@example.org)",
    ]
    assert here("user", "oidc", "Mara").out == "Mara: no login at the identity provider\n"
    assert "There is no user “Ida”" in here("user", "oidc", "Ida").err


def test_without_passwords_none_is_asked_for_and_no_link_given(here, monkeypatch):
    make_workspace(here.folder, OIDC_ISSUER="https://id.example.org", OIDC_CLIENT_ID="mailer", OIDC_ONLY="true")
    monkeypatch.setattr("mailer.cli.admin.user.is_interactive", lambda: True)
    assert here("user", "add", "Mara", "--oidc", "mara@example.org").code == 0
    refused = here("user", "link", "Mara")
    assert (refused.code, refused.out) == (2, "")
    assert "This desk has no passwords. Sign in with id.example.org." in refused.err


def test_without_an_identity_provider_nobody_comes_by_one(here, workspace):
    refused = here("user", "add", "Mara", "--oidc", "mara@example.org")
    assert (refused.code, "No identity provider is set up here." in refused.err) == (2, True)
    assert here("user", "list").out == ""


def test_roles_and_removing(here, workspace):
    here("user", "add", "Ada")
    here("user", "add", "Wim")
    assert here("user", "role", "wim", "editor").out == "Wim: editor\n"
    last = here("user", "remove", "Ada")
    assert (last.code, "This is the last admin." in last.err) == (2, True)
    assert here("user", "remove", "Wim").code == 0
    assert "There is no user “Wim”." in here("user", "link", "Wim").err
    assert "There is a user “Ada” already" in here("user", "add", "ADA").err
