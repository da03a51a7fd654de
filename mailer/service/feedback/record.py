"""Records what comes back: messages from a mail system, and events of mail providers.

    record_message(app, raw, source="pipe")     one message that was received; blocks until the commit
    record_from_mailbox(app, raw, ...)          one message of a mailbox; whether it may be moved away
    record_event(app, event)                    one event of a provider, verified by the caller; blocks until the commit
    submit_events(app, events)                  several events in one transaction; a future, for event loops

What they return is committed. When they raise LedgerError, nothing is, and the sender has to hand it over again. The same message
or event twice counts once, in any order. No address is written to the log.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from mailer.app import App
from mailer.errors import MailerError
from mailer.feedback.bounce_reason import OwnNames, judge_names
from mailer.feedback.model import Feedback, FeedbackKind, FeedbackRecipient, recipient_about
from mailer.feedback.policy import BounceLimits
from mailer.feedback.reader import read_feedback
from mailer.feedback.received_message import LARGEST
from mailer.feedback.token_extraction import find_tokens
from mailer.ledger.feedback.log import RecordedFeedback
from mailer.ledger.types.feedback import FeedbackEvent, FeedbackMessage, NewFeedback, RecordStatus
from mailer.service.feedback.matching import (
    match_event,
    match_message,
    message_digest,
    source_id,
    source_name,
    transactional_number,
)
from mailer.service.feedback.unsubscribe_by_mail import UnsubscribeMailResult, process_unsubscribe_mail
from mailer.service.periodic_jobs import Log, current_traceback
from mailer.smtp.refusal_reason import Reason

RECIPIENTS = 100  # of one message
EARLY = 3600.0  # seconds: a younger event may come before our own reply with its id is recorded
_DEDICATED = frozenset({"pipe", "lmtp"})  # sources that get only mail for the program
_RECOGNISED = frozenset({RecordStatus.RECORDED, RecordStatus.DUPLICATE})
_KINDS = frozenset({FeedbackKind.BOUNCE, FeedbackKind.COMPLAINT})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMessage:
    """What became of a message. `unsubscribe`: of one that is no bounce and no complaint. `recipients`: whom it is about."""

    status: RecordStatus
    kind: FeedbackKind
    unsubscribe: UnsubscribeMailResult | None = None
    recipients: int = 0


def bounce_limits(app: App) -> BounceLimits:
    """Returns the limits of the settings."""
    settings = app.settings
    return BounceLimits(
        count=settings.bounce_count,
        sends=settings.bounce_sends,
        days=settings.bounce_days,
        reset_hours=settings.bounce_reset,
        warn=settings.bounce_warn,
        hold=settings.bounce_hold,
    )


def record_message(app: App, raw: bytes, *, source: str, recipient: str | None = None) -> RecordedMessage:
    """Reads one received message, records what it says, and applies the policy. Blocks until the commit. Raises LedgerError.

    `source`: how it came (pipe, lmtp, imap, maildir); `recipient`: the recipient in the envelope, if that is known. Its id is a
    digest of the message. A message that nobody needs to act on is IGNORED, and leaves no trace but a count.
    """
    feedback = read_feedback(_with_recipient(raw[:LARGEST], recipient), app.keys)
    if feedback.kind not in _KINDS and not feedback.report_type:
        return _unsubscribe(app, feedback, source)
    digest = message_digest(raw[:LARGEST], recipient or "")
    delivery_id, proof = match_message(feedback, app.keys)
    transactional_id = transactional_number(feedback.tokens, app.keys) if delivery_id is None else None
    people = feedback.recipients[:RECIPIENTS] or (recipient_about("", _reason_of(feedback)),)
    kind = FeedbackKind.COMPLAINT if feedback.report_type else feedback.kind
    items = [
        NewFeedback(
            source=source_name(source),
            source_id=f"{digest}/{number}",
            kind=kind,
            recipient=_judge_names(app, kind, person),
            report_type=feedback.report_type,
            delivery_id=delivery_id,
            transactional_id=transactional_id,
            proof=proof,
        )
        for number, person in enumerate(people)
    ]
    done = _submit(app, items, source, FeedbackMessage(digest=digest, raw=raw)).result()
    _warn(done)
    return RecordedMessage(status=_status_of(done.statuses), kind=feedback.kind, recipients=len(items))


def record_from_mailbox(app: App, raw: bytes, *, source: str, log: Log) -> bool:
    """Records a message of a mailbox that people may read, too; False: leave it there, because it says nothing to the program,
    or because of a bug, which is logged and must not keep back the others. Raises MailerError.
    """
    try:
        return record_message(app, raw, source=source).status in _RECOGNISED
    except MailerError:
        raise
    except Exception:  # noqa: BLE001 - one message must not keep back the others
        log(f"A message in the mailbox is left there, because of a bug in mailer: {current_traceback(app)}")
        return False


def record_event(app: App, event: FeedbackEvent) -> RecordStatus:
    """Records one event of a provider; see `submit_events`. Blocks until the commit. Raises LedgerError."""
    return submit_events(app, [event]).result()[0]


def submit_events(app: App, events: Sequence[FeedbackEvent]) -> Future[tuple[RecordStatus, ...]]:
    """Records events in one transaction, and applies the policy. The future is set after the commit, or gets a LedgerError.

    The caller has verified them. An event whose `provider_id` is in no reply yet is NOT_YET_KNOWN and leaves no trace: the
    provider has to repeat it; the others of the batch are committed.
    """
    now = app.clock()
    items = []
    for event in events:
        delivery_id, proof = match_event(event, app.keys)
        texts = find_tokens(f"{event.bounce_token} {event.message_id}")
        items.append(
            NewFeedback(
                source=source_name(event.source),
                source_id=source_id(event.source_id),
                kind=event.kind,
                recipient=_judge_names(app, event.kind, event.recipient),
                report_type=event.report_type.lower(),
                delivery_id=delivery_id,
                transactional_id=transactional_number(texts, app.keys) if delivery_id is None else None,
                proof=proof,
                provider_id=event.provider_id,
                may_be_early=event.at is None or event.at > now - EARLY,
            )
        )
    answer: Future[tuple[RecordStatus, ...]] = Future()
    answer.set_running_or_notify_cancel()

    def finish(done: Future[RecordedFeedback]) -> None:
        if error := done.exception():
            answer.set_exception(error)
            return
        _warn(done.result())
        answer.set_result(done.result().statuses)

    source = events[0].source if events else ""
    _submit(app, items, source).add_done_callback(finish)
    return answer


def _judge_names(app: App, kind: FeedbackKind, recipient: FeedbackRecipient) -> FeedbackRecipient:
    """Returns the recipient of a bounce by whose address its words name; of other kinds, the recipient as it is."""
    if kind is not FeedbackKind.BOUNCE or not recipient.words:
        return recipient
    settings = app.settings
    own = (settings.sender, settings.reply_to, settings.bounce_address, settings.unsubscribe_address)
    return judge_names(recipient, OwnNames(addresses=frozenset(each.address.lower() for each in own if each)))


def _submit(
    app: App, items: Sequence[NewFeedback], source: str, message: FeedbackMessage | None = None
) -> Future[RecordedFeedback]:
    return app.ledger.feedback.record(items, bounce_limits(app), source=source_name(source), message=message)


def _unsubscribe(app: App, feedback: Feedback, source: str) -> RecordedMessage:
    """Processes a message that is no bounce and no complaint. Where people read the same mailbox, it has to ask in words."""
    asks = feedback.kind is FeedbackKind.UNSUBSCRIBE or source in _DEDICATED
    result = process_unsubscribe_mail(app, feedback) if asks else None
    done = result in {UnsubscribeMailResult.UNSUBSCRIBED, UnsubscribeMailResult.ALREADY}
    app.ledger.feedback.count_source(source_name(source), recorded=int(done), ignored=int(not done)).result()
    return RecordedMessage(
        status=RecordStatus.RECORDED if done else RecordStatus.IGNORED, kind=feedback.kind, unsubscribe=result
    )


def _with_recipient(raw: bytes, recipient: str | None) -> bytes:
    """Returns the message with the recipient of its envelope as its first header."""
    if not recipient:
        return raw
    name = "".join(recipient.split()).encode(errors="replace")
    return b"X-Original-To: " + name + b"\n" + (raw if not raw.startswith(b"From ") else raw.partition(b"\n")[2])


def _reason_of(feedback: Feedback) -> Reason:
    return Reason.ON_HOLD if feedback.kind is FeedbackKind.BOUNCE else Reason.FEEDBACK


def _status_of(statuses: Sequence[RecordStatus]) -> RecordStatus:
    """Returns the status of a message about several recipients."""
    for status in (RecordStatus.RECORDED, RecordStatus.DUPLICATE):
        if status in statuses:
            return status
    return RecordStatus.IGNORED


def _warn(done: RecordedFeedback) -> None:
    if done.begins_series_of_ours:
        _log.warning(
            "The latest bounces in a row are about the sender or the messages, not about readers. See: mailer feedback list"
        )
