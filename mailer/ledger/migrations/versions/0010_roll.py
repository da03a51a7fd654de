"""Members by the beginning of their address. SQLite compares texts letter by letter, and has an index that does."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("ix_member_identity", "member", ["list_id", sa.text('identity COLLATE "C"')])
