"""The database: one address, a reader, a writer, and a schema that brings itself up to date.

SQLite runs in WAL mode with one writer at a time. Every write transaction begins IMMEDIATE, because a
deferred one that reads first cannot be upgraded and loses updates. Keep transactions under 10 ms and never
hold one across a model call.

Every database fault that leaves this package is a StorageError: `full=True` when space ran out, and
otherwise a sentence that says what to do.
"""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from engine.errors import InputError, StorageError
from engine.times import WRITE_WAIT
from storage import migrations

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-32768",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=4000",
)
_LOOK_AGAIN = 0.01
"""Seconds between two attempts at a statement that a lock refuses at once."""


class Database:
    """A pool of connections for writes and one for reads, at one address. `dialect` is "sqlite" or "postgresql". Safe
    to share between threads."""

    def __init__(self, url: URL, patience: float = WRITE_WAIT) -> None:
        self.url = url
        self.dialect = url.get_backend_name()
        self.writer = _engine(url, self.dialect, "BEGIN IMMEDIATE", patience)
        self.reader = _engine(url, self.dialect, "BEGIN", patience)

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database, else None."""
        return Path(self.url.database) if self.dialect == "sqlite" and self.url.database else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one consistent state. Raises StorageError."""
        with translated("read"), Session(self.reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session that is committed when the block ends well and rolled back otherwise. Raises StorageError."""
        with translated("write"), Session(self.writer, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Give back all connections."""
        self.writer.dispose()
        self.reader.dispose()


def open_database(url: str, *, patience: float = WRITE_WAIT) -> Database:
    """Connect, bring the schema up to date and return the database; `patience` is in seconds.

    `url` is a SQLAlchemy address; "postgresql://" means the psycopg driver, and the folder of an SQLite
    file is made. Raises InputError for an address we cannot use, StorageError when the server or file
    cannot be reached or was written by a newer Turnwright.
    """
    database = Database(_address(url), patience)
    try:
        with translated("open"):
            migrations.upgrade(database.writer)
    except BaseException:
        database.close()
        raise
    return database


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        backend = address.get_backend_name()
        if backend == "postgresql" and address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        address.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise InputError(
            "DATABASE_URL", f"cannot be read ({error}).", "Use sqlite:///file or postgresql://…"
        ) from error
    if backend not in ("sqlite", "postgresql"):
        raise InputError("DATABASE_URL", f"{backend} is not supported.", "Use sqlite:///file or postgresql://…")
    if backend == "sqlite":
        if not address.database or address.database == ":memory:":
            raise InputError(
                "DATABASE_URL",
                "an in-memory database cannot be shared by two processes.",
                "Give a file: sqlite:///file.",
            )
        _make_folder(Path(address.database).parent)
    return address


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(f"Cannot make the folder {folder}: {error.strerror}.", full=full) from error


def _engine(url: URL, dialect: str, begin: str, patience: float) -> Engine:
    if dialect == "postgresql":
        limits = f"-c lock_timeout={int(patience * 1000)} -c timezone=UTC"
        return create_engine(url, pool_pre_ping=True, connect_args={"options": limits, "connect_timeout": 10})
    engine = create_engine(url, connect_args={"timeout": patience, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            _execute_patiently(connection, pragma, patience)

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _execute_patiently(connection: Any, statement: str, patience: float) -> None:
    """Execute a statement, for at most `patience` seconds again when the file is locked. SQLite itself does not wait
    when a new file becomes a WAL database while another process opens it."""
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(_LOOK_AGAIN)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn driver faults into StorageError with the next move."""
    try:
        yield
    except SQLAlchemyError as error:
        raise _storage_error(doing, error) from error


def _storage_error(doing: str, error: SQLAlchemyError) -> StorageError:
    """Return what a fault of either driver means, as a sentence; `doing` is "read", "write" or "open"."""
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "sqlstate", None) or ""
    message = " ".join(str(cause).split())[:300]
    if "disk is full" in message or "disk I/O error" in message or state in ("53100", "53000"):
        return StorageError("The disk that holds the database is full. Free some space, then resume.", full=True)
    if "locked" in message or "busy" in message or state in ("55P03", "40P01", "40001", "57014"):
        return StorageError(f"The database was busy for too long ({message}). Try again in a moment.")
    if "readonly" in message or state in ("25006", "42501"):
        return StorageError(f"The database cannot be written ({message}). Give this user the right to write to it.")
    if "not a database" in message or "malformed" in message:
        return StorageError(f"The database file is damaged ({message}). Restore a backup, or move the file away.")
    if isinstance(error, DBAPIError) and (
        error.connection_invalidated or "connect" in message or "unable to open" in message
    ):
        return StorageError(
            f"The database cannot be reached ({message}). Check DATABASE_URL and that the server answers."
        )
    return StorageError(f"The database refused to {doing} ({message}).")


def size(db: Database) -> int:
    """Return the bytes that the database takes on disk."""
    with db.read() as session:
        if db.dialect == "postgresql":
            return int(session.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    path = db.path
    parts = [path, *(Path(f"{path}{end}") for end in ("-wal", "-shm"))] if path else []
    return sum(p.stat().st_size for p in parts if p.exists())
