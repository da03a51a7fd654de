"""Takes the requests of mail providers: verified, parsed, recorded, and only then answered.

    webhooks.process(provider, request) -> WebhookAnswer
    webhook_url(settings, provider)                         the address to enter at the provider

The answer is 200 only after the commit. A request that is not proven gets 401, and never 403, after which Postmark would not
come again. When it cannot be taken now, or cannot be read, or the message that an event is about is not known yet, the answer is
the one that makes this provider repeat it. Proven events that say nothing about a reader are counted, and answered with 200.
"""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from mailer.app import App
from mailer.errors import MailerError
from mailer.feedback.model import FeedbackKind, recipient_about
from mailer.feedback.providers import mailgun, sns
from mailer.feedback.providers.catalogue import PROVIDERS, MailProvider
from mailer.feedback.providers.model import PayloadError, ProofBasis, ProofError, ProviderEvent, ProviderRequest
from mailer.ledger.types.feedback import FeedbackEvent, RecordStatus
from mailer.service.feedback.record import submit_events
from mailer.service.feedback.sns_client import SnsClient, SnsUnavailableError
from mailer.service.periodic_jobs import current_traceback
from mailer.settings.settings import Settings
from mailer.smtp.refusal_reason import Reason

BATCH = 500  # events of one transaction
_SES, _MAILGUN = PROVIDERS["ses"], PROVIDERS["mailgun"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAnswer:
    """The status that a provider gets. `note`: what the operator should know, for the log; it quotes nothing of the request."""

    status: int
    note: str = ""


class WebhookUrl(NamedTuple):
    """An address to enter at a provider, with PASSWORD in place of a password; and its host."""

    text: str
    host: str


def webhook_url(settings: Settings, provider: MailProvider) -> WebhookUrl:
    """Returns the address of a provider's webhook."""
    base = urlsplit(f"{settings.base_url}/feedback/{provider.name}")
    netloc = base.netloc if provider.is_signed else f"mailer:PASSWORD@{base.netloc}"
    return WebhookUrl(base._replace(netloc=netloc).geturl(), base.hostname or "")


class _NotYetKnownError(Exception):
    """An event is about a message whose reply is not recorded yet."""


class ProviderWebhooks:
    """The webhooks of one workspace, for one event loop."""

    def __init__(self, app: App, sns_client: SnsClient | None = None) -> None:
        self._app = app
        self._sns_client = sns_client or SnsClient()

    def find(self, name: str) -> MailProvider | None:
        """Returns the provider of this name; None if its webhooks are not set up."""
        provider = PROVIDERS.get(name)
        return provider if provider and self._app.settings.feedback_secrets(name) else None

    def check_password(self, provider: MailProvider, request: ProviderRequest) -> bool:
        """Whether the request may go on, as far as its headers tell: before the body is read, which may be long."""
        if provider.is_signed:
            return True
        try:
            provider.verify(request, self._basis(provider))
        except ProofError:
            return False
        return True

    async def process(self, provider: MailProvider, request: ProviderRequest) -> WebhookAnswer:
        """Takes a request, and returns the answer to it. Never raises."""
        try:
            await self._verify(provider, request)
        except (ProofError, PayloadError) as error:
            return WebhookAnswer(status=401, note=f"A request to /feedback/{provider.name} was refused: {error}.")
        except (SnsUnavailableError, MailerError) as error:
            return _not_now(provider, error)
        except Exception:  # noqa: BLE001 - no event is lost over a bug of ours
            return _not_now(provider, current_traceback(self._app))
        try:
            note = await self._take(provider, request)
        except _NotYetKnownError:
            return WebhookAnswer(status=provider.busy)
        except PayloadError as error:
            return await self._refuse_unreadable(provider, str(error))
        except (SnsUnavailableError, MailerError) as error:
            return _not_now(provider, error)
        except Exception:  # noqa: BLE001 - no event is lost over a bug of ours
            return _not_now(provider, current_traceback(self._app))
        return WebhookAnswer(status=200, note=note)

    async def _refuse_unreadable(self, provider: MailProvider, why: str) -> WebhookAnswer:
        """Counts a proven request that cannot be read, and returns the answer after which the provider repeats it."""
        try:
            await asyncio.wrap_future(self._app.ledger.feedback.count_source(provider.name, unreadable=1))
        except MailerError as error:
            return _not_now(provider, error)
        return _not_now(provider, f"{why}. Look for what changes it between the provider and mailer.")

    def _basis(self, provider: MailProvider, certificate: bytes = b"") -> ProofBasis:
        secrets = self._app.settings.feedback_secrets(provider.name)
        return ProofBasis(secrets=secrets, now=self._app.clock(), certificate=certificate)

    async def _verify(self, provider: MailProvider, request: ProviderRequest) -> None:
        """Raises ProofError, PayloadError, SnsUnavailableError or LedgerError unless the request is proven."""
        if provider is _SES:
            basis = self._basis(provider)
            url = sns.certificate_url(sns.parse_envelope(request), basis.secrets)
            provider.verify(request, self._basis(provider, await self._sns_client.certificate(url)))
            return
        provider.verify(request, self._basis(provider))
        if provider is _MAILGUN:
            token, digest = mailgun.used_token(request)
            if not await asyncio.wrap_future(self._app.ledger.provider_tokens.use(provider.name, token, digest)):
                raise ProofError("its token was used with another body")

    async def _take(self, provider: MailProvider, request: ProviderRequest) -> str:
        """Records the events of a proven request. Returns a note for the log, or "". Raises an error if it has to come again,
        PayloadError if it cannot be read.
        """
        note = await self._heed_subscription(request) if provider is _SES else ""
        count = self._app.ledger.feedback.count_source
        events = await asyncio.to_thread(provider.parse, request)
        wanted = [_record_of(provider, each) for each in events if each.is_recorded]
        statuses: list[RecordStatus] = []
        for start in range(0, len(wanted), BATCH):
            done = await asyncio.wrap_future(submit_events(self._app, wanted[start : start + BATCH]))
            statuses += done
        if len(wanted) < len(events) or not events:
            await asyncio.wrap_future(count(provider.name, unknown=len(events) - len(wanted)))
        if RecordStatus.NOT_YET_KNOWN in statuses:
            raise _NotYetKnownError
        return note

    async def _heed_subscription(self, request: ProviderRequest) -> str:
        """Confirms a subscription to a topic of ours, and tells when one has ended. Returns a note for the log, or ""."""
        envelope = sns.parse_envelope(request)
        if envelope.get("Type") == sns.END:
            return "SNS has ended the subscription of this site to a topic. To get its events again, subscribe again there."
        try:
            url = sns.confirmation_url(envelope, self._app.settings.feedback_ses)
        except ProofError as error:
            return f"A subscription of SNS was not confirmed: {error}."
        if not url:
            return ""
        await self._sns_client.confirm(url)
        return "The subscription to a topic of SNS is confirmed."


def _not_now(provider: MailProvider, error: object) -> WebhookAnswer:
    note = f"A request to /feedback/{provider.name} could not be taken, and the provider has to repeat it: {error}"
    return WebhookAnswer(status=provider.busy, note=note)


def _record_of(provider: MailProvider, event: ProviderEvent) -> FeedbackEvent:
    return FeedbackEvent(
        source=provider.name,
        source_id=event.id,
        kind=FeedbackKind.COMPLAINT if event.report_type else event.kind,
        recipient=event.recipient or recipient_about("", Reason.ON_HOLD),
        report_type=event.report_type,
        message_id=event.message_id,
        provider_id=event.provider_id,
        at=event.at,
    )
