"""Finds dead links: every link of a dispatch is requested with HEAD and, where that fails, with GET.

Requests go through mailer/http_client.py, so that neither a redirect nor a name that changes its address (DNS rebinding)
leads to a private, loopback or link-local address. No response body is read, and no credential is sent. Several hosts are
requested at the same time, the links of one host one after the other with a pause. Each link has a time limit, and so have
all of them together. Nothing is raised for network failures.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urljoin, urlsplit

from mailer import __version__
from mailer.dispatch.diagnostics import Diagnostic, abbreviate
from mailer.dispatch.url_validation import normalise_url
from mailer.http_client import (
    BlockedAddressError,
    CertificateError,
    ClientOptions,
    HttpRequestError,
    HttpTimeoutError,
    UnreachableError,
    UnresolvableHostError,
    fetch,
)
from mailer.lint.checks.links import LinkTarget, is_public_name, targets
from mailer.lint.context import LintContext
from mailer.lint.findings import Finding, to_diagnostics
from mailer.settings.parsers import Network

Log = Callable[[str], None]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEAD = frozenset({404, 410})
_HEADERS = {"User-Agent": f"mailer/{__version__} (link check)", "Accept": "*/*", "Connection": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCheckLimits:
    """Limits of the check; times in seconds."""

    per_link: float = 20.0
    total: float = 180.0
    pause: float = 0.5
    hosts_at_a_time: int = 8
    redirects: int = 6


class LinkState(Enum):
    ALIVE = auto()
    DEAD = auto()
    UNRESOLVED = auto()
    UNSURE = auto()
    PRIVATE = auto()


_RULES = {LinkState.DEAD: "link-dead", LinkState.UNSURE: "link-unsure", LinkState.PRIVATE: "link-private"}
_EXPECTED = {
    LinkState.DEAD: "look for the new address",
    LinkState.UNSURE: "open it in a browser",
    LinkState.PRIVATE: "use a public host name",
}


@dataclass(frozen=True, slots=True)
class LinkResponse:
    """The result of a link, in words that follow its address."""

    state: LinkState
    words: str = ""


def check_dispatch_links(
    context: LintContext,
    *,
    log: Log | None = None,
    limits: LinkCheckLimits | None = None,
    networks: Sequence[Network] = (),
) -> tuple[Diagnostic, ...]:
    """Requests every link that the editor typed and that has no merge fields. `log` gets their number.

    `networks`: private networks that may be reached, too. Blocks; must not be called on an event loop.
    """
    asked: dict[str, list[LinkTarget]] = {}
    for target in targets(context.dispatch, context.source_index):
        if not target.has_merge_fields and target.url.lower().startswith(("http://", "https://")):
            asked.setdefault(target.url.partition("#")[0], []).append(target)
    if log and asked:
        log(f"Checking {len(asked)} link{'s' if len(asked) > 1 else ''} …")
    answers = check_links(asked, limits=limits or LinkCheckLimits(), networks=networks)
    found = (
        Finding(
            rule=_RULES[answers[url].state],
            message=f"“{abbreviate(url)}” {answers[url].words}",
            expected=_EXPECTED[answers[url].state],
            position=target.position,
        )
        for url, each in asked.items()
        if answers[url].state in _RULES
        for target in each
        if answers[url].state is not LinkState.PRIVATE
        or is_public_name(target.host)  # the others are found without a request
    )
    return to_diagnostics(context.dispatch.path, found)


def check_links(
    urls: Iterable[str], *, limits: LinkCheckLimits, networks: Sequence[Network] = ()
) -> dict[str, LinkResponse]:
    """Returns the result of each of `urls`. Blocks; must not be called on an event loop."""
    by_host: dict[str, list[str]] = {}
    for url in urls:
        by_host.setdefault(urlsplit(url).hostname or "", []).append(url)
    answers = asyncio.run(_ask_hosts(by_host.values(), limits, networks))
    return _with_unresolved_hosts(answers, hosts=len(by_host))


async def _ask_hosts(
    hosts: Iterable[Sequence[str]], limits: LinkCheckLimits, networks: Sequence[Network]
) -> dict[str, LinkResponse]:
    trust = ssl.create_default_context()
    host_limit = asyncio.Semaphore(limits.hosts_at_a_time)
    end = time.monotonic() + limits.total
    answers: dict[str, LinkResponse] = {}

    async def ask_host(urls: Sequence[str]) -> None:
        async with host_limit:
            for number, url in enumerate(urls):
                if number:
                    await asyncio.sleep(min(limits.pause, max(end - time.monotonic(), 0)))
                left = end - time.monotonic()
                if left <= 0:
                    answers[url] = LinkResponse(LinkState.UNSURE, "was not checked: the time limit was reached")
                    continue
                checker = _LinkChecker(trust, min(limits.per_link, left), limits.redirects, networks)
                answers[url] = await checker.ask(url)

    await asyncio.gather(*(ask_host(urls) for urls in hosts))
    return answers


def _with_unresolved_hosts(answers: dict[str, LinkResponse], *, hosts: int) -> dict[str, LinkResponse]:
    """Reports links to unknown hosts as dead, unless no host is known: then this machine is offline."""
    is_offline = hosts > 1 and all(answer.state is LinkState.UNRESOLVED for answer in answers.values())
    for url, answer in answers.items():
        if answer.state is LinkState.UNRESOLVED:
            words = "was not checked: this computer is offline" if is_offline else answer.words
            answers[url] = LinkResponse(LinkState.UNSURE if is_offline else LinkState.DEAD, words)
    return answers


class _LinkChecker:
    """Checks one link, within its time limit."""

    def __init__(self, trust: ssl.SSLContext, seconds: float, redirects: int, networks: Sequence[Network]) -> None:
        self._trust = trust
        self._end = time.monotonic() + seconds
        self._redirects = redirects
        self._networks = networks

    async def ask(self, url: str) -> LinkResponse:
        try:
            answer = await self._follow("HEAD", url)
            return answer if answer.state is LinkState.ALIVE else await self._follow("GET", url)
        except BlockedAddressError as error:
            return LinkResponse(LinkState.PRIVATE, f"leads to {error.host}, which is not a public address")
        except UnresolvableHostError as error:
            if error.is_unknown:
                return LinkResponse(LinkState.UNRESOLVED, f"leads to {error.host}, which does not exist")
            return LinkResponse(LinkState.UNSURE, "cannot be connected to")
        except HttpTimeoutError:
            return LinkResponse(LinkState.UNSURE, "did not answer in time")
        except CertificateError as error:
            return LinkResponse(LinkState.DEAD, str(error))
        except UnreachableError as error:
            return LinkResponse(LinkState.UNSURE, str(error))
        except (HttpRequestError, ValueError):
            return LinkResponse(LinkState.UNSURE, "gave an invalid response")

    async def _follow(self, method: str, url: str) -> LinkResponse:
        seen = url
        for _ in range(self._redirects + 1):
            options = ClientOptions(
                trust=self._trust, networks=self._networks, plain=True, time_limit=self._end - time.monotonic()
            )
            response = await fetch(method, seen.partition("#")[0], options, headers=_HEADERS)
            if response.status not in _REDIRECTS or not response.location:
                return _answer(response.status)
            seen = normalise_url(urljoin(seen, response.location))
            if urlsplit(seen).scheme not in {"http", "https"}:
                return LinkResponse(LinkState.UNSURE, "redirects to an address that is not on the web")
        return LinkResponse(LinkState.UNSURE, f"redirects more than {self._redirects} times")


def _answer(status: int) -> LinkResponse:
    if 200 <= status < 300:
        return LinkResponse(LinkState.ALIVE)
    if status in _DEAD:
        return LinkResponse(LinkState.DEAD, f"does not exist ({status})")
    return LinkResponse(LinkState.UNSURE, f"answers {status}")
