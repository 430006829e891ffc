"""AppTest on the shell, with a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from engine.types import Domain, Persona
from pages._ui.routes import BY_NAME
from storage.database import Database, open_database
from storage.designing import domains, personas

SHELL = Path(__file__).resolve().parents[2] / "pages" / "shell.py"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty database that the pages under test use too."""
    address = f"sqlite:///{tmp_path / 'test.db'}"
    monkeypatch.setenv("TURNWRIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", address)
    st.cache_data.clear()
    opened = open_database(address)
    yield opened
    opened.close()
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def ready(database: Database, ledger: Domain, persona: Persona) -> Database:
    """A database with one domain and one persona."""
    domains.save_domain(database, ledger.files, based_on=None)
    personas.save_persona(database, persona, based_on=None)
    return database


@pytest.fixture
def open_page(database: Database) -> Callable[..., AppTest]:
    """Return a function that opens a page by its name, with address parameters, and runs it."""

    def opener(name: str, /, **parameters: str) -> AppTest:
        test = AppTest.from_file(str(SHELL), default_timeout=20).run()
        test.switch_page(BY_NAME[name].file)
        for key, value in parameters.items():
            test.query_params[key] = value
        return test.run()

    return opener
