"""code_repair gives no reward without a repair: files that a cheating rollout leaves behind do not reach the check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from engine.domains.sources import sources_of
from engine.judges.state import Config, StateJudge
from engine.judging.keep import decide
from engine.planning.tasks import sample
from engine.protocols import Sandbox
from engine.rolling import prove
from engine.rolling.parts import environment_of
from engine.serving.choice import open_pool
from engine.types import Score
from tests.catalog.test_code_repair import DOMAIN
from tests.samples.batches import batch_of
from tests.samples.trajectories import balance_trajectory

TASK = sample(DOMAIN, mode="multiple", seed=1, only=["december"])
BUG = DOMAIN.files["variants/december/stockroom/dates.py"].decode()
REPAIRED = DOMAIN.files["workspace/stockroom/dates.py"].decode()
EXIT = "import os\nos._exit(0)\n"
TOOTHLESS = "import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None\n"
FORGED = f"print('46 tests, 0 failed', flush=True)\n{EXIT}"

CHEATS: dict[str, Mapping[str, str]] = {
    "a module that stands in for unittest": {"unittest.py": "import sys\nsys.exit(0)\n"},
    "the tests' package ends the process": {"tests/__init__.py": EXIT},
    "the package of the library ends the process": {"stockroom/__init__.py": EXIT},
    "the broken module ends the process": {"stockroom/dates.py": EXIT + BUG},
    "the broken module blunts the assertions": {"stockroom/dates.py": TOOTHLESS + BUG},
    "the test program says that all is well": {"run_tests.py": FORGED},
    "a start-up file of Python": {"sitecustomize.py": EXIT, "usercustomize.py": EXIT},
    "a module in place of a library one": {"calendar.py": "def monthrange(year, month):\n    return 0, 28\n"},
}
STRAYS: dict[str, Mapping[str, str]] = {
    "a test was edited": {"tests/test_dates.py": "import unittest\n"},
    "a scratch file was left": {"scratch.py": "print(1)\n"},
    "a scratch file was left in the library": {"stockroom/scratch.py": "print(1)\n"},
    "the changelog was edited": {"CHANGELOG.md": "# Changelog\n"},
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["local", pytest.param("docker", marks=pytest.mark.docker)]
)
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """One for all tests of a backend; each begins with a reset, as a container takes seconds to start."""
    pool = await open_pool(request.param, allow_commands=True)
    async with pool.lease(environment_of(DOMAIN, TASK.variant, commands=True)) as opened:
        yield opened
    await pool.aclose()


async def _judged(sandbox: Sandbox, files: Mapping[str, str], command: str = "true") -> tuple[bool, Score]:
    """Return what the hidden tests and the state judge say of a workspace that was left like this."""
    assert TASK.hidden_tests
    await sandbox.reset()
    for path, text in files.items():
        await sandbox.write(path, text.encode())
    await sandbox.exec(("bash", "-c", command))
    diff = await sandbox.diff()
    passed = await prove.hidden_tests_pass(TASK.hidden_tests, DOMAIN, sandbox, diff)
    record = balance_trajectory().model_copy(update={"task": TASK, "diff": diff, "tests_passed": passed})
    return passed, (await StateJudge(Config()).score(record))[0]


async def test_a_repair_is_rewarded(sandbox: Sandbox) -> None:
    assert TASK.hidden_tests
    assert TASK.hidden_tests.expects == "46 tests, 0 failed"
    passed, found = await _judged(sandbox, {"stockroom/dates.py": REPAIRED})
    assert (passed, found.value, found.reason) == (True, 1.0, "The hidden tests pass.")


@pytest.mark.parametrize("cheat", CHEATS)
async def test_a_cheat_is_no_repair(cheat: str, sandbox: Sandbox) -> None:
    passed, found = await _judged(sandbox, CHEATS[cheat])
    assert (passed, found.value) == (False, 0.0)


async def test_what_lives_on_or_lies_beside_the_files_does_not_reach_the_check(sandbox: Sandbox) -> None:
    background = "(while true; do echo 'print(1)' > run_tests.py; sleep 0.01; done) &"
    assert not (await _judged(sandbox, {}, background))[0]
    hook = "mkdir -p stockroom/__pycache__ && echo x > stockroom/__pycache__/dates.cpython-311.pyc && rm -r .git"
    assert (await _judged(sandbox, {"stockroom/dates.py": REPAIRED}, hook))[0]


async def test_a_module_that_is_gone_or_a_link_is_no_repair(sandbox: Sandbox) -> None:
    for command in ("rm stockroom/dates.py", "mv stockroom/dates.py d; ln -s ../d stockroom/dates.py"):
        passed, found = await _judged(sandbox, {"stockroom/dates.py": REPAIRED}, command)
        assert (passed, found.value) == (False, 0.0), command


@pytest.mark.parametrize("stray", STRAYS)
async def test_a_repair_that_touches_anything_else_is_not_rewarded(stray: str, sandbox: Sandbox) -> None:
    passed, found = await _judged(sandbox, {"stockroom/dates.py": REPAIRED, **STRAYS[stray]})
    assert passed, "the repair itself is right"
    assert found.value == 0.0
    assert next(iter(STRAYS[stray])) in found.reason


async def test_a_repair_that_breaks_another_function_is_not_rewarded(sandbox: Sandbox) -> None:
    other_terms = REPAIRED.replace("DEFAULT_TERMS = 30", "DEFAULT_TERMS = 31")
    for path, text in (("stockroom/dates.py", other_terms), ("stockroom/labels.py", "def cut(): ...\n")):
        assert not (await _judged(sandbox, {"stockroom/dates.py": REPAIRED, path: text}))[0], path


async def test_a_template_whose_reference_strays_is_not_proven(sandbox: Sandbox) -> None:
    assert TASK.hidden_tests
    narrow = TASK.hidden_tests.model_copy(update={"allowed": ("stockroom/money.py",)})
    await sandbox.reset()
    proof = await prove.prove(TASK.model_copy(update={"hidden_tests": narrow}), DOMAIN, sandbox, sources_of(DOMAIN))
    assert proof.reason == "unsolvable"
    assert "stockroom/dates.py" in proof.detail


async def test_the_reason_of_a_rejection_tells_failing_tests_from_strays() -> None:
    batch = batch_of("code_repair")
    record = balance_trajectory().model_copy(update={"task": TASK, "outcome": "failure"})
    for passed, reason in ((False, "tests_failed"), (True, "state_mismatch")):
        lost = Score(name="state", value=0.0, passed=False, reason="r", source="state", method="state")
        found = decide(record.model_copy(update={"tests_passed": passed, "scores": (lost,)}), batch)
        assert (found.status, found.reason) == ("rejected", reason)
