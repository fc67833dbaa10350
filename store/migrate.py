"""Brings a database to the program's tables, or refuses it clearly."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from store.database import Database
from store.errors import DatabaseNewer

_MIGRATIONS = Path(__file__).parent / "migrations"
_PG_LOCK = 0x3A121173  # any constant: two processes starting at once migrate one after the other


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision this program knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "store/migrations/versions holds no revision"  # noqa: S101 - a broken checkout
    return revision


async def migrate(database: Database) -> None:
    """Apply the missing steps, in one transaction.

    Raises:
        DatabaseNewer: a newer program has migrated this database; nothing was touched.
        DatabaseAway: it does not answer.
    """
    async with database.write("migrate") as connection:
        await connection.run_sync(_migrate)


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_PG_LOCK})"))
    current = MigrationContext.configure(connection).get_current_revision()
    script = ScriptDirectory.from_config(_config())
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise DatabaseNewer(
            f"The database was last used by a newer Warmline (its tables are at {current!r}, this program knows up to "
            f"{head()!r}). Start that newer version, or restore the backup from before the upgrade."
        )
    if current != script.get_current_head():
        command.upgrade(_config(connection), "head")
