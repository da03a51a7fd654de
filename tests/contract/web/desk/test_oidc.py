"""Signing in at the desk by an identity provider: who gets in, and everything that must not let anybody in."""

import json
import re
import sys
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from mailer.errors import SettingsError
from mailer.ledger.accounts.users import LoginTakenError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.accounts.oidc.login import normalize_login
from mailer.service.accounts.oidc.provider import KEPT_FOR, LARGEST, REST
from mailer.service.accounts.passwords import hash_password
from mailer.service.accounts.sessions import token_digest
from mailer.web.app import create_app
from tests.support.deskpages import COOKIE, ORIGIN, At, signed_in
from tests.support.provider import CLIENT, SECRET, providing
from tests.support.site import START, site_in, visiting

LEAVE, CARRIED = "/desk/sign-in/oidc", "__Host-mailer-oidc"
MARA = {"sub": "248289761001", "email": "mara@example.org", "email_verified": True}
PASSWORD = "ferry lamp ocean nine"


class Ticking:
    """The provider’s clock, which is the site’s."""

    site = None

    def __call__(self):
        return self.site.clock() if self.site else START


@pytest.fixture(scope="module")
def made_provider():
    with providing(Ticking()) as provider:
        yield provider


@pytest.fixture
def provider(made_provider):
    made_provider.changes, made_provider.answers, made_provider.forge = {}, {}, None
    made_provider.checks_pkce = True
    made_provider.asked.clear()
    return made_provider


def settings_of(provider, **others):
    named = {"oidc_client_id": CLIENT, "oidc_client_secret": SecretStr(SECRET), "oidc_name": "Harbour ID"}
    return {"oidc_issuer": provider.issuer, **named, **others}


@pytest.fixture
def site(tmp_path, provider):
    with site_in(tmp_path, **settings_of(provider)) as made:
        provider.clock.site = made
        yield made


@pytest.fixture
def site_on_each(tmp_path, provider, database_url):
    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    with site_in(tmp_path, database_url=SecretStr(url), **settings_of(provider)) as made:
        provider.clock.site = made
        yield made


@pytest.fixture
def mara(site):
    return site.ledger.users.add("Mara Lindqvist", oidc_login="mara@example.org")


def leave(visitor, wanted=""):
    """Begin to sign in; the provider’s address, as a link leads there."""
    answer = visitor.get(f"{LEAVE}?next={wanted}" if wanted else LEAVE)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def come_back(visitor, address, **options):
    return visitor.get(address.removeprefix(ORIGIN), **options)


def enter(visitor, provider, claims=MARA, wanted=""):
    return come_back(visitor, provider.approve(leave(visitor, wanted), **claims))


def said(answer):
    return re.sub(r"\s+", " ", re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)[1])


def is_out(site, answer):
    assert answer.status_code in {403, 502}, answer.text
    assert not any(each.startswith(COOKIE) for each in answer.headers.get_list("set-cookie"))
    assert all(site.ledger.sessions.of(user.id) == () for user in site.ledger.users.all())
    return True


def done(site):
    return [(each.actor, each.action, each.object, each.detail) for each in site.ledger.audit.entries()]


def test_somebody_comes_by_the_provider_works_and_signs_out(site_on_each, provider):
    site = site_on_each
    mara = site.ledger.users.add("Mara Lindqvist", Role.WRITER, oidc_login="mara@example.org")
    with visiting(site) as visitor:
        answer = enter(visitor, provider, {**MARA, "email": "Mara@Example.org"}, "/desk/settings?a=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk/settings?a=1")
        cookies = {each.partition("=")[0]: each.lower() for each in answer.headers.get_list("set-cookie")}
        assert set(cookies) == {COOKIE, CARRIED, "__Host-mailer-device"}
        assert all(part in cookies[COOKIE] for part in ("secure", "httponly", "samesite=lax", "path=/"))
        assert "max-age=0" in cookies[CARRIED]
        page = visitor.get("/desk/settings")
        assert "Mara Lindqvist, writer" in page.text
        token = re.search(r'name="csrf_token" value="(\w+)"', page.text)[1]
        visitor.post("/desk/sign-out", data={"csrf_token": token}, headers={"Origin": ORIGIN})
        assert visitor.get("/desk/settings").status_code == 303
    assert site.ledger.users.get(mara.id).oidc_tied
    assert done(site) == [
        ("Mara Lindqvist", "session.end", "", ""),
        ("Mara Lindqvist", "session.begin", "", "with Harbour ID"),
        ("Mara Lindqvist", "user.tie", "Mara Lindqvist", f"mara@example.org at {provider.issuer}"),
    ]


