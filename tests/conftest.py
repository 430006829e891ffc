"""Shared values: the tiny ledger domain and its persona."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import catalog
from engine.types import Domain, Persona

PACKS = Path(__file__).parent / "packs"


@pytest.fixture(scope="session")
def ledger() -> Domain:
    return catalog.load(PACKS / "ledger")


@pytest.fixture(scope="session")
def persona() -> Persona:
    return Persona(
        id="tester",
        name="Tess",
        occupation="tester",
        goal_style="direct",
        tone="plain",
        expertise="expert",
        patience=6,
        disclosure="everything_at_once",
        description="Says what she wants.",
    )
