"""Fixtures for every test that needs a database: the same test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from storage import tables
from storage.database import Database, open_database
from tests.storage import postgres

DIALECTS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the schema; each test gets a copy, which is quicker than to migrate."""
    path = tmp_path_factory.mktemp("migrated") / "turnwright.db"
    open_database(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def migrated_database(postgres_server: str) -> str:
    """The address of a PostgreSQL database with the schema; whoever uses it leaves it empty."""
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(b"CREATE DATABASE migrated")
    address = f"{postgres_server.rsplit('/', 1)[0]}/migrated"
    open_database(address).close()
    return address


def _emptied(address: str) -> None:
    names = ", ".join([*tables.metadata.tables, "trajectory_search"])
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE".encode())


@pytest.fixture(params=DIALECTS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'turnwright.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield f"{server.rsplit('/', 1)[0]}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database with an up-to-date schema and nothing in it."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "turnwright.db")
        yield f"sqlite:///{tmp_path / 'turnwright.db'}"
        return
    address = request.getfixturevalue("migrated_database")
    yield address
    _emptied(address)


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    """An open database with nothing in it."""
    database = open_database(url)
    yield database
    database.close()


@pytest.fixture
def sqlite_db(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """An open SQLite database, for what only SQLite does."""
    shutil.copy(migrated_file, tmp_path / "turnwright.db")
    database = open_database(f"sqlite:///{tmp_path / 'turnwright.db'}")
    yield database
    database.close()
