"""The ledger: editions, sends, deliveries, attempts, suppressions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WORD = sa.String(length=16)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "edition",
        sa.Column("digest", sa.String(length=128), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("json", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_edition"),
    )
    op.create_table(
        "media",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_media"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
    op.create_table(
        "edition_media",
        sa.Column("digest", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["edition.digest"], name="fk_edition_media_digest"),
        sa.ForeignKeyConstraint(["name"], ["media.name"], name="fk_edition_media_name"),
        sa.PrimaryKeyConstraint("digest", "name", name="pk_edition_media"),
    )
    op.create_table(
        "send",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=128), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("cancelling", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("lists", sa.JSON(), nullable=False),
        sa.Column("exclude", sa.JSON(), nullable=False),
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("repeat", sa.String(length=16), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("at", sa.Float(), nullable=True),
        sa.Column("begun_at", sa.Float(), nullable=True),
        sa.Column("settled_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("first_id", ID, server_default="0", nullable=False),
        sa.Column("last_id", ID, server_default="-1", nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["edition.digest"], name="fk_send_digest"),
        sa.ForeignKeyConstraint(["parent_id"], ["send.id"], name="fk_send_parent_id"),
        sa.PrimaryKeyConstraint("id", name="pk_send"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_send_slug", "send", ["slug", "kind", "state"])
    op.create_index("ix_send_state", "send", ["state", "at"])
    op.create_table(
        "delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("send_id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced", sa.Text(), server_default="", nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("stage", WORD, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("resends", sa.Integer(), server_default="0", nullable=False),
        sa.Column("assumed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("date", sa.Float(), nullable=True),
        sa.Column("next_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["send_id"], ["send.id"], name="fk_delivery_send_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("identity", "send_id", name="uq_delivery_identity"),
    )
    op.create_index("ix_delivery_claim", "delivery", ["send_id", "state", "next_at", "id"])
    op.create_table(
        "send_list",
        sa.Column("send_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["send_id"], ["send.id"], name="fk_send_list_send_id"),
        sa.PrimaryKeyConstraint("send_id", "name", name="pk_send_list"),
    )
    op.create_table(
        "suppression",
        sa.Column("identity", sa.String(length=512), nullable=False),
        sa.Column("reason", WORD, nullable=False),
        sa.Column("beneath", WORD, nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["send_id"], ["send.id"], name="fk_suppression_send_id"),
        sa.PrimaryKeyConstraint("identity", name="pk_suppression"),
    )
    op.create_table(
        "suppression_change",
        sa.Column("id", ID, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("change", WORD, nullable=False),
        sa.Column("reason", WORD, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["send_id"], ["send.id"], name="fk_suppression_change_send_id"),
        sa.PrimaryKeyConstraint("id", name="pk_suppression_change"),
    )
    op.create_index("ix_suppression_change_identity", "suppression_change", ["identity", "id"])
    op.create_table(
        "attempt",
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("closed_at", sa.Float(), nullable=True),
        sa.Column("relay", sa.Text(), server_default="", nullable=False),
        sa.Column("stage", WORD, nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("enhanced", sa.Text(), server_default="", nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("verdict", WORD, nullable=True),
        sa.Column("lost", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_attempt_delivery_id"),
        sa.PrimaryKeyConstraint("delivery_id", "number", name="pk_attempt"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_attempt_open", "attempt", ["delivery_id"], sqlite_where=OPEN, postgresql_where=OPEN)
