import ipaddress
import logging
import re
import subprocess
import sys
import traceback
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from mailer.errors import SettingsError
from mailer.mailbox_address import Mailbox
from mailer.relay import Relay, TlsMode, choose_by_weight
from mailer.settings.inbound_parsers import ImapAccount, ListenAddress
from mailer.settings.secret_masking import MASK, redact_secrets
from mailer.settings.settings import Images, OnUncertain, Settings, load_settings, variable_names
from tests.support.provider_requests import TOPIC, secret_of

KEY = "k3y-" * 8
NEEDED = {"MAILER_FROM": "The Harbour Letter <letter@example.org>", "MAILER_SECRET_KEYS": f'["{KEY}"]'}
EXAMPLE = Path(__file__).parents[3] / ".env.example"


def load(workspace=Path("/nowhere"), **variables):
    return load_settings(workspace, {**NEEDED, **{f"MAILER_{name}": value for name, value in variables.items()}})


def wrong(workspace=Path("/nowhere"), environ=None, **variables):
    with pytest.raises(SettingsError) as caught:
        load_settings(
            workspace,
            environ if environ is not None else {**NEEDED, **{f"MAILER_{k}": v for k, v in variables.items()}},
        )
    assert caught.value.exit_code == 2
    return [line.strip() for line in caught.value.message.strip().splitlines()[1:]]


def test_what_holds_when_nothing_but_the_needed_is_set(tmp_path):
    found = load(tmp_path)
    assert found.sender == Mailbox(name="The Harbour Letter", address="letter@example.org")
    assert found.publication == "The Harbour Letter"
    assert (found.language, found.timezone, found.base_url) == ("en", ZoneInfo("UTC"), "http://127.0.0.1:8000")
    assert found.database_url.get_secret_value() == f"sqlite:///{tmp_path}/mailer.db"
    assert found.relay == (Relay(host="127.0.0.1", port=25),)
    assert (found.connections, found.rate, found.messages_per_connection, found.warmup) == (8, None, None, ())
    assert (found.retry, found.retry_for, found.schedule_grace) == ((60, 300, 900, 1800, 3600), 86400, 1800)
    assert (found.on_uncertain, found.images, found.eight_bit) == (OnUncertain.HOLD, Images.LINK, False)
    assert (found.reply_to, found.bounce_address, found.unsubscribe_address) == (None, None, None)
    assert (found.domain_connections, found.domain_rate, found.trusted_proxies) == ({}, {}, ())
    assert (found.dkim_domain, found.dkim_key, found.dkim_ed25519_key) == ("", None, None)


