"""POST /feedback/PROVIDER: what is proven is recorded before it is answered, and nothing else suppresses anybody."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mailer.delivery.states import DeliveryState
from mailer.feedback.providers.catalogue import PROVIDERS
from mailer.http_client import HttpRequestError, HttpResponse
from mailer.ledger.types.errors import LedgerError
from mailer.link_tokens import Purpose
from mailer.service.feedback.provider_webhooks import ProviderWebhooks
from mailer.service.feedback.sns_client import PAUSE, SnsClient
from mailer.smtp.reply_parser import Reply
from tests.support import provider_requests as made
from tests.support.ledger_cases import deliver, run, session
from tests.support.provider_requests import (
    ANA,
    CERTIFICATE_URL,
    NOW,
    TOPIC,
    SignedRequest,
    secret_of,
    signed,
    unknown_user,
)
from tests.support.site import site_in, visiting

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reliability.md"
BEN = "ben@example.net"
SES_ID = "0102018f5b7c-mail-000000"
PUBLIC = {"ses", "sendgrid", "postal"}


class Amazon:
    """What SNS answers to us. `asked` are the URLs that we requested."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pem = made.certificate()
        self.status = 200
        self.now = 0.0
        self.is_down = False

    async def get(self, url: str) -> HttpResponse:
        self.asked.append(url)
        if self.is_down:
            raise HttpRequestError("cannot be connected to")
        return HttpResponse(status=self.status, location="", body=self.pem if url.endswith(".pem") else b"<xml/>")


class World:
    """A site with all webhooks set up, and a message that was sent to Ana and Ben."""

    def __init__(self, site: Any, visitor: Any, amazon: Amazon) -> None:
        self.site, self.visitor, self.amazon = site, visitor, amazon
        send = site.send(None, ANA, BEN)
        with session(site.ledger, send) as mine:
            for number in range(2):
                reply = Reply(code=250, text=f"Ok {SES_ID}{number}")
                run(deliver(mine, site.clock(), DeliveryState.ACCEPTED, reply=reply))
        self.ids = {row.email: row.delivery_id for row in site.ledger.report.rows(send.id)}

    def message_id(self, address: str = ANA) -> str:
        return f"<{self.site.app.keys.issue(Purpose.MESSAGE_ID, self.ids[address])}@example.org>"

    def payload(self, provider: str, address: str = ANA, **more: Any) -> Any:
        return unknown_user(provider, address=address, **{"message_id": self.message_id(address), **more})

    def post(self, provider: str, request: SignedRequest, path: str = "", **changes: Any) -> int:
        fields = {"headers": request.headers, "content": request.body, **changes}
        return self.visitor.post(f"/feedback/{provider}{path}", **fields).status_code

    def suppressed(self) -> set[str]:
        return {address for address in (ANA, BEN) if self.site.reason(address)}


@pytest.fixture
def world(tmp_path):
    amazon = Amazon()
    settings = {
        f"feedback_{name}": (secret_of(name),) if name in PUBLIC else (SecretStr(secret_of(name)),)
        for name in PROVIDERS
    }
    with site_in(tmp_path, **settings) as site:
        webhooks = ProviderWebhooks(site.app, SnsClient(amazon.get, lambda: amazon.now))
        with visiting(site, webhooks=webhooks) as visitor:
            yield World(site, visitor, amazon)


def test_each_provider_suppresses_a_missing_mailbox_once_and_only_that(world):
    for number, provider in enumerate(PROVIDERS, start=1):
        request = signed(provider, world.payload(provider, number=number), number=number)
        assert (provider, world.post(provider, request)) == (provider, 200)
        assert (provider, world.post(provider, request)) == (provider, 200)  # the provider repeats it
    assert world.suppressed() == {ANA}
    entries = world.site.ledger.feedback.of(ANA)
    assert sorted(entry.source for entry in entries) == sorted(PROVIDERS)
    assert {entry.proof.value for entry in entries} == {"provider"}
    assert {each.source: each.recorded for each in world.site.ledger.feedback.sources()} == dict.fromkeys(PROVIDERS, 1)


