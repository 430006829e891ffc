"""Personas: versions, and the shipped ones seeded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Conflict, InputError
from storage.database import Database
from storage.designing import personas
from tests.samples.personas import ADA


def test_personas_have_versions_too(db: Database, tmp_path: Path) -> None:
    assert personas.save_persona(db, ADA, None) == 1
    changed = ADA.model_copy(update={"tone": "curt"})
    assert personas.save_persona(db, changed, 1) == 2
    with pytest.raises(Conflict, match="changed by someone else"):
        personas.save_persona(db, ADA, 1)
    assert personas.get_persona(db, "ada").persona == changed
    personas.delete_persona(db, "ada")
    with pytest.raises(InputError, match="no persona"):
        personas.get_persona(db, "ada")
    shipped = ADA.model_dump(mode="json") | {"id": "bob", "openings": [], "closings": []}
    (tmp_path / "shipped.yaml").write_text(f"- {shipped}")
    assert (personas.seed_personas(db, tmp_path), personas.seed_personas(db, tmp_path)) == (1, 0)
    assert personas.list_personas(db)[0].shipped
