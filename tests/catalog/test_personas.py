"""The shipped personas go with the people of every domain."""

from __future__ import annotations

import re
from pathlib import Path

from engine.domains import catalog

PERSONAS = Path(__file__).parent.parent.parent / "assets" / "personas"


def test_no_persona_has_an_age() -> None:
    """Whom a persona speaks for, a domain draws: it may be somebody born in 2013."""
    for persona in catalog.load_personas(PERSONAS):
        told = f"{persona.name} {persona.occupation} {persona.description}"
        assert not re.search(r"\d\d to \d\d|years old|\bborn\b|\bin your (\w+ies|teens)\b", told), persona.id
        assert persona.occupation
