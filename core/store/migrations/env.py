"""How Alembic reaches the database: on the connection that holds the lock."""

from alembic import context

from core.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,  # SQLite too: a migration that is killed has not happened
)
context.run_migrations()
