"""Two-factor sign-in: a password alone does not sign in, each code works once, and somebody without the phone is not locked out."""

import re

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from pyotp import TOTP

from mailer.app import App
from mailer.errors import SettingsError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.accounts import passwords
from mailer.service.accounts.invites import create_invite
from mailer.service.accounts.passwords import hash_password
from mailer.service.accounts.two_factor import PENDING_FOR, RECOVERY_CODES
from tests.support.deskpages import ORIGIN, At, signed_in
from tests.support.site import KEY, site_in, visiting

PASSWORD, OTHER = "ferry lamp ocean nine", "quay rope candle seven"
HERE, CODE = "/desk/settings/two-factor", "/desk/sign-in/code"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch):
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def site(tmp_path, database_url):
    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    with site_in(tmp_path, database_url=SecretStr(url)) as made:
        yield made


@pytest.fixture
def mara(site):
    user = site.ledger.users.add("Mara Lindqvist", Role.EDITOR)
    site.ledger.users.set_password(user.id, hash_password(PASSWORD, user.name))
    return user


class Phone:
    """The app of a user, with the secret that was scanned."""

    def __init__(self, site, secret):
        self._site, self.secret, self._otp = site, secret, TOTP(secret)

    def code(self, later=0):
        return self._otp.at(int(self._site.clock()) + later)


def press(visitor, path, **fields):
    token = re.search(r'name="csrf_token" value="(\w+)"', visitor.get("/desk/settings").text)[1]
    return visitor.post(path, data={"csrf_token": token, **fields}, headers={"Origin": ORIGIN})


def enter(visitor, password=PASSWORD):
    fields = {"name": "Mara Lindqvist", "password": password, "next": "/desk/lists"}
    return visitor.post("/desk/sign-in", data=fields, headers={"Origin": ORIGIN})


def answer(visitor, code):
    return visitor.post(CODE, data={"code": code, "next": "/desk/lists"}, headers={"Origin": ORIGIN})


def turned_on(site, visitor):
    """Signs in and turns it on. Returns the phone and the recovery codes."""
    assert enter(visitor).headers["location"] == "/desk/lists"
    assert press(visitor, HERE, password="wrong").status_code == 422
    press(visitor, HERE, password=PASSWORD)
    page = visitor.get(HERE)
    assert "into the app" not in visitor.get(HERE).text  # once
    phone = Phone(site, re.search(r"into the app: <code>(\w+)</code>", page.text)[1])
    assert "<svg" in page.text
    assert press(visitor, f"{HERE}/activate", code="000000").status_code == 422
    press(visitor, f"{HERE}/activate", code=phone.code())
    codes = re.findall(r"<li><code>([\w-]+)</code></li>", visitor.get(HERE).text)
    assert len(set(codes)) == RECOVERY_CODES
    assert not any(each in visitor.get(HERE).text for each in codes)
    return phone, codes


def test_a_password_alone_does_not_sign_in_and_each_code_works_once(site, mara, visitor):
    phone, [recovery, *_] = turned_on(site, visitor)
    with visiting(site) as thief:
        assert enter(thief).headers["location"] == f"{CODE}?next=/desk/lists"
        assert thief.get("/desk/lists").headers["location"].startswith("/desk/sign-in")
        assert "Two-factor sign-in" in thief.get(CODE).text
        seen = phone.code()  # while it was turned on
        for wrong in (seen, "000000", "", "x" * 1000, phone.code(-120), phone.code(120)):
            assert answer(thief, wrong).status_code in {403, 429}, wrong
    site.clock.forward(30)
    with visiting(site) as laptop:
        enter(laptop)
        code = phone.code()
        done = answer(laptop, f"{code[:3]} {code[3:]}")
        assert (done.status_code, done.headers["location"]) == (303, "/desk/lists")
        assert "Mara Lindqvist" in laptop.get("/desk/lists").text
    for attempt, expected in ((phone.code(), 403), (recovery.upper(), 303), (recovery, 403)):
        with visiting(site) as tablet:  # a limiter of its own
            enter(tablet)
            assert answer(tablet, attempt).status_code == expected
    assert site.ledger.two_factor.find(mara.id).recovery_left == RECOVERY_CODES - 1
    actions = [each.action for each in site.ledger.audit.entries()]
    assert actions.count("user.code-on") == 1


