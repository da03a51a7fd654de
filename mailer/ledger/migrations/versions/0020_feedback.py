"""What comes back: feedback, decisions on it, its messages and sources; and the ids that Amazon SES gives in its replies."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

WORD = sa.String(length=16)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WAITING = sa.text("effect = 'waiting'")
HAS_PROVIDER_ID = sa.text("substr(reply, 1, 4) = 'Ok 0'")


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", ID, nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("source_id", sa.String(length=200), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("delivery_id", ID, nullable=True),
        sa.Column("send_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.Column("delayed", sa.Boolean(), nullable=False),
        sa.Column("report_type", sa.String(length=32), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("proof", WORD, nullable=False),
        sa.Column("effect", WORD, nullable=False),
        sa.Column("digest", sa.String(length=64), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_feedback_delivery_id"),
        sa.ForeignKeyConstraint(["send_id"], ["send.id"], name="fk_feedback_send_id"),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint("source", "source_id", name="uq_feedback_source"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedback_identity", "feedback", ["identity", "id"])
    op.create_index("ix_feedback_send_id", "feedback", ["send_id", "id"])
    op.create_index("ix_feedback_waiting", "feedback", ["id"], sqlite_where=WAITING, postgresql_where=WAITING)
    op.create_table(
        "feedback_decision",
        sa.Column("feedback_id", ID, nullable=False),
        sa.Column("action", WORD, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name="fk_feedback_decision_feedback_id"),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_feedback_decision"),
    )
    op.create_table(
        "feedback_message",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_feedback_message"),
    )
    op.create_index("ix_feedback_message_at", "feedback_message", ["at"])
    op.create_table(
        "feedback_source",
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
        sa.Column("recorded", sa.Integer(), nullable=False),
        sa.Column("ignored", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_feedback_source"),
    )
    op.create_table(
        "provider_token",
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("token", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("source", "token", name="pk_provider_token"),
    )
    op.create_index("ix_provider_token_at", "provider_token", ["at"])
    op.create_index(
        "ix_attempt_provider_id",
        "attempt",
        ["reply"],
        sqlite_where=HAS_PROVIDER_ID,
        postgresql_where=HAS_PROVIDER_ID,
    )
    _lengthen_events()


def _lengthen_events() -> None:
    """Makes room for longer names of events. SQLite has to copy the columns, and keeps foreign keys to webhook_message so."""
    longer = sa.String(length=32)
    if op.get_bind().dialect.name == "postgresql":
        for table in ("webhook_event", "webhook_message"):
            op.alter_column(table, "event", type_=longer)
        return
    with op.batch_alter_table("webhook_event") as batch:
        batch.alter_column("event", type_=longer, existing_nullable=False)
    op.add_column("webhook_message", sa.Column("longer_event", longer, server_default="", nullable=False))
    op.execute("UPDATE webhook_message SET longer_event = event")
    op.execute("ALTER TABLE webhook_message DROP COLUMN event")
    op.execute("ALTER TABLE webhook_message RENAME COLUMN longer_event TO event")
