"""What commands work with: the database, and an engine on it. app.py wires the same for the studio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from engine import settings
from engine.errors import InputError


@contextmanager
def database() -> Iterator[Any]:
    """Open the database that the settings name, with the shipped domains, shared tools and personas in it, and close it
    at the end. Raises InputError when the home folder cannot be made."""
    from storage.database import open_database
    from storage.designing.domains import seed_catalog
    from storage.designing.personas import seed_personas
    from storage.designing.shared_tools import seed_shared

    found = settings.read()
    try:
        found.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "TURNWRIGHT_HOME",
            f"{found.home} cannot be made: {error.strerror}.",
            "Choose a folder that you may write to.",
        ) from error
    db = open_database(found.database_url)
    try:
        seed_shared(db, settings.SHARED_TOOLS)
        seed_catalog(db, settings.CATALOG)
        seed_personas(db, settings.PERSONAS)
        yield db
    finally:
        db.close()


def worker(db: Any, only: int | None = None) -> Any:
    """Return an engine that claims any batch, or only the one with the number `only`."""
    from engine.serving.choice import SandboxChoice
    from engine.serving.worker import Worker
    from storage.serving.library import SqlLibrary
    from storage.serving.store import SqlStore

    found = settings.read()
    say = partial(print, flush=True)
    sandbox = SandboxChoice(found.sandbox, found.image, found.sandbox_options)
    return Worker(SqlStore(db), SqlLibrary(db), sandbox, say=say, only=only)
