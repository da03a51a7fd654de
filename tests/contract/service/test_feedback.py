"""What comes back: what is recorded, whom it suppresses, and that it counts once; on every database."""

import asyncio

import pytest
from sqlalchemy import select

from mailer.addresses import parse_address
from mailer.delivery.states import SendKind
from mailer.feedback.bounce_reason import judge_bounce
from mailer.feedback.model import FeedbackKind, recipient_about
from mailer.feedback.policy import Effect
from mailer.ledger.feedback.intake import LONGEST_SERIES
from mailer.ledger.store.tables import feedback, feedback_message
from mailer.ledger.types.feedback import DecisionAction, FeedbackEvent, FeedbackProof, RecordStatus
from mailer.ledger.types.webhooks import WebhookEvent
from mailer.service.feedback.record import record_event, record_message, submit_events
from mailer.smtp.refusal_reason import Reason
from tests.support.feedback_messages import VACATION
from tests.support.ledger_cases import mailed_page
from tests.support.returned_mail import SentMail, bounce, complaint

DAY = 86_400.0
ANA, BEN = "ana@example.com", "ben@example.net"
SES = "010201876c3f4e5a-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0-000000"
FULL = "552 5.2.2 mailbox full"
R = RecordStatus


@pytest.fixture
def sent(desk):
    return SentMail(desk.app)


def take(desk, raw, **more):
    return record_message(desk.app, raw, source="pipe", **more).status


def entries(desk, address=ANA):
    return [(each.effect, each.proof) for each in desk.ledger.feedback.of(address)]


def event(kind=FeedbackKind.BOUNCE, address=ANA, *, reason=None, identifier="e1", **more):
    recipient = (
        recipient_about(address, reason)
        if reason
        else judge_bounce(address, status="5.1.1", diagnostic="550 5.1.1 no such user")
    )
    return FeedbackEvent(source="ses", source_id=identifier, kind=kind, recipient=recipient, **more)


def test_a_proven_bounce_of_a_missing_mailbox_suppresses_once(desk, sent):
    mail = sent.send("tide", ANA, BEN)
    raw = bounce(mail[ANA], "5.1.1", "550 5.1.1 no such user")
    assert take(desk, raw) is R.RECORDED
    assert (desk.held(ANA), desk.held(BEN)) == ("bounced", None)
    [change] = desk.ledger.suppressions.history(ANA)
    assert (change.source, change.send_id) == (f"send {mail[ANA].send_id}: userunknown 5.1.1", mail[ANA].send_id)
    relayed = b"Received: from mx.example.net\r\nDelivered-To: x@example.org\r\n" + raw.replace(b"\n", b"\r\n")
    assert [take(desk, raw), take(desk, relayed)] == [R.DUPLICATE, R.DUPLICATE]
    assert entries(desk) == [(Effect.SUPPRESSED, FeedbackProof.TOKEN)]
    [entry] = desk.ledger.feedback.page()
    assert (entry.slug, entry.status, entry.words, entry.has_message) == (
        "tide",
        "5.1.1",
        "550 5.1.1 no such user",
        True,
    )
    assert desk.ledger.feedback.message(entry.id) == raw
    [source] = desk.ledger.feedback.sources()
    assert (source.source, source.recorded, source.ignored, source.last_at) == ("pipe", 1, 0, desk.app.clock())


def test_the_deliveries_keep_their_state_and_the_next_send_skips_the_address(desk, sent):
    mail = sent.send("tide", ANA)
    take(desk, bounce(mail[ANA], "5.1.1"))
    summary = desk.ledger.sends.summary(mail[ANA].send_id)
    assert {state.value: count for state, count in summary.counts.items() if count} == {"accepted": 1}


