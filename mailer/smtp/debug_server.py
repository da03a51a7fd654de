"""A real SMTP server on loopback that stores messages instead of delivering them: for the demo, for trials, and for tests.

Always holds: a message is in the journal, fsynced, before its end of DATA is answered with 250; only the owner can read what is
stored. The journal has one JSON object a line: `{"message_id", "recipient", "sender", "at"}`. With `folder`, each message is also
stored as `NNNN.eml`.

    python -m mailer.smtp.debug_server --journal accepted.jsonl [--greylist 0.05] [--refuse 0.01] [--hang-up-after 50]

prints its port on the first line of standard output, and runs until it is ended.
"""

import argparse
import asyncio
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, AnyStr, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.atomic_files import PRIVATE_FOLDER, open_private

_MESSAGE_ID = re.compile(rb"(?im)^Message-ID:\s*(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBehaviour:
    """How the server replies. Shares are of all addresses, chosen by a hash: the same addresses in every run."""

    refuse: frozenset[str] = frozenset()  # 550 5.1.1 at RCPT, always
    greylist: frozenset[str] = frozenset()  # 451 4.7.1 at RCPT, the first time
    refuse_share: float = 0.0
    greylist_share: float = 0.0
    hang_up_after: int = 0  # messages on one connection; 0 for never
    pipelining: bool = True

    def refuses(self, address: str) -> bool:
        return address in self.refuse or _share(address, "refuse") < self.refuse_share

    def greylists(self, address: str) -> bool:
        return address in self.greylist or _share(address, "greylist") < self.greylist_share


def _share(address: str, salt: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{salt}:{address}".encode()).digest()[:4], "big") / 2**32


class _ClosingSmtp(SMTP):
    """The server of aiosmtpd, which can close the connection right after a reply."""

    hangs_up = False

    async def push(self, status: AnyStr) -> None:
        await super().push(status)
        if self.hangs_up and self.transport:
            self.transport.close()


@dataclass(slots=True)
class _Handler:
    """The handlers that aiosmtpd calls, in the order of a session."""

    behaviour: ServerBehaviour
    journal: IO[str]
    folder: Path | None
    greylisted: set[str] = field(default_factory=set)
    message_counts: dict[int, int] = field(default_factory=dict)  # by connection
    count: int = 0

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.message_counts[id(server)] = 0
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.behaviour.pipelining else responses

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.behaviour.refuses(address):
            return "550 5.1.1 No such person here"
        if address not in self.greylisted and self.behaviour.greylists(address):
            self.greylisted.add(address)
            return "451 4.7.1 Greylisted, come again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Fine"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: "_ClosingSmtp", _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.original_content or b""
        found = _MESSAGE_ID.search(content)
        self.count += 1
        if self.folder:
            _store(self.folder / f"{self.count:04}.eml", content)
        for recipient in envelope.rcpt_tos:
            line = {
                "message_id": found[1].decode("ascii", "replace") if found else "",
                "recipient": recipient,
                "sender": envelope.mail_from,
                "at": time.time(),
            }
            self.journal.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.journal.flush()
        os.fsync(self.journal.fileno())
        self.message_counts[id(server)] = count = self.message_counts.get(id(server), 0) + 1
        server.hangs_up = 0 < self.behaviour.hang_up_after <= count
        return f"250 2.0.0 Caught as {self.count:04}"


class DebugSmtpServer:
    """The server in a thread of its own: `with DebugSmtpServer(journal) as server: ... server.port`."""

    def __init__(
        self, journal: Path, *, behaviour: ServerBehaviour | None = None, folder: Path | None = None, port: int = 0
    ) -> None:
        self._journal = journal
        self._behaviour = behaviour or ServerBehaviour()
        self._folder = folder
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="debug-smtp-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise self._failure
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def received(self) -> list[dict[str, Any]]:
        """Returns the journal: what was accepted so far, in order."""
        return read_journal(self._journal)

    def messages(self) -> Iterable[Path]:
        """Returns the files of the messages, in order."""
        return sorted(self._folder.glob("*.eml")) if self._folder else []

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            if self._folder:
                self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            with open(self._journal, "a", encoding="utf-8", opener=open_private) as journal:
                handler = _Handler(self._behaviour, journal, self._folder)
                server = self._loop.run_until_complete(
                    self._loop.create_server(lambda: _server(handler, self._loop), "127.0.0.1", self.port)
                )
                self.port = server.sockets[0].getsockname()[1]
                self._ready.set()
                self._loop.run_forever()
                server.close()
                tasks = asyncio.all_tasks(self._loop)
                for task in tasks:
                    task.cancel()
                self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()
            self._loop.close()


def _store(path: Path, content: bytes) -> None:
    with open(path, "wb", opener=open_private) as file:
        file.write(content)


def _server(handler: _Handler, loop: asyncio.AbstractEventLoop) -> SMTP:
    return _ClosingSmtp(
        handler, enable_SMTPUTF8=True, hostname="debug.localhost", ident="mailer debug server", loop=loop
    )


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Returns the complete lines of a journal; none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]


def main() -> None:
    """Runs the server in the foreground until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m mailer.smtp.debug_server", description=__doc__)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--greylist", type=float, default=0.0, help="share of addresses, 0 to 1")
    parser.add_argument("--refuse", type=float, default=0.0, help="share of addresses, 0 to 1")
    parser.add_argument("--hang-up-after", type=int, default=0, help="messages on one connection")
    parser.add_argument("--no-pipelining", action="store_true")
    arguments = parser.parse_args()
    behaviour = ServerBehaviour(
        refuse_share=arguments.refuse,
        greylist_share=arguments.greylist,
        hang_up_after=arguments.hang_up_after,
        pipelining=not arguments.no_pipelining,
    )
    with DebugSmtpServer(
        arguments.journal, behaviour=behaviour, folder=arguments.folder, port=arguments.port
    ) as server:
        print(server.port, flush=True)  # noqa: T201 - the port is the output of this program
        threading.Event().wait()


if __name__ == "__main__":
    main()
