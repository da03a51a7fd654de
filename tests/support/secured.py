"""Scripted SMTP servers that speak TLS: by STARTTLS, or from the first byte. Both accept every login."""

import asyncio
import ssl
from typing import Self

from tests.support.patience import PATIENCE
from tests.support.scripted import Scripted


class Secured(Scripted):
    """Offers STARTTLS and AUTH; `clear` is all that came before TLS."""

    def __init__(
        self,
        context: ssl.SSLContext | None,
        *,
        offers: tuple[str, ...] = ("STARTTLS",),
        go_on: str = "220 2.0.0 go on",
        **replies: list[str],
    ) -> None:
        super().__init__(extensions=("PIPELINING", "AUTH PLAIN LOGIN", *offers), **replies)
        self._context = context
        self._go_on = go_on
        self._secured: set[asyncio.StreamWriter] = set()
        self.clear: list[str] = []
        self.logins = 0

    async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        if writer not in self._secured and verb != "CONNECT":
            self.clear.append(self.log[-1])
        if verb == "STARTTLS":
            writer.write(self._go_on.encode() + b"\r\n")
            await writer.drain()
            if self._context is None or not self._go_on.startswith("220"):
                return True
            try:
                await writer.start_tls(self._context, ssl_handshake_timeout=PATIENCE)
            except (OSError, EOFError):
                return False
            self._secured.add(writer)
            return True
        if verb == "AUTH":
            self.logins += 1
            writer.write(b"235 2.7.0 welcome\r\n")
            await writer.drain()
            return True
        return await super().answer(verb, writer)


class Wrapped(Secured):
    """Speaks TLS from the first byte."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        self._secured.add(writer)
        return await super().answer(verb, writer)
