"""Opening a ledger: what a person can point it at, and which schema it has."""

import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.pool import Pool

from mailer.delivery.states import DeliveryState
from mailer.errors import MailerError, SettingsError
from mailer.ledger.ledger import open_ledger
from mailer.ledger.store.database import open_database
from mailer.ledger.store.file_locks import FileLock
from mailer.ledger.store.tables import metadata
from mailer.ledger.store.upgrade import HEAD, MIGRATIONS, upgrade
from mailer.ledger.types.errors import LedgerError
from tests.support.ledger_cases import counts, new_send, readers, run, session
from tests.support.patience import PATIENCE

URL = "sqlite:///mailer.db"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mailer.db", "not a database URL"),
        ("", "not a database URL"),
        ("mysql://localhost/mailer", "mysql"),
        ("nonsense://x", "nonsense"),
        ("sqlite://", "no file"),
        ("sqlite:///:memory:", "no file"),
        ("sqlite:///mailer.db?mode=memory", "no file"),
    ],
)
def test_a_wrong_url_is_a_wrong_setting(tmp_path, url, words):
    with pytest.raises(SettingsError, match=words) as error:
        open_ledger(url, tmp_path / ".mailer")
    assert "MAILER_DATABASE_URL" in str(error.value)
    assert error.value.next_step


def test_a_relative_path_is_the_workspace_s_and_an_absolute_one_is_itself(tmp_path):
    state = tmp_path / "desk" / ".mailer"
    assert open_database(URL, state).path == tmp_path / "desk" / "mailer.db"
    assert open_database(f"sqlite:///{tmp_path}/else.db", state).path == tmp_path / "else.db"


