"""What each event of a provider says about a recipient: whether mail to them is impossible, they complained, or they left."""

import pytest

from mailer.feedback.model import FeedbackKind
from mailer.feedback.providers.catalogue import PROVIDERS
from mailer.smtp.refusal_reason import Reason
from tests.support.provider_requests import ANA, MESSAGE_ID, NOW, iso, ses_bounce, ses_mail, signed

_R = Reason
GONE, LISTED = "permanent", "on a list of the provider"
UNKNOWN = "550 5.1.1 user unknown"


def person(**fields):
    return [{"emailAddress": ANA, **fields}]


def ses_event(kind, **details):
    return {"eventType": kind, kind.lower(): details, "mail": ses_mail()}


def mailgun(event="failed", severity="permanent", reason="generic", code=550, message="", **fields):
    status = {"code": code, "message": message}
    return {
        "event": event,
        "severity": severity,
        "reason": reason,
        "recipient": ANA,
        "delivery-status": status,
        **fields,
    }


def sendgrid(event="bounce", **fields):
    return [{"event": event, "email": ANA, "sg_event_id": "e", **fields}]


def postmark(kind="HardBounce", details="", **fields):
    return {"RecordType": "Bounce", "Type": kind, "Email": ANA, "Details": details, "ID": 7, **fields}


def change(**fields):
    return {
        "RecordType": "SubscriptionChange",
        "Recipient": ANA,
        "SuppressSending": True,
        "Origin": "Recipient",
        **fields,
    }


def brevo(event, reason=""):
    return {"event": event, "email": ANA, "reason": reason, "message-id": MESSAGE_ID, "ts_epoch": 1_800_000_000_000}


def mailjet(event="bounce", error="", *, hard=True, comment=""):
    return {"event": event, "email": ANA, "error": error, "hard_bounce": hard, "comment": comment, "MessageID": 7}


def sparkpost(kind="bounce", number="10", reason="", **fields):
    event = {"type": kind, "bounce_class": number, "raw_reason": reason, "raw_rcpt_to": ANA, "event_id": "e", **fields}
    return [{"msys": {"message_event": event}}]


def resend(kind="email.bounced", **bounce):
    return {"type": kind, "data": {"to": [ANA], "bounce": bounce}}


def postal(status="HardFail", output="", details="", **fields):
    return {
        "uuid": "e",
        "payload": {"status": status, "output": output, "details": details, "message": {"to": ANA, **fields}},
    }