def test_what_the_browser_carries_is_short_lived_and_says_nothing(visitor, mara):
    answer = visitor.get(LEAVE)
    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith(CARRIED))
    parts = {part.strip().lower() for part in cookie.split(";")}
    assert {"secure", "httponly", "samesite=lax", "path=/", "max-age=600"} <= parts
    asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert asked["redirect_uri"] == f"{ORIGIN}{LEAVE}/return"
    again = dict(parse_qsl(urlsplit(leave(visitor)).query))
    for each in ("state", "nonce", "code_challenge"):
        assert len(asked[each]) == 43 and asked[each] != again[each] and asked[each] not in cookie


def test_at_the_machine_itself_the_way_back_leads_there(site, provider, mara):
    with visiting(site) as visitor:
        host = {"Host": "127.0.0.1:8000"}
        answer = visitor.get(LEAVE, headers=host)
        back = urlsplit(provider.approve(answer.headers["location"], **MARA))
        assert f"{back.scheme}://{back.netloc}" == "http://127.0.0.1:8000"
        carried = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
        assert carried["Cookie"].startswith("mailer-oidc-8000=")
        assert visitor.get(f"{back.path}?{back.query}", headers={**host, **carried}).status_code == 303


@pytest.mark.parametrize(
    "wanted", ["//evil.example/desk/", "https://evil.example/desk/", "/u/x", "/desk/" + "x" * 2000]
)
def test_signing_in_leads_nowhere_else(visitor, provider, mara, wanted):
    assert enter(visitor, provider, wanted=wanted).headers["location"] == "/desk/"


def test_once_tied_the_account_counts_and_not_its_address(site, visitor, provider, mara):
    assert enter(visitor, provider).status_code == 303
    site.ledger.sessions.end(mara.id, *(each.id for each in site.ledger.sessions.of(mara.id)))
    heir = enter(visitor, provider, {**MARA, "sub": "another account"})
    assert is_out(site, heir) and "If your account there is new, the admin has to save it again." in said(heir)
    assert enter(visitor, provider, {"sub": MARA["sub"], "email": "lindqvist@example.org"}).status_code == 303


@pytest.mark.parametrize(
    ("entered", "said_by_provider", "same"),
    [
        ("Mara@Example.ORG", "mARA@example.org", True),
        ("mara@bücher.example", "mara@xn--bcher-kva.example", True),
        ("strasse@example.org", "straße@example.org", False),
        ("mark@example.org", "mar\N{KELVIN SIGN}@example.org", False),
        ("mara+desk@example.org", "mara@example.org", False),
    ],
)
def test_two_addresses_are_one_only_where_no_two_people_could_have_them(site, entered, said_by_provider, same):
    assert (normalize_login(site.app, entered) == normalize_login(site.app, said_by_provider)) is same


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({**MARA, "email": "eve@example.org"}, "No user of this desk has the account “eve@example.org” at Harbour ID."),
        ({**MARA, "email_verified": False}, "Harbour ID has not confirmed your e-mail address."),
        ({**MARA, "email_verified": ["true"]}, "Harbour ID has not confirmed your e-mail address."),
        ({"sub": "1", "email": "mara@example.org"}, "Harbour ID has not confirmed your e-mail address."),
        ({"sub": "1"}, "its ID token has no claim “email”"),
        ({**MARA, "email": ["mara@example.org"]}, "its ID token has no claim “email”"),
        ({**MARA, "email": "mara"}, "The login that Harbour ID reports for you cannot be used here."),
        (
            {**MARA, "email": "x" * 3000 + "@example.org"},
            "The login that Harbour ID reports for you cannot be used here.",
        ),
        ({**MARA, "email": "<b>@example.org"}, "The login that Harbour ID reports for you cannot be used here."),
    ],
)
def test_nobody_gets_in_by_what_a_provider_says_alone(site, visitor, provider, mara, claims, words):
    answer = enter(visitor, provider, claims)
    assert is_out(site, answer) and words in said(answer)
    [(actor, action, _, detail)] = done(site)
    assert (actor, action) == ("sign-in", "session.refuse") and words in detail
    assert not site.ledger.users.get(mara.id).oidc_tied


