"""Measures how the time of each target grows with its input: `python -m tests.fuzz.growth [TARGET...]`.

The words of a target, and PAIRS pairs of them, are repeated to a quarter, a half and the whole of the target's `longest`, in each of
its frames: `ab ab ab`, and `aaa bbb`. Input of twice the length should take twice the time. Prints what takes more than STEEP times
as long for four times the input, and its root for the second doubling, and ends with exit code 1 if there is anything. The pairs are
random, the same ones each time.
Takes a few minutes a target; `make fuzz` ends it after as many seconds as it fuzzes.
"""

import gc
import itertools
import logging
import math
import random
import sys
import time
from collections.abc import Iterator

from tests.fuzz.harness import web
from tests.fuzz.targets import TARGETS, Target

STEEP = 7.0  # linear is 4, quadratic is 16
PAIRS = 300  # for each frame and each order
FAST = 0.03  # seconds of CPU: below, the time is noise


def patterns(target: Target) -> Iterator[tuple[str, bytes, bytes]]:
    """Yields a name, and two texts: the input is the first one many times, then the second one as often."""
    words = [word.encode() for word in target.words]
    for word in (*words, b"a", b" ", b"1", b"\xff"):
        yield f"{word!r}", word, b""
    pairs = list(itertools.permutations(words, 2))
    for one, other in random.Random(0).sample(pairs, min(PAIRS, len(pairs))):
        yield f"{one + other!r}", one + other, b""
        yield f"{one!r}, then {other!r}", one, other


def build(frame: tuple[bytes, bytes], one: bytes, other: bytes, length: int) -> bytes:
    begin, end = frame
    times = max(1, (length - len(begin) - len(end)) // len(one + other))
    return begin + one * times + other * times + end


def cpu(target: Target, data: bytes) -> float:
    gc.collect()
    gc.disable()  # its full collections come at some lengths and not at others
    began = time.process_time()
    try:
        target.run(data)
        return time.process_time() - began
    finally:
        gc.enable()


def is_steep(target: Target, texts: list[bytes], seconds: float) -> bool:
    """Whether the time grows faster than the length; `seconds`: of the longest text. What seems to is measured again."""
    if seconds < FAST or seconds <= STEEP * min(cpu(target, texts[0]) for _ in range(2)):
        return False
    small, middle, large = (min(cpu(target, text) for _ in range(3)) for text in texts)
    return large > FAST and large > STEEP * small and large > math.sqrt(STEEP) * middle


def measure(name: str, limit: float = math.inf) -> int:
    """Prints what is steep, and returns how many patterns are; `limit`: seconds after which the others are left out."""
    gc.collect()
    gc.freeze()  # what is there already is not looked at before each run
    target, found, count, slowest, end = TARGETS[name], 0, 0, (0.0, ""), time.monotonic() + limit
    wanted = list(itertools.product(target.frames, patterns(target)))
    random.Random(0).shuffle(wanted)
    for frame, (shown, one, other) in wanted:
        if time.monotonic() > end:
            break
        texts = [build(frame, one, other, target.longest // part) for part in (4, 2, 1)]
        count += 1
        try:
            seconds = cpu(target, texts[-1])
            slowest = max(slowest, (seconds, shown))
            if is_steep(target, texts, seconds):
                times = ", ".join(f"{min(cpu(target, text) for _ in range(2)):.3f} s" for text in texts)
                print(f"{name}: {frame[0][-40:]!r} {shown}: {times}", flush=True)
                found += 1
        except Exception as error:
            print(f"{name}: {frame[0][-40:]!r} {shown}: {error!r}", flush=True)
            found += 1
    print(
        f"{name}: {count} of {len(wanted)} patterns, {found} found; the slowest took {slowest[0]:.2f} s: {slowest[1]}",
        flush=True,
    )
    return found


def main() -> int:
    logging.disable()
    found = sum(measure(name) for name in sys.argv[1:] or TARGETS)
    web().close()
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
