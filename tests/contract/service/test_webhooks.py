"""Webhooks as their receivers see them: signed, retried, never sent to forbidden addresses; on every database."""

import asyncio
import json
import signal
import ssl
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from mailer.app import App
from mailer.errors import SettingsError, UsageError
from mailer.http_client import BODY_LIMIT, ClientOptions, HttpResult, post
from mailer.ledger.types.webhooks import WebhookEvent, WebhookState
from mailer.ledger.webhooks.outbox import WebhookMessage
from mailer.service.webhooks import delivery, delivery_job, manage
from mailer.service.webhooks.delivery import RETRY, client_options, decide_retry
from mailer.service.webhooks.delivery_job import notify_webhooks
from mailer.service.webhooks.manage import read_url
from tests.support.certificates import Authority
from tests.support.deskpages import At, signed_in
from tests.support.patience import until
from tests.support.receiver import receiving
from tests.support.site import site_in, visiting
from tests.support.workspaces import KEY, make_workspace

HERE = (ip_network("127.0.0.0/8"),)
ANA = "ana@example.com"
DAY = 86_400


@pytest.fixture
def site(tmp_path, database_url):
    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    with site_in(tmp_path, database_url=SecretStr(url), webhook_networks=HERE) as made:
        made.clock.now = datetime.now(UTC).timestamp()  # verifiers look at theirs
        yield made


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


