"""The two requests that messages of Amazon SNS need: for the certificate that signed them, and to confirm a subscription.

Both go to the host that belongs to our topic alone (`mailer.feedback.providers.sns`). Certificates are kept, and a new one is
fetched at most every few seconds, so that strangers who invent names of certificates cause few requests.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable

from mailer.http_client import ClientOptions, HttpRequestError, HttpResponse, fetch

CERTIFICATES = 8
PAUSE = 5.0  # seconds between two requests for certificates
_LARGEST = 32 * 1024  # octets of a response
_TIME_LIMIT = 10.0  # seconds; SNS waits for 15 for our answer

Get = Callable[[str], Awaitable[HttpResponse]]
"""Requests a URL. Raises HttpRequestError."""


class SnsUnavailableError(Exception):
    """SNS did not answer as expected; the message has to come again. The text says what happened, for the log."""


async def get_public(url: str) -> HttpResponse:
    """Requests a public https URL, and follows no redirect."""
    options = ClientOptions(trust=ssl.create_default_context(), time_limit=_TIME_LIMIT)
    return await fetch("GET", url, options, headers={"Accept-Encoding": "identity"}, body_limit=_LARGEST)


class SnsClient:
    """For one event loop."""

    def __init__(self, get: Get = get_public, now: Callable[[], float] = time.monotonic) -> None:
        self._get = get
        self._now = now
        self._certificates: dict[str, bytes] = {}
        self._next_at = 0.0
        self._lock = asyncio.Lock()

    async def certificate(self, url: str) -> bytes:
        """Returns the certificate at `url`, which was checked. Raises SnsUnavailableError."""
        async with self._lock:
            if url in self._certificates:
                return self._certificates[url]
            if self._now() < self._next_at:
                raise SnsUnavailableError("a certificate was requested a moment ago")
            try:
                found = await self._request(url)
            finally:
                self._next_at = self._now() + PAUSE
            if len(self._certificates) >= CERTIFICATES:
                del self._certificates[next(iter(self._certificates))]
            self._certificates[url] = found
            return found

    async def confirm(self, url: str) -> None:
        """Confirms a subscription. Raises SnsUnavailableError."""
        await self._request(url)

    async def _request(self, url: str) -> bytes:
        try:
            response = await self._get(url)
        except HttpRequestError as error:
            raise SnsUnavailableError(f"SNS {error}") from None
        if response.status != 200:
            raise SnsUnavailableError(f"SNS answered {response.status}")
        return response.body
