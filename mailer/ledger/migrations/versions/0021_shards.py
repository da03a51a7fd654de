"""Shards of sends: ranges of their deliveries, each with a lease of its own. A send that exists has one.

A process of the version before that still runs loses its columns here, and so marks nothing more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"

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
    op.drop_table("lease")
    op.drop_column("send", "fencing_token")
    op.drop_column("send", "settled_at")