def test_who_was_removed_stays_out_and_comes_back_with_nothing(site, visitor, provider, mara):
    site.ledger.users.add("Ada", Role.ADMIN)
    assert enter(visitor, provider).status_code == 303
    site.ledger.users.remove(mara.id)
    assert visitor.get("/desk/settings").status_code == 303
    assert is_out(site, enter(visitor, provider))
    site.ledger.users.add("Mara Lindqvist")
    assert is_out(site, enter(visitor, provider))


def test_another_claim_is_taken_to_the_letter(tmp_path, provider):
    with site_in(tmp_path, **settings_of(provider, oidc_claim="oid")) as site, visiting(site) as visitor:
        site.ledger.users.add("Mara Lindqvist", oidc_login="aB-1")
        for other in ("ab-1", " aB-1", "aB-1 ", "", " ", "aB-1\0"):
            assert is_out(site, enter(visitor, provider, {"sub": "1", "oid": other}))
        assert enter(visitor, provider, {"sub": "1", "oid": "aB-1"}).status_code == 303


STRANGER = RSAKey.generate_key(2048, {"kid": "stranger"})
FORGED = {
    "signed by a stranger": lambda claims, sign: sign(claims, key=STRANGER),
    "for another program": lambda claims, sign: sign({**claims, "aud": "another desk"}),
    "none": lambda *_: "…",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_lets_nobody_in(site, visitor, provider, mara, forge):
    provider.forge = forge
    answer = enter(visitor, provider)
    assert is_out(site, answer) and said(answer).startswith("The ID token ")
    assert [each[:2] for each in done(site)] == [("sign-in", "session.refuse")]
    assert not site.ledger.users.get(mara.id).oidc_tied


def test_an_answer_holds_good_once(site, visitor, provider, mara):
    address = provider.approve(leave(visitor), **MARA)
    carried = {"Cookie": f"{CARRIED}={visitor.client.cookies[CARRIED]}"}
    assert come_back(visitor, address).status_code == 303
    site.ledger.sessions.end(mara.id, *(each.id for each in site.ledger.sessions.of(mara.id)))
    asked = len(provider.asked)
    for options in ({}, {"headers": carried}):
        again = come_back(visitor, address, **options)
        assert is_out(site, again) and "was started in a different browser" in said(again)
    assert len(provider.asked) == asked


def test_an_answer_fits_into_no_other_browser(site, visitor, provider, mara):
    """Following a link that somebody prepared does not sign a user in as that person."""
    prepared = provider.approve(leave(visitor), **MARA)
    with visiting(site) as victim:
        assert "was started in a different browser" in said(come_back(victim, prepared))
        leave(victim)
        assert is_out(site, come_back(victim, prepared))
    assert "/token" not in provider.asked


@pytest.mark.parametrize("checks_pkce", [True, False])
def test_a_stolen_code_is_of_no_use_in_another_sign_in(site, visitor, provider, mara, checks_pkce):
    provider.checks_pkce = checks_pkce
    with visiting(site) as thief:
        code = re.search(r"code=[^&]+", provider.approve(leave(visitor), **MARA))[0]
        own = provider.approve(leave(thief), **MARA)
        answer = come_back(thief, re.sub(r"code=[^&]+", code, own))
    assert is_out(site, answer)
    assert ("invalid_grant" if checks_pkce else "belongs to another sign-in") in said(answer)


@pytest.mark.parametrize("seconds", [601, -1])
def test_a_sign_in_is_open_for_ten_minutes(site, visitor, provider, mara, seconds):
    address = provider.approve(leave(visitor), **MARA)
    site.clock.forward(seconds)
    assert "more than ten minutes ago" in said(come_back(visitor, address))


@pytest.mark.parametrize(
    "cookie", ["", ".", "x..", "x.1.", "x.٣.", f"x.{int(START)}.", f"x.{int(START)}.%00", "x." + "9" * 99]
)
def test_a_cookie_that_is_none_opens_nothing(site, visitor, provider, cookie):
    query = "?state=x&code=y"
    answer = visitor.get(f"{LEAVE}/return{query}", headers=[("Cookie", f"{CARRIED}={cookie}".encode())])
    assert "was started in a different browser" in said(answer)
    assert provider.asked == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("iss", "https://id.example.com"), "The response is not from Harbour ID"),
        (("iss", None), "The response is not from Harbour ID"),
        (("code", None), "Harbour ID refused the sign-in (no code)."),
        (("error", "access_denied"), "Harbour ID refused the sign-in (access_denied)."),
        (("error", "Call 0900 now!"), "Harbour ID refused the sign-in (no code)."),
    ],
)
def test_what_the_provider_says_on_the_way_back(site, visitor, provider, mara, change, words):
    provider.changes = {"authorization_response_iss_parameter_supported": True}
    site.clock.forward(KEPT_FOR)
    address = urlsplit(provider.approve(leave(visitor), **MARA))
    query = dict(parse_qsl(address.query))
    query |= {change[0]: change[1]}
    if change[0] == "error":
        del query["code"]
    kept = {name: each for name, each in query.items() if each is not None}
    answer = visitor.get(address.path, params=kept)
    assert is_out(site, answer) and words in said(answer)


