"""Who gets in at the desk, and what stands in front of every route: sessions, roles, where a form came from."""

import re

import pytest
from argon2 import PasswordHasher

from mailer.errors import UsageError
from mailer.ledger.accounts.sessions import IDLE, LONGEST
from mailer.ledger.accounts.users import LastAdminError, NameTakenError, UnknownUserError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.accounts import passwords
from mailer.service.accounts.invites import accept_invite, create_invite
from mailer.service.accounts.passwords import hash_password, sign_in
from mailer.service.accounts.sessions import token_digest
from mailer.web.desk.accounts import signin
from mailer.web.desk.routes import ROUTES
from mailer.web.desk.user_limits import PASSWORDS
from tests.support.deskpages import COOKIE, ORIGIN, At, signed_in
from tests.support.site import site_in

PASSWORD = "ferry lamp ocean nine"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch):
    """Passwords are hashed without effort here; what a person signs in with by a link or by `user` is hashed as it is outside."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def site(tmp_path, database_url):
    from pydantic import SecretStr

    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    with site_in(tmp_path, database_url=SecretStr(url)) as made:
        yield made


def with_password(site, name="Mara Lindqvist", role="editor"):
    user = site.ledger.users.add(name, Role(role))
    site.ledger.users.set_password(user.id, hash_password(PASSWORD, name))
    return user


def enter(visitor, name="Mara Lindqvist", password=PASSWORD, **fields):
    headers = {"Origin": ORIGIN, "User-Agent": "Test"}
    return visitor.post("/desk/sign-in", data={"name": name, "password": password, **fields}, headers=headers)


def test_somebody_signs_in_works_and_signs_out(site, visitor):
    with_password(site)
    answer = enter(visitor, "  mara   LINDQVIST ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/")
    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith(COOKIE))
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    page = visitor.get("/desk/settings")
    assert "Mara Lindqvist, editor" in page.text
    token = re.search(r'name="csrf_token" value="(\w+)"', page.text)[1]
    assert visitor.post("/desk/sign-out", data={"csrf_token": token}, headers={"Origin": ORIGIN}).status_code == 303
    assert visitor.get("/desk/settings").headers["location"] == "/desk/sign-in?next=/desk/settings"


def press(visitor, path, **fields):
    """Posts a form with the form token of the page of settings."""
    token = re.search(r'name="csrf_token" value="(\w+)"', visitor.get("/desk/settings").text)[1]
    return visitor.post(path, data={"csrf_token": token, **fields}, headers={"Origin": ORIGIN})


def test_a_notice_is_shown_once_on_the_page_that_the_redirect_leads_to(site, visitor):
    with_password(site)
    enter(visitor)
    assert press(visitor, "/desk/sign-out").headers["location"] == "/desk/sign-in"
    assert "You are signed out." in visitor.get("/desk/sign-in").text
    assert "You are signed out." not in visitor.get("/desk/sign-in").text
    enter(visitor)
    assert "You are signed out." not in visitor.get("/desk/dispatches").text


@pytest.mark.parametrize("of_a_script", [{"HX-Request": "true"}, {"Accept": "application/json"}])
def test_a_request_of_a_script_does_not_use_up_the_notice_of_the_next_page(site, visitor, of_a_script):
    with_password(site)
    enter(visitor)
    press(visitor, "/desk/settings/email", email="mara@example.org", password=PASSWORD)
    visitor.get("/desk/lists", headers=of_a_script)
    assert "Your test messages go to" in visitor.get("/desk/settings").text
    assert "Your test messages go to" not in visitor.get("/desk/settings").text


@pytest.mark.thinned
@pytest.mark.parametrize(("name", "password"), [("Mara Lindqvist", "wrong"), ("Nobody", PASSWORD), ("", "")])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(site, visitor, name, password):
    with_password(site)
    answer = enter(visitor, name, password)
    assert answer.status_code == 403
    assert "The name or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers


def test_whoever_guesses_for_long_waits(site, visitor, monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    with_password(site)
    monkeypatch.setattr("mailer.web.desk.accounts.signin.asyncio.sleep", sleep)
    monkeypatch.setattr("mailer.web.desk.accounts.signin.sign_in", lambda *_args, **_kwargs: None)
    statuses = [enter(visitor, password="guess").status_code for _ in range(12)]
    assert statuses[:5] == [403] * 5
    assert slept[:5] == [0] * 5
    assert statuses[-1] == 429
    assert max(slept) > 1


@pytest.mark.thinned
@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/desk/settings?a=1", "/desk/settings?a=1"),
        ("//evil.example/desk/", "/desk/"),
        ("https://evil.example/desk/", "/desk/"),
        ("/desk/../u/x", "/desk/"),
        ("/desk/\\evil", "/desk/"),
        ("/u/x", "/desk/"),
        ("", "/desk/"),
    ],
)
def test_signing_in_leads_to_where_one_wanted_to_go_within_the_desk(site, visitor, wanted, goes):
    with_password(site)
    assert enter(visitor, next=wanted).headers["location"] == goes


def test_a_new_pass_at_each_sign_in_ends_the_one_before(site, visitor):
    with_password(site)
    first = enter(visitor).cookies[COOKIE]
    second = enter(visitor).cookies[COOKIE]
    assert first != second
    assert site.ledger.sessions.find(token_digest(first)) is None
    assert site.ledger.sessions.find(token_digest(second)) is not None


@pytest.mark.thinned
@pytest.mark.parametrize("role", [None, *Role])
def test_each_route_is_for_its_role_and_nobody_else(site, visitor, role):
    """Refused before the endpoint runs: an unknown id or an empty form can only matter behind the guard."""
    for number, route in enumerate(ROUTES):
        path = re.sub(r"\{(\w+)(:\w+)?\}", "1", route.path)
        who = signed_in(site, role, name=f"Number {number}") if role else None
        desk = At(visitor, who)
        answer = desk.get(path) if route.method == "GET" else desk.post(path)
        if role is None:
            assert answer.status_code == 303, route
            assert answer.headers["location"].startswith("/desk/sign-in"), route
        elif role.may(route.role):
            assert "This is for" not in answer.text, route
            assert answer.status_code in {200, 303, 404, 422}, (route, answer.text)
        else:
            assert answer.status_code == 403, route
            assert f"This is for {route.role}s." in answer.text, route


def test_nothing_is_changed_by_a_form_of_another_page(site, visitor):
    who = signed_in(site, "admin")
    desk, before = At(visitor, who), site.contents()
    for route in ROUTES:
        if route.method != "POST":
            continue
        path = re.sub(r"\{(\w+)(:\w+)?\}", str(who.user.id), route.path)
        foreign = [
            desk.post(path, {"csrf_token": "0" * 32}),
            desk.post(path, {"csrf_token": ""}),
            desk.post(path, headers={"X-CSRF-Token": "0" * 32}),
            desk.post(path, headers={"Origin": "https://evil.example"}),
            desk.post(path, headers={"Origin": "null"}),
            desk.post(path, headers={"Sec-Fetch-Site": "cross-site"}),
            desk.post(path, headers={"Sec-Fetch-Site": "same-site"}),
            visitor.post(path, data={"csrf_token": who.csrf_token}, headers={"Cookie": f"{COOKIE}={who.token}"}),
        ]
        assert {answer.status_code for answer in foreign} == {403}, route
        assert site.contents() == before, route


def test_a_proxy_that_hides_the_address_is_named(site, visitor):
    with_password(site)
    hidden = {"Host": "127.0.0.1:8000", "Origin": ORIGIN}
    answer = visitor.post("/desk/sign-in", data={"name": "Mara Lindqvist", "password": PASSWORD}, headers=hidden)
    assert (answer.status_code, "must pass on the Host header" in answer.text) == (421, True)


def test_the_token_of_one_session_is_no_good_in_another(site, visitor):
    ada, mara = signed_in(site, "admin"), signed_in(site, "editor")
    assert At(visitor, mara).post("/desk/settings/email", {"csrf_token": ada.csrf_token}).status_code == 403


def test_a_failed_sign_in_is_logged_without_the_name(site, visitor, caplog):
    with_password(site)
    assert enter(visitor, "my secret password", "x").status_code == 403
    assert "Failed sign-in at the desk from" in caplog.text
    assert "my secret password" not in caplog.text


@pytest.mark.thinned(0)
def test_the_owner_of_a_name_is_not_kept_out_by_guesses(site, visitor):
    with_password(site)
    assert enter(visitor).status_code == 303
    known = dict(visitor.client.cookies)
    visitor.client.cookies.clear()
    statuses = [enter(visitor, password="x" * 12).status_code for _ in range(16)]
    assert statuses[-1] == 429
    assert enter(visitor).status_code == 429
    visitor.client.cookies.update(known)
    assert enter(visitor).status_code == 303
    visitor.client.cookies.clear()
    visitor.client.cookies.update({name: value for name, value in known.items() if "device" in name})
    assert enter(visitor, "Somebody Else").status_code == 429  # the cookie is for one name


@pytest.mark.parametrize(
    "password", ["passwordpassword", "qwertyuiop12", "iloveyou1234", "unbelievable", "aaaaaaaaaaaa", "Mara Lindqvist"]
)
def test_a_password_that_everybody_guesses_is_refused(password):
    with pytest.raises(UsageError, match="too easy to guess"):
        hash_password(password, "Mara Lindqvist")


@pytest.mark.thinned
@pytest.mark.parametrize(
    "host",
    ["evil.example", "letter.example.org.evil.example", "192.0.2.7", "letter.example.org:8443", "127.0.0.1:99999", "["],
)
def test_the_desk_answers_at_its_own_address_only(site, visitor, host):
    who = signed_in(site, "admin")
    assert At(visitor, who).get("/desk/settings", headers={"Host": host}).status_code == 421
    assert visitor.get("/desk/sign-in", headers={"Host": host}).status_code == 421


@pytest.mark.thinned
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_on_this_machine_the_desk_answers_by_any_name_of_it(visitor, host):
    assert visitor.get("/desk/sign-in", headers={"Host": host}).status_code == 200


def test_a_session_ends_when_it_is_not_used_and_when_it_is_old(site):
    who = signed_in(site)
    find = site.ledger.sessions.find
    for _ in range(int(LONGEST // (IDLE - 1))):
        site.clock.forward(IDLE - 1)
        assert find(token_digest(who.token)) is not None
    site.clock.forward(IDLE - 1)
    assert find(token_digest(who.token)) is None
    other = signed_in(site)
    site.clock.forward(IDLE + 1)
    assert find(token_digest(other.token)) is None


def test_sessions_are_listed_and_ended_from_another_one(site, visitor):
    here, there = signed_in(site, browser="Here"), signed_in(site, browser="There")
    stranger = signed_in(site, "admin")
    page = At(visitor, here).get("/desk/settings").text
    assert "Here" in page and "There" in page
    ids = {each.browser: each.id for each in site.ledger.sessions.of(here.user.id)}
    At(visitor, stranger).post("/desk/settings/sessions", {"session": str(ids["There"])})
    assert site.ledger.sessions.find(token_digest(there.token)) is not None
    At(visitor, here).post("/desk/settings/sessions", {"session": str(ids["There"])})
    assert site.ledger.sessions.find(token_digest(there.token)) is None
    assert site.ledger.sessions.find(token_digest(here.token)) is not None


def test_a_new_password_ends_the_other_sessions(site, visitor):
    with_password(site)
    here, there = signed_in(site), signed_in(site)
    new = {"old": PASSWORD, "password": "quiet tram stone eleven", "again": "quiet tram stone eleven"}
    desk = At(visitor, here)
    assert desk.post("/desk/settings/password", {**new, "old": "wrong"}).status_code == 422
    assert desk.post("/desk/settings/password", {**new, "again": "other"}).status_code == 422
    assert desk.post("/desk/settings/password", {**new, "password": "short", "again": "short"}).status_code == 422
    assert site.ledger.sessions.find(token_digest(there.token)) is not None
    assert desk.post("/desk/settings/password", new).status_code == 303
    assert site.ledger.sessions.find(token_digest(there.token)) is None
    assert enter(visitor).status_code == 403
    assert enter(visitor, password="quiet tram stone eleven").status_code == 303


def test_a_link_lets_choose_a_password_once(site, visitor):
    user = site.ledger.users.add("Mara Lindqvist")
    path = create_invite(site.app, user).removeprefix("https://letter.example.org")
    before = site.contents()
    assert "Welcome, Mara Lindqvist" in visitor.get(path).text
    assert site.contents() == before
    chosen, origin = {"password": PASSWORD, "again": PASSWORD}, {"Origin": ORIGIN}
    assert visitor.post(path, data={**chosen, "again": "x"}, headers=origin).status_code == 422
    assert visitor.post(path, data=chosen).status_code == 403
    assert visitor.post(path, data=chosen, headers=origin).status_code == 303
    assert "Mara Lindqvist" in visitor.get("/desk/settings").text
    assert visitor.get(path).status_code == 404
    assert visitor.post(path, data=chosen, headers=origin).status_code == 404


def test_a_link_holds_good_for_three_days_and_a_newer_one_voids_it(site):
    user = site.ledger.users.add("Mara Lindqvist")
    tokens = [create_invite(site.app, user).rpartition("/")[2] for _ in range(2)]
    assert accept_invite(site.app, tokens[0], PASSWORD, browser="", address="") is None
    site.clock.forward(3 * 86_400)
    assert accept_invite(site.app, tokens[1], PASSWORD, browser="", address="") is None


def test_who_is_removed_is_out_at_once_and_may_come_back_with_nothing(site, visitor):
    with_password(site)
    mara, ada = signed_in(site), signed_in(site, "admin")
    assert At(visitor, ada).post(f"/desk/settings/people/{mara.user.id}/remove").status_code == 303
    assert At(visitor, mara).get("/desk/settings").status_code == 303
    assert enter(visitor).status_code == 403
    again = site.ledger.users.add("mara lindqvist")
    assert (again.id, again.role, again.has_password) == (mara.user.id, Role.WRITER, False)


def test_there_is_always_an_admin(site):
    people = site.ledger.users
    first = people.add("Ada")
    second = people.add("Wim")
    assert (first.role, second.role) == (Role.ADMIN, Role.WRITER)
    for last in (lambda: people.remove(first.id), lambda: people.set_role(first.id, Role.EDITOR)):
        with pytest.raises(LastAdminError):
            last()
    people.set_role(second.id, Role.ADMIN)
    people.remove(first.id)
    assert [each.name for each in people.all()] == ["Wim"]
    with pytest.raises(NameTakenError):
        people.add("WIM")
    with pytest.raises(UnknownUserError):
        people.by_name("Ada")


def test_what_was_done_is_written_down_with_who_and_where(site, visitor):
    ada = signed_in(site, "admin")
    desk = At(visitor, ada)
    made = desk.post("/desk/settings/people", {"name": "Wim", "role": "editor"})
    assert (made.status_code, "/desk/link/" in desk.follow(made).text) == (303, True)
    assert "/desk/link/" not in desk.get("/desk/settings/people").text
    typed = {"name": "Wim", "role": "editor", "email": "wim@"}
    refused = desk.post("/desk/settings/people", typed)
    assert refused.status_code == 422 and 'value="wim@"' in refused.text and "<option selected>editor" in refused.text
    wim = site.ledger.users.by_name("Wim")
    desk.post(f"/desk/settings/people/{wim.id}/role", {"role": "writer"})
    entries = [(each.actor, each.action, each.object, each.detail) for each in site.ledger.audit.entries()]
    assert entries == [
        ("Ada Admin", "user.role", "Wim", "editor to writer"),
        ("Ada Admin", "user.add", "Wim", "editor"),
    ]
    page = desk.get("/desk/settings/audit").text
    assert "Changed the role of a user" in page and "editor to writer" in page
    assert site.ledger.audit.entries(actor="Wim") == ()


def test_the_log_is_read_page_by_page(site):
    for number in range(5):
        site.ledger.audit.record("Ada", "x.y", str(number))
    first = site.ledger.audit.entries(limit=2)
    then = site.ledger.audit.entries(limit=2, before=first[-1].id)
    assert [each.object for each in (*first, *then)] == ["4", "3", "2", "1"]


def test_passwords_and_links_are_nowhere_in_the_ledger(site):
    with_password(site)
    user = site.ledger.users.add("Wim")
    link = create_invite(site.app, user).rpartition("/")[2]
    entered = sign_in(site.app, "Mara Lindqvist", PASSWORD, browser="", address="")
    everything = repr(site.contents())
    assert not any(secret in everything for secret in (PASSWORD, link, entered.token))


def test_the_current_password_can_be_tried_a_few_times(site, visitor):
    with_password(site)
    desk = At(visitor, signed_in(site))
    fields = {"old": "a guess", "password": "a", "again": "a"}
    answers = [desk.post("/desk/settings/password", fields).text for _ in range(PASSWORDS.burst + 1)]
    assert ["Your current password is wrong." in each for each in answers] == [True] * PASSWORDS.burst + [False]
    assert "Too many attempts." in desk.post("/desk/settings/password", {**fields, "old": PASSWORD}).text


def test_of_a_long_name_only_the_beginning_is_read(site, visitor, monkeypatch):
    read = []
    monkeypatch.setattr(signin, "name_key", lambda name: read.append(len(name)) or name)
    assert enter(visitor, "\u0345" * 1000).status_code == 403
    assert max(read) < 300


def test_the_address_of_a_form_leads_to_the_page_above_it(site, visitor):
    desk = At(visitor, signed_in(site, "admin"))
    for path, above in (
        ("/desk/lists/readers/members/edit", "/desk/lists/readers/members"),
        ("/desk/settings/webhooks/7/messages/8/again", "/desk/settings/webhooks/7"),
        ("/desk/lists:suppressions/remove", "/desk/lists:suppressions"),
        ("/desk/lists:reader", "/desk/lists"),
        ("/desk/search", "/desk"),
    ):
        assert desk.get(path).headers["location"] == above, path


def test_a_malformed_referer_is_ignored(site, visitor):
    desk = At(visitor, signed_in(site))
    assert desk.get("/desk/dispatches/nothing", headers={"Referer": "http://["}).status_code == 404
