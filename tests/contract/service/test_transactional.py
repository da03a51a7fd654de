"""Transactional mail, delivered over real SMTP in the background of serve, on every database."""

import asyncio
import re
from base64 import b64encode
from email import message_from_bytes, policy
from itertools import cycle
from types import SimpleNamespace

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import SecretStr

from mailer.addresses import parse_address
from mailer.app import App
from mailer.feedback.bounce_reason import judge_bounce
from mailer.feedback.model import FeedbackKind
from mailer.ledger.types.feedback import FeedbackEvent, RecordStatus
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.transactional_mail import TransactionalState
from mailer.link_tokens import MailedLink, Purpose
from mailer.mailbox_address import Mailbox
from mailer.relay import Relay, TlsMode
from mailer.service.feedback.record import record_event, record_message
from mailer.service.subscribers.preferences import read_preferences
from mailer.service.subscribers.signup import (
    SignupForm,
    SignupState,
    public_list,
    read_confirmation,
    request_link_mail,
    request_signup,
)
from mailer.service.transactional import delivery_job
from mailer.service.transactional.compose import compose
from mailer.service.transactional.delivery_job import deliver_transactional_mail
from mailer.settings.settings import Settings
from mailer.workspace import Workspace
from tests.support.commands import served
from tests.support.feedback_messages import block, dsn
from tests.support.ledger_cases import join
from tests.support.provider_requests import PASSWORD
from tests.support.scripted import Scripted

DAY = 86_400.0
KEY = "a secret key of the tests, long enough to be one"
ANA = "Ana.Reis@example.com"
BASE = "https://letter.example.org/news"


@pytest.fixture
def app(tmp_path, clock, catcher, database_url):
    clock.now = 1_700_000_000.0  # a verifier believes no signature of the future
    lists = tmp_path / "subscribers"
    lists.mkdir()
    for name, text in (("harbour", 'title = "The Harbour Letter"'), ("tides", 'title = "Tides"\nlanguage = "de"')):
        (lists / f"{name}.csv").write_text("email\n", encoding="utf-8")
        (lists / f"{name}.toml").write_text(f'public = true\nown_fields = ["first_name"]\n{text}\n', encoding="utf-8")
    key = generate_private_key(public_exponent=65537, key_size=2048)
    (tmp_path / "dkim.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    settings = Settings(
        workspace=tmp_path,
        sender=Mailbox(name="The Harbour Letter", address="letter@example.org"),
        reply_to=Mailbox(name="The desk", address="desk@example.org"),
        bounce_address=Mailbox(name="", address="bounce@example.org"),
        base_url=BASE,
        postal_address="1 Quay Street\nPorto Novo",
        secret_keys=(SecretStr(KEY),),
        database_url=database_url,
        relay=(Relay(host="127.0.0.1", port=catcher.port, tls=TlsMode.NONE),),
        retry=(60, 300),
        dkim_domain="example.org",
        dkim_selector="mail",
        dkim_key=tmp_path / "dkim.pem",
    )
    with App(Workspace(tmp_path), settings, clock) as made:
        made.dkim_record = b"v=DKIM1; k=rsa; p=" + b64encode(public)
        yield made


def sign_up(app, name="harbour", address=ANA, **own):
    request_signup(app, public_list(app, name), parse_address(address), own, form=SignupForm.PAGE, ip="")


def deliver(app):
    """Run the background job until nothing is due; what it told."""
    told = []

    async def run():
        stop = asyncio.Event()
        job = asyncio.create_task(deliver_transactional_mail(app, stop, told.append))
        async with asyncio.timeout(60):
            while app.ledger.transactional.due(app.clock(), 1, "confirm", "link"):
                await asyncio.sleep(0.01)
        stop.set()
        await job

    asyncio.run(run())
    return told


def use_relays(app, monkeypatch, *servers):
    relays = tuple(Relay(host="127.0.0.1", port=server.port, tls=TlsMode.NONE) for server in servers)
    monkeypatch.setattr(app, "settings", app.settings.model_copy(update={"relay": relays}))


