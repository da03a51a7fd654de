"""An index of the complaints, which are few among all feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

COMPLAINT = sa.text("kind = 'complaint'")


def upgrade() -> None:
    op.create_index(
        "ix_feedback_complaint", "feedback", ["at", "send_id"], sqlite_where=COMPLAINT, postgresql_where=COMPLAINT
    )
