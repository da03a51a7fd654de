"""Who somebody at the desk is at an identity provider."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("desk_user", sa.Column("oidc_login", sa.Text(), nullable=True))
    op.add_column("desk_user", sa.Column("oidc_issuer", sa.Text(), nullable=True))
    op.add_column("desk_user", sa.Column("oidc_subject", sa.Text(), nullable=True))
    op.create_index("ix_desk_user_oidc_login", "desk_user", ["oidc_login"], unique=True)
    op.create_index("ix_desk_user_oidc_subject", "desk_user", ["oidc_issuer", "oidc_subject"], unique=True)
