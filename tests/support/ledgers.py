"""An empty ledger on SQLite to begin with: migrated once in each process that tests, then copied.

lay_ledger(folder)     puts it there as `mailer.db`
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from mailer.ledger.ledger import open_ledger


@cache
def _migrated() -> bytes:
    with TemporaryDirectory(prefix="mailer-tests-") as folder:
        open_ledger("sqlite:///mailer.db", Path(folder) / ".mailer").close()
        return (Path(folder) / "mailer.db").read_bytes()


def lay_ledger(folder: Path) -> None:
    (folder / "mailer.db").write_bytes(_migrated())
