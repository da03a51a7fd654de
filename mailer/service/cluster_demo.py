"""The demo of several machines (`mailer demo --cluster`): two workers share a send, and one is killed.

Each worker is a process in a folder of its own, as on a machine of its own. When a third of the
messages has been accepted, one worker is killed with SIGKILL while it sends a shard; the other one takes that shard over when the
lease has ended. In the end the ledger is compared with the journal of the SMTP server. Messages that were on their way when the
worker died are uncertain; the journal decides about them, as the log of a relay would.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailer.addresses import parse_address
from mailer.app import App
from mailer.delivery.run_progress import SendProgress
from mailer.delivery.states import DeliveryState
from mailer.errors import MailerError
from mailer.ledger.types.sends import Summary
from mailer.service.cluster.handover import run_or_hand_over
from mailer.service.demo import FIRST, LIST, lay_demo
from mailer.service.sends.plan import plan_send
from mailer.service.sends.start import start_send
from mailer.service.sends.summary import proof_line
from mailer.service.sends.verify import Verification, verify_send

MORE_READERS = 228  # 240 with the others
_SETTINGS = "MAILER_RATE=40\nMAILER_SHARD_SIZE=20\n"
_PATIENCE = 60.0  # seconds until a worker has started
_LOOK = 0.1  # seconds
_PROGRAM = (sys.executable, "-m", "mailer")
Log = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDemoResult:
    """What the demo sent. `journal`: how many messages the SMTP server accepted for each reader; `killed`: a process id."""

    messages: Path
    summary: Summary
    verification: Verification
    journal: Counter[str]
    killed: int


def run_cluster_demo(
    folder: Path, database_url: str, *, base_url: str, log: Log, program: Sequence[str] = _PROGRAM
) -> ClusterDemoResult:
    """Runs the demo in the empty `folder`, on an empty PostgreSQL database.

    `log` is called with a line for each step. `program` is the command of which a worker is a subcommand.
    """
    settings = f"{_SETTINGS}MAILER_DATABASE_URL={database_url}\n"
    more = "".join(f"reader.{n}@example.com,,,,subscribed\n" for n in range(1, MORE_READERS + 1))
    with lay_demo(folder, base_url, log, settings=settings, more_readers=more), App.open(folder) as app:
        plan = plan_send(app, FIRST, [LIST])  # makes the tables that workers need
        with _workers(app, folder, program, log):
            send_id = start_send(app, plan).id
            shards = len(app.ledger.shards.of(send_id))
            log(f"“{plan.edition.title}” to {plan.summary.to_mail} readers, in {shards} shards: the workers begin")
            killing = _Killing(app, at=plan.summary.to_mail // 3, log=log)
            summary = run_or_hand_over(app, send_id, watch=killing).summary
            log(f"the other worker finished the send: {proof_line(summary)}")
            summary = _decide_uncertain(app, folder, summary, log)
        return ClusterDemoResult(
            messages=folder / "messages",
            summary=summary,
            verification=verify_send(app, send_id),
            journal=_journal(folder),
            killed=killing.killed,
        )


@contextmanager
def _workers(app: App, folder: Path, program: Sequence[str], log: Log) -> Iterator[None]:
    """Runs two workers, each in a folder of its own that has only the settings; returns when both are ready."""
    settings = (folder / ".env").read_bytes()
    with ExitStack() as stack:
        started = []
        for number in (1, 2):
            own = folder / f"worker-{number}"
            own.mkdir()
            (own / ".env").write_bytes(settings)
            (own / ".env").chmod(0o600)
            output = stack.enter_context((own / "log").open("wb"))
            process = stack.enter_context(
                subprocess.Popen([*program, "worker"], cwd=own, stderr=output)  # noqa: S603 - our own program
            )
            stack.callback(process.terminate)
            started.append((process, own))
        for process, own in started:
            _wait_for_start(app, process, own / "log")
            log(f"a worker is ready: process {process.pid}, in {own}")
        yield


def _wait_for_start(app: App, process: "subprocess.Popen[bytes]", output: Path) -> None:
    """Returns when the worker is registered. Raises MailerError."""
    for _ in range(round(_PATIENCE / _LOOK)):
        if any(each.pid == process.pid for each in app.ledger.workers.all()):
            return
        if process.poll() is not None:
            break
        time.sleep(_LOOK)
    raise MailerError("A worker does not start.", f"See: {output}")


class _Killing:
    """Kills a worker that is sending a shard, once, when `at` messages were accepted; a Watch."""

    def __init__(self, app: App, *, at: int, log: Log) -> None:
        self._app = app
        self._at = at
        self._log = log
        self.killed = 0  # its process id

    def __call__(self, progress: SendProgress) -> None:
        if self.killed or progress.accepted < self._at:
            return
        for each in self._app.ledger.workers.all():
            if each.pid and each.holding:
                os.kill(each.pid, signal.SIGKILL)
                self.killed = each.pid
                shard = each.holding[0][1]
                self._log(
                    f"after {progress.accepted} messages, process {each.pid} is killed while it sends shard {shard}"
                )
                self._log(f"shard {shard} is free when its lease ends, which the dead worker renews no more")
                return


def _decide_uncertain(app: App, folder: Path, summary: Summary, log: Log) -> Summary:
    """Decides the uncertain deliveries by the journal of the SMTP server, and returns the summary after it."""
    send_id, accepted = summary.send.id, {parse_address(each).identity for each in _journal(folder)}
    rows = app.ledger.report.rows(send_id)
    uncertain = {parse_address(row.email).identity for row in rows if row.state is DeliveryState.UNCERTAIN}
    if not uncertain:
        return summary
    there, missing = uncertain & accepted, uncertain - accepted
    log(f"{len(uncertain)} messages were on their way when it died. The server’s journal has {len(there)} of them")
    app.ledger.sends.resolve_uncertain(send_id, resend=False, identities=there)
    if missing:
        app.ledger.sends.resolve_uncertain(send_id, resend=True, identities=missing)
        return _decide_uncertain(app, folder, run_or_hand_over(app, send_id).summary, log)
    return app.ledger.sends.summary(send_id)


def _journal(folder: Path) -> Counter[str]:
    """Returns how many messages the SMTP server accepted for each address."""
    lines = (folder / "accepted.jsonl").read_text(encoding="utf-8").splitlines()
    return Counter(json.loads(line)["recipient"] for line in lines)