BOUNCES = [
    ("ses", ses_bounce(), _R.USER_UNKNOWN, GONE),
    ("ses", ses_event("Bounce", bounceType="Permanent", bouncedRecipients=person(status="5.1.1")), _R.USER_UNKNOWN, GONE),
    ("ses", ses_bounce(bounceSubType="NoEmail", bouncedRecipients=person()), _R.USER_UNKNOWN, GONE),
    ("ses", ses_bounce(bouncedRecipients=person()), _R.ON_HOLD, ""),
    ("ses", ses_bounce(bouncedRecipients=person(diagnosticCode="smtp; 554 5.7.1 rejected by policy")), _R.POLICY_VIOLATION, ""),
    ("ses", ses_bounce(bounceSubType="OnAccountSuppressionList", bouncedRecipients=person(status="5.1.1")), _R.FILTERED, ""),
    ("ses", ses_bounce(bounceSubType="Suppressed"), _R.FILTERED, ""),
    ("ses", ses_bounce(bounceType="Transient", bounceSubType="MailboxFull", bouncedRecipients=person()), _R.MAILBOX_FULL, ""),
    ("ses", ses_bounce(bounceType="Transient"), _R.USER_UNKNOWN, ""),
    ("mailgun", mailgun(message="5.1.1 user unknown"), _R.USER_UNKNOWN, GONE),
    ("mailgun", mailgun(message="No such user here"), _R.FILTERED, ""),  # at which command, nobody knows
    ("mailgun", mailgun(code=605, message="Not delivering to previously bounced address"), _R.FILTERED, ""),
    ("mailgun", mailgun(reason="suppress-complaint", code=607), _R.FILTERED, ""),
    ("mailgun", mailgun(reason="old", code=602, message="Too old"), _R.EXPIRED, ""),
    ("mailgun", mailgun(reason="espblock", message=""), _R.BLOCKED, ""),
    ("sendgrid", sendgrid(type="bounce", status="5.1.1", reason=UNKNOWN), _R.USER_UNKNOWN, GONE),
    ("sendgrid", sendgrid(type="blocked", status="5.1.1", reason=UNKNOWN), _R.USER_UNKNOWN, ""),
    ("sendgrid", sendgrid(type="bounce", bounce_classification="Invalid Address"), _R.USER_UNKNOWN, GONE),
    ("sendgrid", sendgrid(type="bounce", bounce_classification="Mailbox Unavailable"), _R.SUSPENDED, ""),
    ("sendgrid", sendgrid("dropped", reason="Bounced Address"), _R.FILTERED, ""),
    ("sendgrid", sendgrid("dropped", reason="Spam Reporting Address"), _R.FILTERED, ""),
    ("postmark", postmark(details=f"smtp;{UNKNOWN}"), _R.USER_UNKNOWN, GONE),
    ("postmark", postmark(), _R.ON_HOLD, ""),
    ("postmark", postmark("BadEmailAddress"), _R.USER_UNKNOWN, GONE),
    ("postmark", postmark("SoftBounce", f"smtp;{UNKNOWN}"), _R.USER_UNKNOWN, ""),
    ("postmark", postmark("Blocked"), _R.BLOCKED, ""),
    ("postmark", postmark("DMARCPolicy"), _R.AUTH_FAILURE, ""),
    ("postmark", postmark("SpamNotification"), _R.SPAM_DETECTED, ""),
    ("postmark", postmark("ManuallyDeactivated"), _R.FILTERED, ""),
    ("brevo", brevo("hard_bounce", f" RecipientError: {UNKNOWN}"), _R.USER_UNKNOWN, GONE),
    ("brevo", brevo("hard_bounce", "RecipientError: 550 5.5.0 Requested action not taken: mailbox unavailable."), _R.ON_HOLD, ""),
    ("brevo", brevo("invalid_email"), _R.USER_UNKNOWN, GONE),
    ("brevo", brevo("soft_bounce", "undefined Unable to find MX of domain no-mx.example.com"), _R.ON_HOLD, ""),
    ("brevo", brevo("blocked", "blocked : due to blacklist user"), _R.FILTERED, ""),
    ("mailjet", mailjet(error="user unknown"), _R.USER_UNKNOWN, GONE),
    ("mailjet", [mailjet(error="invalid domain")], _R.HOST_UNKNOWN, GONE),
    ("mailjet", mailjet(error="user unknown", hard=False), _R.USER_UNKNOWN, ""),
    ("mailjet", mailjet(error="quota exceeded", hard=False), _R.MAILBOX_FULL, ""),
    ("mailjet", mailjet(error="policy issue"), _R.POLICY_VIOLATION, ""),
    ("mailjet", mailjet("blocked", error="preblocked"), _R.FILTERED, ""),
    ("mailjet", mailjet(error="user unknown", comment="554 5.7.1 rejected by policy"), _R.POLICY_VIOLATION, ""),
    ("sparkpost", sparkpost(reason=UNKNOWN), _R.USER_UNKNOWN, GONE),
    ("sparkpost", sparkpost(), _R.USER_UNKNOWN, GONE),
    ("sparkpost", sparkpost(number="30"), _R.ON_HOLD, ""),
    ("sparkpost", sparkpost(number="22"), _R.MAILBOX_FULL, ""),
    ("sparkpost", sparkpost("out_of_band", "10", UNKNOWN), _R.USER_UNKNOWN, GONE),
    ("sparkpost", sparkpost(number="25", reason="554 5.7.1 recipient address suppressed due to customer policy"), _R.FILTERED, ""),
    ("sparkpost", sparkpost("policy_rejection", "25"), _R.FILTERED, ""),
    ("resend", resend(type="Permanent", subType="General", diagnosticCode=[f"smtp; {UNKNOWN}"]), _R.USER_UNKNOWN, GONE),
    ("resend", resend(message="The recipient's email provider sent a hard bounce message"), _R.ON_HOLD, ""),
    ("resend", resend(type="Permanent", subType="NoEmail"), _R.USER_UNKNOWN, GONE),
    ("resend", resend(type="Transient", subType="NoEmail"), _R.USER_UNKNOWN, ""),
    ("resend", resend(type="Permanent", subType="Suppressed"), _R.FILTERED, ""),
    ("resend", resend("email.suppressed"), _R.FILTERED, ""),
    ("postal", postal(output=UNKNOWN), _R.USER_UNKNOWN, GONE),
    ("postal", postal("Held", details=f"Recipient ({ANA}) is on the suppression list"), _R.FILTERED, ""),
    ("postal", {"payload": {"original_message": {"to": ANA}, "bounce": {"to": "x@example.org"}}}, _R.ON_HOLD, ""),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "payload", "reason", "permanent"), BOUNCES)
