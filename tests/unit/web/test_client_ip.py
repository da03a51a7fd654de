"""Whose request it is."""

import asyncio
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.web.client_ip import ProxyCheckMiddleware, anonymize, client_address, rate_limit_key

OURS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),  # a stranger's word about itself
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["192.0.2.66, 203.0.113.9"], "203.0.113.9"),  # what the client itself wrote comes first
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),  # two proxies of ours
        ("10.0.0.1", ["192.0.2.66", "203.0.113.9"], "203.0.113.9"),  # two header fields
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # nobody but ours
        ("10.0.0.1", ["203.0.113.9, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, "], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("", ["203.0.113.9"], ""),
        ("testclient", ["203.0.113.9"], ""),
        ("10.0.0.1", [", ".join(["203.0.113.9", *["10.0.0.2"] * 100])], "10.0.0.2"),  # a chain without end
    ],
)
def test_the_client_is_who_the_last_trusted_proxy_saw(peer, forwarded, client):
    assert client_address(peer, forwarded, OURS) == client


def test_without_trusted_proxies_the_header_is_ignored():
    assert client_address("10.0.0.1", ["203.0.113.9"], ()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("address", "key", "kept"),
    [
        ("203.0.113.9", "203.0.113.9/32", "203.0.113.0/24"),
        ("2001:db8:7:8:9::1", "2001:db8:7:8::/64", "2001:db8:7::/48"),
        ("::ffff:203.0.113.9", "203.0.113.9/32", "203.0.113.0/24"),
        ("", "unknown", ""),
    ],
)
def test_limits_count_by_household_and_evidence_keeps_a_neighbourhood(address, key, kept):
    assert (rate_limit_key(address), anonymize(address)) == (key, kept)


@given(st.text(max_size=60), st.lists(st.text(max_size=80), max_size=4))
def test_no_header_is_a_reason_to_fail(peer, forwarded):
    for text in (peer, *forwarded):
        anonymize(text)
        rate_limit_key(text)
    assert client_address("10.0.0.1", forwarded, OURS)
    client_address(peer, forwarded, OURS)


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "warned"),
    [
        ("127.0.0.1", True, [], True),
        ("127.0.0.1", False, [], False),
        ("127.0.0.1", True, [ip_network("127.0.0.0/8")], False),
        ("203.0.113.9", True, [], False),
    ],
)
def test_a_proxy_on_this_machine_that_is_not_trusted_is_logged_once(caplog, peer, forwarded, trusted, warned):
    async def answer(scope, receive, send):
        pass

    headers = [(b"x-forwarded-for", b"198.51.100.7")] if forwarded else []
    middleware = ProxyCheckMiddleware(answer, trusted)
    for _ in range(2):
        asyncio.run(middleware({"type": "http", "client": (peer, 1), "headers": headers}, None, None))
    assert len(caplog.records) == warned
