"""The events that webhooks are notified of, on every database."""

import json
from dataclasses import replace

import pytest

from mailer.addresses import parse_address
from mailer.delivery.states import DeliveryState, SendKind
from mailer.ledger.subscribers.signups import Signup
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.webhooks import EVENTS, WebhookEvent, WebhookState
from mailer.ledger.webhooks.outbox import WebhookAttempt
from mailer.ledger.webhooks.webhooks import UnknownWebhookError
from tests.support.ledger_cases import deliver, mailed_page, new_send, readers, run, session

ANA, BEN = parse_address("Ana.Reis@example.com"), parse_address("ben@example.net")
KEY_NAME = "key-1"


def hook(ledger, *events):
    return ledger.webhooks.add("https://example.org/hook", events or EVENTS, key_name=KEY_NAME)


def told(ledger, webhook):
    return [(each.event.value, json.loads(each.data)) for each in reversed(ledger.outbox.log(webhook.id))]


def confirm(ledger, *lists, address=ANA):
    for name in lists:
        ledger.signups.request_signup(Signup(list=name, address=address, form="page", words="Yes"))
    mail = ledger.transactional.of(address.identity)[-1]
    ledger.signups.confirm(mail.id, {name: {} for name in lists}, source="page", welcomes={})


def leave(ledger):
    return ledger.suppressions.unsubscribe(ANA.identity, source="one-click")


def choose(ledger, on=(), off=()):
    ledger.preferences.set_lists(ANA, {name: {} for name in on}, off, words="Yes", source="page")


def move(ledger):
    ledger.address_changes.request(mailed_page(ledger, ANA), BEN)
    ledger.address_changes.confirm(ledger.transactional.of(BEN.identity)[-1].id, source="page")


def of_ana(event, **data):
    return event, {"email": "ana.reis@example.com", **data}


