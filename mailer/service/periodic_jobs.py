"""Background jobs of `mailer serve`: one loop for all of them.

await run_every(2.0, step, stop, log, app=app, name="letters")    until `stop` is set
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable

from mailer.app import App
from mailer.errors import MailerError
from mailer.settings.secret_masking import redact_secrets

Log = Callable[[str], None]
Step = Callable[[], Awaitable[float | None]]
"""One round of a job. Returns the seconds until the next one, or None for the usual interval."""


async def run_every(
    interval: float,
    step: Step,
    stop: asyncio.Event,
    log: Log,
    *,
    app: App,
    name: str,
    after_error: float | None = None,
) -> None:
    """Runs `step` until `stop` is set, with `interval` seconds between two rounds.

    An exception ends the round, not the job: it is logged, and the next round begins `after_error` seconds later
    (default: `interval`). The same error is logged once until a round has succeeded, which is logged, too.
    """
    logged: set[str] = set()
    while not stop.is_set():
        line = ""
        try:
            pause = await step()
        except MailerError as error:
            pause, line = after_error, f"{name} wait: {error}"
        except Exception:  # noqa: BLE001 - a bug in one job must not stop the server
            pause, line = after_error, f"{name} wait, because of a bug in mailer: {current_traceback(app)}"
        if line and line not in logged:
            log(line)
            logged.add(line)
        elif not line and logged:
            log(f"{name} go on")
            logged.clear()
        try:
            async with asyncio.timeout(interval if pause is None else pause):
                await stop.wait()
        except TimeoutError:
            continue


def current_traceback(app: App) -> str:
    """Returns the traceback of the exception that is being handled, without secrets."""
    return redact_secrets(traceback.format_exc(), app.settings)