@pytest.mark.parametrize(
    ("effect", "proof", "make"),
    [
        (Effect.SUPPRESSED, FeedbackProof.TOKEN, lambda mail: bounce(mail, "5.1.1")),
        (Effect.SUPPRESSED, FeedbackProof.MESSAGE, lambda mail: bounce(mail, "5.1.1", to="bounces@example.org")),
        (
            Effect.SUPPRESSED,
            FeedbackProof.TOKEN,
            lambda mail: bounce(mail, "5.1.1", to="bounces@example.org").replace(
                b"Reporting-MTA:", f"Original-Envelope-Id: {mail.tokens.bounce}\nReporting-MTA:".encode()
            ),
        ),
        (Effect.SUPPRESSED, FeedbackProof.MESSAGE, complaint),
        (Effect.OURS, FeedbackProof.MESSAGE, lambda mail: complaint(mail, "auth-failure")),
        (Effect.NOTED, FeedbackProof.MESSAGE, lambda mail: complaint(mail, "not-spam")),
        (Effect.WAITING, FeedbackProof.MESSAGE, lambda mail: complaint(mail, "other")),
        (Effect.NOTED, FeedbackProof.TOKEN, lambda mail: bounce(mail, "5.1.1", action="delayed")),
        (
            Effect.OURS,
            FeedbackProof.TOKEN,
            lambda mail: bounce(mail, "5.7.1", "550 5.7.1 blocked by our reputation list"),
        ),
        (Effect.COUNTED, FeedbackProof.TOKEN, lambda mail: bounce(mail, "5.2.2", FULL)),
        (
            Effect.COUNTED,
            FeedbackProof.TOKEN,
            lambda mail: bounce(mail, "5.1.1", address="ana@forward.example").replace(
                b"Final-Recipient", f"Original-Recipient: rfc822; {ANA}\nFinal-Recipient".encode()
            ),
        ),
        (Effect.WAITING, FeedbackProof.MISMATCH, lambda mail: bounce(mail, "5.1.1", address="ana.other@example.com")),
    ],
)
@pytest.mark.thinned
def test_each_kind_of_feedback_has_its_effect(desk, sent, effect, proof, make):
    mail = sent.send("tide", ANA)[ANA]
    assert take(desk, make(mail)) is R.RECORDED
    assert entries(desk) == [(effect, proof)]
    suppressed = {FeedbackKind.BOUNCE: "bounced", FeedbackKind.COMPLAINT: "complained"}[
        desk.ledger.feedback.page()[0].kind
    ]
    assert desk.held(ANA) == (suppressed if effect is Effect.SUPPRESSED else None)


def test_the_recipient_of_the_envelope_may_have_the_token(desk, sent):
    mail = sent.send("tide", ANA)[ANA]
    raw = bounce(mail, "5.1.1", to="bounces@example.org").replace(mail.headers.encode(), b"Subject: Tide")
    assert take(desk, raw, recipient=f"<{mail.return_path.upper()}>") is R.RECORDED
    assert desk.held(ANA) == "bounced"


def test_repeated_bounces_suppress_after_two_weeks_and_a_delivered_message_ends_the_series(desk, sent, clock):
    for week in range(3):
        assert desk.held(ANA) is None
        mail = sent.send(f"tide-{week}", ANA, BEN)
        take(desk, bounce(mail[ANA], "5.2.2", FULL))
        if week != 1:
            take(desk, bounce(mail[BEN], "5.2.2", FULL))
        clock.forward(7 * DAY)
    assert (desk.held(ANA), desk.held(BEN)) == ("bounced", None)
    assert [each[0] for each in entries(desk)] == [Effect.COUNTED, Effect.COUNTED, Effect.SUPPRESSED]


def test_a_confirmation_by_the_reader_lifts_it_and_begins_a_new_series(desk, sent, clock):
    desk.sync("email\n")
    for week in range(3):
        take(desk, bounce(sent.send(f"tide-{week}", ANA)[ANA], "5.2.2", FULL))
        clock.forward(7 * DAY)
    assert desk.held(ANA) == "bounced"
    desk.sign_up(ANA)
    assert desk.held(ANA) is None
    clock.forward(1.0)
    take(desk, bounce(sent.send("again", ANA)[ANA], "5.2.2", FULL))
    assert desk.held(ANA) is None


