"""Links for a password by mail: an invitation, and one for somebody who has forgotten it, without telling who is a user."""

import re
from email import message_from_bytes, policy

import pytest
from argon2 import PasswordHasher

from mailer.ledger.types.roles_and_scopes import Role
from mailer.relay import Relay
from mailer.service.accounts import passwords
from mailer.service.accounts.link_mail import RESET_GOOD_FOR
from mailer.service.accounts.passwords import hash_password
from mailer.web.desk.accounts.password_reset import PATH
from tests.support.deskpages import ORIGIN, At, signed_in
from tests.support.patience import until
from tests.support.site import site_in, visiting

PASSWORD, NEW = "ferry lamp ocean nine", "quay rope candle seven"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch):
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def site(tmp_path, catcher):
    with site_in(tmp_path, relay=(Relay(host="127.0.0.1", port=catcher.port),)) as made:
        yield made


@pytest.fixture
def mara(site):
    user = site.ledger.users.add("Mara Lindqvist", Role.EDITOR, email="mara@example.org")
    site.ledger.users.set_password(user.id, hash_password(PASSWORD, user.name))
    return user


def ask(visitor, words):
    answer = visitor.post(PATH, data={"name": words}, headers={"Origin": ORIGIN})
    return (
        answer.status_code,
        answer.headers.get("location"),
        re.sub(r"[^=;]*date[^;]*", "", str(answer.headers.get_list("set-cookie"))),
    )


def mails(folder):
    return [message_from_bytes(each.read_bytes(), policy=policy.default) for each in sorted(folder.glob("*.eml"))]


def caught(visitor, folder, number):
    """Waits for so many mails; what a request left to do is done while others are answered."""

    def has_come():
        visitor.get(PATH)
        files = [each.read_bytes() for each in folder.glob("*.eml")]
        return len(files) == number and all(b"</html>" in each for each in files)

    until(has_come)
    return mails(folder)


def link_in(mail):
    text = mail.get_body(("plain",)).get_content()
    [link] = re.findall(rf"{ORIGIN}(/desk/link/\S+)", text)
    assert link in mail.get_body(("html",)).get_content()
    return link


def test_a_user_who_has_forgotten_the_password_chooses_one_by_mail(site, mara, visitor, tmp_path):
    site.ledger.users.add("Wim Baas", Role.WRITER, email="wim@example.org")  # invited, and has chosen no password
    site.ledger.users.add("Ida Berg", Role.WRITER)
    assert PATH in visitor.get("/desk/sign-in").text
    answers = {
        ask(visitor, words) for words in ("nobody", "Wim Baas", "Ida Berg", "", "x" * 1000, " MARA@example.org ")
    }
    assert len(answers) == 1  # word for word the same, whoever it is
    [mail] = caught(visitor, tmp_path / "caught", 1)
    assert (mail["To"], mail["Auto-Submitted"]) == ("mara@example.org", "auto-generated")
    link = link_in(mail)
    assert "Mara Lindqvist" in visitor.get(link).text
    assert [each.action for each in site.ledger.audit.entries()] == ["user.link-mail"]
    before = At(visitor, signed_in(site, "editor"))
    assert before.get("/desk/settings").status_code == 200
    with visiting(site) as browser:
        fields = {"password": NEW, "again": NEW}
        assert browser.post(link, data=fields, headers={"Origin": ORIGIN}).status_code == 303
        assert browser.post(link, data=fields, headers={"Origin": ORIGIN}).status_code == 404
    assert before.get("/desk/settings").status_code == 303  # every other session has ended


def test_a_link_ends_after_an_hour_and_asking_is_limited(site, mara, visitor, tmp_path):
    folder = tmp_path / "caught"
    for number in range(1, 4):
        ask(visitor, mara.name)
        caught(visitor, folder, min(number, 2))
    link = link_in(mails(folder)[-1])
    assert visitor.get(link_in(mails(folder)[0])).status_code == 404  # the later one replaced it
    site.clock.forward(RESET_GOOD_FOR - 1)
    assert visitor.get(link).status_code == 200
    site.clock.forward(2)
    assert visitor.get(link).status_code == 404
    statuses = [ask(visitor, "nobody")[0] for _ in range(8)]
    assert statuses == [303] * 7 + [429]
    assert len(mails(folder)) == 2


def test_an_admin_has_an_invitation_mailed_and_is_told_if_it_was_not(site, visitor, tmp_path):
    ada = At(visitor, signed_in(site, "admin"))
    people = "/desk/settings/people"
    ada.post(people, {"name": "Wim Baas", "email": "wim@example.org", "role": "writer", "mail": "on"})
    [mail] = mails(tmp_path / "caught")
    assert mail["To"] == "wim@example.org"
    assert "Welcome, Wim Baas" in visitor.get(link_in(mail)).text
    ada.post(people, {"name": "Ida Berg", "email": "refuse@example.com", "role": "writer", "mail": "on"})
    ada.post(people, {"name": "Ola Nordmann", "email": "ola@example.org", "role": "writer"})
    assert len(mails(tmp_path / "caught")) == 1
    assert [each.object for each in site.ledger.audit.entries() if each.action == "user.link-mail"] == [
        "Ida Berg",
        "Wim Baas",
    ]


def test_the_address_that_links_go_to_is_changed_with_the_password_only(site, mara, visitor):
    desk = At(visitor, signed_in(site, "editor"))
    assert desk.post("/desk/settings/email", {"email": "thief@example.net"}).status_code == 422
    assert site.ledger.users.get(mara.id).email == "mara@example.org"
    assert desk.post("/desk/settings/email", {"email": "m@example.org", "password": PASSWORD}).status_code == 303
    assert site.ledger.users.get(mara.id).email == "m@example.org"
