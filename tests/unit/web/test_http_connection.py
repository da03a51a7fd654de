"""Limits of connections, on real sockets."""

import asyncio
import contextlib
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest

from mailer.web.http_connection import ConnectionTable
from tests.support.patience import PATIENCE
from tests.support.site import served, site_in

HOST = "127.0.0.1"
SOON = 0.2  # seconds: a limit that is expected to be reached


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        yield made


@asynccontextmanager
async def serving(site, **limits):
    """Serves the site; yields a function that opens a connection."""
    writers = []
    async with served(site, table=ConnectionTable(**limits)) as address:
        port = int(address.rpartition(":")[2])

        async def connect(sent: bytes = b""):
            reader, writer = await asyncio.open_connection(HOST, port)
            writers.append(writer)
            writer.write(sent)
            return reader, writer

        try:
            yield connect
        finally:
            for each in writers:
                each.close()


async def ended(reader) -> bytes:
    """What a connection received until the server ended it."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionError):
            return await reader.read()
        return b""


async def status(connect, path="/healthz") -> bytes:
    reader, _ = await connect(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    return (await ended(reader)).partition(b"\r\n")[0]


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: here\r\n", b"G"])
def test_a_client_that_sends_no_whole_head_is_disconnected(site, sent):
    async def scenario():
        async with serving(site, head_patience=SOON) as connect:
            reader, _ = await connect(sent)
            assert await ended(reader) == b""
            assert await status(connect) == b"HTTP/1.1 200 OK"

    asyncio.run(scenario())


def test_the_head_of_a_later_request_has_the_same_limit(site):
    async def scenario():
        async with serving(site, head_patience=SOON) as connect:
            reader, _ = await connect(f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\n\r\nGET /".encode())
            assert (await ended(reader)).count(b"HTTP/1.1 200 OK") == 1

    asyncio.run(scenario())


def test_silent_clients_do_not_keep_others_out(site):
    async def scenario():
        async with serving(site, connections=20) as connect:
            silent = [await connect() for _ in range(30)]
            assert await status(connect) == b"HTTP/1.1 200 OK"
            assert await status(connect, f"/u/{site.token(site.send())}") == b"HTTP/1.1 200 OK"
            assert await ended(silent[0][0]) == b""  # the oldest made room

    asyncio.run(scenario())


def test_a_client_has_a_limit_of_its_own_unless_it_is_a_proxy(site):
    class Connection:
        def __init__(self):
            self.idle_since, self.transport, self.aborted = 1.0, self, False

        def abort(self):
            self.aborted = True

    table = ConnectionTable(client_connections=2, trusted=[ip_network("192.0.2.0/24")])
    for peer, kept in (("203.0.113.9", 2), ("2001:db8::1", 2), ("192.0.2.7", 5), (HOST, 5), ("", 5)):
        opened = [Connection() for _ in range(5)]
        assert all(table.admit(each, peer) for each in opened)
        assert sum(not each.aborted for each in opened) == kept, peer
        assert not opened[-1].aborted
    busy = [Connection() for _ in range(2)]
    for each in busy:
        each.idle_since = None
        assert table.admit(each, "198.51.100.1")
    assert not table.admit(Connection(), "198.51.100.1")


@pytest.mark.parametrize("whole", [True, False])
def test_a_head_that_is_too_long_is_431(site, whole):
    async def scenario():
        async with serving(site) as connect:
            head = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nCookie: a={'x' * (20_000 if whole else 70_000)}".encode()
            reader, _ = await connect(head + (b"\r\nConnection: close\r\n\r\n" if whole else b""))
            assert (await ended(reader)).startswith(b"HTTP/1.1 431")

    asyncio.run(scenario())


def test_a_client_that_does_not_read_is_disconnected(site):
    async def scenario():
        async with serving(site, write_patience=SOON) as connect:
            request = f"GET /style.css HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
            _, writer = await connect()
            writer.transport.pause_reading()
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(PATIENCE):
                    while not writer.transport.is_closing():
                        writer.write(request)
                        await writer.drain()
                        await asyncio.sleep(0)
            assert await status(connect) == b"HTTP/1.1 200 OK"

    asyncio.run(scenario())
