"""Dead links: every link of a dispatch is asked whether it is alive, with HEAD and, where that says no, with GET.

What always holds: names are resolved here, and the connection goes to the very address that was judged, so neither a
redirect nor a name that changes its answer (DNS rebinding) leads to a private, loopback or link-local one. No body is
read. Hosts are asked side by side, the links of one host one after the other with a pause. Each link has its time, and so
have all of them together. No proxy, no cookie, no credential is used. Nothing is raised for what the network does.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urljoin, urlsplit

import httpcore

from mailer import __version__
from mailer.dispatch.link import normalise
from mailer.dispatch.problem import Problem, short
from mailer.inspection.finding import Finding, as_problems
from mailer.inspection.links import Target, is_public_name, targets
from mailer.inspection.proof import Proof

Address = IPv4Address | IPv6Address
Say = Callable[[str], None]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEAD = frozenset({404, 410})
_NAT64 = IPv6Network("64:ff9b::/96")
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far asking goes; times in seconds."""

    each: float = 20.0
    whole: float = 180.0
    pause: float = 0.5
    hosts_at_a_time: int = 8
    redirects: int = 6


class State(Enum):
    ALIVE = auto()
    DEAD = auto()
    NAMELESS = auto()
    UNSURE = auto()
    PRIVATE = auto()


