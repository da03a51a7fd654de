"""How many requests of a provider could not be read."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("feedback_source", sa.Column("unreadable", sa.Integer(), nullable=False, server_default="0"))
