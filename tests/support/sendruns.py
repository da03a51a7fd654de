"""A whole send of the test dispatch, in this process, over servers that a test scripts."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path

from mailer.app import App
from mailer.delivery.queue_port import Claim
from mailer.delivery.relay_pool import PoolOptions
from mailer.delivery.retry import RetryPolicy
from mailer.delivery.run_result import RunResult
from mailer.delivery.sender import Sender, SenderOptions
from mailer.ledger.types.sends import Summary
from mailer.mime.composer import Composer, Message
from mailer.relay import Relay
from mailer.service.sends.plan import plan_send
from mailer.service.sends.run import load_edition
from mailer.service.sends.start import start_send
from mailer.service.sends.summary import send_object
from tests.support.patience import PATIENCE
from tests.support.scripted import Scripted
from tests.support.workspaces import make_workspace

POOL = PoolOptions(connect_patience=PATIENCE, first_patience=PATIENCE)
HASTY = PoolOptions(connect_patience=0.5)  # for relays that never work
OPTIONS = SenderOptions(
    connections=2, pool=POOL, retry=RetryPolicy(delays=(0.05,), lifetime=3600), drain_patience=PATIENCE
)


class SendRun:
    """A send of the test dispatch to `readers` recipients, over `servers`: so many of one domain, or these addresses."""

    def __init__(
        self,
        folder: Path,
        readers: int | list[str],
        *servers: Scripted,
        options: SenderOptions = OPTIONS,
        run: Callable[[Coroutine[None, None, RunResult]], RunResult] = asyncio.run,
        clock: Callable[[], float] = time.time,
        **settings: str,
    ) -> None:
        addresses = [f"reader{n}@example.com" for n in range(readers)] if isinstance(readers, int) else readers
        rows = [f"{address},R{n},Lisbon" for n, address in enumerate(addresses)]
        self.app = App.open(make_workspace(folder, rows=rows, **settings), clock)
        self.servers = servers
        self.options = options
        self.run_loop = run
        self.sender: Sender | None = None
        self.meanwhile: Callable[[], Coroutine[None, None, None]] | None = None
        self.relay_of: Callable[[int], Relay] = lambda port: Relay(host="127.0.0.1", port=port)
        self.chance: Callable[[], float] = random.random
        self.spoiled = ""  # the address whose message cannot be composed

    def run(self, *, wait: bool = True) -> tuple[RunResult, dict[str, object]]:
        try:
            self.send = start_send(self.app, plan_send(self.app, "tide", ["readers"]))
            ending = self.run_loop(self._run(wait))
            return ending, send_object(self.summary())
        finally:
            self.app.close()

    def summary(self) -> Summary:
        return self.app.ledger.sends.summary(self.send.id)

    def suppressed(self) -> list[str]:
        with App.open(self.app.workspace.root) as app:
            return [each.identity for each in app.ledger.suppressions.all()]

    def _compose(self, composer: Composer, claim: Claim) -> Message:
        if claim.address == self.spoiled:
            raise ValueError("spoiled")
        return composer.compose(claim)

    async def _run(self, wait: bool) -> RunResult:
        session = self.app.ledger.leases.acquire(self.send.id, retry_for=3600)
        assert session
        composer = Composer(
            load_edition(self.app, self.send),
            self.app.sender_profile,
            self.app.message_tokens(self.send.key_name),
        )
        async with AsyncExitStack() as stack:
            for server in self.servers:
                await stack.enter_async_context(server)
            stack.push_async_callback(asyncio.to_thread, session.close)
            relays = [self.relay_of(server.port) for server in self.servers]
            self.sender = Sender(
                queue=session,
                compose=lambda claim: self._compose(composer, claim),
                relays=relays,
                options=self.options,
                now=self.app.clock,
                monotonic=asyncio.get_running_loop().time,
                chance=self.chance,
            )
            meanwhile = asyncio.create_task(self.meanwhile()) if self.meanwhile else None
            async with asyncio.timeout(PATIENCE):
                ending = await self.sender.run(wait=wait)
            if meanwhile:
                await meanwhile
            return ending


def counts(result: dict[str, object]) -> dict[str, object]:
    names = ("pending", "deferred", "accepted", "failed", "skipped", "uncertain")
    return {name: result[name] for name in names if result[name]}


def messages(*servers: Scripted) -> int:
    return sum(len(server.messages) for server in servers)
