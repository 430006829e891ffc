"""Which sandboxes there are to choose from, and what an unknown one is told."""

from __future__ import annotations

import pytest

from engine.errors import InputError
from engine.serving.choice import health, open_pool, preferred


async def test_health_lists_every_backend() -> None:
    found = {entry.name: entry for entry in await health()}
    assert set(found) >= {"bubblewrap", "docker", "local"}
    assert (found["local"].ok, found["local"].isolated, found["docker"].isolated) == (True, False, True)
    assert "not isolate" in found["local"].detail


async def test_an_unknown_backend_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="Choose auto, bubblewrap, docker, local"):
        await open_pool("submarine")


def test_auto_prefers_what_isolates_and_then_what_bounds_more() -> None:
    order = [name for name in preferred() if name in ("bubblewrap", "docker", "local")]
    assert order == ["docker", "bubblewrap", "local"]
