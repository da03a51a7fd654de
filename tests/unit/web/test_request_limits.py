"""Limits of each request: the size of its head, and how many run at once."""

import asyncio
from ipaddress import ip_network

import httpx
import pytest
from starlette.responses import PlainTextResponse

from mailer.web.request_limits import LARGEST_COOKIE, LARGEST_HEAD, RequestLimitsMiddleware

OK = PlainTextResponse("ok")


def client_of(app) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site.example")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Cookie": "a=" + "\\" * (LARGEST_COOKIE - 2)}, 200),
        ({"Cookie": "a=" + "\\" * LARGEST_COOKIE}, 431),
        ({"X-Long": "x" * (LARGEST_HEAD - 500)}, 200),
        ({"X-Long": "x" * LARGEST_HEAD}, 431),
        ({f"X-{n}": "x" * 1000 for n in range(17)}, 431),
    ],
)
def test_a_head_that_is_too_large_is_refused(headers, status):
    async def scenario():
        async with client_of(RequestLimitsMiddleware(OK)) as client:
            return (await client.get("/desk/", headers=headers)).status_code

    assert asyncio.run(scenario()) == status


def test_several_cookie_headers_are_one():
    async def scenario():
        async with client_of(RequestLimitsMiddleware(OK)) as client:
            cookies = [("Cookie", "a=" + "x" * 3000), ("Cookie", "b=" + "x" * 3000)]
            return (await client.get("/", headers=cookies)).status_code

    assert asyncio.run(scenario()) == 431


def test_a_long_query_counts_as_head():
    async def scenario():
        async with client_of(RequestLimitsMiddleware(OK)) as client:
            return (await client.get("/?q=" + "x" * LARGEST_HEAD)).status_code

    assert asyncio.run(scenario()) == 431


@pytest.mark.parametrize("root", ["", "/news"])
def test_unsubscribing_has_places_of_its_own(root):
    async def scenario():
        release = asyncio.Event()

        async def slow(scope, receive, send):
            await release.wait()
            await OK(scope, receive, send)

        app = RequestLimitsMiddleware(slow, root=root, places=2, unsubscribe_places=1)
        async with client_of(app) as client:
            running = [asyncio.create_task(client.get("/archive/")) for _ in range(2)]
            leaving = asyncio.create_task(client.post(f"{root}/u/token"))
            await asyncio.sleep(0)
            while not all(app.is_full(group) for group in ("", "/u/")):
                await asyncio.sleep(0.01)
            refused = await client.get("/archive/")
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
            assert (await client.post(f"{root}/u/token")).status_code == 503
            release.set()
            assert [each.status_code for each in await asyncio.gather(*running, leaving)] == [200, 200, 200]
            assert (await client.get("/archive/")).status_code == 200

    asyncio.run(scenario())


def test_webhooks_of_mail_providers_have_places_of_their_own_and_are_told_to_come_again():
    async def scenario():
        async with client_of(RequestLimitsMiddleware(OK, places=0, feedback_places=1)) as client:
            assert (await client.post("/feedback/ses")).status_code == 200
        async with client_of(RequestLimitsMiddleware(OK, root="/news", feedback_places=0)) as client:
            paths = ("/", "/feedback/ses", "/news/feedback/ses", "/feedback/brevo", "/news/feedback/brevo/secret")
            return [(await client.post(path)).status_code for path in paths]

    assert asyncio.run(scenario()) == [200, 503, 503, 429, 429]


def test_a_client_behind_a_proxy_has_a_part_of_the_places():
    async def scenario():
        release, running = asyncio.Event(), []

        async def slow(scope, receive, send):
            running.append(scope["path"])
            await release.wait()
            await OK(scope, receive, send)

        app = RequestLimitsMiddleware(slow, trusted=(ip_network("127.0.0.0/8"),), client_places=2)  # as httpx connects
        async with client_of(app) as client:

            def ask(address, path="/archive/"):
                return asyncio.create_task(client.get(path, headers={"X-Forwarded-For": address}))

            asked = [ask("203.0.113.7"), ask("203.0.113.7"), ask("203.0.113.8"), ask("203.0.113.7", "/u/token")]
            asked += [ask("127.0.0.1") for _ in range(3)]  # from this machine
            while len(running) < len(asked):
                await asyncio.sleep(0.01)
            assert (await ask("203.0.113.7")).status_code == 503
            release.set()
            assert [each.status_code for each in await asyncio.gather(*asked)] == [200] * len(asked)
            assert (await ask("203.0.113.7")).status_code == 200

    asyncio.run(scenario())
