"""Webhooks: addresses of other programs, what each is told, and how telling it went."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

WORD = sa.String(length=16)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("old_key_name", sa.Text(), nullable=True),
        sa.Column("old_salt", sa.String(length=64), nullable=True),
        sa.Column("old_until", sa.Float(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("paused_at", sa.Float(), nullable=True),
        sa.Column("paused_because", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_event",
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("event", WORD, nullable=False),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name="fk_webhook_event_webhook_id"),
        sa.PrimaryKeyConstraint("webhook_id", "event", name="pk_webhook_event"),
    )
    op.create_table(
        "webhook_message",
        sa.Column("id", ID, nullable=False),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("event", WORD, nullable=False),
        sa.Column("identity", sa.Text(), server_default="", nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_at", sa.Float(), nullable=True),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("settled_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_message"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_message_webhook_id", "webhook_message", ["webhook_id", "state", "next_at"])
    op.create_index("ix_webhook_message_identity", "webhook_message", ["identity"])
    op.create_table(
        "webhook_attempt",
        sa.Column("id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["webhook_message.id"], name="fk_webhook_attempt_message_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_attempt"),
    )
    op.create_index("ix_webhook_attempt_message_id", "webhook_attempt", ["message_id", "id"])
