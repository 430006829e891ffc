"""Shared values: the tiny ledger domain, its persona, and a database that holds both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domains import catalog
from engine.types import Domain, Persona
from storage.database import Database, open_database
from storage.designing import domains, personas
from tests.samples.packs import LEDGER
from tests.samples.personas import TESS


@pytest.fixture(scope="session")
def ledger() -> Domain:
    return catalog.load(LEDGER)


@pytest.fixture(scope="session")
def persona() -> Persona:
    return TESS


@pytest.fixture
def db(tmp_path: Path, ledger: Domain, persona: Persona) -> Iterator[Database]:
    """The database of a home folder that is `tmp_path`, with one domain and one persona."""
    opened = open_database(f"sqlite:///{tmp_path / 'turnwright.db'}")
    domains.save_domain(opened, ledger.files, based_on=None)
    personas.save_persona(opened, persona, based_on=None)
    yield opened
    opened.close()
