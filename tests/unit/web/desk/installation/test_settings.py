"""The settings in the browser: a terminal sees what is stored, secrets are never shown, and a change needs an admin with a password."""

import re
import stat
from html import unescape

import pytest
from argon2 import PasswordHasher

from mailer.relay import parse_relay
from mailer.service.accounts import passwords
from mailer.service.accounts.passwords import hash_password
from mailer.service.installation import relay_entry
from mailer.service.installation.editable import EDITABLE, RELAY, SERVER_ONLY
from mailer.settings.settings import load_settings, variable_names
from mailer.smtp.debug_server import DebugSmtpServer, ServerBehaviour
from mailer.web.desk.accounts.reauthentication import RECENT
from mailer.web.desk.flash import decode_flash
from mailer.web.desk.installation.labels import SECTIONS, SERVER_LABELS
from mailer.web.desk.user_limits import RELAY_CHECKS
from tests.support.deskpages import At, signed_in
from tests.support.site import site_in, visiting
from tests.support.workspaces import make_workspace

HERE = "/desk/settings/newsletter"
PASSWORD, SECRET = "ferry lamp ocean nine", "tide table seven"
URL = f"smtps://letter:{SECRET.replace(' ', '%20')}@smtp.example.net:465"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))

    async def resolve(host, _port):
        known = {"smtp.example.com": ["93.184.215.14"], "inside.example.com": ["93.184.215.14", "10.0.0.7"]}
        if host not in known:
            raise OSError(host)
        return known[host]

    monkeypatch.setattr(relay_entry, "resolve", resolve)


@pytest.fixture
def site(tmp_path):
    make_workspace(tmp_path, RELAY=URL)
    with (tmp_path / ".env").open("a") as file:
        file.write("# A comment that stays.\n")
    with site_in(tmp_path) as made:
        yield made


@pytest.fixture
def env_file(site):
    return site.app.workspace.env_file


@pytest.fixture
def ada(site):
    who = signed_in(site, "admin")
    site.ledger.users.set_password(who.user.id, hash_password(PASSWORD, who.user.name), keep_session=1)
    with visiting(site) as visitor:
        yield At(visitor, who)


def shown(page, name):
    found = re.search(rf'<(?:input|textarea)[^>]* name="{name}"[^>]*>', page.text)[0]
    value = re.search(r' value="([^"]*)"', found)
    return unescape(value[1]) if value else unescape(re.search(rf'name="{name}"[^>]*>\n([^<]*)<', page.text)[1])


def typed(page, section, **changes):
    """Returns the fields of a section as a browser posts them."""
    form = re.search(rf'<section id="{section}">.*?</form>', page.text, re.DOTALL)[0]
    fields = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag)[1], re.search(r' value="([^"]*)"', tag)
        if "checkbox" not in tag or " checked" in tag:
            fields[name] = unescape(value[1]) if value else ""
    for name, text in re.findall(r'<textarea name="(\w+)"[^>]*>\n([^<]*)<', form):
        fields[name] = unescape(text).replace("\n", "\r\n")
    for name, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        fields[name] = re.search(r'value="(\w+)" selected', options)[1]
    del fields["csrf_token"]
    return {**fields, "password": PASSWORD, **changes}


def told(answer):
    """Returns what the next page says once."""
    [cookie] = [each for each in answer.headers.get_list("set-cookie") if "flash=" in each]
    return decode_flash(cookie.partition("flash=")[2].partition(";")[0]).text


def test_every_setting_may_be_changed_here_or_says_why_not():
    assert sorted([*EDITABLE, RELAY, *SERVER_ONLY]) == sorted(variable_names())
    assert sorted(name for each in SECTIONS for name in each.fields) == sorted(EDITABLE)
    assert SERVER_LABELS.keys() <= SERVER_ONLY.keys()


