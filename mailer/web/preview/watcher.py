"""When to look again: the files that a letter is made of, as the file system tells of them.

    async for _ in changes(newsroom, path, images): …      at once, then each time that something was saved

What is near (the dispatch, its images) is looked at every 50 ms, what is far (templates, other dispatches, lists) four times a
second: reading their times costs little, and works where notifications do not come, on network drives and in containers. A
file that is being written is waited for. What is saved while the caller is at work comes next.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailer.app import App
from mailer.service.file_cache import Version, file_version

NEAR = 0.05  # seconds
_FAR = 5  # looks at what is near for one at what is far
_SETTLING = 0.01  # seconds
_SETTLINGS = 10  # at most; a file that grows for longer is looked at as it is

Versions = Mapping[Path, Version | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """What the file system said. Of `images` only those count that were asked for before: others are there from now on."""

    near: Versions
    images: Versions
    far: Versions = field(default_factory=dict)

    def is_as(self, before: "_Snapshot") -> bool:
        images = all(before.images.get(path, found) == found for path, found in self.images.items())
        return images and self.near == before.near and self.far == before.far


async def watch_files(app: App, path: Path, images: Callable[[], Iterable[Path]]) -> AsyncGenerator[None, None]:
    """Yields when to look; `images` are those that the dispatch at `path` shows at the time."""
    workspace = app.workspace

    def look(far: Versions | None) -> _Snapshot:
        if far is None:
            others = (each for each in workspace.dispatches.glob("*.md") if each != path)
            far = _versions((*others, *workspace.subscribers.glob("*.csv"), *_below(workspace.templates)))
        return _Snapshot(near=_versions((path,)), images=_versions(images()), far=far)

    seen = await asyncio.to_thread(look, None)
    yield
    looks = 0
    while True:
        await asyncio.sleep(NEAR)
        looks += 1
        now = await asyncio.to_thread(look, None if looks % _FAR == 0 else seen.far)
        if now.is_as(seen):
            seen = now
            continue
        for _ in range(_SETTLINGS):
            await asyncio.sleep(_SETTLING)
            earlier, now = now, await asyncio.to_thread(look, now.far)
            if now.is_as(earlier):
                break
        seen = now
        yield


def _below(folder: Path) -> Iterator[Path]:
    return (Path(place, name) for place, _, names in os.walk(folder) for name in names)


def _versions(paths: Iterable[Path]) -> Versions:
    return {path: file_version(path) for path in paths}