GOOD = [
    ("FROM", "letter@EXAMPLE.org", "sender", Mailbox(name="", address="letter@example.org")),
    ("FROM", "“Mara” Lindqvist <mara@exämple.org>", "sender", Mailbox(name="“Mara” Lindqvist", address="mara@xn--exmple-cua.org")),
    ("FROM", '"Lindqvist, Mara \\"M.\\"" <m@x.org>', "sender", Mailbox(name='Lindqvist, Mara "M."', address="m@x.org")),
    ("FROM", "news@localhost", "publication", "localhost"),
    ("REPLY_TO", "Ana <ana@x.org>", "reply_to", Mailbox(name="Ana", address="ana@x.org")),
    ("PUBLICATION", " Die Hafenpost ", "publication", "Die Hafenpost"),
    ("POSTAL_ADDRESS", "1 Quay Street \n Porto Novo", "postal_address", "1 Quay Street\nPorto Novo"),
    ("BASE_URL", "https://letter.example.org/news/", "base_url", "https://letter.example.org/news"),
    ("BASE_URL", "http://localhost:8000/", "base_url", "http://localhost:8000"),
    ("BASE_URL", "http://[::1]:8000", "base_url", "http://[::1]:8000"),
    ("LANGUAGE", "PT-br", "language", "pt-BR"),
    ("LANGUAGE", "zh-hant-TW", "language", "zh-Hant-TW"),
    ("LANGUAGE", "es-419", "language", "es-419"),
    ("TIMEZONE", "Europe/Lisbon", "timezone", ZoneInfo("Europe/Lisbon")),
    ("RATE", "14.5", "rate", 14.5),
    ("RATE", "1800/hour", "rate", 0.5),
    ("RETRY", "1", "retry", (1,)),
    ("RETRY", "[60, 300]", "retry", (60, 300)),
    ("WARMUP", "200, 500", "warmup", (200, 500)),
    ("SCHEDULE_GRACE", "0", "schedule_grace", 0),
    ("8BIT", "True", "eight_bit", True),
    ("ALLOW_PLAINTEXT", "1", "allow_plaintext", True),
    ("IMAGES", "Embed", "images", Images.EMBED),
    ("CLIENTS", "Gmail, outlook.windows,gmail", "clients", ("gmail", "outlook.windows")),
    ("ON_UNCERTAIN", "resend", "on_uncertain", OnUncertain.RESEND),
    ("DOMAIN_CONNECTIONS", '{"*": 4, "Exämple.org": 1}', "domain_connections", {"*": 4, "xn--exmple-cua.org": 1}),
    ("DOMAIN_RATE", '{"*": 2.5, "x.org": "60/minute"}', "domain_rate", {"*": 2.5, "x.org": 1.0}),
    ("TRUSTED_PROXIES", "127.0.0.1, fd00::/8", "trusted_proxies", (ipaddress.ip_network("127.0.0.1"), ipaddress.ip_network("fd00::/8"))),
    ("BOUNCE_ADDRESS", "b" * 24 + "@x.org", "bounce_address", Mailbox(name="", address="b" * 24 + "@x.org")),
    ("HELO", "Mail.Exämple.org", "helo", "mail.xn--exmple-cua.org"),
    ("HELO", "[192.0.2.1]", "helo", "[192.0.2.1]"),
    ("HELO", "[IPv6:2001:db8::1]", "helo", "[IPv6:2001:db8::1]"),
    ("CONNECTIONS", "", "connections", 8),
    ("INBOUND_LMTP", "127.0.0.1:8024", "inbound_lmtp", ListenAddress(host="127.0.0.1", port=8024)),
    ("INBOUND_LMTP", "[::1]:24", "inbound_lmtp", ListenAddress(host="::1", port=24)),
    ("INBOUND_IMAP", "imaps://b%40x.org:p%2Fw@imap.x.org", "inbound_imap", ImapAccount(host="imap.x.org", port=993, tls=TlsMode.IMPLICIT, user="b@x.org", password=SecretStr("p/w"))),
    ("INBOUND_IMAP", "imap+starttls://b:p@imap.x.org:1143/Bounces/New%20ones", "inbound_imap", ImapAccount(host="imap.x.org", port=1143, tls=TlsMode.STARTTLS, user="b", password=SecretStr("p"), folder="Bounces/New ones")),
    ("INBOUND_FOLDER", "Back/mailer", "inbound_folder", "Back/mailer"),
    ("FEEDBACK_SES", f"{TOPIC}, {TOPIC}-2", "feedback_ses", (TOPIC, f"{TOPIC}-2")),
    ("FEEDBACK_MAILGUN", "key-0123456789abcdef", "feedback_mailgun", (SecretStr("key-0123456789abcdef"),)),
    ("FEEDBACK_BREVO", '["a_random-password-0123"]', "feedback_brevo", (SecretStr("a_random-password-0123"),)),
    ("FEEDBACK_RESEND", f"whsec_{'A' * 32}", "feedback_resend", (SecretStr(f"whsec_{'A' * 32}"),)),
    ("FEEDBACK_SENDGRID", secret_of("sendgrid"), "feedback_sendgrid", (secret_of("sendgrid"),)),
    ("FEEDBACK_POSTAL", secret_of("postal"), "feedback_postal", (secret_of("postal"),)),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "text", "field", "value"), GOOD)
def test_settings_are_read(variable, text, field, value):
    assert getattr(load(**{variable: text}), field) == value


