"""HTTP requests to addresses that a person typed: webhooks, sign-in providers, links of a dispatch.

    fetch("HEAD", url, options)          raises a subclass of HttpRequestError
    request("GET", url, …, options)      the same, but returns every failure as an HttpResult
    post(url, headers, body, options)    `request` with POST

Protection against server-side request forgery (SSRF): the host name is resolved here, each of its addresses is checked,
and the connection goes to an address that was checked, so that a name that changes its answer (DNS rebinding) leads
nowhere else. TLS verifies the name. A private, loopback or link-local address is refused unless it lies in
`ClientOptions.networks`, and http:// is allowed to those networks alone, unless `ClientOptions.plain` allows it elsewhere.
No redirect is followed; no proxy and no cookie is used. One time limit holds for the whole request, and only the beginning
of the response body is read.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpcore

from mailer.settings.parsers import Network

TIME_LIMIT = 15.0  # seconds
BODY_LIMIT = 512  # bytes of a response body that are kept

_NOT_GLOBAL_IPV4 = tuple(
    IPv4Network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
    )
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_NOT_GLOBAL_IPV6 = tuple(IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "3fff::/20"))
# IANA's registries of special-purpose addresses, of 2025. Python's own tables are older: 3.11.7 takes fec0::/10 for global.
_NAT64 = IPv6Network("64:ff9b::/96")
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})

IpAddress = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host, as text. Raises OSError."""


async def resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: IpAddress) -> bool:
    """Whether `address` is on the public Internet: not private, loopback, link-local, multicast or reserved.

    An IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64) counts as the IPv4 address.
    """
    if isinstance(address, IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            embedded = IPv4Address(int(address) & 0xFFFFFFFF)
        if embedded is not None:
            return is_public(embedded)
        return address in _GLOBAL_IPV6 and not any(address in network for network in _NOT_GLOBAL_IPV6)
    return not any(address in network for network in _NOT_GLOBAL_IPV4)


def is_allowed(address: IpAddress, *, encrypted: bool, networks: Sequence[Network]) -> bool:
    """Whether a request may go to `address`: one of our own `networks`, or a public address by https."""
    return any(address in network for network in networks) or (encrypted and is_public(address))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How requests are made.

    `networks`: private networks that may be reached; `plain`: http:// to public addresses is allowed; `trust`: the
    certificates that TLS trusts; `time_limit`: seconds.
    """

    trust: ssl.SSLContext
    networks: Sequence[Network] = ()
    plain: bool = False
    resolve: Resolve = resolve
    time_limit: float = TIME_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """`location`: the header of this name, "" without one; `body`: its first bytes."""

    status: int
    location: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResult:
    """The result of a request: a `status`, or an `error` in words that follow the address."""

    status: int | None = None
    error: str = ""
    body: bytes = b""
    seconds: float

    @property
    def text(self) -> str:
        """The body for a page and a terminal, without control characters."""
        text = self.body.decode("utf-8", "replace")
        return "".join(each if each.isprintable() else " " for each in text).strip()

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class HttpRequestError(Exception):
    """A request without a response. The message follows the address: “does not answer as a web server does”."""


class BlockedAddressError(HttpRequestError):
    """The host has no address that a request may go to."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(reason)
        self.host = host


class UnresolvableHostError(HttpRequestError):
    """The host name cannot be looked up; `is_unknown`: because DNS says that it does not exist."""

    def __init__(self, host: str, *, is_unknown: bool) -> None:
        super().__init__("has a name that cannot be looked up")
        self.host = host
        self.is_unknown = is_unknown


class HttpTimeoutError(HttpRequestError):
    """The time limit was reached before a response."""


class CertificateError(HttpRequestError):
    """TLS rejected the certificate of the server."""


class UnreachableError(HttpRequestError):
    """No connection could be opened."""


async def post(url: str, headers: Mapping[str, str], body: bytes, options: ClientOptions) -> HttpResult:
    return await request("POST", url, headers, body, options)


async def request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    options: ClientOptions,
    *,
    body_limit: int = BODY_LIMIT,
) -> HttpResult:
    """Requests `url`, an absolute URL in ASCII; keeps at most `body_limit` bytes of the response body."""
    began = time.monotonic()
    try:
        response = await fetch(method, url, options, headers=headers, body=body, body_limit=body_limit)
    except HttpRequestError as error:
        return HttpResult(error=str(error), seconds=time.monotonic() - began)
    return HttpResult(status=response.status, body=response.body, seconds=time.monotonic() - began)


async def fetch(
    method: str,
    url: str,
    options: ClientOptions,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    body_limit: int = 0,
) -> HttpResponse:
    """Requests `url`, an absolute URL in ASCII.

    A failure after the status line counts as the end of the response. Raises HttpRequestError.
    """
    status, location, kept = None, "", b""
    failure: HttpRequestError
    try:
        async with (
            asyncio.timeout(options.time_limit),
            httpcore.AsyncConnectionPool(
                ssl_context=options.trust, network_backend=_SsrfGuard(options, encrypted=url.startswith("https:"))
            ) as pool,
            pool.stream(method, url, headers=list(headers.items()), content=body) as response,
        ):
            location = _location(response)
            status = response.status
            if body_limit:
                async for piece in response.aiter_stream():
                    kept += piece[: body_limit - len(kept)]
                    if len(kept) == body_limit:
                        break
        return HttpResponse(status=status, location=location, body=kept)
    except HttpRequestError as error:
        failure = error
    except (TimeoutError, httpcore.TimeoutException):
        failure = HttpTimeoutError(f"did not answer within {options.time_limit:g} s")
    except httpcore.ConnectError as error:
        certificate_error = _certificate_error(error)
        failure = (
            CertificateError(f"has no valid certificate ({certificate_error.verify_message})")
            if certificate_error
            else UnreachableError("cannot be connected to")
        )
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError, ValueError):
        failure = HttpRequestError("does not answer as a web server does")
    if status is not None:
        return HttpResponse(status=status, location=location, body=kept)
    raise failure


def _location(response: httpcore.Response) -> str:
    found = next((value for name, value in response.headers if name.lower() == b"location"), b"")
    return found.decode("utf-8", "replace")


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Returns the TLS verification error that caused `error`, if any."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


class _SsrfGuard(httpcore.AsyncNetworkBackend):
    """Connects only to addresses that were checked."""

    def __init__(self, options: ClientOptions, *, encrypted: bool) -> None:
        self._options = options
        self._encrypted = encrypted
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: httpcore.ConnectError | None = None
        for address in await self._allowed_addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
        raise failure or httpcore.ConnectError

    async def _allowed_addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await self._options.resolve(host, port)
        except OSError as error:
            is_unknown = isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME
            raise UnresolvableHostError(host, is_unknown=is_unknown) from None
        allowed = [each for each in found if self._is_allowed(each)]
        if not allowed:
            is_secure = self._encrypted or self._options.plain
            reason = "which is no public address" if is_secure else "where only https:// may go"
            raise BlockedAddressError(host, f"leads to {', '.join(found)}, {reason}")
        return allowed

    def _is_allowed(self, address: str) -> bool:
        return is_allowed(
            ip_address(address.partition("%")[0]),
            encrypted=self._encrypted or self._options.plain,
            networks=self._options.networks,
        )

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - the signature is httpcore's
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - the signature is httpcore's
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.UnsupportedProtocol

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
