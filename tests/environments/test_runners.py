"""Each framework's own loop gives the dialogues of a misbehaving model the rewards of the batch.

TURNWRIGHT_RUNNERS names a folder with a virtual environment for each framework (`verifiers`, `openenv`, `nemo_gym`), in
which it is installed with what its package requires. Harbor's verifier needs Docker and our image instead.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.environments.check import as_sent
from engine.environments.contents import replies_of
from storage.exporting.environments import source_of_batch
from tests.environments.packages import packaged, unpack
from tests.environments.test_rewards import first_six
from tests.llms import spellings
from tests.running.test_misbehaving_models import SIX, Played, Runs

RUNNERS = Path(__file__).resolve().parent / "runners"
IMAGE = "turnwright-sandbox:1"

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


async def half_wrong(runs: Runs) -> Played:
    """Return a batch of twelve of which six are rejected, three of these for texts that cannot be data."""
    unclean = [kind[0] for kind in spellings.WRONG.values()]
    return await runs(first_six(*spellings.INVENTED[:3], *unclean[:3]), user="reference")


def cases_of(batch: Played) -> list[dict[str, Any]]:
    return [{"task": row.id, "replies": [as_sent(reply) for reply in replies_of(row)]} for row in batch.rows]


@pytest.mark.parametrize("name", ["nemo_gym", "openenv", "verifiers"])
async def test_a_framework_gives_the_rewards_of_the_batch(name: str, runs: Runs, tmp_path: Path) -> None:
    python = Path(os.environ.get("TURNWRIGHT_RUNNERS", "/nowhere")) / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"TURNWRIGHT_RUNNERS names no folder with a virtual environment {name}")
    batch = await half_wrong(runs)
    folder = unpack(await packaged(name, source_of_batch(runs.db, batch.batch.id)), tmp_path / "package")
    (tmp_path / "cases.json").write_text(json.dumps(cases_of(batch)))
    command = [str(python), str(RUNNERS / f"{name}.py"), str(folder), str(tmp_path / "cases.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [row.reward or 0.0 for row in batch.rows]
    assert [row.status for row in batch.rows] == ["rejected"] * SIX + ["kept"] * SIX


@pytest.mark.docker
async def test_harbors_verifier_gives_the_rewards_of_the_batch_in_our_image(runs: Runs, tmp_path: Path) -> None:
    """The script that Harbor runs, in a container without a network; the packages of this Python stand in for those
    that the image would install."""
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no image {IMAGE} here")
    batch = await half_wrong(runs)
    folder = unpack(await packaged("harbor", source_of_batch(runs.db, batch.batch.id)), tmp_path / "package")
    for case, row in zip(cases_of(batch), batch.rows, strict=True):
        (task,) = folder.glob(f"*/{row.id}")
        (task / "record").mkdir()
        (task / "record" / "replies.json").write_text(json.dumps(case["replies"]))
        found = verified(task)
        assert found == {"reward": row.reward or 0.0, "kept": int(row.status == "kept")}


def verified(task: Path) -> Any:
    """Run tests/test.sh of a task in a container and return the rewards that it writes."""
    import pydantic

    packages = Path(pydantic.__file__).parent.parent
    mounts = {task / "tests": "/tests:ro", task / "record": "/var/lib/dialogue:ro", packages: "/opt/packages:ro"}
    command = ["docker", "run", "--rm", "--network", "none", "--env", "PYTHONPATH=/opt/packages:/opt/tools"]
    for place, inside in mounts.items():
        command += ["--volume", f"{place}:{inside}"]
    script = "mkdir -p /sandbox/tmp && bash /tests/test.sh >&2 && cat /logs/verifier/reward.json"
    done = subprocess.run([*command, IMAGE, "bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
