"""How a send goes, on standard error: a bar with rate and time left for a terminal, a line where something happens for a log.

What a log gets: that a relay cannot be reached, and when those that were put off are tried again; each once.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mailer.cli.output import say
from mailer.delivery.sender import Tally
from mailer.ledger.records import Summary
from mailer.service.result import iso

Watch = Callable[[Tally], None]


@contextmanager
def progress_bar(before: Summary) -> Iterator[Watch]:
    """Yields what a run tells its Tally. `before`: where the send stood when the run began."""
    if not sys.stderr.isatty():
        yield _log()
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only a terminal wants it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rest]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("send", total=before.undone, rate="", rest="")

        def watch(tally: Tally) -> None:
            speed = progress.tasks[0].speed
            progress.update(
                task,
                completed=tally.accepted + tally.failed + tally.uncertain,
                rate=f"{speed:,.0f}/s" if speed else "",
                rest=", ".join(_rest(tally)),
            )

        yield watch


def _rest(tally: Tally) -> Iterator[str]:
    if tally.failed:
        yield f"{tally.failed:,} failed"
    if tally.uncertain:
        yield f"{tally.uncertain:,} uncertain"
    yield from _news(tally)


def _news(tally: Tally) -> Iterator[str]:
    if tally.trouble:
        yield f"{tally.trouble}; trying again, Ctrl-C pauses"
    elif tally.next_at is not None and tally.next_at > time.time():
        yield f"the rest is tried again at {iso(tally.next_at)}"


def _log() -> Watch:
    told: set[str] = set()

    def watch(tally: Tally) -> None:
        for line in _news(tally):
            if line not in told:
                told.add(line)
                say(line)

    return watch
