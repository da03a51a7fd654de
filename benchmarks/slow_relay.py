"""A program: an SMTP server on loopback that accepts every message after a sleep, and then prints when it accepted each.

    python -m benchmarks.slow_relay SLEEP      seconds between the end of DATA and the reply

On standard output: its port when it listens; when its standard input ends, a JSON array of the times of all acceptances (by
time.monotonic, which all processes of a Linux machine share). Then it ends.
"""

import asyncio
import json
import sys
import time

import uvloop

END_OF_DATA = b"\r\n.\r\n"
_LONGEST = 1 << 24  # octets
_REPLIES = {
    b"EHLO": b"250-relay\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
    b"DATA": b"354 Go ahead\r\n",
    b"QUIT": b"221 Bye\r\n",
}


async def _serve(sleep: float) -> list[float]:
    accepted: list[float] = []

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay ESMTP\r\n")
        try:
            while line := await reader.readline():
                verb = line[:4].upper()
                writer.write(_REPLIES.get(verb, b"250 Fine\r\n"))
                if verb == b"QUIT":
                    break
                if verb == b"DATA":
                    await reader.readuntil(END_OF_DATA)
                    await asyncio.sleep(sleep)
                    accepted.append(time.monotonic())
                    writer.write(b"250 Accepted\r\n")
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # the last at the end of the program
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(session, "127.0.0.1", 0, limit=_LONGEST)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    return accepted


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_serve(float(sys.argv[1])))))
