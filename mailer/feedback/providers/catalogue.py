"""The providers whose webhooks are read: how each is verified and parsed, and what it needs to be told.

    PROVIDERS["ses"].verify(request, basis); PROVIDERS["ses"].parse(request)

`busy` is the answer that makes a provider repeat its request: Brevo gives up after any error but 429. `largest` is that of a
request, in octets; some providers send many events at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mailer.feedback.providers import brevo, mailgun, mailjet, postal, postmark, resend, sendgrid, ses, sparkpost
from mailer.feedback.providers.model import ProofBasis, ProviderEvent, ProviderRequest

_ONE = 512 * 1024  # octets; SNS sends up to 256 KiB, in JSON in JSON
_MANY = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class MailProvider:
    """A provider. `is_signed`: it signs its requests; else they have a password of ours. `steps`: what to do at the provider."""

    name: str
    title: str
    verify: Callable[[ProviderRequest, ProofBasis], None]
    parse: Callable[[ProviderRequest], tuple[ProviderEvent, ...]]
    is_signed: bool
    steps: str
    largest: int = _ONE
    busy: int = 503

    @property
    def setting(self) -> str:
        """The variable of its keys or passwords."""
        return f"MAILER_FEEDBACK_{self.name.upper()}"


PROVIDERS = {
    each.name: each
    for each in (
        MailProvider(
            name="ses",
            title="Amazon SES, through SNS",
            verify=ses.verify,
            parse=ses.parse,
            is_signed=True,
            steps="Create an SNS topic, and have SES publish bounces and complaints to it with the original headers. "
            "Put the ARN of the topic into the setting, start serve, and then subscribe this address to the "
            "topic by HTTPS, without raw delivery. The subscription confirms itself. Set SignatureVersion=2 and "
            "a delivery policy with hours of retries.",
        ),
        MailProvider(
            name="mailgun",
            title="Mailgun",
            verify=mailgun.verify,
            parse=mailgun.parse,
            is_signed=True,
            steps="Add this address as webhook for permanent failures, spam complaints and unsubscribes. Put the HTTP "
            "webhook signing key, not the API key, into the setting.",
        ),
        MailProvider(
            name="sendgrid",
            title="SendGrid",
            verify=sendgrid.verify,
            parse=sendgrid.parse,
            is_signed=True,
            largest=_MANY,
            steps="Add this address as event webhook for bounced, dropped, spam reports, unsubscribes and group "
            "unsubscribes, with the signature on. Put its verification key into the setting.",
        ),
        MailProvider(
            name="postmark",
            title="Postmark",
            verify=postmark.verify,
            parse=postmark.parse,
            is_signed=False,
            steps="Add this address as webhook of the broadcast stream, for bounces, spam complaints and subscription "
            "changes.",
        ),
        MailProvider(
            name="brevo",
            title="Brevo",
            verify=brevo.verify,
            parse=brevo.parse,
            is_signed=False,
            busy=429,
            steps="Add this address as transactional webhook for hard bounces, soft bounces, blocked, invalid "
            "e-mails, complaints and unsubscribes.",
        ),
        MailProvider(
            name="mailjet",
            title="Mailjet",
            verify=mailjet.verify,
            parse=mailjet.parse,
            is_signed=False,
            largest=_MANY,
            steps="Enter this address for the events bounce, blocked, spam and unsub.",
        ),
        MailProvider(
            name="sparkpost",
            title="SparkPost",
            verify=sparkpost.verify,
            parse=sparkpost.parse,
            is_signed=False,
            largest=_MANY,
            steps="Add this address as webhook with basic auth, for bounce, out of band, policy rejection, generation "
            "rejection, spam complaint, list unsubscribe and link unsubscribe.",
        ),
        MailProvider(
            name="resend",
            title="Resend",
            verify=resend.verify,
            parse=resend.parse,
            is_signed=True,
            steps="Add this address as webhook for email.bounced, email.complained and email.suppressed. Put its "
            "signing secret into the setting.",
        ),
        MailProvider(
            name="postal",
            title="Postal",
            verify=postal.verify,
            parse=postal.parse,
            is_signed=True,
            steps="Add this address as webhook for MessageDeliveryFailed, MessageBounced and MessageHeld. Put the "
            "public key of the installation, the text after p= of its DKIM record, into the setting.",
        ),
    )
}