BAD = [
    *[("HELO", text, "should be the full name of this machine") for text in ("mailhost", "192.0.2.1", "[2001:db8::1]", "[IPv6:192.0.2.1]", "a b.org", "[x]")],
    ("FROM", "Mara", "should be “Name <address>” or an address"),
    ("FROM", "mära@example.org", "letters outside of ASCII before the @"),
    ("FROM", "Mara\nBcc: x <m@x.org>", "control character"),
    ("FROM", "a@x.org, b@x.org", "should be “Name <address>”"),
    ("PUBLICATION", "two\nlines", "should be one line"),
    ("POSTAL_ADDRESS", "a\x00b", "no control characters"),
    ("BASE_URL", "http://letter.example.org", "should be https://HOST"),
    ("BASE_URL", "https://u:p@letter.example.org", "should be https://HOST"),
    ("BASE_URL", "https://letter.example.org/?x", "should be https://HOST"),
    ("BASE_URL", "https://letter.example.org:port", "should be https://HOST"),
    ("BASE_URL", "letter.example.org", "should be https://HOST"),
    ("BASE_URL", "https://hafen.straße.org", "in ASCII"),
    ("LANGUAGE", "English, please", "BCP 47"),
    ("TIMEZONE", "Mars/Olympus", "time zone"),
    ("TIMEZONE", "../../etc/passwd", "time zone"),
    ("TIMEZONE", "Europe", "time zone"),
    ("SECRET_KEYS", KEY, "JSON array of strings of at least 32 characters"),
    ("SECRET_KEYS", '["short"]', "at least 32 characters"),
    ("SECRET_KEYS", "[]", "at least 32 characters"),
    ("SECRET_KEYS", "[" * 100_000, "at least 32 characters"),
    ("DATABASE_URL", "mailer.db", "should be sqlite:///FILE or postgresql://"),
    ("DATABASE_URL", "sqlite://", "should be sqlite:///FILE"),
    ("DATABASE_URL", "sqlite:///:memory:", "should be sqlite:///FILE"),
    ("DATABASE_URL", "sqlite:///x.db?mode=ro", "should be sqlite:///FILE"),
    ("DATABASE_URL", "mysql://u:p@h/d", "should be sqlite:///FILE or postgresql://"),
    ("DATABASE_URL", "postgresql://u:p@h", "should be sqlite:///FILE or postgresql://"),
    ("DATABASE_URL", "postgresql://u:p@ss@h/d", "percent-encoded"),
    ("CONNECTIONS", "0", "should be a whole number from 1 to 1000"),
    ("CONNECTIONS", "٣", "should be a whole number"),
    ("RATE", "0", "should be messages a second"),
    ("RATE", "10/week", "should be messages a second"),
    ("RATE", "nan", "should be messages a second"),
    ("RETRY", "60,,300", "should be whole numbers above 0"),
    ("RETRY", "[true]", "should be whole numbers above 0"),
    ("WARMUP", "0", "should be whole numbers above 0"),
    ("8BIT", "maybe", "should be true or false"),
    ("IMAGES", "inline", "should be link or embed"),
    ("CLIENTS", "gmail;outlook", "should be mail programs, separated by commas, such as gmail,apple-mail,outlook.windows"),
    ("ON_UNCERTAIN", "drop", "should be hold or resend"),
    ("DOMAIN_CONNECTIONS", "4", "should be a JSON object"),
    ("DOMAIN_CONNECTIONS", '{"x.org": 0}', "should be a JSON object"),
    ("DOMAIN_CONNECTIONS", '{"x.org": true}', "should be a JSON object"),
    ("DOMAIN_RATE", '{"not a domain": 1}', "should be a JSON object"),
    ("TRUSTED_PROXIES", "10.0.0.1/8", "should be networks"),
    ("TRUSTED_PROXIES", "proxy.example.org", "should be networks"),
    ("BOUNCE_ADDRESS", "b" * 38 + "@x.org", "at most 37 characters before the @"),
    ("UNSUBSCRIBE_ADDRESS", "Name <u@x.org>", "an address without a name"),
    ("OIDC_ISSUER", "http://id.example.org", "should be https://HOST"),
    ("OIDC_ISSUER", "https://id.example.org?x", "should be https://HOST"),
    ("OIDC_CLAIM", "e mail", "should be the name of a claim"),
    *[("INBOUND_LMTP", text, "should be an address of this machine") for text in ("8024", "0.0.0.0:8024", "mail.example.org:24", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:24/x")],
    *[("INBOUND_IMAP", text, "should be imaps://USER:PASSWORD@HOST") for text in ("imap.x.org", "pop://b:p@x.org", "imaps://imap.x.org", "imaps://b:p@x.org?x", "imaps://b:p%0A@x.org", "imaps://b:p@x.org:x")],
    ("INBOUND_IMAP", "imap://b:p@imap.x.org", "in clear text to another host"),
    ("INBOUND_IMAP", "imaps://b:p@imap.x.org/a%22b", "name of a mail folder"),
    ("INBOUND_FOLDER", "../mailer", "name of a mail folder"),
    *[("FEEDBACK_SES", text, "should be the ARN of an SNS topic") for text in ("bounces", f"{TOPIC}:sub", TOPIC.replace("sns", "sqs"), f"{TOPIC},")],
    *[("FEEDBACK_BREVO", text, "should be a random password") for text in ("short", "user:a-random-password-0123", "ä" * 30)],
    ("FEEDBACK_RESEND", "re_0123456789abcdefghijklmn", "begins with whsec_"),
    ("FEEDBACK_MAILGUN", "two words of a signing key", "signing key of Mailgun"),
    ("FEEDBACK_SENDGRID", secret_of("postal"), "verification key of SendGrid"),
    ("FEEDBACK_SENDGRID", "-----BEGIN PUBLIC KEY-----", "verification key of SendGrid"),
    ("FEEDBACK_POSTAL", secret_of("sendgrid"), "should be an RSA public key"),
    ("DKIM_SELECTOR", "bad selector", "should be a selector"),
    ("DKIM_DOMAIN", "exa mple", "should be a domain name"),
    ("DKIM_KEY", "~nobody-of-this-name/x.pem", "should be a path"),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "text", "expected"), BAD)
def test_a_wrong_setting_is_named_with_what_it_should_be(variable, text, expected):
    lines = wrong(**{variable: text})
    assert len(lines) == 1
    assert lines[0].startswith(f"MAILER_{variable} (environment): ")
    assert expected in lines[0]


def test_everything_wrong_comes_at_once_with_its_place(tmp_path):
    (tmp_path / ".env").write_text(
        "# first\nMAILER_CONNECTIONS=none\n\nMAILER_IMAGES=inline\nMAILER_RATTE=3\nOTHER=x\nthis is no line\nMAILLER_CONNECTIONS=3\nMAILER_REPLY_TO='open\n",
        encoding="utf-8",
    )
    assert wrong(tmp_path, {"MAILER_IMAGES": "both", "MAILER_ALOW_PLAINTEXT": "1", "HOME": "/"}) == [
        ".env:7: should be NAME=value, a comment or empty",
        "MAILLER_CONNECTIONS (.env:8): is not a setting; did you mean MAILER_CONNECTIONS?",
        ".env:9: the quote is not closed",
        "MAILER_RATTE (.env:5): is not a setting; did you mean MAILER_RATE?",
        "MAILER_ALOW_PLAINTEXT (environment): is not a setting; did you mean MAILER_ALLOW_PLAINTEXT?",
        "MAILER_FROM: is missing; should be “Name <address>”",
        (
            'MAILER_SECRET_KEYS: is missing; should be ["KEY"], where KEY is a random text of at least 32 characters. '
            'To make one: python3 -c "import secrets; print(secrets.token_urlsafe(32))"'
        ),
        "MAILER_CONNECTIONS (.env:2): should be a whole number from 1 to 1000",
        "MAILER_IMAGES (environment): should be link or embed",
    ]


def test_a_folder_without_any_setting_is_called_no_workspace(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, {"HOME": "/"})
    assert caught.value.message == f"The folder {tmp_path} is not a workspace: it has no .env file."
    assert "mailer init" in caught.value.next_step


@pytest.mark.parametrize("name", ["MAILER_SENDER", "MAILER_EIGHT_BIT", "MAILER_WORKSPACE", "MAILER_"])
def test_a_field_is_set_by_its_variable_only(name):
    assert wrong(environ={**NEEDED, name: "a@x.org"})[0].startswith(f"{name} (environment): is not a setting")


def test_relays_are_chosen_by_weight():
    relays = [Relay(host=f"mx{weight}.example.org", port=25, weight=weight) for weight in (3, 1)]
    assert [choose_by_weight(relays, step / 8) for step in range(8)] == [0] * 6 + [1] * 2
    assert choose_by_weight(relays[:1], 0.999) == 0


def test_a_setting_of_a_former_version_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / ".env").write_text("MAILER_WORKERS=2\n", encoding="utf-8")
    expected = "is no longer a setting, because a send always runs in one process. Delete it."
    assert wrong(tmp_path, NEEDED) == [f"MAILER_WORKERS (.env:1): {expected}"]
    assert wrong(WORKERS="2") == [f"MAILER_WORKERS (environment): {expected}"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LANES", "CONNECTIONS"),
        ("DOMAIN_LANES", "DOMAIN_CONNECTIONS"),
        ("PER_CONNECTION", "MESSAGES_PER_CONNECTION"),
        ("GRACE", "SCHEDULE_GRACE"),
    ],
)
def test_an_old_name_of_a_setting_is_an_error_that_gives_the_new_one(old, new):
    assert wrong(**{old: "2"}) == [f"MAILER_{old} (environment): is now called MAILER_{new}. Rename it."]