_RULES = {State.DEAD: "link-dead", State.UNSURE: "link-unsure", State.PRIVATE: "link-private"}
_EXPECTED = {
    State.DEAD: "find where it has gone",
    State.UNSURE: "open it and see",
    State.PRIVATE: "expected a public host by its name",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a link, in words that follow its address."""

    state: State
    words: str = ""


def is_public(address: Address) -> bool:
    """Whether anybody may be there: not private, loopback, link-local, multicast or reserved, in no disguise either."""
    if isinstance(address, IPv6Address):
        disguised = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            disguised = IPv4Address(int(address) & 0xFFFFFFFF)
        if disguised is not None:
            return is_public(disguised)
    return address.is_global and not address.is_multicast and not address.is_reserved


def ask_links(
    proof: Proof,
    *,
    say: Say | None = None,
    limits: Limits | None = None,
    may_connect: Callable[[Address], bool] = is_public,
) -> tuple[Problem, ...]:
    """Ask every link that the editor typed and that is the same for every reader. `say` is told how many there are."""
    asked: dict[str, list[Target]] = {}
    for target in targets(proof.dispatch, proof.manuscript):
        if not target.differs and target.url.lower().startswith(("http://", "https://")):
            asked.setdefault(target.url.partition("#")[0], []).append(target)
    if say and asked:
        say(f"Asking {len(asked)} link{'s' if len(asked) > 1 else ''} …")
    answers = ask(asked, limits=limits or Limits(), may_connect=may_connect)
    found = (
        Finding(
            rule=_RULES[answers[url].state],
            message=f"“{short(url)}” {answers[url].words}",
            expected=_EXPECTED[answers[url].state],
            position=target.position,
        )
        for url, each in asked.items()
        if answers[url].state in _RULES
        for target in each
        if answers[url].state is not State.PRIVATE or is_public_name(target.host)  # else found without asking
    )
    return as_problems(proof.dispatch.path, found)


def ask(
    urls: Iterable[str], *, limits: Limits, may_connect: Callable[[Address], bool] = is_public
) -> dict[str, Answer]:
    """What became of each of `urls`."""
    by_host: dict[str, list[str]] = {}
    for url in urls:
        by_host.setdefault(urlsplit(url).hostname or "", []).append(url)
    end = time.monotonic() + limits.whole
    context = ssl.create_default_context()
    answers: dict[str, Answer] = {}

    def one_host(each: list[str]) -> Iterator[tuple[str, Answer]]:
        for number, url in enumerate(each):
            if number:
                time.sleep(min(limits.pause, max(end - time.monotonic(), 0)))
            left = end - time.monotonic()
            if left <= 0:
                yield url, Answer(State.UNSURE, "was not asked: the time is up")
                continue
            yield url, _Asker(context, min(limits.each, left), limits.redirects, may_connect).ask(url)

    with ThreadPoolExecutor(limits.hosts_at_a_time) as pool:
        for found in pool.map(lambda each: list(one_host(each)), by_host.values()):
            answers.update(found)
    return _settled(answers, hosts=len(by_host))


def _settled(answers: dict[str, Answer], *, hosts: int) -> dict[str, Answer]:
    """Names that do not exist make links dead, unless no name does: then it is this machine that is offline."""
    is_offline = hosts > 1 and all(answer.state is State.NAMELESS for answer in answers.values())
    for url, answer in answers.items():
        if answer.state is State.NAMELESS:
            words = "was not asked: no name can be looked up from here" if is_offline else answer.words
            answers[url] = Answer(State.UNSURE if is_offline else State.DEAD, words)
    return answers


class _PrivateError(Exception):
    """A name that has no public address."""


class _NamelessError(Exception):
    """A name that DNS does not know."""


class _Asker:
    """Asks one link, within its time."""

    def __init__(
        self, context: ssl.SSLContext, seconds: float, redirects: int, may_connect: Callable[[Address], bool]
    ) -> None:
        self._context = context
        self._end = time.monotonic() + seconds
        self._redirects = redirects
        self._may_connect = may_connect

    def ask(self, url: str) -> Answer:
        try:
            answer = self._follow("HEAD", url)
            return answer if answer.state is State.ALIVE else self._follow("GET", url)
        except _PrivateError as error:
            return Answer(State.PRIVATE, f"leads to {error}, which is no public address")
        except _NamelessError as error:
            return Answer(State.NAMELESS, f"leads to {error}, which does not exist")
        except httpcore.TimeoutException:
            return Answer(State.UNSURE, "did not answer in time")
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                return Answer(State.DEAD, f"has no valid certificate ({error.__cause__.verify_message})")
            return Answer(State.UNSURE, "cannot be connected to")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError, ValueError):
            return Answer(State.UNSURE, "does not answer as a web site does")

    def _follow(self, method: str, url: str) -> Answer:
        seen = url
        for _ in range(self._redirects + 1):
            status, location = self._request(method, seen)
            if status not in _REDIRECTS or not location:
                return _answer(status)
            seen = normalise(urljoin(seen, location))
            if urlsplit(seen).scheme not in {"http", "https"}:
                return Answer(State.UNSURE, "leads away from the web")
        return Answer(State.UNSURE, f"redirects more than {self._redirects} times")

    def _request(self, method: str, url: str) -> tuple[int, str]:
        """Status and Location; the body is left unread."""
        left = self._left()
        headers = [("User-Agent", f"mailer/{__version__} (link check)"), ("Accept", "*/*"), ("Connection", "close")]
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), left)
        with (
            httpcore.ConnectionPool(ssl_context=self._context, network_backend=_Network(self)) as pool,
            pool.stream(method, url.partition("#")[0], headers=headers, extensions={"timeout": timeouts}) as response,
        ):
            location = next((value for name, value in response.headers if name.lower() == b"location"), b"")
            return response.status, location.decode("utf-8", "replace")

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of `host` that may be connected to."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno in _NO_SUCH_NAME:
                raise _NamelessError(host) from error
            raise httpcore.ConnectError from error
        every = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
        public = [address for address in every if self._may_connect(ip_address(address))]
        if not public:
            raise _PrivateError(host)
        return public

    def within(self, timeout: float | None) -> float:
        """`timeout`, or what is left of this link's time if that is less."""
        return min(self._left(), timeout if timeout is not None else self._left())


def _answer(status: int) -> Answer:
    if 200 <= status < 300:
        return Answer(State.ALIVE)
    if status in _DEAD:
        return Answer(State.DEAD, f"is not there ({status})")
    return Answer(State.UNSURE, f"answers {status}")


class _Network(httpcore.NetworkBackend):
    """Connects to judged addresses only, with the asker's time as the limit of every step."""

    def __init__(self, asker: _Asker) -> None:
        self._asker = asker
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._asker.addresses(host, port)
        for number, address in enumerate(addresses, 1):
            limit = self._asker.within(timeout)
            try:
                stream = self._inner.connect_tcp(address, port, limit, local_address, socket_options)
            except httpcore.ConnectError:
                if number == len(addresses):
                    raise
                continue
            return _Stream(stream, self._asker)
        raise httpcore.ConnectError

    def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - the signature is httpcore's
        timeout: float | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        raise httpcore.UnsupportedProtocol

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self._asker.within(seconds)))


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends when the link's time does, so that nobody can feed it byte by byte."""

    def __init__(self, inner: httpcore.NetworkStream, asker: _Asker) -> None:
        self._inner = inner
        self._asker = asker

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._asker.within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._asker.within(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, self._asker.within(timeout)), self._asker)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)
