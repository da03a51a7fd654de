"""What mail providers report: `POST /feedback/PROVIDER`, and `/feedback/PROVIDER/PASSWORD` for those that can send no password.

The bytes of the body are verified as they came, whatever their content type. The answers have no text that would tell a stranger
anything; the log has the reason, once a minute. See `mailer.service.feedback.provider_webhooks` for the status.
"""

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.feedback.providers.model import ProviderRequest
from mailer.service.feedback.provider_webhooks import ProviderWebhooks
from mailer.web.error_log_throttle import ErrorLog
from mailer.web.request_body import read_body
from mailer.web.responses import NO_STORE, respond

_TEXTS = {200: "ok\n", 401: "not proven\n"}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="feedback", charset="UTF-8"'}
_RETRY_AFTER = {"Retry-After": "60"}
_log = logging.getLogger(__name__)


class FeedbackEndpoint:
    """The endpoint of the webhooks of mail providers."""

    def __init__(self, webhooks: ProviderWebhooks) -> None:
        self._webhooks = webhooks
        self._errors = ErrorLog(_log)

    async def receive(self, request: Request) -> Response:
        provider = self._webhooks.find(request.path_params["provider"])
        if provider is None:
            raise HTTPException(404)
        headers = dict(reversed(request.headers.items()))  # of equal names the first counts
        received = ProviderRequest(headers=headers, body=b"", path_secret=request.path_params.get("password", ""))
        if not self._webhooks.check_password(provider, received):
            self._errors.write(f"A request to /feedback/{provider.name} has no valid password.", level=logging.WARNING)
            return _answer(401)
        try:
            body = await read_body(request, provider.largest)
        except HTTPException as error:
            if error.status_code == 408:  # its sender was slow, and should try again
                return _answer(provider.busy)
            if error.status_code == 413 and not provider.is_signed:  # proven by its password
                note = f"A request to /feedback/{provider.name} is longer than {provider.largest:,} octets, and was refused."
                self._errors.write(note, level=logging.WARNING)
            raise
        answer = await self._webhooks.process(
            provider, ProviderRequest(headers=headers, body=body, path_secret=received.path_secret)
        )
        if answer.note:
            self._errors.write(answer.note, level=logging.WARNING)
        return _answer(answer.status)


def _answer(status: int) -> Response:
    extra = _CHALLENGE if status == 401 else {} if status == 200 else _RETRY_AFTER
    return respond(_TEXTS.get(status, "later\n"), "text/plain", status=status, headers={**NO_STORE, **extra})
