"""The tool source `service`: its state counts in proofs and end states, and its faults are faults of the tool."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from engine.domains import catalog
from engine.domains.sources import open_source, sources_of
from engine.errors import InputErrors
from engine.planning.planner import plan
from engine.protocols import Sandbox, SandboxPool, ToolSource
from engine.reviewing.replay import Correction, Runtime, replay
from engine.rolling.parts import environment_of
from engine.rolling.rollout import rollout
from engine.serving.choice import open_pool
from engine.settings import read
from engine.types import Choice, Domain, Persona, Tool, ToolCall, ToolResult, Turn
from tests.engines import wired
from tests.modes.wrong_teachers import Moment, played, task_of
from tests.samples.batches import batch_of
from tests.samples.packs import PACKS
from tests.samples.trajectories import shop_trajectory

SELL = {"item": "milk", "pieces": 2}


@pytest.fixture
def till() -> Domain:
    return catalog.load(PACKS / "till")


@pytest_asyncio.fixture(params=["local", pytest.param("docker", marks=pytest.mark.docker)])
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[SandboxPool]:
    found = await open_pool(request.param, image=read().image)
    yield found
    await found.aclose()


def changed(till: Domain, **files: str) -> dict[str, bytes]:
    """Return the files of the pack with some of service/ replaced."""
    return {**till.files, **{f"service/{name.replace('_', '.')}": text.encode() for name, text in files.items()}}


async def asked(
    source: ToolSource, tools: Mapping[str, Tool], sandbox: Sandbox, name: str, **arguments: Any
) -> ToolResult:
    return await source.call(tools[name], ToolCall(id="c", name=name, arguments=arguments), sandbox)


async def test_calls_of_a_dialogue_share_a_program_and_each_lease_begins_anew(till: Domain, pool: SandboxPool) -> None:
    source, tools = sources_of(till)["service"], {tool.name: tool for tool in till.tools}
    for _ in range(2):
        async with pool.lease(environment_of(till, None, commands=False)) as sandbox:
            assert (await source.probe(sandbox))["drawer"] == {"cash": 20, "sold": []}
            sold = await asked(source, tools, sandbox, "sell", **SELL)
            assert (json.loads(sold.content), sold.fault) == ({"paid": 4}, None)
            refused = await asked(source, tools, sandbox, "price_of", item="gold")
            assert (json.loads(refused.content), refused.fault) == ({"error": "there is no gold"}, "tool_error")
            await asked(source, tools, sandbox, "sell", **SELL)
            assert (await source.probe(sandbox))["drawer"]["cash"] == 28
            assert (await sandbox.diff()).empty, "what the program holds is beside the workspace"
            await sandbox.reset()
            assert (await source.probe(sandbox))["drawer"]["cash"] == 20


async def test_the_reference_is_kept_and_its_end_state_holds_what_the_program_holds(
    till: Domain, persona: Persona, pool: SandboxPool
) -> None:
    batch = batch_of(till, trajectories=3, turns={1: 1}, modes={"dependent": 0, "multiple": 1, "tool_error": 1})
    parts = wired(batch, till, pool)
    for spec in plan(batch, {till.digest: till}, [persona]):
        found = await rollout(spec, parts)
        assert found.status == "kept", (found.reason, found.detail)
        assert found.diff is not None
        assert found.proof is not None
        assert found.diff == found.proof.expected
        (change,) = found.diff.changes
        assert (change.path, change.kind, change.format) == ("service:drawer", "modified", "json")
        assert {leaf.pointer for leaf in change.leaves} == {"/cash", "/sold"}


async def test_money_that_nobody_paid_is_a_lost_end_state(till: Domain, persona: Persona, pool: SandboxPool) -> None:
    task = task_of(till, "multiple", 0, lambda task, place: True, turns=(1,))

    def sells_once_more(moment: Moment) -> Turn | None:
        if moment.right.tool_calls or moment.replies != 2:
            return None
        return moment.calling(ToolCall(id="x", name="sell", arguments={"item": "bread", "pieces": 1}))

    found = await played(till, persona, pool, task, 0, sells_once_more)
    assert (found.status, found.stage, found.reason, found.culprit) == ("rejected", "state", "state_mismatch", "agent")
    assert "service:drawer#/cash should be" in found.detail


async def test_a_replay_compares_what_the_program_holds(till: Domain, pool: SandboxPool) -> None:
    def sold(pieces: int) -> ToolCall:
        return ToolCall(id="c", name="sell", arguments={"item": "milk", "pieces": pieces})

    turns = (
        Turn(role="user", content="Two milk."),
        Turn(role="assistant", tool_calls=(sold(2),)),
        Turn(role="tool", name="sell", tool_call_id="c", content='{"paid": 4}'),
        Turn(role="assistant", content="4."),
    )
    record = shop_trajectory(0, turns, tools=till.tools)
    environment = environment_of(till, None, commands=False)
    fix = Turn(role="assistant", tool_calls=(sold(3),))
    runtime = Runtime(lambda: pool.lease(environment), sources_of(till))
    found = await replay(record, Correction(turn=1, fix=fix), (), runtime)
    assert found.ok
    assert found.unsteady is None
    assert {(place.path, place.pointer) for place in found.state} == {
        ("service:drawer", "/cash"),
        ("service:drawer", "/sold"),
    }


SERVERS = {
    "ends": ("import sys\nsys.stdin.readline()\nsys.exit('out of paper')", "tool_crash", "out of paper"),
    "cannot be read": ("def (", "tool_crash", "SyntaxError"),
    "talks": ("input()\nprint('hello', flush=True)\ninput()", "tool_crash", "no JSON: b'hello"),
    "hangs": ("import time\ntime.sleep(60)", "timeout", "no answer within 3 seconds"),
    "floods": ("while True: print('{}', flush=True)", "timeout", "no answer within 3 seconds"),
}


@pytest.mark.parametrize("what", SERVERS)
async def test_a_program_that_fails_is_a_fault_of_the_tool_and_the_sandbox_goes_on(
    till: Domain, pool: SandboxPool, what: str
) -> None:
    text, fault, told = SERVERS[what]
    files = changed(till, server_py=text)
    options = {"timeout": 3} if fault == "timeout" else {}
    source, listed = open_source(Choice(name="service", options=options), files)
    tools = {tool.name: tool for tool in listed}
    async with pool.lease(environment_of(till, None, commands=False)) as sandbox:
        found = await asked(source, tools, sandbox, "sell", **SELL)
        assert found.fault == fault
        assert told in found.content
        again, _ = open_source(Choice(name="service"), till.files)
        assert (await asked(again, tools, sandbox, "sell", **SELL)).fault is None
        assert await sandbox.read("shop.json")


async def test_a_result_that_breaks_its_schema_makes_a_task_unsolvable(
    till: Domain, persona: Persona, pool: SandboxPool
) -> None:
    text = till.files["service/server.py"].decode().replace('return {"paid": paid}', 'return {"paid": str(paid)}')
    broken = catalog.parse(changed(till, server_py=text))
    batch = batch_of(broken, trajectories=1, turns={1: 1}, modes={"multiple": 1})
    (spec,) = plan(batch, {broken.digest: broken}, [persona])
    found = await rollout(spec, wired(batch, broken, pool))
    assert (found.status, found.stage, found.reason) == ("rejected", "proven", "unsolvable")
    assert "the result of sell breaks its schema" in found.detail


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("effect: read", "effect: look", "line 3: entry 1.effect"),
        ("name: sell", "name: price_of", "line 13: entry 2.name: price_of stands twice"),
        ("name: sell", "name: state", "line 13: entry 2.name: state is what"),
        ("type: object\n    properties: {item", "type: array\n    properties: {item", "line 4: entry 1.parameters"),
        ("{price: {type: integer}}", "{price: {type: number of}}", "entry 1.returns: its schema is no valid"),
    ],
)
def test_a_wrong_list_of_tools_is_refused_with_its_line(till: Domain, old: str, new: str, told: str) -> None:
    text = till.files["service/tools.yaml"].decode()
    assert old in text
    with pytest.raises(InputErrors) as refused:
        catalog.parse(changed(till, tools_yaml=text.replace(old, new, 1)))
    assert any(str(one).startswith("service/tools.yaml") and told in str(one) for one in refused.value.errors)


@pytest.mark.parametrize("missing", ["service/server.py", "service/tools.yaml"])
def test_a_missing_file_is_named(till: Domain, missing: str) -> None:
    with pytest.raises(InputErrors, match=rf"{missing}: is missing"):
        catalog.parse({path: data for path, data in till.files.items() if path != missing})