def test_codes_are_limited_for_each_user_and_a_pending_sign_in_ends(site, mara, visitor):
    phone, _ = turned_on(site, visitor)
    site.clock.forward(60)
    with visiting(site) as thief:
        enter(thief)
        statuses = [answer(thief, "000000").status_code for _ in range(7)]
        assert statuses == [403] * 5 + [429] * 2
        enter(thief)  # once more does not reset the count
        assert answer(thief, phone.code()).status_code == 429
    with visiting(site) as late:
        enter(late)
        site.clock.forward(PENDING_FOR)
        assert answer(late, phone.code()).headers["location"] == "/desk/sign-in?next=/desk/lists"
        enter(late)
        site.ledger.users.set_password(mara.id, hash_password(OTHER, mara.name))
        assert answer(late, phone.code()).headers["location"] == "/desk/sign-in?next=/desk/lists"
        assert late.get(CODE).headers["location"] == "/desk/sign-in"


def test_a_link_for_a_new_password_does_not_replace_the_code_and_an_admin_can(site, mara, visitor):
    turned_on(site, visitor)
    link = create_invite(site.app, mara).removeprefix(ORIGIN)
    with visiting(site) as browser:
        fields = {"password": OTHER, "again": OTHER}
        chosen = browser.post(link, data=fields, headers={"Origin": ORIGIN})
        assert chosen.headers["location"] == CODE
        assert browser.get("/desk/lists").headers["location"].startswith("/desk/sign-in")
    with visiting(site) as office:
        who = signed_in(site, "admin")
        site.ledger.users.set_password(who.user.id, hash_password(OTHER, who.user.name))
        ada = At(office, signed_in(site, "admin"))
        path = f"/desk/settings/people/{mara.id}/two-factor"
        assert path in ada.get("/desk/settings/people").text
        assert ada.post(path, {"password": "wrong"}).status_code == 422
        assert site.ledger.two_factor.users() == {mara.id}
        assert ada.post(path, {"password": OTHER}).status_code == 303
    with visiting(site) as home:
        assert enter(home, OTHER).headers["location"] == "/desk/lists"


def test_turning_it_on_ends_other_sessions_and_off_needs_the_password(site, mara, visitor):
    before = signed_in(site, "editor")
    _, old = turned_on(site, visitor)
    assert At(visitor, before).get("/desk/settings").status_code == 303
    press(visitor, f"{HERE}/recovery", password=PASSWORD)
    new = re.findall(r"<li><code>([\w-]+)</code></li>", visitor.get(HERE).text)
    assert len(new) == RECOVERY_CODES
    assert not set(new) & set(old)
    with visiting(site) as other:
        enter(other)
        assert answer(other, old[0]).status_code == 403
        assert answer(other, new[0]).status_code == 303
    with visiting(site) as other:
        enter(other)
        answer(other, new[1])
        assert press(other, f"{HERE}/off", password="wrong").status_code == 422
        assert site.ledger.two_factor.users() == {mara.id}
        assert press(other, f"{HERE}/off", password=PASSWORD).status_code == 303
    assert site.ledger.two_factor.users() == frozenset()
    assert "user.code-off" in [each.action for each in site.ledger.audit.entries()]


@pytest.mark.thinned(0)
@pytest.mark.usefixtures("mara")
def test_the_ledger_alone_gives_no_code_and_needs_its_key(site, visitor):
    phone, codes = turned_on(site, visitor)
    stored = str(site.contents())
    assert not any(each.replace("-", "") in stored.replace("-", "") for each in codes)
    assert "otpauth" not in stored
    assert phone.secret not in stored
    settings = site.app.settings.model_copy(update={"secret_keys": (SecretStr(f"another {KEY}"),)})
    site.app.close()
    with pytest.raises(SettingsError, match="two-factor"):
        App(site.app.workspace, settings, site.clock).ledger.users.all()
