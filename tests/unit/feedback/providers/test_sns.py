"""Messages of SNS: only our topic, only a certificate of SNS, both versions of the signature, and what a confirmation may request."""

import base64
import json

import pytest

from mailer.feedback.providers import ses, sns
from mailer.feedback.providers.model import PayloadError, ProofBasis, ProofError
from tests.support.provider_requests import (
    CERTIFICATE_URL,
    NOW,
    TOPIC,
    certificate,
    confirmation,
    envelope,
    ses_bounce,
    signed,
)

TOPICS = ("arn:aws:sns:us-east-1:123456789012:complaints", TOPIC)


def verify(fields, *, pem=None, topics=TOPICS):
    """What the service does with a message: the URL of the certificate first, then the signature."""
    sns.certificate_url(fields, topics)
    request = signed("ses", fields).received()
    ses.verify(request, ProofBasis(secrets=topics, now=NOW, certificate=certificate() if pem is None else pem))


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "Amazon SES Email Event Notification", ""])
def test_both_versions_of_the_signature_are_accepted_with_and_without_a_subject(version, subject):
    verify(envelope(ses_bounce(), version=version, Subject=subject))
    verify(confirmation(version=version))


def test_the_signed_text_is_the_name_and_the_value_of_each_field_in_lines():
    fields = {
        "Type": "Notification",
        "MessageId": "7",
        "TopicArn": "t",
        "Message": "a\nb",
        "Timestamp": "now",
        "Subject": "s",
    }
    expected = "Message\na\nb\nMessageId\n7\nSubject\ns\nTimestamp\nnow\nTopicArn\nt\nType\nNotification\n"
    assert sns.signed_text(fields) == expected.encode()
    fields |= {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://x", "Token": "k"}
    expected = "Message\na\nb\nMessageId\n7\nSubscribeURL\nhttps://x\nTimestamp\nnow\nToken\nk\nTopicArn\nt\nType\nSubscriptionConfirmation\n"
    assert sns.signed_text(fields) == expected.encode()


@pytest.mark.parametrize(
    "change",
    [
        {"Message": json.dumps(ses_bounce(feedbackId="another"))},
        {"Subject": "added"},
        {"MessageId": "another"},
        {"Timestamp": "2027-01-15T09:00:00.000Z"},
        {"Type": "SubscriptionConfirmation"},
        {"Type": "Nonsense"},
        {"Type": None},
        {"Message": 7},
        {"TopicArn": TOPICS[0]},  # ours, but signed for another
        {"TopicArn": "arn:aws:sns:eu-west-1:999999999999:bounces"},
        {"TopicArn": "nonsense"},
        {"Signature": ""},
        {"Signature": "not base64 !"},
        {"Signature": base64.b64encode(b"x" * 256).decode()},
        {"SignatureVersion": "3"},
        {"SignatureVersion": "1"},  # signed with version 2
        {"SignatureVersion": None},
        {"SigningCertURL": ""},
        *(
            {"SigningCertURL": url}
            for url in (
                CERTIFICATE_URL.replace("https", "http"),
                CERTIFICATE_URL.replace("sns.eu-west-1", "sns.us-east-1"),
                CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com.evil.example"),
                CERTIFICATE_URL.replace("sns.", "sns.evil.example/sns."),
                CERTIFICATE_URL.replace("https://", "https://user@"),
                CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com:8443"),
                CERTIFICATE_URL.replace("/Simple", "/x/../Simple"),
                CERTIFICATE_URL + "?x=.pem",
                CERTIFICATE_URL + "#.pem",
                CERTIFICATE_URL + "\n",
                "https://sns.eu-west-1.amazonaws.com/?Action=x.pem",
                "https://evil.s3.amazonaws.com/SimpleNotificationService-0123abcd.pem",
            )
        ),
    ],
)
def test_a_message_that_was_changed_or_made_by_somebody_else_is_not_proven(change):
    fields = {name: value for name, value in {**envelope(ses_bounce()), **change}.items() if value is not None}
    with pytest.raises(ProofError):
        verify(fields)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"nonsense",
        certificate("evil.example"),
        certificate("sns.amazonaws.com.evil.example"),
        certificate(begins=NOW + 60),
        certificate(ends=NOW - 60),
    ],
)
def test_another_certificate_proves_nothing(pem):
    with pytest.raises(ProofError):
        verify(envelope(ses_bounce()), pem=pem)


@pytest.mark.parametrize(
    ("topic", "host"),
    [
        (TOPIC, "sns.eu-west-1.amazonaws.com"),
        ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:b", "sns.us-gov-west-1.amazonaws.com"),
        ("arn:aws-cn:sns:cn-north-1:123456789012:b", "sns.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_region_of_the_topic_names_the_host_of_the_certificate(topic, host):
    url = f"https://{host}/SimpleNotificationService-0123abcd.pem"
    verify(envelope(ses_bounce(), TopicArn=topic, SigningCertURL=url), topics=(topic,))


def test_a_confirmation_requests_nothing_but_the_subscription_to_our_topic():
    asked = sns.confirmation_url(confirmation(Token="a&b=c"), TOPICS)
    assert asked == (
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
        "&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Abounces&Token=a%26b%3Dc"
    )
    assert sns.confirmation_url(envelope(ses_bounce()), TOPICS) == ""
    assert sns.confirmation_url(confirmation(Type=sns.END), TOPICS) == ""
    for url in ("https://evil.example/?Action=ConfirmSubscription", "http://sns.eu-west-1.amazonaws.com/?x", ""):
        with pytest.raises(ProofError):
            sns.confirmation_url(confirmation(SubscribeURL=url), TOPICS)
    with pytest.raises(ProofError):
        sns.confirmation_url(confirmation(TopicArn="arn:aws:sns:eu-west-1:999999999999:bounces"), TOPICS)


@pytest.mark.parametrize(
    "fields",
    [
        envelope("Successfully validated SNS topic for Amazon SES event publishing."),
        envelope(""),
        envelope("[" * 100_000),
        confirmation(),
        confirmation(Type=sns.END),
    ],
)
def test_a_message_that_is_no_event_is_counted_and_not_recorded(fields):
    [event] = ses.parse(signed("ses", fields).received())
    assert not event.is_recorded


def test_a_raw_delivery_has_no_signature_and_is_refused():
    request = signed("ses", {**ses_bounce(), "Signature": ""}).received()
    with pytest.raises((ProofError, PayloadError)):
        sns.certificate_url(sns.parse_envelope(request), TOPICS)
