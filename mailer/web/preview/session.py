"""The preview of one dispatch, updated while its files change.

    session.state                    the current state
    session.editions                 the latest editions
    await session.after(number)      the first state that is newer
    await session.run(stop)          reads, compiles and checks until `stop` is set

Each save publishes two states: a draft as soon as it can be shown, then the final message with all findings. A file that is
saved again meanwhile is read at once. While a dispatch has errors, its last edition without errors stays. No error in a
file ends the session.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mailer.app import App
from mailer.edition.dispatch_view import cropped_files, image_files
from mailer.edition.model import Edition
from mailer.errors import MailerError
from mailer.service.dispatches.preview import PreviewDraft, compile_draft, lint_draft
from mailer.web.preview.watcher import watch_files

_QUIET = 0.15  # seconds without a save before the final edition is compiled: browsers get the draft first


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewState:
    """`number` grows. `draft` is the current file; `shown` the newest draft with an edition, `shown_number` its number.

    `error` says why the file could not be read, in words for a person.
    """

    number: int = 0
    shown_number: int = 0
    draft: PreviewDraft | None = None
    shown: PreviewDraft | None = None
    error: str = ""

    @property
    def edition(self) -> Edition | None:
        return self.shown.edition if self.shown else None

    @property
    def is_before(self) -> bool:
        """Whether the message is that of an earlier text."""
        return self.shown is not None and self.draft is not self.shown

    @property
    def is_final(self) -> bool:
        """Whether the message is as it would be sent."""
        return self.shown is not None and self.shown.is_final


class PreviewSession:
    """Previews the dispatch at `path`, which findings call `display_name`, checked for `lists`."""

    def __init__(self, app: App, path: Path, display_name: str, lists: tuple[str, ...] = ()) -> None:
        self.app = app
        self.path = path
        self.display_name = display_name
        self._lists = lists
        self.state = PreviewState()
        self.editions: deque[Edition] = deque(maxlen=4)  # a browser may still show an earlier edition
        self._changed = asyncio.Condition()

    @property
    def lists(self) -> tuple[str, ...]:
        """The lists to take readers from: those that were named, else those of the dispatch."""
        dispatch = self.state.draft.checked.partial if self.state.draft else None
        return self._lists or (tuple(dispatch.lists) if dispatch else ())

    async def after(self, number: int) -> PreviewState:
        async with self._changed:
            await self._changed.wait_for(lambda: self.state.number > number)
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
            finishing: asyncio.Task[None] | None = None
            async for _ in saved:
                if finishing is not None:
                    finishing.cancel()
                made = await self._read()
                finishing = tasks.create_task(self._finish(made)) if made else None

    async def _read(self) -> PreviewDraft | None:
        return await self._publish_draft(self._draft)

    async def _finish(self, made: PreviewDraft) -> None:
        """Compiles and checks `made` in full; without an edition of it, the earlier draft that is shown instead."""
        await asyncio.sleep(_QUIET)
        await self._publish_draft(lambda: lint_draft(self.app, made))
        earlier = self.state.shown
        if made.edition is None and earlier is not None and not earlier.is_final:
            with contextlib.suppress(MailerError):  # the errors of the current file have been published
                full = await asyncio.to_thread(lint_draft, self.app, earlier)
                await self._publish(replace(self.state, shown=full, shown_number=self.state.number + 1))

    async def _publish_draft(self, make: Callable[[], PreviewDraft]) -> PreviewDraft | None:
        """Makes a draft in a thread and publishes it; publishes the error and returns None if it cannot be made."""
        try:
            made = await asyncio.to_thread(make)
        except MailerError as error:
            await self._publish(replace(self.state, draft=None, error=str(error)))
            return None
        before = self.state
        if made.edition is not None:
            before = replace(before, shown=made, shown_number=before.number + 1)
        await self._publish(replace(before, draft=made, error=""))
        return made

    def _draft(self) -> PreviewDraft:
        try:
            source = self.path.read_bytes()
        except OSError as error:
            raise UnreadableDispatchError(
                f"{self.display_name} cannot be read ({error.strerror}).",
                "The preview continues as soon as it can be read.",
            ) from None
        return compile_draft(self.app, source, self.path, shown=self.display_name, lists=self._lists)

    def _images(self) -> Iterable[Path]:
        dispatch = self.state.draft.checked.partial if self.state.draft else None
        if dispatch is None:
            return ()
        names = (*image_files(dispatch), *(crop.file for crop in cropped_files(dispatch)))
        return [self.path.parent / name for name in names]

    async def _publish(self, state: PreviewState) -> None:
        if state.edition is not None and state.edition is not self.state.edition:
            self.editions.append(state.edition)
        async with self._changed:
            self.state = replace(state, number=self.state.number + 1)
            self._changed.notify_all()


class UnreadableDispatchError(MailerError):
    """The file does not exist, or cannot be read."""