def test_the_environment_wins_over_the_file_and_empty_is_unset(tmp_path):
    (tmp_path / ".env").write_text(
        "\ufeffexport MAILER_CONNECTIONS=3\nMAILER_SCHEDULE_GRACE=5\nMAILER_PUBLICATION='A # B'\n", encoding="utf-8"
    )
    found = load(tmp_path, CONNECTIONS="4", SCHEDULE_GRACE="")
    assert (found.connections, found.schedule_grace, found.publication) == (4, 5, "A # B")


def test_no_variable_is_expanded_in_the_file(tmp_path):
    (tmp_path / ".env").write_text("MAILER_PUBLICATION=${HOME}\n", encoding="utf-8")
    assert load(tmp_path).publication == "${HOME}"


@pytest.mark.parametrize(("content", "error"), [(b"\xff\xfe\x00", "should be UTF-8 text"), (None, "cannot be read")])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, error):
    if content is None:
        (tmp_path / ".env").mkdir()
    else:
        (tmp_path / ".env").write_bytes(content)
    assert error in wrong(tmp_path)[0]


def test_the_process_environment_is_read_by_default_and_only_then(tmp_path, monkeypatch):
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MAILER_CONNECTIONS", "5")
    assert load_settings(tmp_path).connections == 5
    assert load(tmp_path).connections == 8
    assert Settings(workspace=tmp_path, sender=Mailbox(name="", address="a@x.org"), secret_keys=(KEY,)).connections == 8


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("sqlite:///mailer.db", "sqlite:///{workspace}/mailer.db"),
        ("sqlite:///data/x.db", "sqlite:///{workspace}/data/x.db"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("postgresql://u:p%40@localhost:5432/d", "postgresql+psycopg://u:p%40@localhost:5432/d"),
        ("postgresql+psycopg:///d", "postgresql+psycopg:///d"),
    ],
)
def test_database_urls(tmp_path, text, url):
    found = load(tmp_path, DATABASE_URL=text).database_url.get_secret_value()
    assert found == url.format(workspace=tmp_path)


