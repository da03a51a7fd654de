"""Signing in by an identity provider of another site, in Chromium: cookies and policies let it through; and axe."""

import pytest
from pydantic import SecretStr

from mailer.ledger.types.roles_and_scopes import Role
from mailer.web.server import free_port
from tests.support.chromium import faults, served
from tests.support.deskpages import browser_of
from tests.support.provider import CLIENT, SECRET, providing
from tests.support.site import START, site_in
from tests.support.workspaces import make_workspace

pytestmark = pytest.mark.chromium


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_somebody_signs_in_by_the_provider_and_sees_the_page_that_was_wanted(browser, tmp_path, scheme):
    port = free_port()
    make_workspace(tmp_path)
    with providing(lambda: START, host="localhost") as provider:
        provider.somebody = {"sub": "1", "email": "mara@example.org", "email_verified": True}
        settings = {
            "base_url": f"http://127.0.0.1:{port}",
            "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SecretStr(SECRET),
            "oidc_name": "The identity provider of the harbour and its letter",
        }
        with site_in(tmp_path, **settings) as site, served(site, port):
            site.ledger.users.add("Mara Lindqvist", Role.ADMIN, oidc_login="mara@example.org")
            context = browser_of(browser, port, None, color_scheme=scheme, viewport={"width": 375, "height": 720})
            page = context.new_page()
            page.goto("/desk/settings/people")
            assert faults(page) == []
            page.get_by_role("link", name="Sign in with").click()
            page.get_by_role("heading", name="Users").wait_for()
            assert page.url == f"http://127.0.0.1:{port}/desk/settings/people"
            assert page.evaluate("document.documentElement.scrollWidth") <= 375
            assert faults(page) == []
            names = {each["name"] for each in context.cookies()}
            assert f"mailer-session-{port}" in names and f"mailer-oidc-{port}" not in names
            provider.somebody = {"sub": "2", "email": "eve@example.org", "email_verified": True}
            other = browser_of(browser, port, None).new_page()
            other.goto("/desk/sign-in")
            other.get_by_role("link", name="Sign in with").click()
            other.get_by_text("No user of this desk has the account “eve@example.org”").wait_for()
            assert other.get_by_label("Password").is_visible()
            other.context.close()
            context.close()
