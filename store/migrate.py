"""Brings a database to the program's tables, or refuses it clearly.

Alembic is loaded only where there is something to bring: most starts find the newest tables and need none of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from store.database import Database
from store.errors import DatabaseNewer

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
_PG_LOCK = 0x3A121173  # any constant: two processes starting at once migrate one after the other


def known() -> list[str]:
    """The revisions of this program, oldest first: each step's file begins with its own."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def head() -> str:
    """The newest revision this program knows."""
    return known()[-1]


def revision_of(connection: Connection) -> str | None:
    """The revision that a database's tables are at; None: it has none of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


async def migrate(database: Database) -> None:
    """Apply the missing steps, in one transaction.

    Raises:
        DatabaseNewer: a newer program has migrated this database; nothing was touched.
        DatabaseAway: it does not answer.
    """
    async with database.write("migrate") as connection:
        await connection.run_sync(_migrate)


def _migrate(connection: Connection) -> None:
    if revision_of(connection) == head():
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_PG_LOCK})"))
    current = revision_of(connection)  # once more: who held the lock before us may have done it
    if current is not None and current not in known():
        raise DatabaseNewer(
            f"The database was last used by a newer Warmline (its tables are at {current!r}, this program knows up to "
            f"{head()!r}). Start that newer version, or restore the backup from before the upgrade."
        )
    if current != head():
        from alembic import command

        command.upgrade(_config(connection), "head")


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
