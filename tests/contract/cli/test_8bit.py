"""8BIT=true asks every relay; one that does not offer it gets its parts encoded."""

import asyncio
import threading

import pytest

from tests.support.patience import PATIENCE
from tests.support.scripted import Scripted
from tests.support.workspaces import make_workspace


class Background:
    """A scripted server on a loop of its own, for a command in another process."""

    def __init__(self, server: Scripted) -> None:
        self.server, self.loop = server, asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Scripted:
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self.loop).result(PATIENCE)
        return self.server

    def __exit__(self, *_error: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(None, None, None), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.mark.parametrize(("extensions", "eight"), [(("PIPELINING", "8BITMIME"), True), (("PIPELINING",), False)])
def test_8bit_leaves_only_where_it_is_offered(here, extensions, eight):
    with Background(Scripted(extensions=extensions)) as server:
        make_workspace(here.folder, port=server.port, **{"8BIT": "true"})
        (here.folder / "dispatches" / "plain.md").write_text(
            "---\ntitle: Größe\ndate: 2026-11-01\ncopyright: c\n---\n\nGrüße aus dem Süden.\n", encoding="utf-8"
        )
        assert here("send", "plain", "--to", "readers", "--yes").code == 0
    (text,) = server.messages
    assert (b"Content-Transfer-Encoding: 8bit" in text) is eight
    assert any("BODY=8BITMIME" in line for line in server.log) is eight
    assert text.isascii() is not eight
