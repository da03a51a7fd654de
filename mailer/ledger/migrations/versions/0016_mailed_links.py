"""Digests of the links in transactional mail; null for mail that has none, or whose link is void.

Links that were mailed before rested on a key alone, and end here. So do the notes of the keys that made them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("transactional_mail", sa.Column("link_digest", sa.String(64), nullable=True))
    op.add_column("transactional_mail", sa.Column("link_made_at", sa.Float(), nullable=True))
    op.create_index("ix_transactional_mail_link", "transactional_mail", ["link_digest"], unique=True)
    op.execute("DELETE FROM meta WHERE key LIKE 'key of letters: %'")
