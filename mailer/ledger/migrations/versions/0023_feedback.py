"""How many requests of a provider could not be read; which notice of a bounce waits because of many alike."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("feedback_source", sa.Column("unreadable", sa.Integer(), nullable=False, server_default="0"))