def letters(app, address=ANA):
    return app.ledger.transactional.of(parse_address(address).identity)


def caught(catcher):
    return [path.read_bytes() for path in catcher.messages()]


def parsed(raw):
    return message_from_bytes(raw, policy=policy.default)


def test_a_confirmation_mail_is_sent_and_its_link_confirms(app, catcher):
    sign_up(app, first_name="Buy evil pills")
    deliver(app)
    (raw,) = caught(catcher)
    message = parsed(raw)
    (letter,) = letters(app)
    assert (letter.state, letter.attempts) == (TransactionalState.SENT, 1)
    token = app.keys.issue(Purpose.TRANSACTIONAL, letter.id)
    assert catcher.received()[0]["sender"] == f"bounce+{token}@example.org"
    assert message["Message-ID"] == f"<{token}@example.org>"
    assert message["From"] == "The Harbour Letter <letter@example.org>"
    assert (message["To"], message["Reply-To"]) == (ANA, "The desk <desk@example.org>")
    assert message["Subject"] == "Please confirm your subscription: The Harbour Letter"
    assert message["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<[a-z2-7]{26}@example\.org>", message["Message-ID"])
    assert message["Date"].datetime.timestamp() == app.clock()
    assert [name for name in message if name.startswith("List-")] == []
    plain, html = (part.get_content() for part in message.iter_parts())
    [token] = re.findall(rf"{BASE}/confirm/([a-z2-7]{{26}})\b", plain)
    assert f'href="{BASE}/confirm/{token}"' in html
    assert read_confirmation(app, token).state is SignupState.WAITING
    assert "evil" not in raw.decode() + plain + html
    assert "Ana" not in plain + html
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert dkim.verify(raw, dnsfunc=lambda *_args, **_more: app.dkim_record)


def test_a_bounce_of_a_confirmation_mail_is_found_and_suppresses_nobody(app, catcher, monkeypatch):
    names = ("postmark", "brevo", "mailjet", "sparkpost")
    secrets = {f"feedback_{name}": (SecretStr(PASSWORD),) for name in names}
    monkeypatch.setattr(app, "settings", app.settings.model_copy(update=secrets))
    sign_up(app)
    sign_up(app, address="ben@example.net")
    deliver(app)
    raw = next(raw for raw in caught(catcher) if parsed(raw)["To"] == ANA)
    message = parsed(raw)
    for header in ("X-PM-Metadata-mailer-id", "X-Mailin-custom", "X-MJ-CustomID", "X-MSYS-API"):
        assert message["Message-ID"].strip("<>") in message[header]
    assert dkim.verify(raw, dnsfunc=lambda *_args, **_more: app.dkim_record)

    def take(action="failed", address=ANA):
        back = dsn(block("5.1.1", "550 5.1.1 no such user", action=action, address=address))
        back = back.replace(
            b"To: bounce@example.org", f"To: bounce+{message['Message-ID'][1:27]}@example.org".encode(), 1
        )
        return record_message(app, back, source="lmtp").status, letters(app)[0].state

    assert take("delayed") == (RecordStatus.RECORDED, TransactionalState.SENT)
    assert take(address="cleo@example.net") == (RecordStatus.IGNORED, TransactionalState.SENT)
    assert take() == (RecordStatus.RECORDED, TransactionalState.FAILED)
    assert letters(app)[0].reply == "came back: 550 5.1.1 no such user"
    [ben] = letters(app, "ben@example.net")
    event = FeedbackEvent(
        source="ses",
        source_id="1",
        kind=FeedbackKind.BOUNCE,
        recipient=judge_bounce("ben@example.net", status="5.1.1"),
        message_id=f"<{app.keys.issue(Purpose.TRANSACTIONAL, ben.id)}@example.org>",
        provider_id="0102-of-this-mail",
    )
    assert record_event(app, event) is RecordStatus.RECORDED
    assert letters(app, "ben@example.net")[0].state is TransactionalState.FAILED
    assert app.ledger.feedback.page() == ()  # of people who are no readers nothing is kept but the mail
    assert app.ledger.suppressions.get(parse_address(ANA).identity) is None
    [secret] = re.findall(rf"{BASE}/confirm/([a-z2-7]{{26}})\b", next(message.iter_parts()).get_content())
    assert read_confirmation(app, secret).state is SignupState.WAITING