def test_paths_are_relative_to_the_workspace(tmp_path):
    found = load(
        tmp_path,
        DKIM_DOMAIN="Example.org",
        DKIM_SELECTOR="S1",
        DKIM_KEY="keys/rsa.pem",
        DKIM_ED25519_SELECTOR="e",
        DKIM_ED25519_KEY="/e.pem",
    )
    assert (found.dkim_key, found.dkim_ed25519_key) == (tmp_path / "keys/rsa.pem", Path("/e.pem"))
    assert (found.dkim_domain, found.dkim_selector) == ("example.org", "s1")


@pytest.mark.parametrize(
    "variables",
    [
        {"DKIM_DOMAIN": "x.org"},
        {"DKIM_DOMAIN": "x.org", "DKIM_SELECTOR": "s"},
        {"DKIM_SELECTOR": "s", "DKIM_KEY": "k"},
        {"DKIM_DOMAIN": "x.org", "DKIM_SELECTOR": "s", "DKIM_KEY": "k", "DKIM_ED25519_KEY": "k"},
    ],
)
def test_dkim_settings_stand_together(variables):
    assert wrong(**variables)[0].startswith("MAILER_DKIM_DOMAIN: must be set together with")


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        (
            {"OIDC_ISSUER": "https://id.example.org"},
            "MAILER_OIDC_ISSUER: must be set together with MAILER_OIDC_CLIENT_ID",
        ),
        ({"OIDC_CLIENT_ID": "mailer"}, "MAILER_OIDC_ISSUER: must be set together with MAILER_OIDC_CLIENT_ID"),
        ({"OIDC_ONLY": "true"}, "MAILER_OIDC_ONLY: needs MAILER_OIDC_ISSUER"),
    ],
)
def test_settings_of_an_identity_provider_stand_together(variables, error):
    assert wrong(**variables)[0].startswith(error)