def test_an_error_of_somebody_else_is_not_shown(visitor, provider):
    answer = visitor.get(f"{LEAVE}/return?error=call_0900&error_description=Call%200900")
    assert "0900" not in answer.text


def described(**changes):
    return lambda provider: provider.changes.update(changes)


def answering(path, status, body):
    return lambda provider: provider.answers.update({path: (status, body)})


ABOUT = "/.well-known/openid-configuration"
TROUBLES = {
    "is a different one": (
        described(issuer="https://id.example.com"),
        "reports the issuer https://id.example.com, not http://127",
    ),
    "has no name": (described(issuer=None), "reports the issuer (invalid), not"),
    "has no address": (
        described(authorization_endpoint=None),
        "no valid URL for authorization_endpoint",
    ),
    "is asked elsewhere in clear text": (
        described(token_endpoint="http://id.example.com/"),
        "no valid URL for token_endpoint",
    ),
    "has its keys in a file": (described(jwks_uri="file:///etc/passwd"), "no valid URL for jwks_uri"),
    "has a header in its address": (
        described(authorization_endpoint="https://x.example/?a\r\nb: c"),
        "no valid URL for authorization_endpoint",
    ),
    "is not there": (answering(ABOUT, 404, b""), "openid-configuration answered 404"),
    "sends elsewhere": (answering(ABOUT, 302, b""), "openid-configuration answered 302"),
    "talks in another way": (answering(ABOUT, 200, b"<html>"), "did not answer with JSON"),
    "talks in lists": (answering(ABOUT, 200, b"[]"), "did not answer with JSON"),
    "talks deeply": (answering(ABOUT, 200, b"[" * 100_000), "did not answer with JSON"),
    "never ends": (answering(ABOUT, 200, b" " * (LARGEST + 9) + b"{}"), "did not answer with JSON"),
    "has no keys": (answering("/keys", 200, b"{}"), "not signed by the provider"),
    "has odd keys": (
        answering("/keys", 200, b'{"keys": [7, {"kty": "RSA"}, {"kty": "x"}]}'),
        "not signed by the provider",
    ),
    "has shared keys": (
        answering("/keys", 200, b'{"keys": [{"kty": "oct", "k": "eA"}]}'),
        "not signed by the provider",
    ),
    "hides its keys": (answering("/keys", 500, b""), "keys answered 500"),
    "does not know us": (
        answering("/token", 401, b'{"error": "invalid_client"}'),
        "does not accept this program (invalid_client)",
    ),
    "takes it back": (
        answering("/token", 400, b'{"error": "invalid_grant"}'),
        "refused the sign-in (invalid_grant)",
    ),
    "is ill": (answering("/token", 500, b"<html>"), "refused the sign-in (status 500)"),
    "shouts": (answering("/token", 400, b'{"error": "<b>Call 0900</b>"}'), "refused the sign-in (status 400)"),
    "says nothing": (answering("/token", 200, b"{}"), "has no ID token"),
    "says a number": (answering("/token", 200, b'{"id_token": 7}'), "has no ID token"),
}


@pytest.mark.parametrize(("trouble", "words"), TROUBLES.values(), ids=TROUBLES)
def test_a_provider_in_trouble_is_told_in_words_and_nobody_gets_in(site, visitor, provider, mara, trouble, words):
    trouble(provider)
    answer = visitor.get(LEAVE)
    if answer.status_code == 303:
        answer = come_back(visitor, provider.approve(answer.headers["location"], **MARA))
    assert is_out(site, answer) and words in said(answer)
    assert words in done(site)[0][3] and "MAILER_" not in said(answer)
    assert "Password" in answer.text, "the other way stays open"
    provider.answers.clear(), provider.changes.clear()
    site.clock.forward(REST)
    assert enter(visitor, provider).status_code == 303, "it goes on when the provider is well"