JOINED = of_ana("subscribed", list="harbour")
LEFT_ALL = of_ana("unsubscribed", list=None)
CASES = {
    "who confirms, however often": ([lambda it: confirm(it, "harbour"), lambda it: confirm(it, "harbour")], [JOINED]),
    "who only asks": ([lambda it: it.signups.request_signup(Signup(list="x", address=ANA, form="page", words=""))], []),
    "who leaves, however often": ([leave, leave], [LEFT_ALL]),
    "who takes it back": (
        [leave, lambda it: it.suppressions.undo(ANA.identity, source="page")],
        [LEFT_ALL, of_ana("subscribed", list=None)],
    ),
    "who comes back for one list": (
        [lambda it: confirm(it, "harbour", "tides"), leave, lambda it: choose(it, on=["tides"])],
        [JOINED, of_ana("subscribed", list="tides"), LEFT_ALL, of_ana("subscribed", list="tides")],
    ),
    "who chooses among lists": (
        [lambda it: confirm(it, "harbour"), lambda it: choose(it, on=["tides", "harbour"]), lambda it: choose(it, off=["harbour"])],
        [JOINED, of_ana("subscribed", list="tides"), of_ana("unsubscribed", list="harbour")],
    ),
    "who pauses and goes on": (
        [
            lambda it: confirm(it, "harbour"),
            lambda it: it.preferences.pause(ANA.identity, 2e9, source="page"),
            lambda it: it.preferences.resume(ANA.identity, source="page"),
        ],
        [JOINED],
    ),
    "who moves": (
        [lambda it: confirm(it, "harbour"), move],
        [JOINED, ("subscribed", {"email": "ben@example.net", "list": "harbour"}), of_ana("unsubscribed", list="harbour")],
    ),
    "who complains": (
        [lambda it: it.suppressions.suppress(ANA.identity, SuppressionReason.COMPLAINED, source="report")],
        [LEFT_ALL],
    ),
    "who is suppressed by hand, and let go": (
        [
            lambda it: it.suppressions.suppress(ANA.identity, SuppressionReason.BY_HAND, source="command"),
            lambda it: it.suppressions.unsuppress(ANA.identity, source="command"),
        ],
        [],
    ),
    "who is erased": (
        [lambda it: confirm(it, "harbour"), leave, lambda it: it.erasure.erase(ANA.identity, source="page"), leave],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("steps", "wanted"), CASES.values(), ids=CASES)
def test_subscriber_events_are_reported_once(ledger, steps, wanted):
    webhook = hook(ledger)
    for step in steps:
        step(ledger)
    assert told(ledger, webhook) == wanted


def send_to_two(ledger, **kind):
    """One takes it, the other is dead; finished."""
    send = ledger.creator.create(new_send(**kind), readers(2))
    now = ledger.context.clock()
    with session(ledger, send) as mine:
        run(deliver(mine, now))
        run(deliver(mine, now, DeliveryState.FAILED, suppress=True))
        run(mine.status())
    return send


def test_a_send_tells_whose_address_is_dead_and_how_it_ended(ledger):
    webhook = hook(ledger)
    send = send_to_two(ledger)
    assert told(ledger, webhook) == [
        ("bounced", {"email": "reader1@example.net", "send": send.id}),
        (
            "send.finished",
            {
                "send": send.id,
                "slug": "quay",
                "edition": "digest-quay",
                "frozen": 2,
                "accepted": 1,
                "failed": 1,
                "skipped": 0,
                "uncertain": 0,
            },
        ),
    ]


def test_addresses_refused_like_all_others_are_reported_as_subscribed_again(ledger):
    webhook = hook(ledger)
    send = ledger.creator.create(new_send(), readers(2))
    with session(ledger, send) as mine:
        run(deliver(mine, ledger.context.clock(), DeliveryState.FAILED, suppress=True, limit=2))
        ledger.suppressions.unsubscribe("reader1@example.net", source="page")
        failed = [row.delivery_id for row in ledger.report.rows(send.id, DeliveryState.FAILED)]
        run(mine.trip_breaker("refused like all others", failed))
    assert told(ledger, webhook)[2:] == [
        ("unsubscribed", {"email": "reader1@example.net", "list": None}),
        (
            "send.paused",
            {"send": send.id, "slug": "quay", "edition": "digest-quay", "reason": "refused like all others"},
        ),
        ("subscribed", {"email": "reader0@example.net", "list": None}),
    ]


def test_a_send_that_waits_for_a_person_tells_why(ledger, clock):
    webhook = hook(ledger, WebhookEvent.SEND_PAUSED, WebhookEvent.SEND_OVERDUE)
    paused = ledger.creator.create(new_send(), readers(2))
    ledger.sends.pause(paused.id, reason="paused by hand")
    ledger.sends.pause(paused.id, reason="and again")
    late = ledger.creator.create(replace(new_send(slug="late"), scheduled_at=clock.now + 10))
    clock.forward(100)
    assert ledger.sends.due(grace=5) == ()
    assert told(ledger, webhook) == [
        ("send.paused", {"send": paused.id, "slug": "quay", "edition": "digest-quay", "reason": "paused by hand"}),
        ("send.overdue", {"send": late.id, "slug": "late", "edition": "digest-late", "reason": ""}),
    ]


def test_the_end_of_tests_and_welcomes_is_not_reported(ledger):
    webhook = hook(ledger, WebhookEvent.SEND_FINISHED)
    send_to_two(ledger, kind=SendKind.TEST, lists=())
    assert told(ledger, webhook) == []


def test_each_webhook_gets_its_events_also_while_paused_and_none_without_a_webhook(ledger):
    leave(ledger)
    bounces, all_of_it = hook(ledger, WebhookEvent.BOUNCED), hook(ledger)
    ledger.webhooks.pause(all_of_it.id)
    ledger.suppressions.undo(ANA.identity, source="page")
    assert told(ledger, bounces) == []
    assert told(ledger, all_of_it) == [of_ana("subscribed", list=None)]
    assert ledger.outbox.due_webhooks(2e9) == ()
    ledger.webhooks.resume(all_of_it.id)
    assert ledger.outbox.due_webhooks(2e9) == (all_of_it.id,)


def test_a_rolled_back_change_is_not_reported(ledger):
    from mailer.ledger.subscribers.suppressions import suppress

    webhook = hook(ledger)

    def work(conn):
        suppress(conn, ANA.identity, SuppressionReason.UNSUBSCRIBED, source="x", send_id=None, at=1.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger.context.writer.call(work).result()
    assert (told(ledger, webhook), ledger.suppressions.get(ANA.identity)) == ([], None)


def test_changes_by_a_list_file_are_not_reported(desk):
    webhook = hook(desk.ledger)
    desk.sync("email,status\nana@example.com,\nben@example.net,\n")
    desk.sync("email,status\nana@example.com,unsubscribed\nben@example.net,bounced\n")
    assert desk.held("ana@example.com") == "unsubscribed"
    assert told(desk.ledger, webhook) == []


def test_who_is_removed_hears_nothing_more_and_leaves_nothing(ledger):
    webhook = hook(ledger)
    leave(ledger)
    (message,) = ledger.outbox.log(webhook.id)
    attempt = WebhookAttempt(at=1.0, seconds=0.1, status=500, error="", answer="no")
    run(ledger.outbox.record_attempt(message.id, attempt, WebhookState.WAITING, next_at=2.0))
    ledger.webhooks.remove(webhook.id)
    run(ledger.outbox.record_attempt(message.id, attempt, WebhookState.DELIVERED))  # it was under way
    confirm(ledger, "harbour")
    assert (ledger.outbox.of(ANA.identity), ledger.outbox.counts()) == ((), {})
    with pytest.raises(UnknownWebhookError):
        ledger.webhooks.get(webhook.id)


def test_messages_are_kept_for_a_while(ledger, clock):
    webhook = hook(ledger)
    leave(ledger)
    ledger.outbox.purge(clock.now)
    assert len(ledger.outbox.log(webhook.id)) == 1
    ledger.outbox.purge(clock.now + 1)
    assert ledger.outbox.log(webhook.id) == ()
