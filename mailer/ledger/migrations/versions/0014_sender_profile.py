"""What the settings said of the sender when a send was made; null for sends of before."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("send", sa.Column("sender_profile", sa.Text(), nullable=True))