@pytest.mark.parametrize("issuer", ["https://id.example.org", "https://id.example.org/", "https://id.example.org/a/"])
def test_an_issuer_is_kept_unchanged_and_its_host_is_its_name(issuer):
    found = load(OIDC_ISSUER=issuer, OIDC_CLIENT_ID="mailer")
    assert (found.oidc_issuer, found.oidc_name) == (issuer, "id.example.org")
    assert load().oidc_name == ""


def test_a_mailbox_has_a_password_or_a_command_that_prints_a_token():
    for variables in (
        {"INBOUND_IMAP": "imaps://b@x.org"},
        {"INBOUND_IMAP": "imaps://b:p@x.org", "INBOUND_IMAP_TOKEN": "true"},
    ):
        assert wrong(**variables) == ["MAILER_INBOUND_IMAP: needs either a password, or MAILER_INBOUND_IMAP_TOKEN"]
    assert load(INBOUND_IMAP="imaps://b@x.org", INBOUND_IMAP_TOKEN="mail-token b").inbound_imap.user == "b"


SECRETS = {
    "INBOUND_IMAP": "imaps://b:breathe%2Fd@imap.example.org",
    "SECRET_KEYS": '["hush-hush-hush-hush-hush-hush-hush", "psst-psst-psst-psst-psst-psst-psst"]',
    "RELAY": '["smtps://lettername:hunter%2F2@mail.example.org", "smtp+starttls://o:back%5Cslash@h"]',
    "DATABASE_URL": "postgresql://dbuser:dbpa%40ss@db.example.org/letters?sslmode=require",
    "OIDC_ISSUER": "https://id.example.org",
    "OIDC_CLIENT_ID": "mailer",
    "OIDC_CLIENT_SECRET": "whisper/er",
    "FEEDBACK_MAILGUN": "murmur-murmur-murmur",
    "FEEDBACK_BREVO": "mumble_mumble_mumble,mutter_mutter_mutter",
}  # fmt: skip
WORDS = [
    "hush-hush",
    "psst-psst",
    "hunter",
    "back\\slash",
    "lettername",
    "dbpa@ss",
    "dbpa%40ss",
    "hunter%2F2",
    "whisper/er",
    "murmur",
    "breathe/d",
    "mumble",
    "mutter",
]


def test_secrets_are_masked_wherever_settings_are_shown():
    found = load(**SECRETS)
    shown = [
        repr(found),
        str(found),
        f"{found.relay[0]}",
        repr(found.relay),
        str(found.model_dump()),
        found.model_dump_json(),
    ]
    assert not [word for word in WORDS for text in shown if word in text]
    assert str(found.relay[0]) == "mail.example.org:465"