def test_what_came_from_before_a_new_sign_up_waits_and_a_bounce_that_names_nobody_is_counted(desk, sent, clock):
    desk.sync("email\n")
    mail = sent.send("tide", ANA, BEN)
    take(desk, bounce(mail[ANA], "5.1.1"))
    clock.forward(DAY)
    desk.sign_up(ANA)
    late = event(FeedbackKind.UNSUBSCRIBE, ANA, reason=Reason.FILTERED, message_id=mail[ANA].message_id)
    assert record_event(desk.app, late) is R.RECORDED
    assert (desk.held(ANA), entries(desk)[-1]) == (None, (Effect.WAITING, FeedbackProof.PROVIDER))
    nobody = bounce(mail[BEN], "5.1.1", "550 5.1.1 user bob unknown").replace(BEN.encode(), b"")
    take(desk, nobody)
    assert (desk.held(BEN), entries(desk, BEN)) == (None, [(Effect.COUNTED, FeedbackProof.TOKEN)])


def test_a_complaint_holds_for_the_address_that_the_reader_has_by_now_and_a_bounce_does_not(desk, sent, clock):
    desk.sync(f"email\n{ANA}\n{BEN}\n")
    mail = sent.send("tide", ANA, BEN)
    clock.forward(60)
    for old, new in ((ANA, "ana@new.example"), (BEN, "ben@new.example")):
        desk.ledger.address_changes.request(mailed_page(desk.ledger, parse_address(old)), parse_address(new))
        [*_, asked] = desk.ledger.transactional.of(new)
        desk.ledger.address_changes.confirm(asked.id, source="letter")
    take(desk, complaint(mail[ANA]))
    take(desk, bounce(mail[BEN], "5.1.1"))
    assert [desk.held(each) for each in (ANA, "ana@new.example")] == ["complained", "unsubscribed"]
    assert [desk.held(each) for each in (BEN, "ben@new.example")] == ["bounced", None]


def test_a_domain_that_denies_all_of_its_mailboxes_waits_for_a_person_and_scattered_dead_addresses_do_not(desk, sent):
    people = [f"r{number}@{'wide.example' if number % 3 else 'other.example'}" for number in range(60)] + [
        f"s{number}@big.example" for number in range(120)
    ]
    mail = sent.send("tide", *people)
    wide = [each for each in people if each.endswith("@wide.example")]
    scattered = [each for number, each in enumerate(people) if number >= 60 and number % 3 == 0]
    for address in (each for pair in zip(wide, scattered, strict=False) for each in pair):
        take(desk, bounce(mail[address], "5.1.1"))
    for address in (*scattered[len(wide) :], *wide[len(scattered) :]):
        take(desk, bounce(mail[address], "5.1.1"))
    assert {desk.held(each) for each in scattered} == {"bounced"}
    assert sum(desk.held(each) == "bounced" for each in wide) == 9
    waiting = desk.ledger.feedback.page(waiting=True, limit=100)
    assert len(waiting) == len(wide) - 9
    assert {(each.proof, each.is_held) for each in waiting} == {(FeedbackProof.TOKEN, True)}
    desk.ledger.feedback.decide(waiting[0].id, DecisionAction.SUPPRESS, by="Mara")
    assert desk.held(waiting[0].identity) == "bounced"


def test_a_complaint_counts_however_much_was_recorded_about_the_message(desk, sent):
    mail = sent.send("tide", ANA)[ANA]
    delays = [bounce(mail, "4.4.1", f"421 {number}", action="delayed") for number in range(LONGEST_SERIES + 2)]
    assert [take(desk, raw) for raw in delays] == [R.RECORDED] * LONGEST_SERIES + [R.IGNORED] * 2
    assert take(desk, complaint(mail)) is R.RECORDED
    assert desk.held(ANA) == "complained"


def test_a_bounce_of_a_test_message_is_noted(desk, sent):
    mail = sent.send("tide", ANA, kind=SendKind.TEST)[ANA]
    take(desk, bounce(mail, "5.1.1"))
    assert (entries(desk), desk.held(ANA)) == ([(Effect.NOTED, FeedbackProof.TOKEN)], None)