@contextmanager
def serving(site, *, options=None):
    """What `serve` does for webhooks, in this thread's spare time: `go()` runs it until something holds."""
    said = []

    async def work(holds):
        stop = asyncio.Event()
        task = asyncio.create_task(notify_webhooks(site.app, stop, said.append, options=options))
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.sleep(0.01)
        stop.set()
        await task

    def go(holds):
        asyncio.run(work(holds))
        return said

    yield go


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(delivery_job, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(delivery_job, "REST", 0.001)


def leave(site, who=ANA):
    site.ledger.suppressions.unsubscribe(who, source="page")


def log(site, webhook):
    return site.ledger.outbox.log(webhook.id)


def verified(secret, received):
    return Verifier(secret).verify(received.body, received.headers)


def test_events_are_delivered_and_an_independent_implementation_verifies_them(site, receiver):
    webhook, secret = manage.add_webhook(site.app, receiver.url, ["unsubscribed"])
    leave(site)
    with serving(site) as go:
        go(lambda: log(site, webhook)[0].state is WebhookState.DELIVERED)
    (received,) = receiver.requests
    at = datetime.fromtimestamp(site.clock.now, UTC)
    told = verified(secret, received)
    assert (told["type"], told["data"]) == ("unsubscribed", {"email": ANA, "list": None})
    assert abs(datetime.fromisoformat(told["timestamp"]) - at).total_seconds() < 1
    assert received.headers["content-type"] == "application/json"
    (attempt,) = log(site, webhook)[0].log
    assert (attempt.status, attempt.answer, 0 <= attempt.seconds < 5) == (200, "thank you", True)
    for forged in (
        replace(received, body=received.body.replace(b"ana", b"bob")),
        replace(received, headers={**received.headers, "webhook-id": "msg_other"}),
    ):
        with pytest.raises(WebhookVerificationError):
            verified(secret, forged)


def test_a_failed_message_is_retried_with_its_id_and_delays_no_other_webhook(site, receiver):
    receiver.answers = [503, (302, {"Location": "/hooks"}), 200]
    webhook, _ = manage.add_webhook(site.app, receiver.url, ["unsubscribed"])
    with receiving() as other, serving(site) as go:
        second, _ = manage.add_webhook(site.app, other.url, ["unsubscribed"])
        leave(site)
        for count in (1, 2, 3):
            go(lambda count=count: len(log(site, webhook)[0].log) == count)
            site.clock.forward(DAY / 24)
        assert log(site, second)[0].state is WebhookState.DELIVERED
    assert {each.headers["webhook-id"] for each in receiver.requests} == {receiver.requests[0].headers["webhook-id"]}
    assert len({each.body for each in receiver.requests}) == 1
    assert [each.path for each in receiver.requests] == ["/hooks"] * 3
    message = log(site, webhook)[0]
    assert [delivery.describe_attempt(each) for each in message.log] == [
        "answered 503",
        "answered 302; redirects are not followed",
        "answered 200",
    ]
    assert message.state is WebhookState.DELIVERED


def test_somebody_who_is_erased_during_a_delivery_is_no_longer_reported(site, receiver):
    receiver.may_answer.clear()
    webhook, _ = manage.add_webhook(site.app, receiver.url, ["unsubscribed"])
    for who in (ANA, "ben@example.net", "cleo@example.org"):
        leave(site, who)

    def erased():
        if receiver.requests and not receiver.may_answer.is_set():
            site.ledger.erasure.erase("ben@example.net", source="page")
            receiver.may_answer.set()
        return all(each.state is WebhookState.DELIVERED for each in log(site, webhook))

    with serving(site) as go:
        go(erased)
    assert [json.loads(each.body)["data"]["email"] for each in receiver.requests] == [ANA, "cleo@example.org"]


def test_after_a_day_a_message_is_given_up_logged_and_can_be_sent_again(site, receiver):
    receiver.answers = [500]
    webhook, _ = manage.add_webhook(site.app, receiver.url, ["unsubscribed"])
    leave(site)
    with serving(site) as go:
        while log(site, webhook)[0].state is WebhookState.WAITING:
            before = len(receiver.requests)
            said = go(lambda before=before: len(log(site, webhook)[0].log) > before)
            site.clock.now = max(site.clock.now, log(site, webhook)[0].next_at)
        message = log(site, webhook)[0]
        assert message.state is WebhookState.GIVEN_UP
        assert 0.9 * DAY <= message.log[-1].at - message.log[0].at <= DAY
        assert 6 <= len(message.log) <= 12
        assert [line for line in said if "given up" in line] == [
            f"webhook {webhook.id} (127.0.0.1): unsubscribed of message {message.id} is given up: answered 500"
        ]
        receiver.answers = [200]
        site.ledger.outbox.redeliver(webhook.id, message.id)
        go(lambda: log(site, webhook)[0].state is WebhookState.DELIVERED)
    with pytest.raises(UsageError):
        site.ledger.outbox.redeliver(webhook.id + 1, message.id)


def test_a_webhook_that_answers_410_is_paused_and_logged(site, receiver):
    receiver.answers = [410]
    webhook, _ = manage.add_webhook(site.app, receiver.url, ["unsubscribed"])
    leave(site)
    with serving(site) as go:
        said = go(lambda: site.ledger.webhooks.get(webhook.id).paused_at is not None)
    assert "the webhook is paused" in said[0]
    assert log(site, webhook)[0].state is WebhookState.WAITING


def test_during_a_rotation_both_secrets_sign_then_only_the_new_one(site, receiver):
    webhook, old = manage.add_webhook(site.app, receiver.url, ["unsubscribed"])
    _, new = manage.rotate_secret(site.app, webhook.id)
    assert manage.send_test(site.app, webhook.id).state is WebhookState.DELIVERED
    assert old != new
    for secret in (old, new):
        assert verified(secret, receiver.requests[0])["type"] == "test"
    site.clock.forward(manage.OVERLAP)
    manage.send_test(site.app, webhook.id)
    assert receiver.requests[1].headers["webhook-signature"].count("v1,") == 1
    everything = repr(site.contents())
    assert not any(secret.removeprefix("whsec_") in everything for secret in (old, new))


def test_the_key_that_a_secret_is_derived_from_must_stay(site, receiver):
    manage.add_webhook(site.app, receiver.url, ["unsubscribed"])
    others = site.app.settings.model_copy(update={"secret_keys": (SecretStr("another key, as long as one has to be"),)})
    with (
        App(site.app.workspace, others) as later,
        pytest.raises(SettingsError, match="which the secrets of webhooks need"),
    ):
        _ = later.ledger


def asked(url, *, networks=HERE, body=b"{}", **options):
    options.setdefault("trust", ssl.create_default_context())
    return asyncio.run(post(url, {}, body, ClientOptions(networks=networks, **options)))


def resolving(*answers):
    """A resolver whose answer changes from time to time."""
    asked_for, left = [], list(answers)

    async def resolve(host, port):
        asked_for.append(host)
        return left.pop(0) if len(left) > 1 else left[0]

    resolve.asked_for = asked_for
    return resolve


INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_a_host_name_with_a_private_address_is_not_connected_to(address, receiver):
    answer = asked(f"https://hooks.example.org:{receiver.port}/", networks=(), resolve=resolving([address]))
    assert (answer.status, answer.error) == (None, f"leads to {address}, which is no public address")


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "017700000001", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_loopback_is_recognised_in_every_notation(host, receiver):
    answer = asked(f"https://{host}:{receiver.port}/", networks=())
    assert answer.status is None
    assert "which is no public address" in answer.error or "cannot be looked up" in answer.error
    assert receiver.requests == []


def test_the_connection_goes_to_the_address_that_was_checked(receiver):
    rebinding = resolving(["10.9.9.9", "127.0.0.1"], ["10.9.9.9"])
    answer = asked(f"http://hooks.example.org:{receiver.port}/", resolve=rebinding)
    assert (answer.status, rebinding.asked_for) == (200, ["hooks.example.org"])
    assert receiver.requests[0].headers["host"] == f"hooks.example.org:{receiver.port}"


def test_unencrypted_requests_stay_within_the_configured_networks(receiver):
    answer = asked("http://hooks.example.org/", resolve=resolving(["93.184.215.14"]))
    assert answer.error == "leads to 93.184.215.14, where only https:// may go"


@pytest.mark.parametrize(("name", "days", "wanted"), [
    ("hooks.example.org", 1, ""), ("other.example.org", 1, "has no valid certificate"), ("hooks.example.org", -1, "has no valid certificate"),
])  # fmt: skip
def test_tls_verifies_the_host_name(tmp_path, name, days, wanted):
    authority = Authority.make()
    with receiving(authority.server(tmp_path, host=name, days=days)) as receiver:
        answer = asked(
            f"https://hooks.example.org:{receiver.port}/", resolve=resolving(["127.0.0.1"]), trust=authority.trust()
        )
        assert (answer.status, len(receiver.requests)) == ((None, 0) if wanted else (200, 1))
        assert answer.error.startswith(wanted)


def test_a_request_has_a_time_limit_and_the_answer_a_size_limit(receiver):
    receiver.text = b"\x1b[2J" + "ä".encode() * 5_000_000
    answer = asked(receiver.url)
    assert answer.text.startswith("[2Jää")
    assert len(answer.text) <= BODY_LIMIT
    receiver.may_answer.clear()
    slow = asked(receiver.url, time_limit=0.2)
    assert slow.error == "did not answer within 0.2 s"
    assert asked("http://127.0.0.1:1/").error == "cannot be connected to"


@pytest.mark.parametrize("typed", [
    "", "example.org", "ftp://example.org/", "https://", "https://user:pass@example.org/", "https://user@example.org/",
    "https://example.org/#top", "https://example.org:99999/", "javascript:alert(1)", "http://example.org/",
    "https://10.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", f"https://example.org/{'a' * 2000}",
])  # fmt: skip
def test_a_forbidden_url_is_refused_at_once(tmp_path, typed):
    with site_in(tmp_path) as site, pytest.raises(UsageError):
        read_url(site.app, typed)


def test_a_url_is_converted_to_ascii(tmp_path):
    with site_in(tmp_path, webhook_networks=HERE) as site:
        assert (
            read_url(site.app, " https://bücher.example/häfen?a=1 ") == "https://xn--bcher-kva.example/h%C3%A4fen?a=1"
        )
        assert read_url(site.app, "http://127.0.0.1:9/x") == "http://127.0.0.1:9/x"
        with pytest.raises(UsageError):
            read_url(site.app, "http://10.0.0.1/")


def waiting(attempts=0, first_at=None, event=WebhookEvent.BOUNCED):
    return WebhookMessage(
        id=1, webhook_id=1, event=event, data="{}", at=0.0, state=WebhookState.WAITING, attempts=attempts,
        first_at=first_at, next_at=0.0, settled_at=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "message", "now", "state", "next_at", "paused"),
    [
        (204, waiting(), 50.0, WebhookState.DELIVERED, 0.0, False),
        (500, waiting(), 50.0, WebhookState.WAITING, 55.0, False),
        (None, waiting(1, 50.0), 56.0, WebhookState.WAITING, 116.0, False),
        (404, waiting(8, 50.0), 50.0 + DAY - 1, WebhookState.WAITING, 50.0 + DAY, False),
        (404, waiting(9, 50.0), 50.0 + DAY, WebhookState.GIVEN_UP, 0.0, False),
        (410, waiting(), 50.0, WebhookState.WAITING, 55.0, True),
        (500, waiting(event=WebhookEvent.TEST), 50.0, WebhookState.GIVEN_UP, 0.0, False),
    ],
)
def test_the_state_of_a_message_follows_from_the_answer(status, message, now, state, next_at, paused):
    assert RETRY.lifetime == DAY
    decision = decide_retry(HttpResult(status=status, seconds=0.1), message, now=now, chance=0.5)
    assert (decision.state, decision.next_at, bool(decision.pause)) == (state, next_at, paused)


