"""Alembic's environment: in-process, on the connection that mailer.ledger.store.upgrade hands in, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
