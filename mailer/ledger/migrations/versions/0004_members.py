"""Lists and their members, syncs and changes; consent; letters to one person; whom a send selects."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

WORD = sa.String(length=16)
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APART = sa.text("status <> 'subscribed' OR base_status <> 'subscribed'")


def upgrade() -> None:
    op.add_column("send", sa.Column("condition", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "list",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), server_default="", nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("sync_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_list"),
        sa.UniqueConstraint("name", name="uq_list_name"),
    )
    op.create_table(
        "list_sync",
        sa.Column("id", ID, nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("digest_before", sa.String(length=64), nullable=False),
        sa.Column("size_before", sa.BigInteger(), nullable=False),
        sa.Column("digest_after", sa.String(length=64), server_default="", nullable=False),
        sa.Column("size_after", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("undo_of", ID, nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["list.id"], name="fk_list_sync_list_id"),
        sa.PrimaryKeyConstraint("id", name="pk_list_sync"),
    )
    op.create_index("ix_list_sync_list_id", "list_sync", ["list_id", "id"])
    op.create_table(
        "member",
        sa.Column("id", ID, nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("own", sa.Text(), server_default="{}", nullable=False),
        sa.Column("status", WORD, server_default="subscribed", nullable=False),
        sa.Column("said_by", WORD, server_default="file", nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("joined_at", sa.Float(), nullable=False),
        sa.Column("source", WORD, server_default="file", nullable=False),
        sa.Column("in_file", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("line", sa.Integer(), server_default="2147483647", nullable=False),
        sa.Column("base_status", WORD, nullable=True),
        sa.Column("paused_until", sa.Float(), nullable=True),
        sa.Column("removed_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["list.id"], name="fk_member_list_id"),
        sa.PrimaryKeyConstraint("id", name="pk_member"),
    )
    op.create_index("uq_member_list_id", "member", ["list_id", "identity"], unique=True)
    op.create_index("ix_member_line", "member", ["list_id", "line"])
    op.create_index("ix_member_apart", "member", ["list_id"], sqlite_where=APART, postgresql_where=APART)
    op.create_table(
        "member_change",
        sa.Column("id", ID, nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("what", WORD, nullable=False),
        sa.Column("before", sa.Text(), server_default="", nullable=False),
        sa.Column("after", sa.Text(), server_default="", nullable=False),
        sa.Column("sync_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["list.id"], name="fk_member_change_list_id"),
        sa.PrimaryKeyConstraint("id", name="pk_member_change"),
    )
    op.create_index("ix_member_change_identity", "member_change", ["identity", "id"])
    op.create_index("ix_member_change_sync_id", "member_change", ["sync_id"])
    op.create_table(
        "consent",
        sa.Column("id", ID, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), server_default="", nullable=False),
        sa.Column("confirmed_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["list.id"], name="fk_consent_list_id"),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
    )
    op.create_index("ix_consent_identity", "consent", ["identity", "id"])
    op.create_table(
        "letter",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("settled_at", sa.Float(), nullable=True),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["list.id"], name="fk_letter_list_id"),
        sa.PrimaryKeyConstraint("id", name="pk_letter"),
    )
    op.create_index("ix_letter_state", "letter", ["state", "next_at"])
    op.create_index("ix_letter_identity", "letter", ["identity", "created_at"])
