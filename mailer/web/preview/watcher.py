"""Watches the files that a preview depends on, by polling.

    async for _ in watch_files(app, path, images): …      at once, then after each change

The dispatch and its images are polled every 50 ms; templates, other dispatches and lists four times a second. Polling is
cheap, and works where notifications do not: on network drives and in containers. A file that is being written is waited for. A
change during the caller's work is reported next.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailer.app import App
from mailer.service.file_cache import Version, file_version

NEAR = 0.05  # seconds
_FAR = 5  # polls of the near files for one of the far files
_SETTLING = 0.01  # seconds
_SETTLINGS = 10  # at most; a file that grows for longer is read as it is

Versions = Mapping[Path, Version | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """Versions of files at one moment. Images that the previous snapshot did not include do not count as changes."""

    near: Versions
    images: Versions
    far: Versions = field(default_factory=dict)

    def is_same_as(self, before: "_Snapshot") -> bool:
        images = all(before.images.get(path, found) == found for path, found in self.images.items())
        return images and self.near == before.near and self.far == before.far


async def watch_files(app: App, path: Path, images: Callable[[], Iterable[Path]]) -> AsyncGenerator[None, None]:
    """Yields after each change. `images` returns the images of the dispatch at `path`, which change with its text."""
    workspace = app.workspace

    def take_snapshot(far: Versions | None) -> _Snapshot:
        if far is None:
            others = (each for each in workspace.dispatches.glob("*.md") if each != path)
            far = _versions((*others, *workspace.subscribers.glob("*.csv"), *_files_below(workspace.templates)))
        return _Snapshot(near=_versions((path,)), images=_versions(images()), far=far)

    seen = await asyncio.to_thread(take_snapshot, None)
    yield
    polls = 0
    while True:
        await asyncio.sleep(NEAR)
        polls += 1
        now = await asyncio.to_thread(take_snapshot, None if polls % _FAR == 0 else seen.far)
        if now.is_same_as(seen):
            seen = now
            continue
        for _ in range(_SETTLINGS):
            await asyncio.sleep(_SETTLING)
            earlier, now = now, await asyncio.to_thread(take_snapshot, now.far)
            if now.is_same_as(earlier):
                break
        seen = now
        yield


def _files_below(folder: Path) -> Iterator[Path]:
    return (Path(place, name) for place, _, names in os.walk(folder) for name in names)


def _versions(paths: Iterable[Path]) -> Versions:
    return {path: file_version(path) for path in paths}
