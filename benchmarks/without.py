"""A program: benchmarks.engine with one optimisation of the send path switched off.

    python -m benchmarks.without NAME WORKSPACE LIMIT      NAME: one of OPTIMISATIONS, or `nothing`

Each function of OPTIMISATIONS replaces the code of one optimisation by the plain code that does the same, in this process only:
production code has no switches.
"""

# ruff: noqa: SLF001 - an optimisation is mostly private; this is the one program that reaches into them

import asyncio
import gc
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy.sql.visitors import cloned_traverse

from benchmarks import engine
from mailer import malloc
from mailer.delivery.connection_slot import ConnectionSlot
from mailer.delivery.queue_port import Claim, DeliveryResult
from mailer.delivery.sender import Sender
from mailer.delivery.states import DeliveryState
from mailer.ledger.queue import batcher
from mailer.ledger.store.compiled_statements import CompiledStatement
from mailer.mime import composer, render_cache
from mailer.service.sends import run as sends_run
from mailer.smtp.classify import Outcome
from mailer.smtp.session import AttemptResult

Made = Any  # a module or class whose attributes are replaced


def _replace(where: Made, **attributes: object) -> None:
    for name, value in attributes.items():
        assert hasattr(where, name), f"{where} has no {name} any more"
        setattr(where, name, value)


def without_stand_ins() -> None:
    """Tokens and addresses are escaped and encoded for each message."""
    _replace(render_cache.RenderCache, _by_lengths=lambda self, values: self._render(values))


def without_render_cache() -> None:
    """Every merge field is filled and encoded for each message."""
    cache: Made = render_cache.RenderCache
    _replace(cache, _by_lengths=cache._render, _by_fields=cache._render)


def without_prepared_parts() -> None:
    """The parts of MIME are encoded for each message."""
    compose = composer.Composer.compose

    def compose_anew(self: Made, claim: Claim) -> composer.Message:
        self._templates.clear()
        return compose(self, claim)

    _replace(composer, inspect=lambda _: None)
    _replace(composer.Composer, compose=compose_anew)


def without_spacing() -> None:
    """The writer gets a batch as soon as there is one."""
    _replace(batcher, SPACING=0.0)


def without_record_nowait() -> None:
    """A connection waits until the result of its message is durable."""
    sender: Made = Sender
    on_result = sender._on_result

    async def on_result_waiting(
        self: Made, slot: ConnectionSlot, claim: Claim, result: AttemptResult, *, closed_by_us: bool = False
    ) -> None:
        if result.classification.outcome is not Outcome.ACCEPTED:
            await on_result(self, slot, claim, result, closed_by_us=closed_by_us)
            return
        relay = slot.relay
        assert relay
        accepted = DeliveryState.ACCEPTED, self._now(), claim.opened_at, result.stage, result.reply
        recorded = DeliveryResult(claim.delivery_id, claim.attempt, *accepted, relay=relay.name)
        self.progress.accepted += 1
        await self._ledger.record(recorded)
        relay.on_success()
        relay.window.on_success()
        self._breaker.on_accepted()
        self._done(claim, accepted=True)

    _replace(sender, _on_result=on_result_waiting)


def without_quick_acceptances() -> None:
    """Every result is read, decided and written by itself."""
    batch: Made = batcher.DeliveryBatch
    record = batch._record

    def record_carefully(self: Made, conn: object, at: float) -> int:
        flying, self._in_flight = self._in_flight, {}
        try:
            return int(record(self, conn, at))
        finally:
            self._in_flight = flying

    _replace(batch, _record=record_carefully)


def without_compiled_statements() -> None:
    """SQLAlchemy executes each statement."""

    def for_sqlalchemy(statement: Made) -> Any:
        """Returns the statement with other names of its parameters: SQLAlchemy keeps those of columns to itself."""
        if not hasattr(statement, "plain"):

            def rename(element: Made) -> None:
                if element.key in statement._names:
                    element.key = f"p_{element.key}"

            statement.plain = cloned_traverse(statement._statement, {}, {"bindparam": rename})
        return statement.plain

    def run(self: Made, conn: Any, *values: object) -> object:
        return conn.execute(
            for_sqlalchemy(self), {f"p_{n}": value for n, value in zip(self._names, values, strict=True)}
        )

    def run_many(self: Made, conn: Any, rows: Iterable[tuple[object, ...]]) -> int:
        named = [{f"p_{n}": value for n, value in zip(self._names, row, strict=True)} for row in rows]
        return int(conn.execute(for_sqlalchemy(self), named).rowcount)

    _replace(CompiledStatement, run=run, run_many=run_many)


def without_pipelined_envelopes() -> None:
    """The envelope of a message leaves when the message before it was answered."""
    _replace(ConnectionSlot, _compose_next=lambda _: None)


def without_gc_freeze() -> None:
    """Python's collector looks at what was made before the run, too."""
    _replace(gc, freeze=lambda: None)


def without_gc_thresholds() -> None:
    """Python's collector runs as often as it does by default."""
    _replace(gc, set_threshold=lambda *_: None)


def without_gc_settings() -> None:
    """Both."""
    without_gc_freeze()
    without_gc_thresholds()


def without_malloc_settings() -> None:
    """The C library gives every thread an arena, and keeps freed memory."""
    _replace(malloc, limit_arenas=lambda: None)
    _replace(sends_run, trim_memory=lambda: None)


def without_uvloop() -> None:
    """The event loop is asyncio's own."""
    _replace(uvloop, new_event_loop=asyncio.new_event_loop)


def nothing() -> None:
    """Everything is on."""


OPTIMISATIONS: Mapping[str, Callable[[], None]] = {
    "stand-ins": without_stand_ins,
    "render cache": without_render_cache,
    "prepared parts": without_prepared_parts,
    "spacing of commits": without_spacing,
    "record_nowait": without_record_nowait,
    "quick acceptances": without_quick_acceptances,
    "compiled statements": without_compiled_statements,
    "pipelined envelopes": without_pipelined_envelopes,
    "gc.freeze": without_gc_freeze,
    "gc thresholds": without_gc_thresholds,
    "gc settings": without_gc_settings,
    "malloc settings": without_malloc_settings,
    "uvloop": without_uvloop,
    "nothing": nothing,
}


if __name__ == "__main__":
    OPTIMISATIONS[sys.argv[1]]()
    print(json.dumps(engine.main(Path(sys.argv[2]), int(sys.argv[3]))))
