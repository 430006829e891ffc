"""Every option that a plug-in has can be set from outside, and changes what it says it changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine import plugins, settings
from engine.domains import catalog
from engine.domains.sources import sources_of
from engine.errors import InputError, InputErrors, SandboxError
from engine.judging.rubric import DEFAULT
from engine.planning.planner import plan
from engine.rolling.parts import environment_of
from engine.rolling.rollout import rollout
from engine.running.models import open_llm
from engine.running.wiring import judges_of
from engine.serving.choice import open_pool, preferred, with_options
from engine.serving.pools import Pools
from engine.types import Domain, Environment, Persona, ToolCall, Turn
from storage import preferences
from storage.database import Database
from storage.serving.library import SqlLibrary
from tests.engines import wired
from tests.samples.batches import batch_of
from tests.samples.models import scripted
from tests.samples.trajectories import balance_trajectory

PLAIN = Environment(workspace={"a.txt": b"a"}, modules={})


def with_sources(ledger: Domain, written: str) -> dict[str, bytes]:
    head = ledger.files["domain.yaml"].decode().rstrip() + f"\ntool_sources: {written}\n"
    return {**ledger.files, "domain.yaml": head.encode()}


# ---------------------------------------------------------------- tool sources


async def test_domain_yaml_sets_the_options_of_tool_sources(ledger: Domain) -> None:
    files = with_sources(ledger, "[python, {shell: {timeout: 7, longest: 9, output_chars: 200}}]")
    domain = catalog.parse(files)
    bash = next(tool for tool in domain.tools if tool.source == "shell")
    limit = bash.parameters["properties"]["timeout"]
    assert (limit["default"], limit["maximum"]) == (7.0, 9.0)
    source = sources_of(domain)["shell"]
    pool = await open_pool("local", allow_commands=True)
    try:
        async with pool.lease(environment_of(domain, None, commands=True)) as sandbox:
            call = ToolCall(id="c", name="bash", arguments={"command": "seq 1 1000"})
            answer = json.loads((await source.call(bash, call, sandbox)).content)
    finally:
        await pool.aclose()
    assert answer["stdout"].endswith("3893 characters in all, 200 shown]")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[python, {shell: {timeout: 0}}]", "tool_sources.2.shell.timeout"),
        ("[python, {shell: {wait: 3}}]", "tool_sources.2.shell.wait: is no known field"),
        ("[python, python]", "tool_sources.2: python stands twice"),
        ("[pythn]", "tool_sources.1: there is no tool source 'pythn'"),
        ("python", "tool_sources"),
    ],
)
def test_wrong_tool_sources_are_refused_with_field_and_line(ledger: Domain, written: str, told: str) -> None:
    line = len(ledger.files["domain.yaml"].decode().rstrip().splitlines()) + 1
    with pytest.raises(InputErrors) as refused:
        catalog.parse(with_sources(ledger, written))
    assert any(str(one).startswith(f"domain.yaml line {line}: {told}") for one in refused.value.errors), refused.value


# ---------------------------------------------------------------- judges


async def test_the_rules_judge_counts_repetition_as_the_batch_says() -> None:
    calls = tuple(
        turn
        for number in range(3)
        for turn in (
            Turn(role="assistant", tool_calls=(ToolCall(id=f"c{number}", name="get_balance", arguments={"a": 1}),)),
            Turn(role="tool", name="get_balance", tool_call_id=f"c{number}", content="{}"),
        )
    )
    talked = balance_trajectory(
        (Turn(role="system"), Turn(role="user", content="So?"), *calls, Turn(role="assistant", content="5"))
    )

    async def repeated(*judges: Any) -> bool | None:
        batch = batch_of("x", judges=judges)
        scores = await judges_of(batch, {})["rules"].score(talked)
        return next(score.passed for score in scores if score.name == "no_repetition")

    assert await repeated("rules") is True
    assert await repeated({"rules": {"same_call_limit": 2}}) is False


@pytest.mark.parametrize(("option", "most"), [("chars_per_turn", 200), ("chars", 2_000)])
async def test_the_rubric_judge_reads_as_much_as_the_batch_says(option: str, most: int) -> None:
    long = balance_trajectory((Turn(role="system", content="s" * 30_000), Turn(role="assistant", content="a" * 30_000)))

    async def read(*judges: Any) -> int:
        llm = open_llm(scripted({"text": "{}"}), "judge")
        batch = batch_of("x", judges=judges)
        judge = judges_of(batch, {"judge": llm})["rubric"]
        return len(judge._prompt(long, (DEFAULT,)))

    shorter, usual = await read({"rubric": {option: most}}), await read("rubric")
    assert shorter < usual
    assert shorter < 2_000 + 2 * most + 3_000


# ---------------------------------------------------------------- sandboxes


async def test_options_of_a_sandbox_reach_it(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    pool = await open_pool("local", options={"local": {"folder": str(folder), "most": 1, "warm": 1}})
    try:
        async with pool.lease(PLAIN):
            assert len(list(folder.iterdir())) == 1
    finally:
        await pool.aclose()


@pytest.mark.parametrize(
    ("options", "told"),
    [({"local": {"most": 0}}, "most"), ({"local": {"wram": 3}}, "wram"), ({"docker": {"most": "many"}}, "most")],
)
async def test_a_wrong_option_of_a_sandbox_is_refused_with_its_field(options: dict[str, Any], told: str) -> None:
    (name,) = options
    with pytest.raises(InputErrors, match=rf"sandboxes/{name}: {told}"):
        await open_pool(name, options=options)


@pytest.mark.docker
async def test_docker_takes_a_runtime_and_an_image_from_its_options() -> None:
    pool = await open_pool("docker", image=settings.read().image, options={"docker": {"runtime": "no-such", "warm": 1}})
    try:
        with pytest.raises(SandboxError, match="no-such"):
            async with pool.lease(PLAIN):
                pass
    finally:
        await pool.aclose()
    with pytest.raises(SandboxError, match="no-such-image"):
        await open_pool("docker", image=settings.read().image, options={"docker": {"image": "no-such-image:9"}})


def test_given_options_stand_above_stored_ones(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    preferences.set(db, "sandbox_options", {"docker": {"most": 9, "warm": 2}, "local": {"most": 4}})
    monkeypatch.setenv("TURNWRIGHT_SANDBOX_OPTIONS", '{"docker": {"most": 3}}')
    found = with_options(SqlLibrary(db).sandbox_options(), settings.read().sandbox_options)
    assert found == {"docker": {"most": 3, "warm": 2}, "local": {"most": 4}}
    for wrong in ("[]", "{", '{"docker": 3}'):
        monkeypatch.setenv("TURNWRIGHT_SANDBOX_OPTIONS", wrong)
        with pytest.raises(InputError, match="TURNWRIGHT_SANDBOX_OPTIONS"):
            settings.read()


async def test_changed_options_hold_for_whoever_asks_from_then_on() -> None:
    now: dict[str, dict[str, Any]] = {}
    pools = Pools("local", options=lambda: now)
    try:
        first = await pools.of()
        assert await pools.of("local") is first
        now = {"local": {"warm": 1}}
        second = await pools.of()
        assert second is not first
        async with first.lease(PLAIN) as one, second.lease(PLAIN) as other:
            assert await one.read("a.txt") == await other.read("a.txt") == b"a"
        now = {"local": {"warm": 0}}
        with pytest.raises(InputErrors, match="warm"):
            await pools.of()
    finally:
        await pools.aclose()


def test_auto_tries_what_isolates_first() -> None:
    isolated = [plugins.load("sandboxes", name).make.isolated for name in preferred()]
    assert isolated == sorted(isolated, reverse=True)
    assert set(preferred()) == set(plugins.names("sandboxes"))


# ---------------------------------------------------------------- a whole batch


async def test_a_batch_is_rolled_out_with_the_options_that_it_names(ledger: Domain, persona: Persona) -> None:
    domain = catalog.parse(with_sources(ledger, "[python, {shell: {timeout: 11}}]"))
    batch = batch_of(domain, trajectories=4, turns={1: 1}, judges=["state", "facts", {"rules": {"same_call_limit": 1}}])
    pool = await open_pool("local", allow_commands=True)
    try:
        parts = wired(batch, domain, pool)
        found = [await rollout(spec, parts) for spec in plan(batch, {domain.digest: domain}, [persona])]
    finally:
        await pool.aclose()
    assert {one.status for one in found} == {"kept"}
    assert {one.teacher for one in found} == {"reference"}