@pytest.mark.parametrize(
    "variables",
    [
        {"SECRET_KEYS": '["hush-hush"]'},
        {"SECRET_KEYS": "hush-hush-hush-hush-hush-hush-hush-hush"},
        {"RELAY": "smtp://lettername:hunter@mail.example.org"},
        {"RELAY": "smtps://lettername:hunter@mail.example.org:99999"},
        {"RELAY": "smtps://lettername:hunter/2@mail.example.org"},
        {"RELAY": "hunter"},
        {"DATABASE_URL": "postgresql://u:dbpa@ss@h/d"},
        {"DATABASE_URL": "hunter:x"},
        {"FROM": "hunter (back\\slash"},
        {"BASE_URL": "http://hunter"},
    ],
)  # fmt: skip
def test_no_value_stands_in_an_error_or_its_traceback(variables):
    environ = {**NEEDED, **{f"MAILER_{name}": value for name, value in variables.items()}}
    with pytest.raises(SettingsError) as caught:
        load_settings(Path("/nowhere"), environ)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack[1:]
    shown = [
        str(error),
        *(text for frame in frames for name, text in (frame.locals or {}).items() if name != "environ"),
    ]
    assert not [word for word in WORDS for text in shown if word in text]


def test_pydantic_itself_hides_what_it_was_given():
    with pytest.raises(ValidationError) as caught:
        Settings(workspace=Path(), sender="hush-hush", secret_keys="hush-hush")
    assert "hush" not in str(caught.value)


def test_redact_takes_every_form_of_every_secret_out_of_a_text():
    found = load(**SECRETS)
    text = " ".join(
        [*WORDS[2:], repr("back\\slash"), SECRETS["SECRET_KEYS"], "AGxldHRlcm5hbWUAaHVudGVyLzI=", "and the rest"]
    )
    redacted = redact_secrets(text, found)
    assert not [
        word
        for word in ("hush", "psst", "hunter/2", "hunter%2F2", "slash", "lettername", "dbpa", "AGxl", "whisper/er")
        if word in redacted
    ]
    assert redacted.endswith("and the rest")
    assert MASK in redacted


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20), st.text(max_size=20))
def test_a_password_is_read_back_and_redacted_whatever_it_is(password, around):
    found = load(RELAY=f"smtps://user-name:{quote(password, safe='')}@mail.example.org")
    assert found.relay[0].password.get_secret_value() == password
    assert redact_secrets(password + around, found).startswith(MASK[:1])


RELAYS = [
    ("smtp://localhost", Relay(host="localhost", port=25)),
    ("smtp://127.0.0.1:2525/", Relay(host="127.0.0.1", port=2525)),
    ("smtp://[::1]", Relay(host="::1", port=25)),
    ("smtp+starttls://Mail.Example.ORG", Relay(host="mail.example.org", port=587, tls=TlsMode.STARTTLS)),
    ("smtps://mail.example.org?weight=3", Relay(host="mail.example.org", port=465, tls=TlsMode.IMPLICIT, weight=3)),
    ("smtps://mäil.example.org", Relay(host="xn--mil-qla.example.org", port=465, tls=TlsMode.IMPLICIT)),
]


@pytest.mark.parametrize(("url", "relay"), RELAYS)
def test_relays(url, relay):
    assert load(RELAY=url).relay == (relay,)


def test_user_and_password_are_percent_decoded():
    (relay,) = load(RELAY="smtps://ana%40x.org:a%2Fb%3Ac%C3%A9@mail.example.org").relay
    assert (relay.username, relay.password.get_secret_value()) == ("ana@x.org", "a/b:cé")


