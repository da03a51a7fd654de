"""Shards of sends: ranges of their deliveries, each with a lease of its own. A send that exists has one.

On PostgreSQL, the counter of the rollback guard becomes a sequence.

A process of the version before that still runs loses its columns here, and so marks nothing more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "send_shard",
        sa.Column("send_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_id", BIG, nullable=False),
        sa.Column("last_id", BIG, nullable=False),
        sa.Column("next_at", sa.Float(), nullable=True),
        sa.Column("fencing_token", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("holder", sa.String(64), nullable=False, server_default=""),
        sa.Column("pid", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("host", sa.Text(), nullable=False, server_default=""),
        sa.Column("taken_at", sa.Float(), nullable=False, server_default="0"),
        sa.Column("expires_at", sa.Float(), nullable=False, server_default="0"),
        sa.Column("share_from", sa.Float(), nullable=False, server_default="0"),
        sa.Column("share_to", sa.Float(), nullable=False, server_default="0"),
        sa.Column("begun_at", sa.Float(), nullable=True),
        sa.Column("settled_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["send_id"], ["send.id"], name="fk_send_shard_send_id"),
        sa.PrimaryKeyConstraint("send_id", "number", name="pk_send_shard"),
    )
    op.create_index("ix_send_shard_expires_at", "send_shard", ["expires_at"])
    op.execute(
        "INSERT INTO send_shard (send_id, number, first_id, last_id, next_at, fencing_token, begun_at, settled_at)"
        " SELECT id, 1, first_id, last_id, CASE WHEN state IN ('finished', 'cancelled') THEN NULL ELSE 0 END,"
        " fencing_token, begun_at, settled_at FROM send"
        " WHERE first_id > 0 OR state IN ('running', 'waiting', 'paused')"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE rollback_guard")
        op.execute(
            "SELECT setval('rollback_guard', greatest(1, value::bigint), value::bigint > 0)"
            " FROM meta WHERE key = 'rollback_guard'"
        )
    op.create_table(
        "worker",
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("queue", sa.String(128), nullable=False),
        sa.Column("shards", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("holder", name="pk_worker"),
    )
    op.create_table(
        "role_lease",
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("role", name="pk_role_lease"),
    )
    op.add_column("send", sa.Column("queue", sa.String(128), nullable=False, server_default=""))
    op.add_column("send", sa.Column("signing", sa.Text(), nullable=False, server_default=""))
    op.drop_table("lease")
    op.drop_column("send", "fencing_token")
    op.drop_column("send", "settled_at")
