"""An SMTP server that replies as a test says, command by command.

    async with Scripted(RCPT=["550 5.1.1 no"], END_OF_DATA=[DROP]) as server: ...

Each command takes the next reply of its list, and a good one when the list is used up. The server accepts one connection
or many; `log` has the commands in order, `messages` the texts as they came, leading dots doubled.
"""

import asyncio
from collections import defaultdict, deque
from types import TracebackType
from typing import Self

DROP = "drop"  # close the connection instead of answering
SILENCE = "silence"  # never answer
GOOD = {
    "CONNECT": "220 scripted",
    "EHLO": "",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "END_OF_DATA": "250 2.0.0 kept",
    "RSET": "250 2.0.0 ok",
    "QUIT": "221 bye",
}


class Scripted:
    """The server. `drop_in_text_after`: octets of a text after which it closes the connection."""

    def __init__(
        self, *, extensions: tuple[str, ...] = ("PIPELINING",), drop_in_text_after: int = 0, **replies: list[str]
    ) -> None:
        self.extensions = extensions
        self.drop_in_text_after = drop_in_text_after
        self.replies = defaultdict(deque, {verb: deque(lines) for verb, lines in replies.items()})
        self.log: list[str] = []
        self.messages: list[bytes] = []
        self.connections = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._refused: set[int] = set()  # connections whose MAIL was refused

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self.serve(reader, writer))
        self._tasks.add(task)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not await self.answer("CONNECT", writer):
                return
            while line := await reader.readline():
                verb = line.split(None, 1)[0].decode().upper().strip()
                self.log.append(line.decode("utf-8").rstrip("\r\n"))
                if not await self.answer(verb, writer) or verb == "QUIT":
                    return
                if verb == "DATA" and self._last.startswith("354") and not await self.read_text(reader, writer):
                    return
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def read_text(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        text = b""
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                return False
            text += line
            if await self.breaks_off(text, line):
                writer.transport.abort()
                return False
        self.log.append(".")
        self.messages.append(text)
        return await self.answer("END_OF_DATA", writer)

    async def breaks_off(self, text: bytes, line: bytes) -> bool:
        """Whether the connection ends when `text` has come, `line` the last of it."""
        return 0 < self.drop_in_text_after <= len(text)

    async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        waiting = self.replies[verb]
        out_of_order = verb in {"RCPT", "DATA"} and id(writer) in self._refused
        good = "503 5.5.1 MAIL comes first" if out_of_order else GOOD.get(verb, "500 what")
        self._last = reply = waiting.popleft() if waiting else good
        if verb == "MAIL":
            (self._refused.discard if reply.startswith("2") else self._refused.add)(id(writer))
        if reply == DROP:
            return False
        if reply == SILENCE:
            await asyncio.Event().wait()
        if verb == "EHLO" and not reply:
            lines = ["scripted", *self.extensions]
            reply = "\r\n".join(f"250{'-' if line is not lines[-1] else ' '}{line}" for line in lines)
        writer.write(reply.encode() + b"\r\n")
        await writer.drain()
        return not reply.startswith("421")