def test_a_bounce_is_permanent_if_the_server_or_the_provider_says_that_the_mailbox_does_not_exist(
    provider, payload, reason, permanent
):
    [event] = PROVIDERS[provider].parse(signed(provider, payload).received())
    found = event.recipient
    assert (event.kind, found.address, found.reason, found.permanent) == (
        FeedbackKind.BOUNCE,
        ANA,
        reason,
        permanent == GONE,
    )


OTHERS = [
    ("ses", ses_event("Complaint", complainedRecipients=person(), complaintFeedbackType="abuse"), "complaint", "abuse"),
    ("ses", ses_event("Complaint", complainedRecipients=person()), "complaint", "abuse"),
    ("ses", ses_event("Complaint", complainedRecipients=person(), complaintFeedbackType="not-spam"), "other", "not-spam"),
    ("ses", ses_event("Complaint", complainedRecipients=person(), complaintSubType="OnAccountSuppressionList"), "other", ""),
    ("ses", ses_event("Subscription", newTopicPreferences={"unsubscribeAll": True}), "unsubscribe", ""),
    ("ses", ses_event("Subscription", newTopicPreferences={"unsubscribeAll": False}), "other", ""),
    ("ses", ses_bounce(bounceSubType="UnsubscribedRecipient"), "unsubscribe", ""),
    *(("ses", ses_event(kind), "other", "") for kind in ("Delivery", "Send", "Reject", "Open", "Rendering Failure", "New")),
    ("mailgun", mailgun("complained"), "complaint", "abuse"),
    ("mailgun", mailgun("unsubscribed"), "unsubscribe", ""),
    ("mailgun", mailgun(reason="suppress-unsubscribe"), "unsubscribe", ""),
    ("mailgun", mailgun(severity="temporary", code=450, message="Greylisted"), "other", ""),
    *(("mailgun", mailgun(kind), "other", "") for kind in ("delivered", "opened", "clicked", "accepted", "new")),
    ("sendgrid", sendgrid("spamreport"), "complaint", "abuse"),
    ("sendgrid", sendgrid("unsubscribe"), "unsubscribe", ""),
    ("sendgrid", sendgrid("group_unsubscribe"), "unsubscribe", ""),
    ("sendgrid", sendgrid("dropped", reason="Unsubscribed Address"), "unsubscribe", ""),
    ("sendgrid", sendgrid("dropped", reason="Recipient List over Package Quota"), "other", ""),
    *(("sendgrid", sendgrid(kind), "other", "") for kind in ("deferred", "delivered", "open", "group_resubscribe", "new")),
    ("postmark", {"RecordType": "SpamComplaint", "Email": ANA, "ID": 8}, "complaint", "abuse"),
    ("postmark", postmark("SpamComplaint"), "complaint", "abuse"),
    ("postmark", change(SuppressionReason="SpamComplaint"), "complaint", "abuse"),
    ("postmark", change(SuppressionReason="ManualSuppression"), "unsubscribe", ""),
    ("postmark", change(SuppressionReason="ManualSuppression", Origin="Customer"), "other", ""),
    ("postmark", change(SuppressionReason="ManualSuppression", SuppressSending=False), "other", ""),
    ("postmark", change(SuppressionReason="HardBounce"), "other", ""),
    ("postmark", postmark("Unsubscribe"), "unsubscribe", ""),
    *(
        ("postmark", postmark(kind), "other", "")
        for kind in ("AutoResponder", "Transient", "AddressChange", "Subscribe", "ChallengeVerification", "New")
    ),
    ("postmark", {"RecordType": "Delivery", "Recipient": ANA}, "other", ""),
    ("brevo", brevo("spam"), "complaint", "abuse"),
    ("brevo", brevo("complaint"), "complaint", "abuse"),
    ("brevo", brevo("unsubscribe"), "unsubscribe", ""),
    ("brevo", brevo("unsubscribed"), "unsubscribe", ""),
    *(("brevo", brevo(kind), "other", "") for kind in ("deferred", "delivered", "unique_proxy_open", "error", "new")),
    ("mailjet", mailjet("spam"), "complaint", "abuse"),
    ("mailjet", mailjet("unsub"), "unsubscribe", ""),
    ("mailjet", mailjet(error="greylisted", hard=False), "other", ""),
    ("mailjet", mailjet("blocked", error="duplicate in campaign", hard=False), "other", ""),
    *(("mailjet", mailjet(kind), "other", "") for kind in ("sent", "open", "click", "new")),
    ("sparkpost", sparkpost("spam_complaint", fbtype="abuse"), "complaint", "abuse"),
    ("sparkpost", sparkpost("list_unsubscribe"), "unsubscribe", ""),
    ("sparkpost", sparkpost("link_unsubscribe"), "unsubscribe", ""),
    ("sparkpost", sparkpost(number="90"), "unsubscribe", ""),
    *(("sparkpost", sparkpost(number=number), "other", "") for number in ("60", "80", "100", "")),
    *(("sparkpost", sparkpost(kind), "other", "") for kind in ("delay", "delivery", "policy_rejection", "open", "new")),
    ("resend", resend("email.complained"), "complaint", "abuse"),
    *(("resend", resend(kind), "other", "") for kind in ("email.delivery_delayed", "email.sent", "email.opened", "contact.new")),
    *(("postal", postal(status), "other", "") for status in ("Sent", "SoftFail", "Held", "New", "")),
    ("postal", postal(direction="incoming", output=UNKNOWN), "other", ""),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "payload", "kind", "report_type"), OTHERS)
