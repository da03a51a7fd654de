"""One request to an address that a person typed, and what came back.

What always holds: the name is resolved here and the connection goes to the very address that was judged, so that a name which
changes its answer (DNS rebinding) leads nowhere else; TLS verifies the name. A private, loopback or link-local address is
refused unless it lies in the networks of the settings, and http:// is taken to those alone. No redirect is followed, no proxy,
or cookie used. All of it has one time limit, and of the answer no more than its beginning is read. Nothing is
raised for what the network does.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import httpcore

from mailer.inspection.online import Address, is_public
from mailer.variable import Network

TIME_LIMIT = 15.0  # seconds
FIRST = 512  # octets of an answer that are kept

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as text. Raises OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a `status`, or `error` in words that follow the address; `body` is how the answer's body began."""

    status: int | None = None
    error: str = ""
    body: bytes = b""
    seconds: float

    @property
    def text(self) -> str:
        """The body for a page and a terminal: text without controls."""
        text = self.body.decode("utf-8", "replace")
        return "".join(each if each.isprintable() else " " for each in text).strip()

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def may_go(address: Address, *, encrypted: bool, networks: Sequence[Network]) -> bool:
    """Whether a request may go to `address`: one of our own `networks`, or by https to where anybody may be."""
    return any(address in network for network in networks) or (encrypted and is_public(address))


async def resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How requests leave. `networks`: private ones that they may go to; `trust`: whom TLS believes."""

    networks: Sequence[Network]
    trust: ssl.SSLContext
    resolve: Resolve = resolve
    time_limit: float = TIME_LIMIT


async def post(url: str, headers: Mapping[str, str], body: bytes, way: Way) -> Answer:
    """Send `body` to `url`, which is an address of the web in ASCII."""
    return await request("POST", url, headers, body, way)


async def request(
    method: str, url: str, headers: Mapping[str, str], body: bytes, way: Way, *, most: int = FIRST
) -> Answer:
    """Ask `url`, which is an address of the web in ASCII; at most `most` octets of the answer's body are kept."""
    began, status, kept = time.monotonic(), None, b""
    error = ""
    try:
        async with (
            asyncio.timeout(way.time_limit),
            httpcore.AsyncConnectionPool(
                ssl_context=way.trust, network_backend=_Judging(way, encrypted=url.startswith("https:"))
            ) as pool,
            pool.stream(method, url, headers=list(headers.items()), content=body) as response,
        ):
            status = response.status
            async for piece in response.aiter_stream():
                kept += piece[: most - len(kept)]
                if len(kept) == most:
                    break
    except (_RefusedError, _NamelessError) as refusal:
        error = str(refusal)
    except (TimeoutError, httpcore.TimeoutException):
        error = f"did not answer within {way.time_limit:g} s"
    except httpcore.ConnectError as failure:
        found = _certificate_error(failure)
        error = f"has no valid certificate ({found.verify_message})" if found else "cannot be connected to"
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError, ValueError):
        error = "does not answer as a web server does"
    seconds = time.monotonic() - began
    if status is not None:  # whatever went wrong with the rest of the answer
        return Answer(status=status, body=kept, seconds=seconds)
    return Answer(error=error, seconds=seconds)


def _certificate_error(failure: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """What TLS found wrong, if that is beneath `failure`."""
    while failure is not None and not isinstance(failure, ssl.SSLCertVerificationError):
        failure = failure.__cause__ or failure.__context__
    return failure


class _RefusedError(Exception):
    """A name that leads nowhere we may go."""


class _NamelessError(Exception):
    """A name that DNS does not know."""


class _Judging(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were judged, and to no other."""

    def __init__(self, way: Way, *, encrypted: bool) -> None:
        self._way = way
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
        for address in await self._judged(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
        raise failure or httpcore.ConnectError

    async def _judged(self, host: str, port: int) -> list[str]:
        try:
            found = await self._way.resolve(host, port)
        except OSError:
            raise _NamelessError("has a name that cannot be looked up") from None
        allowed = [each for each in found if self._may_go(each)]
        if not allowed:
            why = "which is no public address" if self._encrypted else "where only https:// may go"
            raise _RefusedError(f"leads to {', '.join(found)}, {why}")
        return allowed

    def _may_go(self, address: str) -> bool:
        judged = ip_address(address.partition("%")[0])
        return may_go(judged, encrypted=self._encrypted, networks=self._way.networks)

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - the signature is httpcore's
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.UnsupportedProtocol

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
