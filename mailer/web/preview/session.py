"""The letter of one dispatch, kept up to date while its file changes, and told to whoever looks at it.

    live.state                    what there is now
    live.editions                 those of late
    await live.after(number)      the first state that is newer
    await live.run(stop)          reads, compiles and checks, until the event is set

A state comes twice for each save: as soon as there is something to see, then with the letter as it would be mailed and what is
to be said of it. A file that was saved again meanwhile
is read at once. While a dispatch has errors, the last letter without any stays. Nothing that a person can do wrong ends it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mailer.app import App
from mailer.edition.dispatch_view import image_files
from mailer.edition.model import Edition
from mailer.errors import MailerError
from mailer.service.dispatches.preview import PreviewDraft, compile_draft, lint_draft
from mailer.web.preview.watcher import watch_files

_LULL = 0.15  # seconds without a save before a letter is made in full: browsers first, and whoever types goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewState:
    """`number` grows. `draft` is the file as it is; `letter` the newest of which there is an edition, `made` its number.

    `fault` says, in words for a person, why nothing could be made of the file.
    """

    number: int = 0
    made: int = 0
    draft: PreviewDraft | None = None
    letter: PreviewDraft | None = None
    fault: str = ""

    @property
    def edition(self) -> Edition | None:
        return self.letter.edition if self.letter else None

    @property
    def is_before(self) -> bool:
        """Whether the letter is that of an earlier text."""
        return self.letter is not None and self.draft is not self.letter

    @property
    def is_final(self) -> bool:
        """Whether the letter is as it would be mailed."""
        return self.letter is not None and self.letter.is_final


class PreviewSession:
    """The letter of the dispatch at `path`, which findings call `shown`, checked for `lists`."""

    def __init__(self, app: App, path: Path, shown: str, lists: tuple[str, ...] = ()) -> None:
        self.app = app
        self.path = path
        self.shown = shown
        self._lists = lists
        self.state = PreviewState()
        self.editions: deque[Edition] = deque(maxlen=4)  # of late: a browser may be a letter behind
        self._news = asyncio.Condition()

    @property
    def lists(self) -> tuple[str, ...]:
        """The lists that its readers are on: those that were named, else those of the dispatch."""
        guess = self.state.draft.checked.partial if self.state.draft else None
        return self._lists or (tuple(guess.lists) if guess else ())

    async def after(self, number: int) -> PreviewState:
        async with self._news:
            await self._news.wait_for(lambda: self.state.number > number)
            return self.state

    async def run(self, stop: asyncio.Event) -> None:
        working = asyncio.create_task(self._work())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    async def _work(self) -> None:
        async with (
            asyncio.TaskGroup() as tasks,
            contextlib.aclosing(watch_files(self.app, self.path, self._images)) as saved,
        ):
            reading: asyncio.Task[None] | None = None
            async for _ in saved:
                if reading is not None:
                    reading.cancel()
                made = await self._make()
                reading = tasks.create_task(self._proofread(made)) if made else None

    async def _make(self) -> PreviewDraft | None:
        return await self._tell_of(self._draft)

    async def _proofread(self, made: PreviewDraft) -> None:
        """Make `made` in full, and the letter that is seen instead where there is none of it."""
        await asyncio.sleep(_LULL)
        await self._tell_of(lambda: lint_draft(self.app, made))
        earlier = self.state.letter
        if made.edition is None and earlier is not None and not earlier.is_final:
            with contextlib.suppress(MailerError):  # what is wrong with the file as it is has been told
                full = await asyncio.to_thread(lint_draft, self.app, earlier)
                await self._tell(replace(self.state, letter=full, made=self.state.number + 1))

    async def _tell_of(self, make: Callable[[], PreviewDraft]) -> PreviewDraft | None:
        """Make a draft beside the loop, and tell everybody; None, and why, where it cannot be made."""
        try:
            made = await asyncio.to_thread(make)
        except MailerError as error:
            await self._tell(replace(self.state, draft=None, fault=str(error)))
            return None
        before = self.state
        if made.edition is not None:
            before = replace(before, letter=made, made=before.number + 1)
        await self._tell(replace(before, draft=made, fault=""))
        return made

    def _draft(self) -> PreviewDraft:
        try:
            source = self.path.read_bytes()
        except OSError as error:
            raise SessionClosedError(
                f"{self.shown} cannot be read ({error.strerror}).", "It is looked for again and again."
            ) from None
        return compile_draft(self.app, source, self.path, shown=self.shown, lists=self._lists)

    def _images(self) -> Iterable[Path]:
        guess = self.state.draft.checked.partial if self.state.draft else None
        return [self.path.parent / name for name in image_files(guess)] if guess else ()

    async def _tell(self, state: PreviewState) -> None:
        if state.edition is not None and state.edition is not self.state.edition:
            self.editions.append(state.edition)
        async with self._news:
            self.state = replace(state, number=self.state.number + 1)
            self._news.notify_all()


class SessionClosedError(MailerError):
    """The file is not there, or may not be read."""
