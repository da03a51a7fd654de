"""Attempts are written once, when they close, and alone hold the server's words; leases; the ledger's own name."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_index("ix_attempt_open", "attempt")
    # the attempt under way is told by its delivery's row
    op.execute(
        "UPDATE delivery SET updated_at = (SELECT opened_at FROM attempt WHERE attempt.delivery_id = delivery.id"
        " AND attempt.number = delivery.attempts) WHERE state IN ('claimed', 'committing') AND EXISTS (SELECT 1"
        " FROM attempt WHERE attempt.delivery_id = delivery.id AND attempt.number = delivery.attempts)"
    )
    op.execute("DELETE FROM attempt WHERE closed_at IS NULL")
    for name in ("code", "enhanced", "reply", "stage"):
        op.drop_column("delivery", name)
    op.create_table(
        "lease",
        sa.Column("send_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["send_id"], ["send.id"], name="fk_lease_send_id"),
        sa.PrimaryKeyConstraint("send_id", name="pk_lease"),
    )
    meta = sa.table("meta", sa.column("key"), sa.column("value"))
    op.bulk_insert(meta, [{"key": "ledger", "value": uuid.uuid4().hex}, {"key": "epoch", "value": "0"}])