def test_mail_about_nobody_we_mailed_leaves_nothing(desk, sent):
    mail = sent.send("tide", ANA)[ANA]
    strangers = bounce(mail, "5.1.1", address="cleo@example.net", to="bounces@example.org").replace(
        mail.headers.encode(), b"Subject: x"
    )
    done = [record_message(desk.app, raw, source="imap") for raw in (strangers, VACATION, b"Subject: hi\n\nhello", b"")]
    assert [each.status for each in done] == [R.IGNORED] * 4
    assert [each.kind.value for each in done] == ["bounce", "auto-reply", "other", "other"]
    with desk.ledger.context.database.reading() as conn:
        assert conn.execute(select(feedback.c.id)).all() == conn.execute(select(feedback_message.c.digest)).all() == []
    assert [(each.source, each.ignored) for each in desk.ledger.feedback.sources()] == [("imap", 4)]


def test_only_a_request_unsubscribes_where_people_read_the_same_mailbox(desk, sent):
    mail = sent.send("tide", ANA)[ANA]
    quoting = f"From: ana@example.com\nSubject: Re: Tide\n\nLovely!\n> https://news.example.org/u/{mail.tokens.unsubscribe}\n".encode()
    assert record_message(desk.app, quoting, source="imap").status is R.IGNORED
    assert desk.held(ANA) is None
    assert record_message(desk.app, quoting.replace(b"Re: Tide", b"unsubscribe"), source="imap").status is R.RECORDED
    assert desk.held(ANA) == "unsubscribed"


def test_an_event_of_a_provider_finds_its_delivery_by_message_id_or_by_the_provider_s_own(desk, sent):
    mail = sent.send("tide", ANA, BEN, replies=(f"Ok {SES}", "Ok 0other"))
    assert record_event(desk.app, event(address=BEN, message_id=mail[BEN].message_id)) is R.RECORDED
    assert record_event(desk.app, event(address=ANA, provider_id=SES, identifier="e2")) is R.RECORDED
    assert (desk.held(ANA), desk.held(BEN)) == ("bounced", "bounced")
    assert entries(desk) == entries(desk, BEN) == [(Effect.SUPPRESSED, FeedbackProof.PROVIDER)]
    mine = event(address=ANA, kind=FeedbackKind.COMPLAINT, reason=Reason.FEEDBACK, provider_id=SES, identifier="e3")
    away = event(
        address=BEN,
        kind=FeedbackKind.UNSUBSCRIBE,
        reason=Reason.FEEDBACK,
        bounce_token=mail[BEN].return_path,
        identifier="e4",
    )
    other = event(address=BEN, provider_id=SES, identifier="e5")
    assert asyncio.run(_wait(submit_events(desk.app, [mine, away, other, mine]))) == (
        R.RECORDED,
        R.RECORDED,
        R.RECORDED,
        R.DUPLICATE,
    )
    assert (desk.held(ANA), desk.held(BEN)) == ("complained", "unsubscribed")
    assert entries(desk)[-1] == (Effect.WAITING, FeedbackProof.MISMATCH)


async def _wait(future):
    return await asyncio.wrap_future(future)


def test_an_event_that_is_faster_than_our_own_record_comes_again(desk, sent, clock):
    early = event(provider_id=SES, at=clock.now)
    assert record_event(desk.app, early) is R.NOT_YET_KNOWN
    assert desk.ledger.feedback.page() == ()
    sent.send("tide", ANA, replies=(f"Ok {SES}",))
    assert [record_event(desk.app, early) for _ in range(2)] == [R.RECORDED, R.DUPLICATE]
    assert desk.held(ANA) == "bounced"
    late = event(provider_id="0unknown", at=clock.now - 2 * 3600, identifier="e2")
    assert record_event(desk.app, late) is R.RECORDED  # about an address that we mailed: shown to a person
    assert entries(desk)[-1] == (Effect.WAITING, FeedbackProof.NONE)
    assert record_event(desk.app, event(address="cleo@example.net", identifier="e3")) is R.IGNORED


