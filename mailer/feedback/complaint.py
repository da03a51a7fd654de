"""Reads complaints: feedback reports (RFC 5965, RFC 6591), and Microsoft's older ones, which have no machine-readable part."""

import re
from collections.abc import Iterable

from mailer.feedback.delivery_status import parse_recipient
from mailer.feedback.model import NOT_SPAM, FeedbackKind, Reading, recipient_about
from mailer.feedback.received_message import ReceivedMessage, fields_of
from mailer.line_sanitizer import clean_line
from mailer.smtp.refusal_reason import Reason

_DEFAULT = "abuse"
_RECIPIENTS = ("original-rcpt-to", "removal-recipient", "x-hmxmroriginalrecipient", "x-original-recipient", "to")
_OLD_REPORT = re.compile(r"complaint about message from \d", re.IGNORECASE)


def parse_complaint(message: ReceivedMessage) -> Reading | None:
    """Returns the complaint in `message`; None if it is no complaint. Total."""
    is_old = _OLD_REPORT.search(message.subject[:300]) is not None and bool(message.returned)
    if not (message.report or message.report_type == "feedback-report" or is_old):
        return None
    fields = fields_of(message.report, ("feedback-type", *_RECIPIENTS))
    returned = fields_of(message.returned, _RECIPIENTS)
    named = (parse_recipient(of.get(name, "")) for of in (fields, returned) for name in _RECIPIENTS)
    address = next(filter(None, named), "")
    return complaint_of(fields.get("feedback-type", ""), [address] if address else [])


def complaint_of(report_type: str, addresses: Iterable[str]) -> Reading:
    """Returns the complaint of `addresses`. A report that a message is no spam is no complaint."""
    kind = clean_line(report_type.strip().lower()) or _DEFAULT
    if kind == NOT_SPAM:
        return Reading(FeedbackKind.OTHER, report_type=kind)
    recipients = tuple(recipient_about(address, Reason.FEEDBACK) for address in addresses)
    return Reading(FeedbackKind.COMPLAINT, recipients, kind)
