"""The mailbox of transactional mail, by which sign-ups are limited; of mail that was queued before, its address."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("transactional_mail", sa.Column("mailbox", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE transactional_mail SET mailbox = identity")
    op.create_index("ix_transactional_mail_mailbox", "transactional_mail", ["mailbox", "created_at"])