def test_mail_is_in_the_language_of_its_list(app, catcher):
    sign_up(app, "tides")
    deliver(app)
    message = parsed(caught(catcher)[0])
    assert (message["Subject"], message["Content-Language"]) == ("Bitte bestätigen Sie Ihr Abonnement: Tides", "de")


def test_a_subscriber_who_is_on_the_list_already_is_told_so_without_a_link_to_confirm(app, catcher):
    join(app.ledger, "harbour", parse_address(ANA), source="page")
    sign_up(app)
    deliver(app)
    message = parsed(caught(catcher)[0])
    assert message["Subject"] == "You are already subscribed: The Harbour Letter"
    plain, html = (part.get_content() for part in message.iter_parts())
    [token] = re.findall(rf"{BASE}/preferences/([a-z2-7]{{26}})\b", plain)
    assert f"{BASE}/preferences/{token}" in html
    assert "/confirm/" not in plain + html
    assert read_preferences(app, token).may
    assert read_confirmation(app, token) is None


@pytest.mark.parametrize("reason", [SuppressionReason.UNSUBSCRIBED, SuppressionReason.BOUNCED])
def test_somebody_who_left_is_asked_to_confirm_like_anybody(app, catcher, reason):
    join(app.ledger, "harbour", parse_address(ANA), source="page")
    app.ledger.suppressions.suppress(parse_address(ANA).identity, reason, source="page")
    sign_up(app)
    deliver(app)
    assert parsed(caught(catcher)[0])["Subject"] == "Please confirm your subscription: The Harbour Letter"


def test_an_address_suppressed_by_an_admin_gets_nothing(app, catcher):
    identity = parse_address(ANA).identity
    app.ledger.suppressions.suppress(identity, SuppressionReason.BY_HAND, source="command")
    sign_up(app)
    request_link_mail(app, parse_address(ANA))
    deliver(app)
    assert caught(catcher) == []
    assert {(each.state, each.reply) for each in letters(app)} == {(TransactionalState.FAILED, "suppressed by hand")}


def test_a_link_is_sent_to_known_addresses_only(app, catcher):
    join(app.ledger, "harbour", parse_address(ANA), source="page")
    for address in (ANA, "stranger@example.org"):
        request_link_mail(app, parse_address(address))
    deliver(app)
    (raw,) = caught(catcher)
    assert parsed(raw)["To"] == ANA
    assert "/preferences/" in parsed(raw).get_body(("plain",)).get_content()
    assert letters(app, "stranger@example.org")[0].reply == "the address is unknown"


@pytest.mark.parametrize(
    ("left", "public", "words"),
    [
        (False, "true", "or unsubscribe."),
        (True, "true", "or subscribe again."),
        (True, "false", "or unsubscribe."),
    ],
)
def test_the_mail_with_a_link_mentions_what_the_link_can_do(app, catcher, left, public, words):
    join(app.ledger, "harbour", parse_address(ANA), source="page")
    if left:
        app.ledger.suppressions.unsubscribe(parse_address(ANA).identity, source="page")
    for file in app.workspace.subscribers.glob("*.toml"):
        file.write_text(f"public = {public}\n", encoding="utf-8")
    request_link_mail(app, parse_address(ANA))
    deliver(app)
    (raw,) = caught(catcher)
    texts = [" ".join(part.get_content().split()) for part in parsed(raw).iter_parts()]
    assert all(f"change what you get, {words}" in text for text in texts)


