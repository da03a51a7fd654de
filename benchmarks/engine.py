"""A program: this engine, sending what a workspace holds, measured from the start of `run_send`.

    python -m benchmarks.engine WORKSPACE LIMIT      LIMIT: stop after so many messages

It prints one JSON object: messages accepted, seconds and CPU seconds of the run, when (time.monotonic) the edition was
compiled, and how many seconds planning and freezing took. Planning, freezing and sending are in one process, as they are
in `mailer send`.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from benchmarks.process import own_cpu
from benchmarks.workload import DISPATCH, LIST
from mailer.app import App
from mailer.delivery.run_progress import SendProgress
from mailer.delivery.states import DeliveryState
from mailer.edition.model import Edition
from mailer.service.dispatches.check_and_compile import CheckResult, compile_checked
from mailer.service.sends import plan as sends_plan
from mailer.service.sends import start as sends_start
from mailer.service.sends.run import run_send


@contextmanager
def _record_compile_time() -> Iterator[list[float]]:
    """Records when the edition of a plan was compiled, by time.monotonic."""
    when: list[float] = []

    def compile_and_record(app: App, checked: CheckResult) -> Edition:
        edition = compile_checked(app, checked)
        when.append(time.monotonic())
        return edition

    with patch.object(sends_plan, "compile_checked", compile_and_record):
        yield when


def main(folder: Path, limit: int) -> dict[str, float]:
    stopping = False

    def watch(progress: SendProgress) -> None:
        nonlocal stopping
        if progress.accepted >= limit and not stopping:
            stopping = True
            os.kill(os.getpid(), signal.SIGINT)

    with App.open(folder) as app:
        with _record_compile_time() as compiled:
            plan = sends_plan.plan_send(app, DISPATCH, [LIST])
        planned = time.monotonic()
        send = sends_start.start_send(app, plan)
        cpu, start = own_cpu(), time.monotonic()
        run = run_send(app, send.id, watch=watch if limit < plan.summary.to_mail else None)
        seconds, cpu = time.monotonic() - start, own_cpu() - cpu
    accepted = run.summary.count(DeliveryState.ACCEPTED)
    if accepted < min(limit, plan.summary.to_mail):
        sys.exit(f"only {accepted} of {plan.summary.to_mail} were accepted: {run.result}")
    return {
        "messages": accepted,
        "seconds": seconds,
        "cpu": cpu,
        "compiled_at": compiled[0],
        "planning": planned - compiled[0],
        "freezing": start - planned,
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