def test_a_person_decides_about_what_is_not_proven(desk, sent):
    mail = sent.send("tide", ANA, BEN)
    log = desk.ledger.feedback
    for address in (ANA, BEN):
        take(
            desk,
            bounce(mail[address], "5.1.1", to="bounces@example.org").replace(
                mail[address].headers.encode(), b"Subject: x"
            ),
        )
    ben, ana = log.page(waiting=True)
    assert (ana.identity, ana.delivery_id, log.count_waiting()) == (ANA, None, 2)
    assert log.decide(ana.id, DecisionAction.SUPPRESS, by="Mara").decision is DecisionAction.SUPPRESS
    assert log.decide(ben.id, DecisionAction.IGNORE, by="Mara").decided_by == "Mara"
    assert (desk.held(ANA), desk.held(BEN), log.count_waiting(), log.page(waiting=True)) == ("bounced", None, 0, ())
    with pytest.raises(Exception, match="not waiting"):
        log.decide(ana.id, DecisionAction.IGNORE, by="Mara")
    with pytest.raises(Exception, match="no feedback"):
        log.decide(99, DecisionAction.IGNORE, by="Mara")


def test_webhooks_get_bounces_and_complaints_but_no_delays_and_nothing_unproven(desk, sent):
    events = (WebhookEvent.MESSAGE_BOUNCED, WebhookEvent.MESSAGE_COMPLAINED)
    desk.ledger.webhooks.add("https://crm.example.org/in", events, key_name=desk.app.keys.names[0])
    mail = sent.send("tide", ANA)[ANA]
    take(desk, bounce(mail, "5.1.1", action="delayed"))
    take(desk, bounce(mail, "5.1.1", address="else@example.com"))
    take(desk, bounce(mail, "5.2.2", FULL))
    take(desk, complaint(mail))
    found = [(each.event.value, each.data) for each in desk.ledger.outbox.of(ANA)]
    assert found == [
        ("message.bounced", f'{{"email":"{ANA}","send":1,"reason":"mailboxfull","status":"5.2.2","permanent":false}}'),
        ("message.complained", f'{{"email":"{ANA}","send":1,"type":"abuse"}}'),
    ]


def test_erasure_leaves_the_counts_and_nothing_that_names_the_reader(desk, sent):
    mail = sent.send("tide", ANA, BEN)
    take(desk, bounce(mail[ANA], "5.2.2", f"552 5.2.2 {ANA} is full"))
    take(desk, bounce(mail[BEN], "5.1.1", address=ANA))
    desk.ledger.erasure.erase(ANA, source="page")
    take(desk, bounce(mail[ANA], "5.1.1", f"550 5.1.1 {ANA} is unknown"))
    with desk.ledger.context.database.reading() as conn:
        rows = conn.execute(select(feedback).order_by(feedback.c.id)).all()
        assert not any("ana@" in str(value) for row in rows for value in row)
        assert [row.effect for row in rows] == [Effect.COUNTED, Effect.WAITING, Effect.NOTED]
        assert conn.execute(select(feedback_message.c.digest)).all() == []
    assert desk.ledger.suppressions.get(ANA).reason.value == "erased"


def test_ten_bounces_in_a_row_about_the_sender_warn_once_and_name_nobody(desk, sent, caplog):
    mail = sent.send("tide", *(f"r{number}@example.com" for number in range(22)))
    blocked = [bounce(each, "5.7.1", "550 5.7.1 blocked by our reputation list") for each in mail.values()]
    for number, raw in enumerate(blocked[:12], 1):
        take(desk, raw)
        assert len(caplog.records) == (number >= 10), number
    assert "@" not in caplog.text
    take(desk, bounce(mail["r20@example.com"], "5.2.2", FULL))
    take(desk, blocked[13])
    assert len(caplog.records) == 1


def test_messages_are_kept_for_some_days_only(desk, sent, clock):
    take(desk, bounce(sent.send("tide", ANA)[ANA], "5.1.1"))
    [entry] = desk.ledger.feedback.page()
    clock.forward(7 * DAY)
    assert desk.ledger.feedback.purge_messages(clock.now - 7 * DAY) == 0
    assert desk.ledger.feedback.purge_messages(clock.now - 7 * DAY + 1) == 1
    assert desk.ledger.feedback.message(entry.id) is None
    assert [each.has_message for each in desk.ledger.feedback.page()] == [False]
