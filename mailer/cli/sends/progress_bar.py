"""The progress of a send on standard error: a bar with rate and time left at a terminal, else a line for each event.

The events are: a relay cannot be reached, or is excluded; the send waits for deferred or held-back deliveries. Each is printed
once.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mailer.cli.output import echo_err
from mailer.delivery.run_progress import SendProgress
from mailer.service.sends.progress_tracker import ProgressTracker, ProgressView, log_changes

Watch = Callable[[SendProgress], None]
ADVICE = "Ctrl-C pauses the send"


@contextmanager
def progress_bar(tracker: ProgressTracker, total: int) -> Iterator[Watch]:
    """Yields a function that shows the progress of a run. `total`: how many messages were to be sent at its start."""
    if not sys.stderr.isatty():
        yield log_changes(tracker, echo_err, advice=ADVICE)
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only needed at a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - as above
    from rich.table import Column  # noqa: PLC0415 - as above

    columns = (
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn(
            "{task.fields[rest]}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
        ),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, expand=True) as progress:
        task = progress.add_task("send", total=total, rate="", rest="")

        def watch(send_progress: SendProgress) -> None:
            view = tracker.view(send_progress)
            rate = f"{view.rate:,.{0 if view.rate >= 10 else 1}f}/s" if view.rate else ""
            progress.update(task, completed=view.done, rate=rate, rest=", ".join(_describe_rest(send_progress, view)))

        yield watch


def _describe_rest(send_progress: SendProgress, view: ProgressView) -> Iterator[str]:
    if send_progress.failed:
        yield f"{send_progress.failed:,} failed"
    if send_progress.uncertain:
        yield f"{send_progress.uncertain:,} uncertain"
    if words := f"{view.message}, {ADVICE}" if send_progress.last_error else view.left.words:
        yield words
    for relay in send_progress.excluded_relays:
        yield f"relay excluded: {relay}"