def test_a_form_that_changes_nothing_writes_nothing_and_one_that_does_writes_its_lines(site, ada, env_file):
    before = env_file.read_text()
    page = ada.get(HERE)
    for section in SECTIONS:
        answer = ada.post(f"{HERE}/{section.id}", typed(page, section.id))
        assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}#{section.id}")
    assert env_file.read_text() == before
    changes = {"postal_address": "2 Quay Street\r\nPorto Novo", "language": "pt-BR", "publication": 'Tide & "Fog" # 1'}
    assert ada.post(f"{HERE}/sender", typed(page, "sender", **changes)).status_code == 303
    after = env_file.read_text()
    assert [line for line in after.splitlines() if line in before.splitlines()] == [
        line for line in before.splitlines() if "POSTAL" not in line
    ]
    stored = load_settings(site.app.workspace.root, {})
    assert (stored.postal_address, stored.language, stored.publication) == (
        "2 Quay Street\nPorto Novo",
        "pt-BR",
        'Tide & "Fog" # 1',
    )
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    page = ada.get(HERE)
    assert shown(page, "postal_address") == "2 Quay Street\nPorto Novo"
    assert "in effect only after the server is restarted:" in page.text
    assert "Postal address, Language" in page.text.replace("Name of the newsletter, ", "")
    [entry] = site.ledger.audit.entries()
    assert (entry.action, entry.object) == ("settings.change", "sender")
    assert entry.detail == "Name of the newsletter, Postal address, Language"


