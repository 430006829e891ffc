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
from engine.rolling.hidden_tests import failing_test, hidden_tests_pass
from engine.rolling.parts import environment_of
from engine.serving.choice import open_pool
from engine.types import HiddenTests, Score
from tests.catalog.test_code_repair import DOMAIN
from tests.samples.batches import batch_of
from tests.samples.trajectories import balance_trajectory

TASK = sample(DOMAIN, mode="multiple", seed=1, only=["december"])
BUG = DOMAIN.files["variants/december/stockroom/dates.py"].decode()
REPAIRED = DOMAIN.files["workspace/stockroom/dates.py"].decode()
EXIT = "import os\nos._exit(0)\n"
TOOTHLESS = "import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None\n"
FORGED = f"print('46 tests, 0 failed', flush=True)\n{EXIT}"
AT_EXIT = "import atexit, os\natexit.register(lambda: (print('46 tests, 0 failed', flush=True), os._exit(0)))\n"
FRAMES = """import json, os, sys
frame = sys._getframe()
while "given" not in frame.f_locals:
    frame = frame.f_back
given = frame.f_locals["given"]
names = [line[4:].partition("(")[0] for line in given["source"].splitlines() if line.startswith("def probe_")]
"""
"""Finds the mark, the source of the probes and their names in the frames of the process that loads it."""
GUESSED = (
    FRAMES
    + """values = {name: True for name in names}
os.write(frame.f_locals["out"], ("\\n" + given["mark"] + json.dumps(values) + "\\n").encode())
os._exit(0)
"""
)
SEARCHED = (
    FRAMES
    + """found = {}
seen = [os.path.join(top, file) for top, _, files in os.walk(".") for file in files]
for place in seen + [f"/proc/self/fd/{number}" for number in range(64)]:
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        text = os.read(descriptor, 1 << 20).decode()
    except (OSError, ValueError):
        continue
    for line in text.splitlines():
        try:
            found.update(json.loads(line.partition(given["mark"])[2] or text))
        except (ValueError, TypeError):
            pass
values = {name: found.get(name) for name in names}
os.write(frame.f_locals["out"], ("\\n" + given["mark"] + json.dumps(values) + "\\n").encode())
os._exit(0)
"""
)
PATCHED = (
    FRAMES
    + """import datetime
frame.f_globals["plain"] = lambda value: True
frame.f_globals["result"] = lambda probe: True
"""
)

CHEATS: dict[str, Mapping[str, str]] = {
    "a module that stands in for unittest": {"unittest.py": "import sys\nsys.exit(0)\n"},
    "the tests' package ends the process": {"tests/__init__.py": EXIT},
    "the package of the library ends the process": {"stockroom/__init__.py": EXIT},
    "the broken module ends the process": {"stockroom/dates.py": EXIT + BUG},
    "the broken module ends the process in its own way": {"stockroom/dates.py": "raise SystemExit(0)\n"},
    "the broken module prints a verdict": {"stockroom/dates.py": FORGED},
    "the broken module prints a verdict at the end": {"stockroom/dates.py": AT_EXIT + BUG},
    "the broken module blunts the assertions": {"stockroom/dates.py": TOOTHLESS + BUG},
    "the broken module answers for the probes": {"stockroom/dates.py": GUESSED},
    "the broken module reads every file and descriptor": {"stockroom/dates.py": SEARCHED},
    "the broken module replaces the runner": {"stockroom/dates.py": PATCHED + BUG},
    "the test program says that all is well": {"run_tests.py": FORGED},
    "a start-up file of Python": {"sitecustomize.py": EXIT, "usercustomize.py": EXIT},
    "a file that pytest loads": {"conftest.py": EXIT, "pytest.py": EXIT},
    "a module in place of a library one": {"calendar.py": "def monthrange(year, month):\n    return 0, 28\n"},
    "a module in place of the runner's": {"json.py": EXIT, "decimal.py": EXIT},
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
    passed = await hidden_tests_pass(TASK.hidden_tests, DOMAIN, sandbox, diff)
    record = balance_trajectory().model_copy(update={"task": TASK, "diff": diff, "tests_passed": passed})
    return passed, (await StateJudge(Config()).score(record))[0]


async def test_a_repair_is_rewarded(sandbox: Sandbox) -> None:
    passed, found = await _judged(sandbox, {"stockroom/dates.py": REPAIRED})
    assert (passed, found.value, found.reason) == (True, 1.0, "The hidden tests pass.")


@pytest.mark.parametrize("cheat", CHEATS)
async def test_a_cheat_is_no_repair(cheat: str, sandbox: Sandbox) -> None:
    passed, found = await _judged(sandbox, CHEATS[cheat])
    assert (passed, found.value) == (False, 0.0)


async def test_a_module_that_prints_and_repairs_is_rewarded(sandbox: Sandbox) -> None:
    noisy = "print('46 tests, 1 failed')\n" + REPAIRED
    assert (await _judged(sandbox, {"stockroom/dates.py": noisy}))[0]


async def test_what_fails_is_named_with_both_values(sandbox: Sandbox) -> None:
    assert TASK.hidden_tests
    await sandbox.reset()
    await sandbox.write("stockroom/dates.py", REPAIRED.replace("DEFAULT_TERMS = 30", "DEFAULT_TERMS = 31").encode())
    told = await failing_test(TASK.hidden_tests, DOMAIN, sandbox, await sandbox.diff())
    assert told is not None
    assert told.startswith('hidden/library.py: probe_due_default_terms gives {"$date": "2026-04-02"}')
    assert told.endswith('hidden/library.json expects {"$date": "2026-04-01"}.')


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


async def test_an_allowed_file_whose_place_the_reset_takes_back_is_left_out(sandbox: Sandbox) -> None:
    assert TASK.hidden_tests
    swaps = (
        ("stockroom/labels.py/*", "cd stockroom; rm labels.py; mkdir labels.py; echo x > labels.py/x.py"),
        ("stockroom", "rm -r stockroom; echo x > stockroom"),
    )
    for allowed, command in swaps:
        tests = TASK.hidden_tests.model_copy(update={"allowed": (*TASK.hidden_tests.allowed, allowed)})
        await sandbox.reset()
        await sandbox.write("stockroom/dates.py", REPAIRED.encode())
        await sandbox.exec(("bash", "-c", command))
        assert await hidden_tests_pass(tests, DOMAIN, sandbox, await sandbox.diff()) is False, command


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


async def test_tests_that_can_be_told_say_so() -> None:
    told = HiddenTests(files={}, command=("true",))
    record = balance_trajectory().model_copy(
        update={"task": TASK.model_copy(update={"hidden_tests": told}), "tests_passed": True}
    )
    (score,) = await StateJudge(Config()).score(record)
    assert score.value == 1.0
    assert score.reason.startswith("The hidden tests pass. The tests run in one process with the code that they test")
