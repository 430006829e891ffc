"""The code_repair pack: each bug is real, its visible tests do not show it, and the reference repairs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine import plugins
from engine.domains import catalog
from engine.domains.sources import sources_of
from engine.planning.tasks import modes_of, sample
from engine.protocols import SandboxPool
from engine.rolling.parts import environment_of
from engine.rolling.prove import prove
from engine.settings import CATALOG, SANDBOX_ASSETS
from engine.types import Proof, Task, TaskTemplate
from engine.types.domains import expected_of

PACK = CATALOG / "code_repair"
DOMAIN = catalog.load(PACK)
REPAIRS = [template for template in DOMAIN.templates if template.hidden_tests]
QUESTIONS = [template for template in DOMAIN.templates if not template.hidden_tests]
SEEN_BY_VISIBLE_TESTS = {"saturday"}


@pytest.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    plugin = plugins.load("sandboxes", "local")
    opened: SandboxPool = plugin.make(plugin.config(allow_commands=True))
    await opened.start()
    yield opened
    await opened.aclose()


async def _proof(task: Task, pool: SandboxPool) -> Proof:
    async with pool.lease(environment_of(DOMAIN, task.variant, commands=True)) as sandbox:
        return await prove(task, DOMAIN, sandbox, sources_of(DOMAIN))


def _lay(folder: Path, variant: str | None) -> None:
    for path, data in DOMAIN.workspace(variant).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def _visible(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "run_tests.py"], cwd=folder, capture_output=True, text=True, check=False)


def _hidden(folder: Path, path: str) -> dict[str, object]:
    """Return what the probes of a file give in a folder."""
    given = json.dumps({"name": path, "source": (PACK / path).read_text(), "mark": "#"})
    command = [sys.executable, "-I", "-B", "-c", (SANDBOX_ASSETS / "probe_runner.py").read_text()]
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1][1:])
    return found


def test_there_are_enough_bugs_of_different_modules() -> None:
    assert len(REPAIRS) >= 8
    assert len({path for t in REPAIRS for path in DOMAIN.files if path.startswith(f"variants/{t.variant}/")}) >= 8
    assert {tool.name for tool in DOMAIN.tools} >= {"bash", "read_file", "write_file", "edit_file", "search_code"}
    assert {"single", "parallel", "dependent", "no_tool"} <= {m for t in DOMAIN.templates for m in modes_of(DOMAIN, t)}


@pytest.mark.parametrize("template", REPAIRS, ids=lambda template: template.id)
def test_bugs_are_caught_by_their_hidden_test_only(template: TaskTemplate, tmp_path: Path) -> None:
    sound, buggy = tmp_path / "sound", tmp_path / "buggy"
    _lay(sound, None)
    _lay(buggy, template.variant)
    assert _visible(sound).returncode == 0
    assert _visible(buggy).returncode == (template.id in SEEN_BY_VISIBLE_TESTS)
    assert template.hidden_tests
    own, library = template.hidden_tests.probes
    for path in (own, library):
        assert _hidden(sound, path) == json.loads((PACK / expected_of(path)).read_text())
    broken = _hidden(buggy, own)
    assert any(broken[name] != value for name, value in json.loads((PACK / expected_of(own)).read_text()).items())
    assert not template.hidden_tests.can_be_told


@pytest.mark.parametrize("template", REPAIRS, ids=lambda template: template.id)
async def test_the_reference_repairs_the_reported_symptom(template: TaskTemplate, pool: SandboxPool) -> None:
    task = sample(DOMAIN, mode="dependent", turns=4, seed=11, only=[template.id])
    proof = await _proof(task, pool)
    assert proof.reason is None, proof.detail
    commands = [entry for group in proof.turns[0].calls for entry in group if entry.call.name == "bash"]
    outputs = [json.loads(entry.result.content) for entry in commands]
    before, after, tests = outputs[-3:]
    assert after["stdout"].strip() == task.slots["expected"]
    assert before["stdout"].strip() == task.slots["wrong"]
    assert tests["exit_code"] == 0
    assert proof.expected is not None
    assert [change.path for change in proof.expected.changes] == [
        path.split("/", 2)[2] for path in DOMAIN.files if path.startswith(f"variants/{template.variant}/")
    ]
    assert proof.expected.patch
    assert "diff --git" in proof.expected.patch
    facts = [fact for turn in proof.turns[1:] for fact in turn.facts]
    assert len(facts) == 3
    assert not {"", "0"} & {option for fact in facts for option in fact}


def test_what_follows_a_repair_and_how_vague_reports_begin_differ() -> None:
    chains = [json.dumps([[s.model_dump() for s in turn.chain] for turn in t.turns[1:]]) for t in REPAIRS]
    assert len(set(chains)) == len(REPAIRS), "two repairs are followed by the same requests"
    for number in (1, 2, 3):
        asked = Counter(re.sub(r"\S*[_./`]\S*", "", t.turns[number].say[0]) for t in REPAIRS)
        assert len(asked) >= 3, "one request in one wording"
        assert max(asked.values()) <= len(REPAIRS) / 2, asked
    vague = [t.turns[0].withhold for t in REPAIRS if t.turns[0].withhold]
    assert len({text for hold in vague for text in hold.say}) >= 4 * len(REPAIRS) * 0.9
    assert len({text for hold in vague for text in hold.ask}) >= 9


@pytest.mark.parametrize("template", QUESTIONS, ids=lambda template: template.id)
async def test_other_templates_are_proven(template: TaskTemplate, pool: SandboxPool) -> None:
    for number, mode in enumerate(mode for mode in modes_of(DOMAIN, template) if mode != "no_tool"):
        proof = await _proof(sample(DOMAIN, mode=mode, turns=1, seed=number, only=[template.id]), pool)
        assert proof.reason is None, (mode, proof.detail)


async def test_results_hold_no_time_and_no_path_of_the_machine(pool: SandboxPool) -> None:
    task = sample(DOMAIN, mode="multiple", turns=1, seed=3, only=["saturday"])
    proof = await _proof(task, pool)
    text = "".join(entry.result.content for group in proof.turns[0].calls for entry in group)
    assert "FAIL  tests.test_dates.ShippingTest.test_over_a_weekend" in text
    assert "tmp/" not in text
    assert " in 0." not in text


@pytest.mark.parametrize("path", ["../outside.txt", ".git/config", "/etc/passwd"])
async def test_file_tools_stay_in_the_repository(path: str, pool: SandboxPool) -> None:
    async with pool.lease(environment_of(DOMAIN, None, commands=True)) as sandbox:
        for tool, arguments in (("read_file", {"path": path}), ("write_file", {"path": path, "text": "x"})):
            result = await sandbox.call(tool, arguments)
            assert result.fault == "tool_error"
            assert "outside the repository" in result.content


async def test_an_edit_must_fit_exactly_once(pool: SandboxPool) -> None:
    async with pool.lease(environment_of(DOMAIN, None, commands=True)) as sandbox:
        for old, times in (("no such passage", 0), ("return", 4), ("", 0)):
            arguments = {"path": "stockroom/money.py", "old": old, "new": "x"}
            result = await sandbox.call("edit_file", arguments)
            assert result.fault == "tool_error"
            assert f"occurs {times} times" in result.content
        assert (await sandbox.diff()).empty
