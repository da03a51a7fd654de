"""A progress bar on standard error, with rate and time left; nothing where nobody looks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mailer.delivery.sender import Tally
from mailer.ledger.records import Summary


@contextmanager
def progress_bar(before: Summary, *, shown: bool) -> Iterator[Callable[[Tally], None] | None]:
    """Yields what a run tells its Tally; None where there is no terminal."""
    if not shown or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only a terminal wants it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    todo = before.undone
    columns = (
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rest]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("send", total=todo, rate="", rest="")

        def watch(tally: Tally) -> None:
            done = tally.accepted + tally.failed + tally.uncertain
            speed = progress.tasks[0].speed
            rest = [f"{tally.failed:,} failed"] if tally.failed else []
            rest += [f"{tally.uncertain:,} uncertain"] if tally.uncertain else []
            rest += ["waiting to try the rest again"] if tally.next_at and done < todo else []
            progress.update(task, completed=done, rate=f"{speed:,.0f}/s" if speed else "", rest=", ".join(rest))

        yield watch