def test_a_complaint_a_departure_and_everything_else_is_told_from_a_bounce(provider, payload, kind, report_type):
    [event] = PROVIDERS[provider].parse(signed(provider, payload).received())
    assert (event.kind.value, event.report_type) == (kind, report_type)
    assert event.is_recorded is (kind != "other" or bool(report_type))
    if kind in {"complaint", "unsubscribe"}:
        assert event.recipient.address == ANA


def test_the_ids_of_a_message_are_ours_and_that_of_ses():
    [event] = PROVIDERS["ses"].parse(signed("ses", ses_bounce()).received())
    assert (event.id, event.message_id, event.provider_id, event.at) == (
        "0102-feedback", MESSAGE_ID.strip("<>"), "0102018f-mail", NOW,
    )  # fmt: skip


def test_each_recipient_of_an_ses_event_has_an_event_with_an_id_of_its_own():
    both = [{"emailAddress": address, "status": "5.1.1"} for address in (ANA, "ben@example.net")]
    events = PROVIDERS["ses"].parse(signed("ses", ses_bounce(bouncedRecipients=both)).received())
    assert [(each.id, each.recipient.address) for each in events] == [
        ("0102-feedback", ANA),
        ("0102-feedback/1", "ben@example.net"),
    ]


def test_an_array_has_an_event_for_each_of_its_members_and_the_empty_ping_of_sparkpost_none():
    def count(provider, payload):
        return len(PROVIDERS[provider].parse(signed(provider, payload).received()))

    assert [count(name, []) for name in ("sendgrid", "mailjet", "sparkpost")] == [0, 0, 0]
    assert count("sparkpost", [{"msys": {}}, *sparkpost()]) == 1
    assert count("sendgrid", [*sendgrid(), *sendgrid("open")]) == 2
    assert [count("sendgrid", [None, *sendgrid(), "x"]), count("sparkpost", [*sparkpost(), 7])] == [1, 1]


def test_a_complaint_that_postmark_reports_twice_has_one_id():
    complaint = {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "Email": ANA, "ID": 8, "MessageID": "m"}
    same = change(SuppressionReason="SpamComplaint", MessageID="m", ChangedAt=iso(NOW))
    ids = [PROVIDERS["postmark"].parse(signed("postmark", each).received())[0].id for each in (complaint, same)]
    assert ids[0] == ids[1]