def test_plain_text_leaves_this_machine_only_where_it_is_allowed():
    assert "clear text" in wrong(RELAY="smtp://mail.example.org")[0]
    assert load(RELAY="smtp://mail.example.org", ALLOW_PLAINTEXT="true").relay[0].tls is TlsMode.NONE
    assert [line.split()[0] for line in wrong(RELAY="smtp://mail.example.org", ALLOW_PLAINTEXT="perhaps")] == [
        "MAILER_ALLOW_PLAINTEXT"
    ]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("mail.example.org:25", "should be a URL such as"),
        ("http://mail.example.org", "should be a URL such as"),
        ("smtps://", "should be a URL such as"),
        ("smtps://mail.example.org:0", "a port from 1 to 65535"),
        ("smtps://mail.example.org:x", "a port from 1 to 65535"),
        ("smtps://mail.example.org/inbox", "should end after host and port"),
        ("smtps://mail.example.org#x", "should end after host and port"),
        ("smtps://mail.example.org?wait=3", "takes nothing after “?” but weight=N"),
        ("smtps://mail.example.org?weight=0", "a weight from 1 to 1000"),
        ("smtps://ma il", "a host that is not a host name"),
        ("smtps://xn--zzzzzzzzz-.-", "a host that is not a host name"),
        ("smtps://:secret@mail.example.org", "has a password without a user"),
        ("smtps://u%0d%0a:p@mail.example.org", "has a control character"),
        ("smtps://u:%ff@mail.example.org", "not percent-encoded UTF-8"),
        ('["smtps://mail.example.org", "nonsense"]', "relay 2 should be a URL"),
        ("[]", "should be a URL or a JSON array"),
        ("[1]", "should be a URL or a JSON array"),
    ],
)
def test_an_invalid_relay_is_an_error_that_says_what_it_should_be(url, error):
    (line,) = wrong(RELAY=url)
    assert error in line


def example_lines():
    """Every variable that .env.example names, set or commented out, with its example."""
    return re.findall(r"^(?:# )?(MAILER_[A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_example_names_exactly_the_settings():
    assert {name for name, _ in example_lines()} == set(variable_names())


def test_each_setting_of_the_example_stands_under_a_comment():
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("MAILER_"):
            assert before.startswith(("#", "MAILER_")), line


def test_the_example_loads_as_it_stands_and_with_every_line_used(tmp_path, caplog):
    text = EXAMPLE.read_text(encoding="utf-8").replace("MAILER_SECRET_KEYS=", f'MAILER_SECRET_KEYS=["{KEY}"]')
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    plain = load_settings(tmp_path, {})
    assert plain == load(tmp_path)
    (tmp_path / ".env").write_text(re.sub(r"^# (?=MAILER_)", "", text, flags=re.MULTILINE), encoding="utf-8")
    full = load_settings(tmp_path, {})
    assert full.postal_address == "The Harbour Letter, 1 Quay Street, Porto Novo"
    assert [relay.weight for relay in full.relay] == [3, 1]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_importing_settings_loads_nothing_heavy():
    heavy = "sqlalchemy", "email_validator", "idna", "cryptography", "jinja2"
    code = f"import sys, mailer.settings.settings; print([m for m in {heavy!r} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("postgresql://u:p@db.example.org/d", False),
        ("postgresql://u:p@db.example.org/d?sslmode=prefer", False),
        ("postgresql://u:p@/d?host=db.example.org", False),
        ("postgresql://u:p@/d?host=/run/postgresql,db.example.org", False),
        ("postgresql://u:p@localhost/d?hostaddr=192.0.2.7", False),
        ("postgresql://u:p@db.example.org/d?sslmode=verify-full", True),
        ("postgresql://u:p@db.example.org/d?sslmode=require", True),
        ("postgresql://u:p@127.0.0.1:5433/d", True),
        ("postgresql://u:p@localhost/d", True),
        ("postgresql://u:p@/d?host=/run/postgresql", True),
        ("sqlite:///mailer.db", True),
    ],
)
def test_a_database_on_another_host_requires_tls(tmp_path, url, is_allowed):
    variables = {**NEEDED, "MAILER_DATABASE_URL": url}
    if not is_allowed:
        with pytest.raises(SettingsError, match="in clear text to another host"):
            load_settings(tmp_path, variables)
        variables["MAILER_ALLOW_PLAINTEXT"] = "true"
    assert load_settings(tmp_path, variables)
