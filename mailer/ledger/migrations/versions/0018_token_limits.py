"""The end of an API token and the networks that may use it; null for none."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("api_token", sa.Column("ends_at", sa.Float(), nullable=True))
    op.add_column("api_token", sa.Column("networks", sa.JSON(), nullable=True))
