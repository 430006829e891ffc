"""What pages say while the sandbox image is being built beside the studio."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from engine.serving.image_build import ImageBuild
from engine.types import Pulse
from storage.database import Database
from storage.serving import engines

Open = Callable[..., AppTest]
BUILDING = "The sandbox image is being built"


def engine(database: Database, isolated: bool) -> None:
    engines.beat(database, Pulse("here:1", 1, time.time(), "docker" if isolated else "local", isolated, ""))


@pytest.fixture
def building(database: Database, tmp_path: Path) -> object:
    """A build at work: its note, and its lock held."""
    (tmp_path / "sandbox-image.json").write_text(json.dumps({"building": True, "since": time.time() - 42}))
    lock = ImageBuild(tmp_path)._lock_file()
    yield lock
    if lock:
        lock.close()


def texts(page: AppTest) -> str:
    return "\n".join(part.value for part in (*page.warning, *page.caption, *page.sidebar.caption))


def test_every_page_says_that_tools_run_without_isolation_until_the_image_is_built(
    ready: Database, open_page: Open, building: object
) -> None:
    engine(ready, isolated=False)
    for name in ("overview", "new-batch", "queue"):
        said = [caption.value for caption in open_page(name).sidebar.caption]
        assert any(BUILDING in one and "until then tools run without isolation" in one for one in said), name
    (warning,) = open_page("overview").warning
    told = re.search(r"\((\d+) s so far\)", warning.value)
    assert told
    assert 42 <= int(told[1]) < 90
    assert "A batch keeps the sandbox that it began in." in warning.value


def test_once_the_image_is_used_nothing_is_said_of_it(ready: Database, open_page: Open, building: object) -> None:
    engine(ready, isolated=True)
    page = open_page("overview")
    assert BUILDING not in texts(page)


def test_a_build_that_failed_is_told_with_its_reason(ready: Database, open_page: Open, tmp_path: Path) -> None:
    engine(ready, isolated=False)
    reason = "no Docker engine answers. Start it, or use the local sandbox."
    (tmp_path / "sandbox-image.json").write_text(json.dumps({"building": False, "since": 1.0, "reason": reason}))
    (warning,) = open_page("overview").warning
    assert warning.value.replace("\\", "").endswith(f"There is no sandbox image: {reason}")