def forge(provider: str, request: SignedRequest) -> dict[str, list[SignedRequest]]:
    """Requests of somebody who knows everything but the key, and has perhaps seen a request, by attack."""
    other = next(name for name in PROVIDERS if name != provider and PROVIDERS[name].is_signed)
    json_type, form_type = {"Content-Type": "application/json"}, {"Content-Type": "application/x-www-form-urlencoded"}
    is_signed = PROVIDERS[provider].is_signed
    proof = {name: value for name, value in request.headers.items() if name != "Content-Type"}
    unsigned = request.body.replace(b'"signature"', b'"s"').replace(b'"Signature"', b'"S"')
    broken = request.body.replace(b'ignature": "', b'ignature": "0')
    changed = request.body.replace(ANA.encode(), BEN.encode())
    own_body = is_signed and provider != "mailgun"  # the signature of Mailgun does not cover the body: see below

    def each(body: bytes, *headers: dict[str, str]) -> list[SignedRequest]:
        return [SignedRequest(one, body, ()) for one in headers]

    return {
        "unsigned": each(
            unsigned, {}, json_type, form_type, {"Authorization": "Basic Og=="}, {"Authorization": "Bearer "}
        ),
        "signed with another key": [
            *each(broken, {name: f"{value[:-6]}AAAAA=" for name, value in proof.items()}),
            *each(broken, {name: value.swapcase() for name, value in proof.items()}),
            *each(unsigned, dict(signed(other, {}).headers)),
        ],
        "changed": [
            *(each(changed, dict(request.headers)) if own_body else []),
            *(each(request.body + b" ", dict(request.headers)) if own_body and provider != "ses" else []),
            *each(changed.replace(b'"token": "', b'"token": "0').replace(b'ignature": "', b'ignature": "0'), json_type),
        ],
        "oversized": each(request.body + b" " * PROVIDERS[provider].largest, dict(request.headers)),
        "malformed": [
            attempt
            for body in (
                b"",
                b"\xff\x00",
                b"null",
                b"[" * 200_000,
                b'{"signature":' * 30_000,
                b"event=bounce&email=" + ANA.encode(),
            )
            for attempt in each(body, json_type)
        ],
    }


ATTACKS = {
    "unsigned": "requests to the webhooks of providers: unsigned, or without a password",
    "signed with another key": "… signed with another key, or with a wrong password",
    "changed": "… of a provider, and changed",
    "oversized": "… oversized",
    "malformed": "… malformed or deeply nested",
}


def number_in_the_page(attack: str) -> int:
    [row] = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {attack} |")]
    return int(row.removeprefix(f"| {attack} |").split("|")[0])


def test_a_forged_request_gets_401_or_413_and_suppresses_nobody(world):
    before, tried = world.site.contents(), Counter()
    for provider in PROVIDERS:
        for attack, requests in forge(provider, signed(provider, world.payload(provider))).items():
            for request in requests:
                tried[attack] += 1
                status = world.post(provider, request)
                assert (provider, attack, status) == (provider, attack, 413 if attack == "oversized" else 401), request
    assert world.site.contents() == before
    assert {attack: number_in_the_page(words) for attack, words in ATTACKS.items()} == tried


def test_a_token_of_mailgun_is_refused_with_another_body(world):
    request = signed("mailgun", world.payload("mailgun"))
    stolen = SignedRequest(request.headers, request.body.replace(ANA.encode(), BEN.encode()), ())
    assert world.post("mailgun", request) == 200
    assert world.post("mailgun", stolen) == 401
    assert world.post("mailgun", request) == 200
    harmless = signed("mailgun", {"event": "delivered", "recipient": ANA}, number=2)
    proof = json.loads(harmless.body)["signature"]
    complaint = {"event": "complained", "recipient": BEN, "message": {"headers": {"message-id": world.message_id(BEN)}}}
    forged = SignedRequest(harmless.headers, json.dumps({"signature": proof, "event-data": complaint}).encode(), ())
    assert (world.post("mailgun", harmless), world.post("mailgun", forged)) == (200, 401)
    world.site.clock.forward(90_000)
    assert (world.post("mailgun", forged), world.post("mailgun", request)) == (401, 401)
    assert world.suppressed() == {ANA}
    assert number_in_the_page("… of Mailgun: a token seen with another body, or an old one") == 4