@pytest.mark.parametrize(
    ("section", "changes", "words"),
    [
        ("sender", {"from": "nobody"}, "Name &lt;address&gt;"),
        ("sender", {"timezone": "Europe/Nowhere"}, "time zone"),
        ("pace", {"connections": "5000"}, "1 to 1000"),
        ("pace", {"domain_rate": '{"*": x}'}, "Should be a JSON object"),
        ("bounces", {"bounce_address": "x y"}, "Should be an address"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(ada, env_file, section, changes, words):
    before = env_file.read_bytes()
    fields = typed(ada.get(HERE), section, **changes)
    answer = ada.post(f"{HERE}/{section}", fields)
    assert answer.status_code == 422
    [(name, text)] = changes.items()
    assert shown(answer, name) == text
    marked = re.search(rf'name="{name}"[^>]*aria-invalid="true".*?</label>', answer.text, re.DOTALL)[0]
    assert words in marked
    assert "MAILER_" not in answer.text
    assert PASSWORD not in answer.text
    assert env_file.read_bytes() == before


def test_only_an_admin_who_proves_it_changes_a_setting(site, ada, env_file):
    before, page = env_file.read_bytes(), ada.get(HERE)
    wrong = ada.post(f"{HERE}/sender", typed(page, "sender", language="de", password="wrong"))
    assert wrong.status_code == 422
    assert "Your password is wrong." in wrong.text
    assert shown(wrong, "language") == "de"
    with visiting(site) as visitor:
        mara = At(visitor, signed_in(site, "editor"))
        assert mara.get(HERE).status_code == 403
        assert mara.post(f"{HERE}/sender", typed(page, "sender", language="de")).status_code == 403
        ida = At(visitor, signed_in(site, "admin", name="Ida Berg"))  # without a password: from a provider
        site.clock.forward(RECENT + 1)
        old = ida.post(f"{HERE}/sender", typed(page, "sender", language="de"))
        assert "You signed in too long ago for this." in old.text
        assert env_file.read_bytes() == before
        ida = At(visitor, signed_in(site, "admin", name="Ida Berg"))
        assert ida.post(f"{HERE}/sender", typed(page, "sender", language="de")).status_code == 303
    assert load_settings(site.app.workspace.root, {}).language == "de"


def test_what_the_environment_sets_is_shown_as_fixed_and_not_written(ada, env_file, monkeypatch):
    monkeypatch.setenv("MAILER_LANGUAGE", "he")
    page = ada.get(HERE)
    assert re.search(r'name="language" value="he"[^>]* disabled>', page.text)
    assert "Fixed by the environment of the server." in page.text
    before = env_file.read_bytes()
    ada.post(f"{HERE}/sender", typed(page, "sender", language="de"))
    assert env_file.read_bytes() == before
    monkeypatch.setenv("MAILER_RELAY", "smtp://127.0.0.1")
    ada.post(f"{HERE}/relay", {**typed(page, "relay"), "relay_password": "another"})
    assert env_file.read_bytes() == before


def test_a_file_that_changed_meanwhile_or_cannot_be_written_is_left_alone(ada, env_file, monkeypatch):
    page = ada.get(HERE)
    env_file.write_text(f"{env_file.read_text()}MAILER_HELO=mail.example.org\n")
    before = env_file.read_bytes()
    answer = ada.post(f"{HERE}/sender", typed(page, "sender", language="de"))
    assert answer.status_code == 422
    assert "changed meanwhile" in answer.text
    assert env_file.read_bytes() == before
    monkeypatch.setattr("mailer.settings.env_file.os.access", lambda *_: False)
    page = ada.get(HERE)
    assert "Settings cannot be saved here" in page.text
    assert "Save</button>" not in page.text


def test_the_password_of_the_relay_is_never_shown_and_goes_to_no_other_server(site, ada, env_file):
    page = ada.get(HERE)
    assert SECRET not in page.text and "tide%20table" not in page.text
    assert (shown(page, "host"), shown(page, "port"), shown(page, "username")) == ("smtp.example.net", "465", "letter")
    assert 'name="relay_password" value' not in page.text
    before = env_file.read_bytes()
    for changes, field in (
        ({"host": "smtp.example.com"}, "relay_password"),
        ({"username": "other"}, "relay_password"),
        ({"host": "smtp.example.com", "port": "8025", "relay_password": "x"}, "port"),
        ({"host": "inside.example.com", "relay_password": "x"}, "host"),
        ({"host": "127.0.0.1", "relay_password": "x"}, "host"),
        ({"host": "nowhere.example.com", "relay_password": "x"}, "host"),
        ({"tls": "none", "relay_password": "x"}, "tls"),
        ({"host": "a b", "relay_password": "x"}, "host"),
        ({"username": "", "relay_password": "x"}, "username"),
    ):
        answer = ada.post(f"{HERE}/relay", typed(page, "relay", **changes))
        assert answer.status_code == 422, changes
        assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', answer.text), changes
        assert SECRET not in answer.text
        assert env_file.read_bytes() == before
    assert ada.post(f"{HERE}/relay", typed(page, "relay")).status_code == 303
    assert env_file.read_bytes() == before  # the stored password stays
    changes = {"host": "smtp.example.com", "tls": "starttls", "port": "587", "relay_password": "a/b:c@d é"}
    assert ada.post(f"{HERE}/relay", typed(page, "relay", **changes)).status_code == 303
    [relay] = load_settings(site.app.workspace.root, {}).relay
    assert (str(relay), relay.username, relay.password.get_secret_value()) == (
        "smtp.example.com:587",
        "letter",
        "a/b:c@d é",
    )
    assert "a/b:c" not in str(site.ledger.audit.entries())


def test_a_relay_of_the_server_itself_keeps_its_place_and_takes_another_password():
    current = parse_relay("smtp+starttls://a:old@10.0.0.7:2500?weight=3")
    entry = relay_entry.RelayEntry(host="10.0.0.7", port="2500", tls="starttls", username="a", password="new")
    assert relay_entry.relay_url(entry, current) == "smtp+starttls://a:new@10.0.0.7:2500?weight=3"


def test_the_stored_relay_is_tested(site, ada, env_file, tmp_path):
    folder = tmp_path / "caught"
    folder.mkdir()
    behaviour = ServerBehaviour(refuse=frozenset({"ida@example.org"}))
    with DebugSmtpServer(tmp_path / "caught.jsonl", behaviour=behaviour, folder=folder) as server:
        text = env_file.read_text().replace(URL, f"smtp://127.0.0.1:{server.port}")
        env_file.write_text(text)
        said = told(ada.post(f"{HERE}/relay/test"))
        assert said == f"127.0.0.1:{server.port}: connected, took a message to ada@example.org."
        [caught] = folder.glob("*.eml")
        assert b"A test of the mail server" in caught.read_bytes()
        with visiting(site) as visitor:
            ida = At(visitor, signed_in(site, "admin", name="ida Berg"))
            assert "connected. Then: 550 5.1.1 No such person here" in told(ida.post(f"{HERE}/relay/test"))
    assert "not connected. Then: Connection refused" in told(ada.post(f"{HERE}/relay/test"))
    statuses = [ada.post(f"{HERE}/relay/test").status_code for _ in range(RELAY_CHECKS.burst)]
    assert statuses[-1] == 422
    assert [each.action for each in site.ledger.audit.entries()][:2] == ["settings.test"] * 2


def test_errors_of_the_file_are_shown_without_values(ada, env_file):
    env_file.write_text(f"{env_file.read_text()}MAILER_CONNECTIONS=many\nMAILER_RELAY=gopher://secretpw123\n")
    page = ada.get(HERE)
    assert "Connections to the mail server: should be" in page.text
    assert "secretpw123" not in page.text
    assert "MAILER_" not in page.text
