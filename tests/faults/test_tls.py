"""TLS that is missing, broken or of another host: no credentials and no message are sent, the send is paused, nothing fails."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from pydantic import SecretStr

from mailer.delivery.run_result import RunResult, StopReason
from mailer.relay import Relay, TlsMode
from mailer.smtp.connect import ConnectionFailure, Timeouts, open_connection
from tests.faults.test_sender import HASTY, OPTIONS, POOL, SendRun, counts
from tests.support.certificates import Authority
from tests.support.scripted import Scripted
from tests.support.secured import Secured, Wrapped

PASSWORD = "open-sesame"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture
def send_over(tmp_path: Path, authority: Authority) -> Callable[..., tuple[SendRun, RunResult, dict[str, object]]]:
    """Runs a send to five recipients over `server`, with a login. `works`: False for a server that never works."""

    def run(server: Scripted, tls: TlsMode = TlsMode.STARTTLS, *, trusted: bool = True, works: bool = True) -> tuple:
        pool = replace(POOL if works else HASTY, tls=authority.trust() if trusted else ssl.create_default_context())
        stage = SendRun(tmp_path, 5, server, options=replace(OPTIONS, pool=pool))
        stage.relay_of = lambda port: Relay(
            host="127.0.0.1", port=port, tls=tls, username="desk", password=SecretStr(PASSWORD)
        )
        ending, result = stage.run()
        return stage, ending, result

    return run


CLEAR = {"EHLO", "STARTTLS", "QUIT"}  # commands that are allowed in clear text


def nothing_leaked(server: Secured) -> bool:
    return not server.logins and not server.messages and {line.split()[0] for line in server.clear} <= CLEAR


@pytest.mark.parametrize(("kind", "tls"), [(Secured, TlsMode.STARTTLS), (Wrapped, TlsMode.IMPLICIT)])
def test_a_valid_certificate_is_accepted_and_the_login_is_encrypted(
    send_over: Callable[..., tuple], authority: Authority, tmp_path: Path, kind: type[Secured], tls: TlsMode
) -> None:
    server = kind(authority.server(tmp_path))
    _, ending, result = send_over(server, tls)
    assert (ending.end, counts(result)) == (StopReason.FINISHED, {"accepted": 5})
    assert server.logins >= 1
    assert {line.split()[0] for line in server.clear} <= CLEAR


@pytest.mark.parametrize(("kind", "tls"), [(Secured, TlsMode.STARTTLS), (Wrapped, TlsMode.IMPLICIT)])
@pytest.mark.parametrize(
    ("certificate", "trusted", "reason"),
    [
        ({"days": -1}, True, "expired"),
        ({"host": "relay.example.org"}, True, "127.0.0.1"),
        ({"host": "127.0.0.2"}, True, "127.0.0.1"),
        ({}, False, "certificate"),
    ],
    ids=["expired", "wrong name", "wrong address", "unknown authority"],
)
def test_an_invalid_certificate_pauses_the_send_and_nothing_is_sent(
    send_over: Callable[..., tuple],
    authority: Authority,
    tmp_path: Path,
    kind: type[Secured],
    tls: TlsMode,
    certificate: dict,
    trusted: bool,
    reason: str,
) -> None:
    server = kind(authority.server(tmp_path, **certificate))
    stage, ending, result = send_over(server, tls, trusted=trusted, works=False)
    assert (ending.end, counts(result)) == (StopReason.PAUSED, {"pending": 5})
    assert reason in ending.reason
    assert PASSWORD not in ending.reason
    assert nothing_leaked(server)
    assert stage.suppressed() == []


@pytest.mark.parametrize(
    "server",
    [
        lambda: Secured(None, offers=()),
        lambda: Secured(None, go_on="454 4.7.0 TLS not available"),
        lambda: Secured(None, go_on="502 5.5.1 not implemented"),
        lambda: Secured(None, go_on="220 go on\r\n250 injected"),
        lambda: Secured(None, go_on="220 go on, but in clear"),
    ],
    ids=["missing", "refused for now", "refused", "injected", "no handshake"],
)
def test_failed_starttls_pauses_the_send_and_nothing_is_sent(
    send_over: Callable[..., tuple], server: Callable[[], Secured]
) -> None:
    made = server()
    stage, ending, result = send_over(made, works=False)
    assert (ending.end, counts(result)) == (StopReason.PAUSED, {"pending": 5})
    assert nothing_leaked(made)
    assert stage.suppressed() == []


def test_a_refused_login_pauses_the_send_and_fails_no_delivery(
    send_over: Callable[..., tuple], authority: Authority, tmp_path: Path
) -> None:
    class Refusing(Secured):
        async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
            if verb == "AUTH":
                writer.write(b"535 5.7.8 wrong password\r\n")
                await writer.drain()
                return True
            return await super().answer(verb, writer)

    server = Refusing(authority.server(tmp_path))
    stage, ending, result = send_over(server)
    assert (ending.end, counts(result)) == (StopReason.PAUSED, {"pending": 5})
    assert "5.7.8" in ending.reason
    assert PASSWORD not in ending.reason
    assert stage.suppressed() == []
    assert not server.messages


class Broken(Scripted):
    """Answers the first bytes of a handshake with `answer`, and closes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(self._answer)
        writer.close()


@pytest.mark.parametrize(
    ("answer", "fatal"),
    [
        (b"", False),
        (b"\x15\x03\x03\x00\x02\x02\x50", False),  # alert internal_error
        (b"\x16\x03\x03\x00\x04\x02\x00", False),
        (b"\x15\x03\x03\x00\x02\x02\x28", True),  # alert handshake_failure
        (b"\x15\x03\x03\x00\x02\x02\x46", True),  # alert protocol_version
        (b"220 relay.example.org in clear\r\n", True),
    ],
    ids=["closed", "internal error", "cut off", "no common cipher", "no common version", "no TLS"],
)
@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_a_handshake_that_breaks_off_is_a_lost_connection_and_one_that_cannot_succeed_is_fatal(
    answer: bytes, fatal: bool, runner: Callable[..., None]
) -> None:
    async def connect() -> None:
        async with Broken(answer) as server:
            relay = Relay(host="127.0.0.1", port=server.port, tls=TlsMode.IMPLICIT)
            await open_connection(relay, limits=Timeouts(), local_hostname="desk.example.org")

    with pytest.raises(ConnectionFailure) as caught:
        runner(connect())
    assert caught.value.fatal is fatal, str(caught.value)
