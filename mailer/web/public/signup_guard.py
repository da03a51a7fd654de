"""Limits and traps against the abuse of sign-up forms."""

import time
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.web.client_ip import address_of, rate_limit_key
from mailer.web.public.page_renderer import PageRenderer
from mailer.web.rate_limit import RateLimiter
from mailer.web.responses import PRIVATE_PAGE

HONEYPOT = "website"


class SignupGuard:
    """Rate limits of sign-ups, shared by the pages and the API."""

    def __init__(self, app: App) -> None:
        self._trusted = app.settings.trusted_proxies
        self._limits = RateLimiter(time.monotonic)

    def address(self, request: Request) -> str:
        return address_of(request, self._trusted)

    def retry_after(self, request: Request) -> int:
        """Returns 0 and counts the request, or the seconds until this client may make it."""
        return self._limits.retry_after(rate_limit_key(self.address(request)))

    @staticmethod
    def is_from_other_site(request: Request) -> bool:
        """Whether a page of another site sent the request: browsers say so in Sec-Fetch-Site, those before 2023 in Origin.

        Those before 2020 say it in Referer. Our own pages have no referrer, so that the Origin of their forms is `null`.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site not in {"same-origin", "none"}
        origin = request.headers.get("origin") or referring_origin(request) or "null"
        return origin != "null" and origin.partition("://")[2] != request.headers.get("host")


def referring_origin(request: Request) -> str:
    """Returns the origin of the page in Referer; "" without one, or if it is malformed."""
    try:
        page = urlsplit(request.headers.get("referer", "").lower())
    except ValueError:
        return ""
    return f"{page.scheme}://{page.netloc}" if page.netloc else ""


def too_many_requests(pages: PageRenderer, retry_after: int) -> Response:
    """Returns the page for a client that is rate-limited for `retry_after` seconds."""
    return pages.message(
        "Too many requests at the moment",
        "Please try again in a few minutes.",
        status=429,
        headers={**PRIVATE_PAGE, "Retry-After": str(retry_after)},
    )