def test_greylisted_mail_is_retried_by_the_settings(app, catcher, clock):
    sign_up(app, address="greylist@example.com")
    deliver(app)
    (letter,) = letters(app, "greylist@example.com")
    assert (letter.state, letter.attempts) == (TransactionalState.QUEUED, 1)
    assert 48 <= letter.next_at - clock.now <= 72
    clock.forward(72)
    deliver(app)
    assert letters(app, "greylist@example.com")[0].state is TransactionalState.SENT
    assert len(caught(catcher)) == 1


def test_refused_mail_is_not_retried(app, clock):
    sign_up(app, address="refuse@example.com")
    deliver(app)
    (letter,) = letters(app, "refuse@example.com")
    assert (letter.state, letter.reply) == (TransactionalState.FAILED, "550 5.1.1 No such person here")


OUR_FAULTS = {
    "RCPT 550 5.7.1 not from you": {"RCPT": ["550 5.7.1 not from you"]},
    "RCPT 550": {"RCPT": ["550"]},
    "RCPT 550 quota": {"RCPT": ["550 Domain example.org has exceeded the max emails per hour"]},
    "MAIL 550 5.1.8": {"MAIL": ["550 5.1.8 bad sender system"]},
    "END_OF_DATA 554": {"END_OF_DATA": ["554 5.7.1 looks like spam"]},
    "CONNECT 554": {"CONNECT": ["554 5.7.1 go away"]},
}


@pytest.mark.thinned
@pytest.mark.parametrize("replies", OUR_FAULTS.values(), ids=OUR_FAULTS)
def test_mail_that_is_refused_for_a_fault_of_ours_is_logged_and_sent_when_it_is_mended(
    app, clock, monkeypatch, replies
):
    with served(Scripted(**replies)) as relay:
        use_relays(app, monkeypatch, relay)
        sign_up(app)
        told = deliver(app)
        assert letters(app)[0].state is TransactionalState.QUEUED
        assert any("transactional mail" in line and "waits" in line for line in told)
        sign_up(app)
        assert len(letters(app)) == 1, "the first one is still on its way"
        clock.forward(80)
        deliver(app)
        assert letters(app)[0].state is TransactionalState.SENT
        assert relay.messages


@pytest.mark.thinned
@pytest.mark.parametrize("replies", OUR_FAULTS.values(), ids=OUR_FAULTS)
def test_mail_that_one_relay_refuses_is_sent_by_the_other(app, clock, monkeypatch, replies):
    bad = Scripted(**{verb: lines * 9 for verb, lines in replies.items()})
    chances = cycle((0.1, 0.5, 0.6)).__next__  # the bad relay, the delay of a retry, the good relay
    monkeypatch.setattr(delivery_job, "random", SimpleNamespace(random=chances))
    with served(bad), served(Scripted()) as good:
        use_relays(app, monkeypatch, bad, good)
        for _ in range(8):
            sign_up(app)
            deliver(app)
            clock.forward(DAY + 1)
            deliver(app)
        assert {letter.state for letter in letters(app)} == {TransactionalState.SENT}
        assert len(good.messages) == 8


def test_refusals_before_the_text_count_as_attempts_and_are_retried_less_and_less_often(app, clock, monkeypatch):
    with served(Scripted(RCPT=["550"] * 2)) as relay:
        use_relays(app, monkeypatch, relay)
        sign_up(app)
        waits = []
        for _ in range(2):
            deliver(app)
            waits.append(letters(app)[0].next_at - clock.now)
            clock.forward(waits[-1])
    assert letters(app)[0].attempts == 2
    assert waits[0] < 100 < waits[1]


def test_without_a_relay_mail_waits_and_expires_after_72_hours(app, catcher, clock, monkeypatch):
    closed = Relay(host="127.0.0.1", port=1, tls=TlsMode.NONE)
    monkeypatch.setattr(app, "settings", app.settings.model_copy(update={"relay": (closed,)}))
    sign_up(app)
    told = deliver(app)
    assert "transactional mail" in told[0]
    assert "waits" in told[0]
    assert letters(app)[0].state is TransactionalState.QUEUED
    clock.forward(73 * 3600)
    deliver(app)
    assert letters(app)[0].state is TransactionalState.FAILED
    assert letters(app)[0].reply.startswith("expired")
    assert caught(catcher) == []


