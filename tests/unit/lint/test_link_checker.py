"""Dead links, on servers on loopback; addresses that must never be requested."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network

import httpcore
import pytest

from mailer.http_client import is_public
from mailer.lint.link_checker import LinkCheckLimits, LinkState, check_dispatch_links, check_links
from tests.support.lint_contexts import dispatch_text, lint_context

HERE = (ip_network("127.0.0.1/32"),)
QUICK = LinkCheckLimits(pause=0.0)
STATUS = {"/fine": 200, "/gone": 410, "/missing": 404, "/forbidden": 403, "/broken": 500}


class Site(BaseHTTPRequestHandler):
    """/moved leads to /fine, /loop to itself, /away to ftp, /inside to a private address; /get answers GET only."""

    seen: list[tuple[str, str]]
    released: threading.Event

    def do_HEAD(self) -> None:
        self.seen.append((self.command, self.path))
        place = {"/moved": "/fine", "/loop": "/loop", "/away": "ftp://example.org/", "/inside": "http://10.1.2.3/"}
        if self.path == "/slow":
            self.released.wait()
            return
        if self.path == "/drip":
            while not self.released.wait(0.05):
                self.wfile.write(b"H")
            return
        status = (
            302
            if self.path in place
            else 405
            if (self.path, self.command) == ("/get", "HEAD")
            else STATUS.get(self.path, 200)
        )
        self.send_response(status)
        if self.path in place:
            self.send_header("Location", place[self.path])
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        pass


class Server:
    def __init__(self, base: str, seen: list[tuple[str, str]]) -> None:
        self.base, self.seen = base, seen

    def ask(self, *paths: str, limits: LinkCheckLimits = QUICK) -> list[LinkState]:
        answers = check_links([self.base + path for path in paths], limits=limits, networks=HERE)
        return [answers[self.base + path].state for path in paths]


@contextmanager
def serving() -> Iterator[Server]:
    released = threading.Event()
    seen: list[tuple[str, str]] = []
    handler = type("Handler", (Site,), {"seen": seen, "released": released})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", seen)
    finally:
        released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("/fine", LinkState.ALIVE),
        ("/get", LinkState.ALIVE),
        ("/moved", LinkState.ALIVE),
        ("/gone", LinkState.DEAD),
        ("/missing", LinkState.DEAD),
        ("/forbidden", LinkState.UNSURE),
        ("/broken", LinkState.UNSURE),
        ("/loop", LinkState.UNSURE),
        ("/away", LinkState.UNSURE),
        ("/inside", LinkState.PRIVATE),
    ],
)
def test_a_link_is_alive_dead_or_unsure_by_its_response(server, path, state):
    assert server.ask(path) == [state]


def test_get_is_sent_only_where_head_fails(server):
    server.ask("/fine", "/get")
    assert server.seen == [("HEAD", "/fine"), ("HEAD", "/get"), ("GET", "/get")]


@pytest.mark.parametrize("path", ["/slow", "/drip"])
def test_each_link_has_a_time_limit(server, path):
    start = time.monotonic()
    assert server.ask(path, limits=LinkCheckLimits(per_link=0.3, total=90.0, pause=0.0)) == [LinkState.UNSURE]
    assert time.monotonic() - start < 60


def test_links_after_the_total_time_limit_are_not_requested(server):
    assert server.ask("/slow", "/fine", limits=LinkCheckLimits(per_link=0.3, total=0.2, pause=0.0)) == [
        LinkState.UNSURE,
        LinkState.UNSURE,
    ]
    assert ("HEAD", "/fine") not in server.seen


def test_the_links_of_one_host_are_requested_with_a_pause(server):
    start = time.monotonic()
    server.ask("/fine", "/fine?2", "/fine?3", limits=LinkCheckLimits(pause=0.1))
    assert time.monotonic() - start >= 0.2


def test_a_closed_port_is_unsure_and_an_unknown_host_is_dead(monkeypatch):
    with serving() as ended:
        url = f"{ended.base}/"
    assert check_links([url], limits=QUICK, networks=HERE)[url].state is LinkState.UNSURE

    def resolve(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    gone, lost = "https://gone.example.org/", "https://lost.example.com/"
    assert check_links([gone], limits=QUICK)[gone].state is LinkState.DEAD
    assert {each.state for each in check_links([gone, lost], limits=QUICK).values()} == {
        LinkState.UNSURE
    }  # nothing is reached


def test_dns_rebinding_does_not_reach_a_private_address(server, monkeypatch):
    """DNS rebinding: each connection goes to the address that was checked for it."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    port = int(server.base.rpartition(":")[2])
    connected: list[str] = []

    def resolve(_host: str, port: int, *_: object, **__: object) -> object:
        return [(2, 1, 6, "", (next(answers), port))]

    async def connect(_self: object, host: str, *_: object) -> object:
        connected.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    for state in (LinkState.UNSURE, LinkState.PRIVATE):
        url = f"http://rebinding.example.org:{port}/"
        assert check_links([url], limits=QUICK)[url].state is state
    assert connected == ["93.184.216.34"]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::1", "2001:db8::1", "fec0::1",
        "192.0.0.8", "3fff::1", "192.88.99.1", "198.18.0.1", "5f00::1", "100::1", "64:ff9b:1::1", "2001:2::1", "4000::1",
    ],
)  # fmt: skip
def test_private_addresses_are_never_requested(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_public_names_are_public(address):
    assert is_public(ip_address(address))


def test_a_loopback_link_is_not_requested_by_default(server):
    context = lint_context(dispatch_text(f"[a page]({server.base}/fine)"))
    assert check_dispatch_links(context, limits=QUICK) == ()  # that it is private is found without asking
    assert server.seen == []


def test_a_public_name_with_a_private_address_is_reported(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("10.0.0.1", 443))])
    context = lint_context(dispatch_text("[a page](https://inside.example.org/)"))
    assert [(each.rule, each.line) for each in check_dispatch_links(context, limits=QUICK)] == [("link-private", 7)]


def test_findings_are_at_the_links_and_links_with_merge_fields_are_skipped(server):
    log: list[str] = []
    body = f"[a page]({server.base}/gone) [another]({server.base}/gone#part) [fine]({server.base}/fine) [odd]({server.base}/broken)\n\n[you]({server.base}/gone?{{{{ reader.x }}}})"
    found = check_dispatch_links(lint_context(dispatch_text(body)), log=log.append, limits=QUICK, networks=HERE)
    assert [each.rule for each in found] == ["link-dead", "link-dead", "link-unsure"]
    assert {each.line for each in found} == {7}
    assert log == ["Checking 3 links …"]
