"""The counter of the rollback guard: a row for each state folder, instead of one number or one sequence for all.

A sequence is not undone with its transaction, and recovery sets it ahead. Folders so far share the row "".
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "rollback_counter",
        sa.Column("folder", sa.String(64), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("folder", name="pk_rollback_counter"),
    )
    if op.get_bind().dialect.name == "postgresql":
        counter = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS counter FROM rollback_guard"
    else:
        counter = "SELECT CAST(value AS INTEGER) AS counter FROM meta WHERE key = 'rollback_guard'"
    op.execute(
        f"INSERT INTO rollback_counter (folder, counter) SELECT '', counter FROM ({counter}) AS former"  # noqa: S608 - constants
        " WHERE counter > 0"
    )
    op.execute("DELETE FROM meta WHERE key = 'rollback_guard'")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP SEQUENCE rollback_guard")
