"""Numbered Alembic migrations, applied by `upgrade` when the database is opened.

To add one: change storage/tables.py, write versions/NNNN_what.py with the next number, run the tests of
tests/storage/test_migrations.py; they compare the migrated schema with the tables.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from engine.errors import StorageError

_LOCK = 7_406_871


def config(connection: Connection | None = None) -> Config:
    """Return the Alembic configuration; needs no ini file and no particular working directory."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def head() -> str:
    """Return the newest revision that this code knows."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    assert found is not None
    return found


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to `revision` in one transaction; safe when two processes do it at once.

    Raises StorageError when the database was written by a newer Turnwright.
    """
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if revision == "head" and _current(engine) == head():
        return
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and found not in known:
            raise StorageError(
                f"This database was written by a newer Turnwright (schema {found}; this one knows up to {head()}). "
                "Update Turnwright, or point DATABASE_URL at another database."
            )
        command.upgrade(config(connection), revision)


def _current(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