def test_a_provider_that_is_silent_is_waited_for_for_a_while(site, visitor, provider, mara, monkeypatch):
    monkeypatch.setattr("mailer.service.accounts.oidc.provider.TIME_LIMIT", 0.2)
    provider.may_answer.clear()
    with visiting(site) as other:
        answer = other.get(LEAVE)
    provider.may_answer.set()
    assert answer.status_code == 502 and "did not answer within 0.2 s" in said(answer)


def test_a_provider_that_is_gone_is_named(tmp_path, provider):
    nowhere = {**settings_of(provider), "oidc_issuer": "http://127.0.0.1:9"}
    with site_in(tmp_path, **nowhere) as site, visiting(site) as visitor:
        answer = visitor.get(LEAVE, params={"next": "/desk/settings"})
        assert "127.0.0.1:9 cannot be connected to" in said(answer)
        assert "?next=/desk/settings" in answer.text


def test_what_a_provider_tells_about_itself_is_asked_once_an_hour(site, visitor, provider, mara):
    for _ in range(3):
        assert enter(visitor, provider).status_code == 303
    assert [provider.asked.count(path) for path in (ABOUT, "/keys", "/token")] == [1, 1, 3]
    site.clock.forward(KEPT_FOR)
    assert enter(visitor, provider).status_code == 303
    assert [provider.asked.count(path) for path in (ABOUT, "/keys")] == [2, 2]


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_keys_may_change_and_a_stranger_cannot_have_them_asked_for_all_the_time(site, visitor, provider, mara, kind):
    assert enter(visitor, provider).status_code == 303
    provider.rotate(kind)
    site.clock.forward(REST)
    assert enter(visitor, provider).status_code == 303
    assert provider.asked.count("/keys") == 2
    provider.forge = lambda claims, sign: sign(claims, key=STRANGER)
    for _ in range(5):
        assert enter(visitor, provider).status_code == 403
    assert provider.asked.count("/keys") == 2
    provider.rotate()


def test_a_secret_goes_in_the_form_where_that_is_asked_for(visitor, provider, mara):
    provider.changes = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert enter(visitor, provider).status_code == 303


def test_whoever_comes_too_often_waits_and_fills_no_log(site, visitor, provider):
    statuses = [visitor.get(f"{LEAVE}/return?state=x").status_code for _ in range(40)]
    assert statuses[:30] == [403] * 30 and statuses[-1] == 429
    assert visitor.get(LEAVE).status_code == 429
    assert len(done(site)) == 30 and provider.asked == []


def test_passwords_stay_unless_they_are_switched_off(site, visitor, mara):
    site.ledger.users.set_password(mara.id, hash_password(PASSWORD, mara.name))
    page = visitor.get("/desk/sign-in?next=/desk/settings").text
    assert 'href="/desk/sign-in/oidc?next=/desk/settings"' in page and "Sign in with <bdi>Harbour ID</bdi>" in page
    fields = {"name": mara.name, "password": PASSWORD}
    assert visitor.post("/desk/sign-in", data=fields, headers={"Origin": ORIGIN}).status_code == 303


def test_without_passwords_there_is_one_door(tmp_path, provider):
    with site_in(tmp_path, **settings_of(provider, oidc_only=True)) as site, visiting(site) as visitor:
        mara = site.ledger.users.add("Mara Lindqvist", Role.ADMIN, oidc_login="mara@example.org")
        site.ledger.users.set_password(mara.id, hash_password(PASSWORD, mara.name))
        site.ledger.users.set_link(mara.id, token_digest("a link"), START + 1000)
        before = site.contents()
        assert "Password" not in visitor.get("/desk/sign-in").text
        fields = {"name": mara.name, "password": PASSWORD, "again": PASSWORD}
        for path in ("/desk/sign-in", "/desk/link/a link"):
            answer = visitor.post(path, data=fields, headers={"Origin": ORIGIN})
            assert (answer.status_code, "This desk has no passwords" in answer.text) == (422, True)
        assert site.contents() == before
        assert enter(visitor, provider).status_code == 303
        desk = At(visitor, signed_in(site, name="Mara Lindqvist"))
        assert 'type="password"' not in desk.get("/desk/settings").text
        assert desk.post("/desk/settings/password", {"old": PASSWORD, **fields}).status_code == 422
        assert "New password link" not in desk.get("/desk/settings/people").text
        assert desk.post(f"/desk/settings/people/{mara.id}/link").status_code == 422
        assert (
            desk.post("/desk/settings/people", {"name": "Wim", "role": "writer", "oidc": "w@x.org"}).status_code == 303
        )


