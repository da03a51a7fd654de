"""A program: aiosmtplib as it comes, sending ready bytes over N connections.

    python -m benchmarks.aiosmtplib_sender PORT CONNECTIONS MESSAGES FILE

It prints one JSON object: messages, seconds and CPU seconds, from the first connection to the last reply.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import aiosmtplib

from benchmarks.process import own_cpu
from benchmarks.workload import SENDER


async def _connection(port: int, message: bytes, numbers: "list[int]") -> None:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
    async with client:
        while numbers:
            await client.sendmail(SENDER, [f"reader.{numbers.pop()}@example.com"], message)


async def main(port: int, connections: int, messages: int, message: bytes) -> dict[str, float]:
    numbers = list(range(messages))
    cpu, start = own_cpu(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_connection(port, message, numbers))
    return {"messages": messages, "seconds": time.monotonic() - start, "cpu": own_cpu() - cpu}


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[1:4]]
    print(json.dumps(asyncio.run(main(counts[0], counts[1], counts[2], Path(sys.argv[4]).read_bytes()))))
