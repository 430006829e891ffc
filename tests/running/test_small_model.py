"""A real small model plays assistant and person of twelve dialogues.

It cannot do the tasks, and its server drops the tools that are offered. So each dialogue must end for a reason with a
name that is about what was said, and none as a fault of the infrastructure.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine.domains import catalog
from engine.serving.choice import SandboxChoice
from engine.serving.worker import Worker
from engine.types import Endpoint, Sampling, Trajectory, TrajectoryFilter
from storage.database import open_database
from storage.designing import domains, personas
from storage.generating import batches
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.engines import ROOT
from tests.llms import small_model
from tests.needs import missing
from tests.samples.batches import batch_of
from tests.samples.personas import TESS

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_500)]
SIZE = 12


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a small model's server."""
    if any(find_spec(name) is None for name in small_model.PACKAGES):
        missing("No small model is installed. Run: make test-long")
    log = tmp_path_factory.mktemp("small") / "server.log"
    with log.open("wb") as errors:
        server = subprocess.Popen(
            [sys.executable, small_model.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        assert server.stdout is not None
        lines = (line.decode(errors="replace") for line in server.stdout)
        found = next((match for line in lines if (match := re.search(r"listening at (http://\S+)", line))), None)
        assert found is not None, log.read_text(errors="replace")[-3000:]
        yield found.group(1)
        server.kill()
        server.wait()


async def test_twelve_rollouts_end_with_a_named_reason_and_none_by_infrastructure(tmp_path: Path, address: str) -> None:
    db = open_database(f"sqlite:///{tmp_path / 'turnwright.db'}")
    domain = catalog.load(ROOT / "assets" / "catalog" / "retail")
    domains.save_domain(db, domain.files, based_on=None)
    personas.save_persona(db, TESS, based_on=None)
    model = Endpoint(
        model="smollm2",
        llm="openai_compatible",
        api_base=f"{address}/v1",
        timeout=120,
        sampling=Sampling(temperature=0.8, max_tokens=120, seed=7),
    )
    batch = batch_of(
        domain,
        trajectories=SIZE,
        teacher="llm",
        early_look=False,
        user="llm",
        models={"teacher": model, "user": model},
        judges=["rules", "state", "facts"],
        sandbox="local",
        concurrency=2,
        limits={"rounds": 3, "steps_per_turn": 3, "seconds": 600},
    ).pinned()
    number = batches.create_batch(db, batch)
    await Worker(SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda _: None).work(once=True)
    row = batches.get_batch(db, number)
    found = trajectories.stream(db, TrajectoryFilter(batches=(number,)))
    rows = [Trajectory.model_validate_json(body) for _, body, _ in found]
    db.close()
    print([(one.status, one.reason, one.culprit, one.end, one.detail) for one in rows])
    assert row.status == "done", row.reason
    assert len(rows) == SIZE
    assert [one.detail for one in rows if one.status == "failed" or one.culprit == "infrastructure"] == []
    assert [one.id for one in rows if not one.reason and one.outcome != "success"] == []
    asked = [call for one in rows for call in one.calls]
    assert {call.role for call in asked} >= {"teacher", "user"}
    assert all(call.completion_tokens for call in asked), "the server states the tokens of each call"
    assert row.tokens == sum((call.prompt_tokens or 0) + (call.completion_tokens or 0) for call in asked)