def test_an_admin_enters_who_comes_how(site, visitor, provider, mara):
    ada = At(visitor, signed_in(site, "admin"))
    path = f"/desk/settings/people/{mara.id}/oidc"
    assert enter(visitor, provider).status_code == 303
    assert "Saving unlinks it." in ada.get("/desk/settings/people").text
    assert ada.post(path, {"oidc": " Lindqvist@Example.org "}).status_code == 303
    assert site.ledger.sessions.of(mara.id) == ()
    found = site.ledger.users.get(mara.id)
    assert (found.oidc_login, found.oidc_tied) == ("lindqvist@example.org", False)
    assert 'value="lindqvist@example.org"' in ada.get("/desk/settings/people").text
    assert enter(visitor, provider).status_code == 403
    assert ada.post(path, {"oidc": "nobody"}).status_code == 422
    taken = {"name": "Wim", "role": "writer", "oidc": "lindqvist@example.org"}
    assert "A different user has the account" in ada.post("/desk/settings/people", taken).text
    assert ada.post(path, {"oidc": ""}).status_code == 303
    assert site.ledger.users.get(mara.id).oidc_login == ""
    assert ("Ada Admin", "user.oidc", "Mara Lindqvist", "nobody") in done(site)


def test_an_account_is_one_person_on_each_database(site_on_each):
    people = site_on_each.ledger.users
    mara, wim = people.add("Mara", oidc_login="a@example.org"), people.add("Wim")
    for taken in (
        lambda: people.set_oidc(wim.id, "a@example.org"),
        lambda: people.add("Ida", oidc_login="a@example.org"),
    ):
        with pytest.raises(LoginTakenError):
            taken()
    people.set_oidc(mara.id, "a@example.org")
    assert people.link_oidc("b@example.org", "https://id", "1") is None
    assert people.link_oidc("a@example.org", "https://id", "1").id == mara.id
    assert people.link_oidc("a@example.org", "https://id", "2") is None
    assert people.by_oidc("https://id", "1").name == "Mara"
    assert people.by_oidc("https://other", "1") is None
    people.set_oidc(mara.id, "")
    people.set_oidc(wim.id, "a@example.org")
    assert people.by_oidc("https://id", "1") is None
    assert [(each.name, each.oidc_login) for each in people.all()] == [("Mara", ""), ("Wim", "a@example.org")]


def test_without_settings_nothing_is_different(tmp_path):
    with site_in(tmp_path) as site, visiting(site) as visitor:
        assert visitor.get(LEAVE).status_code == visitor.get(f"{LEAVE}/return").status_code == 404
        assert "Sign in with" not in visitor.get("/desk/sign-in").text
        ada = signed_in(site, "admin")
        assert 'name="oidc"' not in At(visitor, ada).get("/desk/settings/people").text
        refused = At(visitor, ada).post(f"/desk/settings/people/{ada.user.id}/oidc", {"oidc": "ada@example.org"})
        assert "No identity provider is set up here." in refused.text


def test_settings_without_the_extra_say_what_to_install(tmp_path, provider, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("joserfc")]:
        monkeypatch.delitem(sys.modules, module)
    for module in ("mailer.service.accounts.oidc.provider", "mailer.service.accounts.oidc.id_token"):
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with (
        site_in(tmp_path, **settings_of(provider)) as site,
        pytest.raises(SettingsError, match=r"newsletter-desk\[oidc\]"),
    ):
        create_app(site.app)


def test_the_secret_and_what_is_carried_stand_nowhere(site, visitor, provider, mara):
    address = provider.approve(leave(visitor), **MARA)
    carried = visitor.client.cookies[CARRIED]
    code = dict(parse_qsl(urlsplit(address).query))["code"]
    page = come_back(visitor, address)
    everything = repr(site.contents()) + page.text + json.dumps(dict(page.headers))
    assert not any(secret in everything for secret in (SECRET, carried.partition(".")[0], code))