def test_an_event_committed_before_a_crash_is_delivered_by_the_next_serve(here, programs, receiver):
    make_workspace(here.folder, WEBHOOK_NETWORKS="127.0.0.1")
    secret = here("webhook", "add", receiver.url, "--event", "unsubscribed").out.strip()
    here("subscriber", "unsubscribe", ANA)  # no serve is there: it waits
    receiver.may_answer.clear()
    for request in (1, 2):
        process = programs.start(here.folder, "serve", "--port", "0")
        try:
            until(lambda request=request: len(receiver.requests) == request)
            if request == 2:
                receiver.may_answer.set()
                until(lambda: here("webhook", "log", "1").out.count("delivered"))
        finally:
            process.send_signal(signal.SIGKILL if request == 1 else signal.SIGTERM)
            process.wait()
    first, second = receiver.requests
    assert verified(secret, first) == verified(secret, second)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_webhooks_are_managed_from_the_command_line(here, receiver):
    make_workspace(here.folder, ledger=False, WEBHOOK_NETWORKS="127.0.0.1")
    assert "There are no webhooks." in here("webhook", "list").err
    added = here("webhook", "add", receiver.url)
    assert added.out.startswith("whsec_")
    assert here("webhook", "list").out.startswith(
        f"  1  {receiver.url}  send.finished, send.paused, send.overdue, subscribed, unsubscribed, bounced, "
        "message.bounced, message.complained\n"
    )
    assert here("webhook", "test", "1").code == 0
    receiver.answers = [404]
    failed = here("webhook", "test", "1")
    assert (failed.code, failed.out.startswith("Webhook 1: answered 404: thank you (")) == (1, True)
    assert here("webhook", "rotate", "1").out.startswith("whsec_")
    shown = here("webhook", "log", "1")
    assert [line.split()[2:] for line in shown.out.splitlines() if "test" in line] == [
        ["test", "given", "up"],
        ["test", "delivered"],
    ]
    assert "when mailer serve runs" in here("webhook", "again", "1", "1").out
    here("webhook", "pause", "1")
    assert "paused; 1 waiting" in here("webhook", "list").out
    assert here("webhook", "resume", "1").code == here("webhook", "remove", "1").code == 0
    gone = here("webhook", "log", "1")
    assert (gone.code, "There is no webhook 1." in gone.err) == (2, True)
    assert "MAILER_WEBHOOK_NETWORKS" in here("webhook", "add", "http://10.0.0.1/").err


