"""Serving the site and its background jobs, from start to a clean shutdown.

    serve      blocks until the first Ctrl-C or SIGTERM; a second one does not wait for requests that are running
    run        the same on a running event loop, until `stop` is set
    serve_app  serves another application than the site, which needs no ledger

One process serves a ledger: it holds the ledger's server lock, by which other processes see that scheduled sends will be
started. Requests are not logged, since their paths contain tokens. uvicorn ignores forwarded headers; `client_ip` reads them
where the client's address matters. A job that fails stops the server, and its error is raised. Raises ServeError,
AlreadyServingError, LedgerError.
"""

import asyncio
import contextlib
import errno
import logging
import platform
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator

import uvicorn
import uvloop
from starlette.applications import Starlette

from mailer.app import App
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.web.app import create_app
from mailer.web.cookies import has_slow_cookie_parser
from mailer.web.http_connection import LARGEST_INCOMPLETE_HEAD, ConnectionTable, connection_class

Background = Callable[[asyncio.Event], Awaitable[None]]
"""A background job: runs until the event is set."""

OnReady = Callable[[str], None]
"""Called with the site's local address once it answers, http://127.0.0.1:8000."""

SHUTDOWN_GRACE = 5  # seconds for running requests at shutdown
_log = logging.getLogger(__name__)


class ServeError(UsageError):
    """The server cannot listen on the address."""


class AlreadyServingError(NeedsConfirmationError):
    """Another process serves this ledger."""


def serve(
    app: App,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    on_ready: OnReady | None = None,
    background: Background | Iterable[Background] | None = None,
) -> None:
    """Serves until a signal. To be called in the main thread, which receives signals. `port` 0 takes a free port."""
    _until_signalled(lambda stop: run(app, host, port, stop=stop, on_ready=on_ready, background=background))


def serve_app(
    asgi_app: Starlette, host: str, port: int, *, on_ready: OnReady | None = None, background: Background | None = None
) -> None:
    """Serves `asgi_app` in the same way. Its `state.ending`, an event, is set at shutdown to end event streams."""
    _until_signalled(
        lambda stop: serve_app_until(asgi_app, host, port, stop=stop, on_ready=on_ready, background=background)
    )


async def serve_app_until(
    asgi_app: Starlette,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    on_ready: OnReady | None = None,
    background: Background | None = None,
) -> None:
    """Does the same as `serve_app` on a running event loop, until `stop` is set."""
    await _run(asgi_app, _listen(host, port), stop, on_ready, _jobs(background), table=ConnectionTable())


def _until_signalled(serving: Background) -> None:
    async def until_signalled() -> None:
        stop, loop, main = asyncio.Event(), asyncio.get_running_loop(), asyncio.current_task()

        def on_signal() -> None:
            if not stop.is_set():
                stop.set()
            elif main is not None:
                main.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
        try:
            await serving(stop)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    with contextlib.suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_signalled())


def free_port(host: str = "127.0.0.1") -> int:
    """Returns a port that is free now, for callers that need the site's address before it is served."""
    with _socket(socket.AF_INET, (host, 0), []) as listening_socket:
        return int(listening_socket.getsockname()[1])


async def run(
    app: App,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    on_ready: OnReady | None = None,
    background: Background | Iterable[Background] | None = None,
    table: ConnectionTable | None = None,
) -> None:
    """Serves until `stop` is set; an error of the site or of a job sets it, too. `table`: the limits of connections."""
    lock = await asyncio.to_thread(app.ledger.acquire_server_lock)
    if lock is None:
        process = app.ledger.server_pid()
        named = f" (process {process})" if process else ""
        raise AlreadyServingError(
            f"Another mailer serve is running in this workspace{named}.", "End it first, or use it."
        )
    with contextlib.closing(lock):
        if has_slow_cookie_parser():
            _log.warning(
                "Nothing has to be done now. Python %s reads some cookies slowly (CVE-2024-7592), but mailer does not use that "
                "part of it. When you can, update to Python 3.11.10, 3.12.6 or newer.",
                platform.python_version(),
            )
        table = table or ConnectionTable(trusted=app.settings.trusted_proxies)
        await _run(create_app(app), _listen(host, port), stop, on_ready, _jobs(background), table=table)