def make(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def another_programs(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("create table cookies(id)")
    raw.close()


def newer(path: Path) -> None:
    open_ledger(URL, path.parent / ".mailer").close()
    with sqlite3.connect(path) as raw:
        raw.execute("update alembic_version set version_num='9999'")
    raw.close()


def damaged(path: Path) -> None:
    open_ledger(URL, path.parent / ".mailer").close()
    whole = bytearray(path.read_bytes())
    whole[100:4096] = b"\xff" * 3996
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("arrange", "words"),
    [
        (
            lambda path: make(path, b"This is a text file, and quite a long one at that.\n" * 100),
            "not a SQLite database",
        ),
        (lambda path: path.mkdir(), "cannot be opened"),
        (another_programs, "another program"),
        (newer, "newer version of mailer"),
        (damaged, "damaged"),
    ],
)
def test_what_is_not_our_database_is_refused_and_left_as_it_is(tmp_path, arrange, words):
    path = tmp_path / "mailer.db"
    arrange(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(LedgerError, match=words) as error:
        open_ledger(URL, tmp_path / ".mailer")
    assert isinstance(error.value, MailerError)
    assert error.value.next_step
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(LedgerError, match=r"cannot be opened|lock file"):
        open_ledger("sqlite:///nowhere/mailer.db", tmp_path / ".mailer")


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match=r"\.mailer"):
        open_ledger(f"sqlite:///{tmp_path}/mailer.db", tmp_path / "file" / ".mailer")


def test_an_empty_file_becomes_a_ledger(tmp_path):
    (tmp_path / "mailer.db").touch()
    with open_ledger(URL, tmp_path / ".mailer") as ledger:
        assert ledger.sends.all() == ()


def test_the_migrations_make_the_tables_that_queries_use(tmp_path):
    with open_ledger(URL, tmp_path / ".mailer") as ledger, ledger.context.database.reading() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_head_is_the_newest_migration():
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


def test_an_older_ledger_is_brought_up_with_what_it_holds(tmp_path):
    open_ledger(URL, tmp_path / ".mailer").close()
    with sqlite3.connect(tmp_path / "mailer.db") as raw:
        raw.execute("insert into suppression values('a@example.net', 'unsubscribed', null, 1.0, 'page', null)")
    raw.close()
    migrations = tmp_path / "100%" / "migrations"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "versions" / "next_note.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = 'next'\ndown_revision = '{HEAD}'\n"
        "def upgrade():\n    op.add_column('suppression', sa.Column('note', sa.Text(), server_default='none'))\n"
    )
    database = open_database(URL, tmp_path / ".mailer")
    upgrade(database, head="next", migrations=migrations)
    upgrade(database, head="next", migrations=migrations)
    with database.reading() as conn:
        rows = conn.exec_driver_sql("select identity, note from suppression").all()
    database.close()
    assert rows == [("a@example.net", "none")]


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(tmp_path):
    open_ledger(URL, tmp_path / ".mailer").close()
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "versions" / "next_half.py").write_text(
        f"from alembic import op\nrevision = 'next'\ndown_revision = '{HEAD}'\n"
        "def upgrade():\n    op.drop_table('meta')\n    op.execute('this is not SQL')\n"
    )
    database = open_database(URL, tmp_path / ".mailer")
    with pytest.raises(LedgerError, match="failed"):
        upgrade(database, head="next", migrations=migrations)
    database.close()
    with open_ledger(URL, tmp_path / ".mailer") as ledger, ledger.context.database.reading() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_a_ledger_at_head_opens_without_alembic(tmp_path):
    open_ledger(URL, tmp_path / ".mailer").close()
    program = (
        "import sys, pathlib; from mailer.ledger.ledger import open_ledger;"
        "open_ledger('sqlite:///mailer.db', pathlib.Path('.mailer')).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout == "False\n"


def test_every_connection_is_set_up_for_keeping_promises(tmp_path):
    with open_ledger(URL, tmp_path / ".mailer", clock=time.time) as ledger:

        def pragmas(conn):
            names = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint")
            return [conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

        assert ledger.context.writer.call(pragmas).result() == ["wal", 2, 1, 0]
        with ledger.context.database.reading() as conn:
            assert pragmas(conn)[2:] == [1, 0]
            with pytest.raises(Exception, match="readonly"):
                conn.exec_driver_sql("delete from send")
        assert (tmp_path / "mailer.db").exists()


def test_a_new_database_is_readable_by_its_user_alone(tmp_path):
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / ".mailer"):
        assert {path.name for path in tmp_path.iterdir()} == {"ledger.db", "ledger.db-shm", "ledger.db-wal", ".mailer"}
        for path in (*tmp_path.rglob("*"),):
            assert path.stat().st_mode & 0o077 == 0, path.name


def test_workspaces_that_share_a_database_share_its_lock(tmp_path):
    url = f"sqlite:///{tmp_path / 'shared' / 'ledger.db'}"
    for name in ("shared", "one", "two"):
        (tmp_path / name).mkdir()
    with open_ledger(url, tmp_path / "one/.mailer") as one, open_ledger(url, tmp_path / "two/.mailer") as two:
        with one.context.database.write_lock():
            lock = FileLock(tmp_path / "shared/.mailer/ledger.db.lock")
            assert not lock.try_acquire()
            lock.close()
        with two.context.database.write_lock():
            assert not lock.try_acquire()
            lock.close()


def test_all_claims_of_all_connections_are_released_within_the_parameter_limit_of_sqlite(tmp_path):
    """A stop releases up to 50 deliveries per connection at once; SQLite takes 32,766 parameters as it comes, Debian's more."""

    @event.listens_for(Pool, "connect")
    def limit(raw, _record):
        raw.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 100)

    try:
        with open_ledger(URL, tmp_path / ".mailer", clock=time.time) as ledger:
            send = ledger.creator.create(new_send(), readers(500))
            with session(ledger, send) as mine:
                claims = run(mine.claim(500, time.time()))
                run(mine.release(claims, time.time()))
                assert counts(ledger, send) == {DeliveryState.PENDING: 500}
    finally:
        event.remove(Pool, "connect", limit)
