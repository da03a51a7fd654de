"""The name that is sent with EHLO."""

import pytest

from mailer.relay import Relay
from mailer.smtp.connect import Timeouts, ehlo_name, open_connection
from tests.support.patience import run_unhurried
from tests.support.scripted import Scripted


@pytest.mark.parametrize(
    ("hostname", "address", "expected"),
    [
        ("mail.example.org", "192.0.2.1", "mail.example.org"),
        ("mail.example.org.", "192.0.2.1", "mail.example.org"),
        ("[192.0.2.9]", "192.0.2.1", "[192.0.2.9]"),
        ("mailhost", "192.0.2.1", "[192.0.2.1]"),
        ("localhost", "127.0.0.1", "[127.0.0.1]"),
        ("localhost.localdomain", "192.0.2.1", "[192.0.2.1]"),
        ("", "2001:db8::1", "[IPv6:2001:db8::1]"),
        ("mailhost", "fe80::1%eth0", "[IPv6:fe80::1]"),
        ("mälhost.example", "192.0.2.1", "[192.0.2.1]"),
    ],
)
def test_a_name_without_a_dot_becomes_an_address_literal(hostname, address, expected):
    assert ehlo_name(hostname, address) == expected


@pytest.mark.parametrize(("hostname", "sent"), [("mail.example.org", "mail.example.org"), ("mailhost", "[127.0.0.1]")])
def test_ehlo_has_the_name(hostname, sent):
    async def scenario() -> list[str]:
        async with Scripted() as server:
            relay = Relay(host="127.0.0.1", port=server.port)
            connection = await open_connection(relay, limits=Timeouts(), local_hostname=hostname)
            await connection.protocol.quit()
            return server.log

    assert f"EHLO {sent}" in run_unhurried(scenario())
