"""Runs the hidden tests of a stored trajectory again, after a replay of its recorded calls.

The sandbox begins with the workspace of the domain version that the trajectory was rolled out in. All its calls, those
of the simulated user too, are executed in their order; what was refused or failed on purpose is left out as it was
then. The tests are run only where every result comes as it was recorded and the workspace ends as it did. Otherwise
nothing can be said about the dialogue, and nothing is. Tools may use neither clock nor chance, so no seed is needed;
times that a program prints about itself ("Ran 3 tests in 0.01s") do not count as another result of a command.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from engine.judging.state import differences, paths_outside
from engine.protocols import Sandbox
from engine.reviewing.replay import Exchange, Runtime, Sources, recorded_exchanges, results_of_calls, user_exchanges
from engine.rolling.end_state import source_states, with_source_changes
from engine.rolling.hidden_tests import hidden_tests_pass
from engine.types import Domain, HiddenTests, Replayed, StateDiff, Task, Tool, Trajectory, Turn

_TOOK = re.compile(r"\b\d+\.\d+ ?(?:s|ms|sec|secs|seconds)\b")
_SHOWN = 120


async def replayed_tests(trajectory: Trajectory, domain: Domain, runtime: Runtime) -> Replayed:
    """Return whether the hidden tests pass after a replay, or why that could not be measured. `domain` is the version
    of the trajectory. Raises SandboxError."""
    task = trajectory.task
    if task is None or task.hidden_tests is None:
        return Replayed(passed=None, detail="Its task has no hidden tests.")
    own = next((one.hidden_tests for one in domain.templates if one.id == task.template), None)
    if own != task.hidden_tests:  # an imported record may name any command
        return Replayed(passed=None, detail="The hidden tests of its task are not those of its domain.")
    async with runtime.lease() as sandbox:
        before = await source_states(runtime.sources, sandbox)
        made, other = await _replay(trajectory, runtime, sandbox)
        if other:
            return Replayed(passed=None, detail=other)
        diff = with_source_changes(await sandbox.diff(), before, await source_states(runtime.sources, sandbox))
        if other := _other_end(trajectory, task, own, diff):
            return Replayed(passed=None, detail=other)
        passed = await hidden_tests_pass(own, domain, sandbox, diff)
    calls = "1 recorded call" if made == 1 else f"{made} recorded calls"
    return Replayed(
        passed=passed, detail=f"run again after a replay of {calls}", strays=tuple(paths_outside(diff, own.allowed))
    )


async def _replay(trajectory: Trajectory, runtime: Runtime, sandbox: Sandbox) -> tuple[int, str]:
    """Execute the recorded calls; return how many were made, and a sentence about the first result that did not come
    again, "" where all came."""
    tools = {tool.name: tool for tool in (*trajectory.tools, *runtime.user_tools)}
    exchanges = dict(recorded_exchanges(trajectory.turns, {}))
    made = 0
    for index in sorted(exchanges.keys() | (own := user_exchanges(trajectory)).keys()):
        if index in exchanges:
            exchange = _answered(exchanges[index])
            results = await results_of_calls(exchange, tools, sandbox, runtime.sources)
            known = {id: turn for id, (_, turn) in exchange.known.items()}
        else:
            results = await results_of_calls(own[index], tools, sandbox, runtime.sources)
            calls = [one for one in trajectory.user_calls(index) if one.name in tools]
            known = {
                call.id: Turn(role="tool", content=one.content, fault=one.fault)
                for call, one in zip(own[index].calls, calls, strict=False)
            }
        made += len(results)
        for result in results:
            recorded = known.get(result.tool_call_id or "")
            if recorded is not None and not _alike(recorded, result, tools[str(result.name)], runtime.sources):
                return made, _other_result(index, recorded, result)
    return made, ""


def _answered(exchange: Exchange) -> Exchange:
    """Return a message with those of its calls that were answered; others were never made."""
    return replace(exchange, calls=tuple(call for call in exchange.calls if call.id in exchange.known))


def _alike(recorded: Turn, result: Turn, tool: Tool, sources: Sources) -> bool:
    if recorded.fault != result.fault:
        return False
    if sources[tool.source].commands:
        return _TOOK.sub("# s", recorded.content) == _TOOK.sub("# s", result.content)
    return recorded.content == result.content


def _other_result(index: int, recorded: Turn, result: Turn) -> str:
    return (
        f"The replay gives another result than was recorded: {result.name} at turn {index} gave "
        f"{_short(recorded.content)} then and {_short(result.content)} now."
    )


def _short(text: str) -> str:
    return json.dumps(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...", ensure_ascii=False)


def _other_end(trajectory: Trajectory, task: Task, tests: HiddenTests, diff: StateDiff) -> str:
    """Return a sentence about where the replayed workspace ends otherwise than was recorded, "" where it does not. Only
    what the tests allow to change reaches them."""
    if trajectory.diff is None:
        return ""
    found = differences(_reaching(trajectory.diff, tests), _reaching(diff, tests), task.state_ignore)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"The replay leaves another workspace than was recorded: {found[0].place}{more}." if found else ""


def _reaching(diff: StateDiff, tests: HiddenTests) -> StateDiff:
    outside = set(paths_outside(diff, tests.allowed))
    return diff.model_copy(update={"changes": tuple(one for one in diff.changes if one.path not in outside)})
