"""Whether the client of a request has disconnected, asked by an endpoint that runs in a thread."""

from collections.abc import Callable

from anyio import from_thread
from starlette.requests import Request


def disconnect_check(request: Request) -> Callable[[], bool]:
    """Returns a function that asks the event loop, from a thread of `run_in_threadpool`. The body must have been read."""
    return lambda: from_thread.run(request.is_disconnected)
