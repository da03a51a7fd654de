"""Reads one message that came back, and says what it is.

    read_feedback(raw, keys) -> Feedback

The order of the questions is part of the meaning. A complaint names its type. A delivery status notification is a bounce even if
it is marked as an answer. A vacation notice is never a bounce, whatever its text quotes. Only then is prose searched for a
failure, and only in messages of mail systems. A request to be unsubscribed is no automatic message; what is left is `other`.

Total, within the limits of `received_message`. The keys decide whether a token is ours; without them none is proven.
"""

from collections.abc import Sequence
from dataclasses import replace

from mailer.feedback.auto_reply import is_marked_as_reply, is_vacation, is_without_return_path
from mailer.feedback.bounce_reason import judge_bounce
from mailer.feedback.complaint import parse_complaint
from mailer.feedback.delivery_status import DeliveryStatus, StatusBlock, parse_delivery_status
from mailer.feedback.model import Feedback, FeedbackKind, FeedbackRecipient, Reading, TokenState, recipient_about
from mailer.feedback.prose_bounce import ProseBounce, is_bounce, is_from_mail_system, is_from_recipient, parse_prose
from mailer.feedback.received_message import ReceivedMessage, parse_received
from mailer.feedback.ses_notification import parse_ses_text, read_ses
from mailer.feedback.token_extraction import placed_tokens, prove, recipient_texts, requested_tokens
from mailer.feedback.unsubscribe_request import is_unsubscribe_request
from mailer.link_tokens import Purpose, TokenKeys
from mailer.smtp.refusal_reason import Reason

Recipients = tuple[FeedbackRecipient, ...]

_UNSURE = frozenset({Reason.ON_HOLD, Reason.FILTERED, Reason.EXPIRED, Reason.HOST_UNKNOWN})  # the prose may tell more


def read_feedback(raw: bytes, keys: TokenKeys | None = None) -> Feedback:
    """Reads a message. Total."""
    message = parse_received(raw)
    status = _status(message)
    addressed = placed_tokens(recipient_texts(message))
    placed = placed_tokens(
        [*recipient_texts(message), *message.statuses, message.report, message.returned, message.text, message.html],
        status.envelope_id,
    )
    proof = prove(placed, keys)
    kind, recipients, report_type = _read(message, status)
    automatic = _is_automatic(message, kind)
    if kind is FeedbackKind.OTHER and not automatic:
        asked = prove(addressed, keys)
        by_address = bool(addressed) and (asked is None or asked.purpose is Purpose.UNSUBSCRIBE)
        if by_address or is_unsubscribe_request(message):
            kind = FeedbackKind.UNSUBSCRIBE
    return Feedback(
        kind=kind,
        recipients=recipients,
        report_type=report_type,
        automatic=automatic,
        token=TokenState.PROVEN if proof else TokenState.FORGED if placed else TokenState.ABSENT,
        proof=proof,
        tokens=placed,
        requests=() if automatic else requested_tokens(message),
    )


def _is_automatic(message: ReceivedMessage, kind: FeedbackKind) -> bool:
    """Whether a program wrote this."""
    return (
        kind in {FeedbackKind.COMPLAINT, FeedbackKind.AUTO_REPLY}
        or is_marked_as_reply(message)
        or is_without_return_path(message)
        or (kind is FeedbackKind.BOUNCE and (bool(message.returned) or is_from_mail_system(message)))
        or message.content_type == "multipart/report"
    )


def _status(message: ReceivedMessage) -> DeliveryStatus:
    """Returns the delivery status of all status parts, or of fields that stand in the text of a bounce."""
    texts = message.statuses
    if not texts and "inal-recipient:" in message.text.lower() and not is_vacation(message):
        is_by_server = is_from_mail_system(message) and not is_from_recipient(message, parse_prose(message))
        texts = [message.text] if is_by_server else []
    parsed = [parse_delivery_status(text) for text in texts]
    return DeliveryStatus(
        envelope_id=next((each.envelope_id for each in parsed if each.envelope_id), ""),
        blocks=tuple(block for each in parsed for block in each.blocks),
    )


def _read(message: ReceivedMessage, status: DeliveryStatus) -> Reading:
    if complaint := parse_complaint(message):
        return complaint
    if status.blocks:
        recipients = _of_status(message, status)
        return Reading(FeedbackKind.BOUNCE if recipients else FeedbackKind.OTHER, recipients)
    if notification := parse_ses_text(message.text):
        return read_ses(notification)
    is_reply = is_marked_as_reply(message)
    if is_vacation(message) or (is_reply and not is_from_mail_system(message)):
        return Reading(FeedbackKind.AUTO_REPLY, _of_reply(message))
    prose = parse_prose(message)
    if is_bounce(message, prose):
        return Reading(FeedbackKind.BOUNCE, _of_prose(prose, certain=is_from_mail_system(message)))
    return Reading(FeedbackKind.AUTO_REPLY, _of_reply(message)) if is_reply else Reading(FeedbackKind.OTHER)


def _of_status(message: ReceivedMessage, status: DeliveryStatus) -> Recipients:
    """Returns the recipients that were not reached. Of an address that was also reached, or is a list, a member bounced."""
    failed = [block for block in status.blocks if block.is_about_failure]
    if not failed:
        return ()
    reached = {block.address.lower() for block in status.blocks if not block.is_about_failure}
    is_list = any(block.action == "expanded" for block in status.blocks)
    return tuple(
        replace(each, forwarded=each.forwarded or is_list or each.address.lower() in reached)
        for each in _judge_blocks(message, failed)
    )


def _judge_blocks(message: ReceivedMessage, failed: Sequence[StatusBlock]) -> Recipients:
    recipients = tuple(_judge_block(block) for block in failed)
    if all(each.address and each.reason not in _UNSURE for each in recipients):
        return recipients
    prose = parse_prose(message)
    words = {each.address.lower(): each.words for each in prose.recipients}
    alone = prose.text if len(failed) == 1 else ""
    address = prose.recipients[0].address if len(prose.recipients) == 1 else ""
    return tuple(_judge_block(block, address, words.get(block.address.lower(), "") or alone) for block in failed)


def _judge_block(block: StatusBlock, address: str = "", prose: str = "") -> FeedbackRecipient:
    judged = judge_bounce(
        block.address or address,
        status=block.status,
        diagnostic=block.diagnostic,
        prose=prose,
        delayed=block.action == "delayed",
        temporary=block.is_to_be_retried,
    )
    return replace(judged, forwarded=block.is_forwarded)


def _of_prose(prose: ProseBounce, *, certain: bool) -> Recipients:
    text = prose.text if len(prose.recipients) == 1 else ""
    recipients = (
        judge_bounce(each.address, diagnostic=each.words, prose=text, delayed=prose.delayed)
        for each in prose.recipients
    )
    return tuple(
        replace(each, permanent=each.permanent and certain, forwarded=not prose.names_only(each.address))
        for each in recipients
    )


def _of_reply(message: ReceivedMessage) -> Recipients:
    """Returns the sender of an automatic reply, who is shown and never counted as bounced."""
    return (recipient_about(message.header("from").rpartition("<")[2].strip("> "), Reason.VACATION),)