def test_a_password_is_accepted_in_the_path_and_a_wrong_one_is_told_by_401(world):
    for number, provider in enumerate(("postmark", "brevo", "mailjet", "sparkpost")):
        request = signed(provider, world.payload(provider))
        answer = world.visitor.post(f"/feedback/{provider}/{'x' * 30}", content=request.body)
        assert (answer.status_code, answer.headers["www-authenticate"].split()[0]) == (401, "Basic")
        assert len(world.site.ledger.feedback.of(ANA)) == number
        assert world.post(provider, request, f"/{secret_of(provider)}", headers={}) == 200
    assert world.suppressed() == {ANA}


def test_the_content_type_means_nothing(world):
    request = signed("ses", made.envelope(world.payload("ses")))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert world.post("ses", request, headers={"Content-Type": kind}) == 200
    assert world.suppressed() == {ANA}


def test_what_means_nothing_is_counted_and_answered_with_200(world):
    nothing = {"mailgun": {"event": "new kind"}, "ses": {"eventType": "New kind"}, "sparkpost": [{"msys": {}}]}
    for provider in PROVIDERS:
        for number in range(2):
            request = signed(provider, nothing.get(provider, {"event": "new kind"}), number=number)
            assert (provider, world.post(provider, request)) == (provider, 200)
    sources = {
        each.source: (each.last_at, each.recorded, each.unknown) for each in world.site.ledger.feedback.sources()
    }
    assert sources == {**dict.fromkeys(PROVIDERS, (NOW, 0, 2)), "sparkpost": (NOW, 0, 0)}  # a ping is no event
    assert world.suppressed() == set()


def test_a_proven_request_that_cannot_be_read_comes_again_and_is_counted(world, caplog):
    """One without a password: a signature covers the bytes, so that what changes them on the way makes it unproven."""
    no_objects = {provider: [7] for provider in ("sendgrid", "postal", "resend")}
    for provider, payload in no_objects.items():
        assert (provider, world.post(provider, signed(provider, payload))) == (provider, 503)
    for provider in ("postmark", "brevo", "mailjet", "sparkpost"):
        request = signed(provider, world.payload(provider))
        busy = PROVIDERS[provider].busy
        for body in (gzip.compress(request.body), request.body[:-3], b"", b"event=bounce", b"[" * 200_000):
            changed = SignedRequest({**request.headers, "Content-Encoding": "gzip"}, body, ())
            assert (provider, body[:20], world.post(provider, changed)) == (provider, body[:20], busy)
        oversized = SignedRequest(request.headers, b" " * (PROVIDERS[provider].largest + 1), ())
        assert (provider, world.post(provider, oversized)) == (provider, 413)
        assert world.post(provider, request) == 200
    counts = {each.source: (each.recorded, each.unreadable) for each in world.site.ledger.feedback.sources()}
    assert counts == {
        **dict.fromkeys(("postmark", "brevo", "mailjet", "sparkpost"), (1, 5)),
        **dict.fromkeys(no_objects, (0, 1)),
    }
    assert "the body is no JSON" in caplog.text
    assert "/feedback/brevo is longer than 524,288 octets" in caplog.text


def test_an_ses_message_is_found_by_the_id_in_its_reply_and_one_not_yet_known_comes_again(world):
    def bounce(ses_id: str, number: int, at: float = NOW) -> SignedRequest:
        payload = world.payload("ses", number=number, at=at)
        payload["mail"] = {"messageId": ses_id, "destination": [ANA]}
        return signed("ses", payload, number=number, now=world.site.clock())

    assert world.post("ses", bounce("0102-not-yet-known", 1)) == 503
    assert world.site.ledger.feedback.of(ANA) == ()
    assert world.post("ses", bounce(f"{SES_ID}0", 2)) == 200
    assert world.suppressed() == {ANA}
    world.site.clock.forward(7200)
    assert world.post("ses", bounce("0102-not-yet-known", 3, at=NOW)) == 200  # of another program; shown to a person
    assert len(world.site.ledger.feedback.page(waiting=True)) == 1


