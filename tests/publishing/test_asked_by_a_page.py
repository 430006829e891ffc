"""A page asks the engine to push an export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.exporting.build import build
from engine.serving.desk import Desk
from engine.types import Recipe, Request
from storage.database import Database
from storage.serving.library import SqlLibrary
from tests.exporting.export_steps import entries
from tests.publishing.hub_server import TOKEN, hub_server
from tests.samples.trajectories import mixed_trajectories

pytest.importorskip("huggingface_hub")


async def asked(db: Database, **payload: Any) -> tuple[dict[str, Any] | None, str | None]:
    async def no_pool(**_: Any) -> Any:
        raise AssertionError("a push needs no sandbox")

    return await Desk(SqlLibrary(db), no_pool).answer(Request(1, "push_export", payload))


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TURNWRIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("HUB", TOKEN)
    built = build(Recipe(name="shop"), entries(mixed_trajectories()), tmp_path / "exports" / "3").path
    return built.relative_to(tmp_path / "exports").as_posix()


async def test_the_engine_answers_with_the_address(db: Database, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_server() as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        done, error = await asked(db, path=path, address="hf:someone/shop", variable="HUB", public=False)
        assert error is None
        assert done is not None
        assert done["address"].startswith(f"{hub.url}/datasets/someone/shop/tree/")
        assert hub.repositories["someone/shop"].private


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"address": "file:///etc/x"}, "no repository of the hub"),
        ({"path": "../test.db"}, "not in the folder of exports"),
        ({"variable": "NOT_SET"}, "NOT_SET: is not set"),
    ],
)
async def test_a_page_can_push_exports_to_the_hub_only(
    db: Database, path: str, changes: dict[str, str], told: str
) -> None:
    done, error = await asked(db, **{"path": path, "address": "hf:someone/shop", "variable": "HUB"} | changes)
    assert done is None
    assert told in str(error)
