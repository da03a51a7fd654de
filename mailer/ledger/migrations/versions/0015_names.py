"""Names tables, columns and states by the glossary of docs/architecture.md.

Renaming changes the catalogue alone, and indexes follow their columns. The new state concerns the few messages that are under
way. The new stage concerns nearly every attempt: a second or so for a million rows on SQLite.
"""

from alembic import op

revision = "0015"
down_revision = "0014"

COLUMNS = (
    ("send", "cancelling", "cancel_requested"),
    ("send", "epoch", "fencing_token"),
    ("send", "at", "scheduled_at"),
    ("send", "by", "created_by"),
    ("send", "carried", "run_by_server"),
    ("send", "take_back", "undoable"),
    ("delivery", "assumed", "resolved_manually"),
    ("attempt", "verdict", "classification"),
    ("warmup_day", "gone", "sent"),
    ("suppression", "beneath", "shadowed_reason"),
    ("member", "own", "profile"),
    ("member", "said_by", "status_source"),
    ("member_change", "what", "kind"),
    ("webhook", "paused_because", "pause_reason"),
)
TABLES = (("letter", "transactional_mail"), ("draft", "revision"), ("api_answer", "idempotency_key"))
INDEXES = (
    ("transactional_mail", "ix_letter_state", "ix_transactional_mail_state", ("state", "next_at")),
    ("transactional_mail", "ix_letter_identity", "ix_transactional_mail_identity", ("identity", "created_at")),
    ("revision", "ix_draft_file", "ix_revision_file", ("file", "id")),
)
CONSTRAINTS = (  # of PostgreSQL: SQLite cannot rename them, and nothing reads their names there
    ("transactional_mail", "pk_letter", "pk_transactional_mail"),
    ("transactional_mail", "fk_letter_list_id", "fk_transactional_mail_list_id"),
    ("revision", "pk_draft", "pk_revision"),
    ("idempotency_key", "pk_api_answer", "pk_idempotency_key"),
    ("idempotency_key", "fk_api_answer_token_id", "fk_idempotency_key_token_id"),
)
SEQUENCES = (("letter_id_seq", "transactional_mail_id_seq"), ("draft_id_seq", "revision_id_seq"))


def upgrade() -> None:
    for table, before, after in COLUMNS:
        op.execute(f'ALTER TABLE {table} RENAME COLUMN "{before}" TO "{after}"')
    for before, after in TABLES:
        op.rename_table(before, after)
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, before, after, columns in INDEXES:
        if is_postgresql:
            op.execute(f"ALTER INDEX {before} RENAME TO {after}")
        else:  # SQLite renames no index; these tables are small
            op.drop_index(before, table)
            op.create_index(after, table, list(columns))
    if is_postgresql:
        for table, before, after in CONSTRAINTS:
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {before} TO {after}")
        for before, after in SEQUENCES:
            op.execute(f"ALTER SEQUENCE {before} RENAME TO {after}")
    op.execute("UPDATE meta SET key = 'rollback_guard' WHERE key = 'epoch'")
    # through the ids of the sends, so that ix_delivery_claim finds the rows
    op.execute("UPDATE delivery SET state = 'sending' WHERE state = 'committing' AND send_id IN (SELECT id FROM send)")
    op.execute("UPDATE transactional_mail SET state = 'sending' WHERE state = 'leaving'")
    op.execute("UPDATE attempt SET stage = 'end_of_data' WHERE stage = 'dot'")