def test_mail_that_was_being_sent_when_serve_died_is_logged_and_not_sent_again(app, catcher):
    sign_up(app)
    asyncio.run(app.ledger.transactional.begin_sending(letters(app)[0]))
    sign_up(app, address="ben@example.org")
    told = deliver(app)
    assert [each["recipient"] for each in catcher.received()] == ["ben@example.org"]
    assert letters(app)[0].state is TransactionalState.UNCERTAIN
    assert any("it is not known whether they arrived" in line for line in told)


def test_links_end_with_the_first_key_and_need_no_retired_one(app, catcher):
    def with_keys(*keys):
        changed = app.settings.model_copy(update={"secret_keys": tuple(map(SecretStr, keys))})
        return App(app.workspace, changed, app.clock)

    old, new = app.settings.secret_keys[0].get_secret_value(), "another key " * 3
    join(app.ledger, "harbour", parse_address(ANA), source="page")
    sign_up(app, "tides")
    request_link_mail(app, parse_address(ANA))
    deliver(app)
    text = "".join(parsed(raw).get_body(("plain",)).get_content() for raw in caught(catcher))
    links = dict(re.findall(rf"{BASE}/(confirm|preferences)/([a-z2-7]{{26}})", text))
    assert read_preferences(app, links["preferences"]).may
    assert read_confirmation(app, links["confirm"])
    for keys in ((new,), (new, old)):
        with with_keys(*keys) as rotated:
            assert read_preferences(rotated, links["preferences"]) is None
            assert read_confirmation(rotated, links["confirm"]) is None


def test_a_retried_mail_has_another_link_and_the_last_one_counts(app, catcher, clock):
    sign_up(app, address="greylist@example.com")
    composed = compose(app, letters(app, "greylist@example.com")[0])
    deliver(app)
    clock.forward(72)
    deliver(app)
    [raw] = caught(catcher)
    [token] = re.findall(rf"{BASE}/confirm/([a-z2-7]{{26}})\b", parsed(raw).get_body(("plain",)).get_content())
    assert read_confirmation(app, token)
    assert app.ledger.transactional.linked(composed.link_digest) is None
    assert app.keys.link_digest(MailedLink.SIGNUP, token) != composed.link_digest


def test_mail_that_cannot_be_composed_delays_no_other(app, catcher, tmp_path):
    sign_up(app, "tides")
    sign_up(app, address="ben@example.org")
    (tmp_path / "subscribers" / "tides.toml").write_text("publik = true")
    told = deliver(app)
    assert [each["recipient"] for each in catcher.received()] == ["ben@example.org"]
    assert any("did you mean “public”" in line for line in told)
    assert letters(app)[0].state is TransactionalState.QUEUED


def test_an_invalid_template_of_the_workspace_is_replaced(app, catcher, tmp_path):
    (tmp_path / "templates" / "letters").mkdir(parents=True)
    (tmp_path / "templates" / "letters" / "confirm.txt.j2").write_text("{{ nothing }}")
    (tmp_path / "templates" / "letters" / "confirm.html.j2").write_text("<p>Our own words: {{ link }}</p>")
    sign_up(app)
    deliver(app)
    plain, html = (part.get_content() for part in parsed(caught(catcher)[0]).iter_parts())
    assert "Someone, probably you" in plain
    assert "Our own words" in html


def test_old_mail_and_unconfirmed_sign_ups_are_purged(app, clock):
    sign_up(app)
    deliver(app)
    clock.forward(31 * 86_400)
    sign_up(app, address="ben@example.org")
    deliver(app)
    assert letters(app) == ()
    assert app.ledger.signups.consents(parse_address(ANA).identity) == ()