async def _run(
    asgi_app: Starlette,
    sockets: list[socket.socket],
    stop: asyncio.Event,
    on_ready: OnReady | None,
    jobs: tuple[Background, ...],
    *,
    table: ConnectionTable,
) -> None:
    server = _UvicornServer(asgi_app, lambda: on_ready(_address(sockets[0])) if on_ready else None, table)

    async def stopping(work: Awaitable[None]) -> None:
        try:
            await work
        except BaseException:
            stop.set()
            raise

    with contextlib.ExitStack() as open_sockets:
        for each in sockets:
            open_sockets.callback(each.close)
        tasks = [asyncio.create_task(stopping(work)) for work in (server.serve(sockets), *(job(stop) for job in jobs))]
        try:
            await stop.wait()
        finally:  # also if cancelled: a first cancellation ends cleanly, a second at once
            stop.set()
            server.should_exit = True
            try:
                ended = await asyncio.gather(*tasks, return_exceptions=True)
            finally:
                server.close_listeners()
    for end in ended:
        if isinstance(end, BaseException):
            raise end


class _UvicornServer(uvicorn.Server):
    """A uvicorn server that reports when it is ready and leaves signals to us."""

    def __init__(self, asgi_app: Starlette, ready: Callable[[], None], table: ConnectionTable) -> None:
        super().__init__(
            uvicorn.Config(
                asgi_app,
                http=connection_class(table),
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="warning",
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=LARGEST_INCOMPLETE_HEAD,
                timeout_graceful_shutdown=SHUTDOWN_GRACE,
            )
        )
        self._ready = ready
        self._ending: asyncio.Event | None = getattr(asgi_app.state, "ending", None)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def close_listeners(self) -> None:
        """Closes the listeners: uvloop would wait for ever for a socket that was closed before its listener."""
        for each in getattr(self, "servers", ()):
            each.close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._ending is not None:
            self._ending.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _jobs(background: Background | Iterable[Background] | None) -> tuple[Background, ...]:
    if background is None:
        return ()
    return (background,) if callable(background) else tuple(background)


def _listen(host: str, port: int) -> list[socket.socket]:
    """Returns sockets on every address of `host`; with `port` 0, all on the port of the first."""
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    for family, address in _addresses(host, port):
        try:
            sockets.append(_socket(family, address, sockets))
        except OSError as error:
            failure = error
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                break
    if sockets and (failure is None or failure.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}):
        return sockets
    for each in sockets:
        each.close()
    raise _cannot_listen(host, port, failure)


def _socket(family: int, address: tuple[str, int], earlier: list[socket.socket]) -> socket.socket:
    name, port = address
    if port == 0 and earlier:
        port = earlier[0].getsockname()[1]
    return socket.create_server((name, port), family=family, backlog=512)


def _addresses(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    unusable = ServeError(
        f"“{host}” port {port} is nothing that can be listened on.", "Try: mailer serve --host 127.0.0.1 --port 8000"
    )
    if not 0 <= port <= 65535:  # getaddrinfo may reduce it modulo 65536
        raise unusable
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, ValueError):
        raise unusable from None
    return list(dict.fromkeys((int(family), (str(address[0]), int(address[1]))) for family, *_, address in found))


def _cannot_listen(host: str, port: int, error: OSError | None) -> ServeError:
    match error.errno if error else None:
        case errno.EADDRINUSE:
            return ServeError(
                f"Port {port} on {host} is in use by another program.",
                f"End that one, or take another port: mailer serve --port {port + 1 if port < 65535 else 8000}",
            )
        case errno.EACCES:
            return ServeError(
                f"Port {port} may not be opened without more rights.", "Take one from 1024: mailer serve --port 8000"
            )
        case errno.EADDRNOTAVAIL:
            return ServeError(f"This machine has no address {host}.", "Try: mailer serve --host 127.0.0.1")
        case _:
            reason = f" ({error.strerror})" if error else ""
            return ServeError(f"{host} port {port} cannot be listened on{reason}.", "Check --host and --port.")


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