def test_an_event_of_a_provider_about_another_address_than_that_of_the_message_waits_for_a_person(world):
    for provider in PROVIDERS:
        payload = unknown_user(provider, address=BEN, message_id=world.message_id(ANA))
        assert world.post(provider, signed(provider, payload)) == 200
    assert world.suppressed() == set()
    assert len(world.site.ledger.feedback.page(waiting=True)) == len(PROVIDERS)
    assert number_in_the_page("an event of a provider about another address than that of the message") == len(PROVIDERS)


def test_events_in_one_request_are_recorded_in_any_order_and_each_once(world):
    [one], [two] = (world.payload("sendgrid", address, number=number) for number, address in ((1, ANA), (2, BEN)))
    complaint = {**two, "event": "spamreport", "sg_event_id": "e-3"}
    assert world.post("sendgrid", signed("sendgrid", [complaint, one, two, one, {"event": "open"}])) == 200
    assert world.post("sendgrid", signed("sendgrid", [two, one, complaint])) == 200
    assert (world.site.reason(ANA), world.site.reason(BEN)) == ("bounced", "complained")
    assert (len(world.site.ledger.feedback.of(ANA)), len(world.site.ledger.feedback.of(BEN))) == (1, 2)


def test_without_a_commit_the_answer_makes_the_provider_repeat(world, monkeypatch):
    def lost(*_args: Any, **_more: Any) -> Any:
        raise LedgerError("The database is gone.", "Look for it.")

    for cause in (lost, None):  # the database, and a bug
        with monkeypatch.context() as patch:
            patch.setattr("mailer.service.feedback.provider_webhooks.submit_events", cause)
            statuses = {name: world.post(name, signed(name, world.payload(name))) for name in PROVIDERS}
        assert statuses == {**dict.fromkeys(PROVIDERS, 503), "brevo": 429}
    assert world.site.ledger.feedback.of(ANA) == ()
    assert {world.post(name, signed(name, world.payload(name))) for name in PROVIDERS} == {200}
    assert len(world.site.ledger.feedback.of(ANA)) == len(PROVIDERS)


def test_a_subscription_is_confirmed_for_our_topic_only_and_its_certificate_is_kept(world, caplog):
    assert world.post("ses", signed("ses", made.confirmation(Type="UnsubscribeConfirmation"))) == 200
    assert "SNS has ended the subscription" in caplog.text
    assert world.amazon.asked == [CERTIFICATE_URL]
    del world.amazon.asked[:]
    world.amazon.now = 10 * PAUSE
    assert world.post("ses", signed("ses", made.confirmation())) == 200
    query = f"Action=ConfirmSubscription&TopicArn={TOPIC.replace(':', '%3A')}&Token=a-token"
    assert world.amazon.asked == [f"https://sns.eu-west-1.amazonaws.com/?{query}"]
    del world.amazon.asked[:]
    for refused in (
        made.confirmation(TopicArn="arn:aws:sns:eu-west-1:999999999999:bounces"),
        {**made.confirmation(), "Token": "another"},
        {**made.confirmation(), "SigningCertURL": "https://evil.example/SimpleNotificationService-0.pem"},
    ):
        assert world.post("ses", signed("ses", refused)) == 401
    assert world.post("ses", signed("ses", made.confirmation(SubscribeURL="https://evil.example/"))) == 200
    assert world.amazon.asked == []
    world.amazon.status = 500
    assert world.post("ses", signed("ses", made.confirmation())) == 503  # SNS sends it again


def test_certificates_that_cannot_be_had_are_not_asked_for_at_every_request(world):
    world.amazon.is_down = True
    request = signed("ses", made.envelope(world.payload("ses")))
    assert [world.post("ses", request) for _ in range(5)] == [503] * 5
    assert len(world.amazon.asked) == 1
    world.amazon.is_down, world.amazon.now = False, PAUSE
    assert world.post("ses", request) == 200
    assert world.suppressed() == {ANA}


def test_providers_that_are_not_set_up_and_other_methods_find_nothing(tmp_path):
    with site_in(tmp_path, feedback_brevo=(SecretStr(secret_of("brevo")),)) as site, visiting(site) as visitor:
        statuses = {
            name: visitor.post(f"/feedback/{name}", content=b"{}").status_code for name in [*PROVIDERS, "x", ""]
        }
        assert statuses == {**dict.fromkeys([*PROVIDERS, "x", ""], 404), "brevo": 401}
        assert visitor.get("/feedback/brevo").status_code == 405
