"""The page of API tokens, for admins."""

import re

import pytest

from mailer.service.accounts.api_tokens import find_api_token
from tests.support.apicalls import fill_workspace
from tests.support.deskpages import At, signed_in
from tests.support.site import site_in

HERE = "/desk/settings/tokens"
CRM = {
    "name": "crm",
    "scope": ["lists:read", "nonsense"],
    "until": "2099-12-31",
    "networks": "203.0.113.0/24\r\n2001:db8::/32",
}


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        fill_workspace(made)
        yield made


@pytest.fixture
def desk(site, visitor):
    return At(visitor, signed_in(site, "admin"))


def done(site):
    return [(each.action, each.object, each.detail) for each in site.ledger.audit.entries()]


def test_an_admin_creates_a_token_sees_it_once_and_revokes_it(site, desk):
    answer = desk.post(HERE, CRM)
    assert answer.status_code == 303, "a reload makes no second token"
    made = desk.follow(answer)
    assert "mailer_" not in str(answer.headers) and "flash" in made.headers["set-cookie"]
    [secret] = re.findall(r'value="(mailer_[^"]+)"', made.text)
    described = "lists:read until 2099-12-31 from 203.0.113.0/24, 2001:db8::/32"
    assert done(site) == [("token.add", "crm", described)]
    page = desk.get(HERE)
    assert secret not in page.text
    assert all(words in page.text for words in ("crm", "2099-12-31", "203.0.113.0/24, 2001:db8::/32", "never"))
    assert find_api_token(site.app, secret, address="203.0.113.9").name == "crm"
    assert "value=" in desk.get("/desk/settings").text
    revoked = desk.post(f"{HERE}/revoke", {"name": "crm"})
    assert (revoked.status_code, find_api_token(site.app, secret, address="203.0.113.9")) == (303, None)
    assert "No tokens yet." in desk.get(HERE).text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scope": []}, "Choose what the token may do. Tick at least one box."),
        ({"name": ""}, "Invalid name"),
        ({"until": "soon"}, "“soon” is not a date."),
        ({"until": "2020-01-01"}, "2020-01-01 is over."),
        ({"networks": "203.0.113.0/24, home"}, "“home” is not a network."),
        ({"networks": " ".join(f"10.0.0.{number}" for number in range(60))}, "at most 50 networks"),
    ],
)
def test_what_was_typed_stays_in_the_form_with_what_is_wrong(site, desk, change, said):
    refused = desk.post(HERE, {**CRM, **change})
    assert (refused.status_code, said in refused.text) == (422, True)
    assert 'value="2099-12-31"' in refused.text or "until" in change
    assert "mailer token" not in refused.text and "--" not in refused.text.replace("<!--", "")
    assert (site.ledger.api_tokens.all(), done(site)) == ((), [])
    unknown = desk.post(f"{HERE}/revoke", {"name": "nobody"})
    assert (unknown.status_code, "mailer token" in unknown.text) == (422, False)


def test_only_admins_see_tokens(site, visitor):
    for role in ("writer", "editor"):
        assert At(visitor, signed_in(site, role)).get(HERE).status_code == 403
