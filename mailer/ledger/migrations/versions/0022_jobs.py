"""The tables of Procrastinate 3.10, on PostgreSQL. If our user may not create schemas, the first worker asks for them."""

from alembic import op

from mailer.ledger.migrations.jobs_schema import create_jobs_schema, may_create_schema

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    conn = op.get_bind()
    if conn.dialect.name == "postgresql" and may_create_schema(conn):
        create_jobs_schema(conn)
