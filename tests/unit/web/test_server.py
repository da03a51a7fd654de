"""The server, on a real socket."""

import asyncio
import logging
import signal
import socket
from contextlib import asynccontextmanager

import httpx
import pytest

from mailer.web import request_body
from mailer.web.server import AlreadyServingError, ServeError, free_port, run, serve
from tests.support.patience import PATIENCE
from tests.support.site import served, site_in

HOST = "127.0.0.1"


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        yield made


@asynccontextmanager
async def serving(site, **options):
    """Serves the site; yields a client for it."""
    async with served(site, **options) as address, httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
        yield client


def test_it_serves_until_it_is_told_to_stop(site):
    async def scenario():
        async with serving(site) as client:
            assert (await client.get("/healthz")).json() == {"status": "ok"}
            assert (await client.get("/")).headers["x-content-type-options"] == "nosniff"
            address = client.base_url
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("/healthz")

    asyncio.run(scenario())


def test_it_says_who_it_is_to_nobody(site):
    async def scenario():
        async with serving(site) as client:
            assert "server" not in (await client.get("/")).headers

    asyncio.run(scenario())


def test_no_token_is_logged(site, caplog):
    token = site.token(site.send())

    async def scenario():
        async with serving(site) as client:
            assert (await client.get(f"/u/{token}")).status_code == 200
            assert (await client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})).status_code == 200
            assert (await client.post(f"/u/{token}", data={"undo": token})).status_code == 409

    with caplog.at_level(logging.DEBUG):
        asyncio.run(scenario())
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert token not in "".join(record.getMessage() for record in ours)
    assert site.reason() == "unsubscribed"


def test_the_serve_lock_is_held_while_it_runs(site, tmp_path):
    async def scenario():
        async with serving(site):
            assert site.ledger.server_pid() is not None
            with pytest.raises(AlreadyServingError) as refused:
                async with serving(site):
                    pass
            assert refused.value.exit_code == 4
        assert site.ledger.server_pid() is None

    asyncio.run(scenario())


def test_a_port_in_use_is_a_sentence_with_the_next_step(site):
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"Port {port} on 127.0.0.1 is in use.*--port"):
            asyncio.run(run(site.app, HOST, port, stop=asyncio.Event()))
    assert site.ledger.server_pid() is None


@pytest.mark.parametrize(
    ("host", "port"),
    [("nowhere.invalid", 8000), ("192.0.2.1", 8000), (HOST, 99999), (HOST, -1), ("x" * 70, 0), ("a\0b", 0)],
)
def test_an_address_that_cannot_be_listened_on_is_refused(site, host, port):
    with pytest.raises(ServeError) as refused:
        asyncio.run(run(site.app, host, port, stop=asyncio.Event()))
    assert refused.value.next_step


def test_what_runs_beside_it_begins_and_ends_with_it(site):
    seen = []

    async def job(stop):
        seen.append("begun")
        await stop.wait()
        seen.append("ended")

    async def scenario(background):
        async with serving(site, background=background) as client:
            assert (await client.get("/healthz")).status_code == 200

    asyncio.run(scenario(job))
    assert seen == ["begun", "ended"]
    asyncio.run(scenario([job, job]))
    assert sorted(seen) == ["begun"] * 3 + ["ended"] * 3


def test_a_job_that_is_done_early_ends_nothing(site):
    async def job(_stop):
        return

    async def scenario():
        async with serving(site, background=job) as client:
            assert (await client.get("/healthz")).status_code == 200

    asyncio.run(scenario())


def test_a_job_that_fails_ends_the_server_with_its_error(site):
    async def job(_stop):
        raise ZeroDivisionError("of the job")

    with pytest.raises(ZeroDivisionError, match="of the job"):
        asyncio.run(run(site.app, HOST, 0, stop=asyncio.Event(), background=job))
    assert site.ledger.server_pid() is None


def test_cancelling_it_ends_it_cleanly(site):
    seen = []

    async def job(stop):
        await stop.wait()
        seen.append("ended")

    async def scenario():
        ready = asyncio.Event()
        task = asyncio.create_task(
            run(site.app, HOST, 0, stop=asyncio.Event(), on_ready=lambda _url: ready.set(), background=job)
        )
        await ready.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert seen == ["ended"]
    assert site.ledger.server_pid() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_is_taken_back(site, number):
    seen = []

    async def job(stop):
        await stop.wait()
        seen.append("ended")

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    serve(site.app, HOST, 0, on_ready=lambda _url: signal.raise_signal(number), background=job)
    assert seen == ["ended"]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_signal_waits_for_nobody(site):
    async def stubborn(stop):
        await stop.wait()
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    serve(site.app, HOST, 0, on_ready=lambda _url: signal.raise_signal(signal.SIGINT), background=stubborn)
    assert site.ledger.server_pid() is None


def test_a_body_that_is_too_long_is_refused_and_changes_nothing(site):
    link = f"/u/{site.token(site.send())}"

    async def chunks():
        for _ in range(1000):
            yield b"x" * 1024

    async def scenario():
        async with serving(site) as client:
            assert (await client.post(link, content=b"x" * (request_body.PUBLIC_LARGEST + 1))).status_code == 413
            assert (await client.post(link, content=b"x" * request_body.PUBLIC_LARGEST)).status_code == 200
            site.ledger.suppressions.undo("ana.reis@example.com", source="test")
            assert (await client.post(link, content=chunks())).status_code == 413

    asyncio.run(scenario())
    assert site.reason() == ""


async def raw(client, request, *, close=False):
    """The first line of what the server answers to the octets of `request`, after which nothing comes."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(request)
    await writer.drain()
    if close:
        writer.close()
        await writer.wait_closed()
        return b""
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_body_that_does_not_come_is_waited_for_only_so_long(site, monkeypatch):
    monkeypatch.setitem(request_body.read_body.__kwdefaults__, "patience", 0.1)
    link = f"/u/{site.token(site.send())}"
    request = f"POST {link} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList-Uns".encode()

    async def scenario():
        async with serving(site) as client:
            assert (await raw(client, request)).startswith(b"HTTP/1.1 408 ")
            await raw(client, request, close=True)  # a client that goes away in between
            assert (await client.get("/healthz")).status_code == 200

    asyncio.run(scenario())
    assert site.reason() == ""


@pytest.mark.parametrize(
    "request_",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n",
        b"POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /u/" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n",
        b"GET /u/%2e%2e%2f HTTP/1.0\r\n\r\n",
    ],
)
def test_garbage_on_the_wire_does_no_harm(site, request_):
    async def scenario():
        async with serving(site) as client:
            assert b" 500 " not in await raw(client, request_)
            assert (await client.get("/healthz")).status_code == 200

    asyncio.run(scenario())


def test_a_free_port_is_free():
    with socket.create_server((HOST, free_port())) as taken:
        assert taken.getsockname()[1] > 0


def test_a_form_of_the_desk_may_not_come_by_the_byte(site, monkeypatch):
    monkeypatch.setattr(request_body, "PATIENCE", 1.0)  # the time in all; the bytes come faster than that one by one
    head = "POST /desk/sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nContent-Length: 3999\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"

    async def scenario():
        async with serving(site) as client, asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
            writer.write(head.encode())
            answer = asyncio.create_task(reader.readline())
            while not answer.done():
                writer.write(b"x")
                await asyncio.sleep(0.1)
            writer.close()
            return answer.result()

    assert asyncio.run(scenario()) == b"HTTP/1.1 408 Request Timeout\r\n"
