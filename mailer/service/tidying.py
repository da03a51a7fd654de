"""What is kept for a while goes when its time is over, in the background of `mailer serve`: uploads that nobody decided about.

    keep_tidy(newsroom, stop, tell)      until `stop` is set

Once at the start, then every hour. What cannot be removed is said through `tell`, and tried again.
"""

import asyncio
from collections.abc import Callable

from mailer.errors import MailerError
from mailer.service.newsroom import Newsroom
from mailer.service.uploads import forget_old

EVERY = 3600.0  # seconds

Tell = Callable[[str], None]


async def keep_tidy(newsroom: Newsroom, stop: asyncio.Event, tell: Tell) -> None:
    """Until `stop`."""
    while not stop.is_set():
        try:
            await asyncio.to_thread(forget_old, newsroom)
        except MailerError as error:
            tell(str(error))
        try:
            async with asyncio.timeout(EVERY):
                await stop.wait()
        except TimeoutError:
            continue
