"""What workers of a send must have is more than its signing, and is empty until the send is handed over to them."""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.execute("ALTER TABLE send RENAME COLUMN signing TO requirements")
    op.execute("UPDATE send SET requirements = '' WHERE requirements <> ''")