def test_webhooks_are_managed_at_the_desk(site, receiver):
    with visiting(site) as visitor:
        desk = At(visitor, signed_in(site, "admin"))
        here = "/desk/settings/webhooks"
        refused = desk.post(here, {"url": "https://10.0.0.1/x", "event": ["bounced"]})
        assert (refused.status_code, "is not a public address" in refused.text) == (422, True)
        assert "MAILER_" not in refused.text
        assert 'value="https://10.0.0.1/x"' in refused.text and refused.text.count(" checked") == 1
        assert desk.post(here, {"url": receiver.url}).status_code == 422
        added = desk.follow(desk.post(here, {"url": receiver.url, "event": ["bounced", "unsubscribed"]}))
        secret = added.text.partition('value="whsec_')[2].partition('"')[0]
        assert len(secret) > 40
        (webhook,) = site.ledger.webhooks.all()
        one = f"{here}/{webhook.id}"
        assert secret not in desk.get(one).text + desk.get(here).text
        assert "bounced, unsubscribed" not in desk.get(here).text and "unsubscribed, bounced" in desk.get(here).text
        receiver.text = b"<script>alert(1)</script>"
        assert desk.post(f"{one}/test").status_code == 303
        assert "&lt;script&gt;" in desk.get(one).text and "<script>alert" not in desk.get(one).text
        leave(site)
        message = log(site, webhook)[0]
        assert desk.post(f"{one}/messages/{message.id}/again").status_code == 303
        assert desk.post(f"{one}/messages/{message.id + 9}/again").status_code == 422
        assert "whsec_" in desk.follow(desk.post(f"{one}/rotate")).text
        assert "stays valid until" in desk.get(one).text
        desk.post(f"{one}/pause")
        assert "Paused" in desk.get(one).text and "1 waiting" in desk.get(here).text
        desk.post(f"{one}/resume")
        assert desk.post(f"{one}/remove").status_code == 303
        assert desk.get(one).status_code == 404
        assert "No webhooks yet." in desk.get(here).text
        done = [each.action for each in site.ledger.audit.entries()]
    assert done == [f"webhook.{verb}" for verb in ("remove", "resume", "pause", "rotate", "again", "test", "add")]


def test_a_message_is_json_with_three_keys(site):
    message = replace(waiting(), data='{"email":"josé@example.org","send":3}')
    body = json.loads(delivery.message_body(message))
    assert list(body) == ["type", "timestamp", "data"]
    assert body["data"] == {"email": "josé@example.org", "send": 3}
    assert client_options(site.app).networks == HERE
    assert KEY not in delivery.message_body(message).decode()
