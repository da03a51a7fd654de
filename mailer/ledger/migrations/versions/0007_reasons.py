"""Why people left, in their own words: never asked for twice, never required."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "leaving_reason",
        sa.Column("identity", sa.String(length=512), nullable=False),
        sa.Column("said_at", sa.Float(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("identity", "said_at", name="pk_leaving_reason"),
    )
