"""Sends made at the desk: who made them, whether the server carries them; and who approved which edition."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("send", sa.Column("by", sa.Text(), server_default="", nullable=False))
    op.add_column("send", sa.Column("token", sa.String(length=64), nullable=True))
    op.add_column("send", sa.Column("carried", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("send", sa.Column("take_back", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("uq_send_token", "send", ["token"], unique=True)
    op.create_table(
        "approval",
        sa.Column("digest", sa.String(length=128), nullable=False),
        sa.Column("by", sa.String(length=255), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "by", name="pk_approval"),
    )
