"""Whatever a model server does, a rollout gives a classified trajectory, and a wrong key fails the batch at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bench.model_server import ModelServer
from bench.whole_rollouts import PACK, PERSONA, claimed, stock
from engine import plugins
from engine.domains import catalog
from engine.planning.planner import plan
from engine.protocols import SandboxPool
from engine.rolling.rollout import rollout
from engine.running.models import open_llm
from engine.running.runner import run
from engine.running.wiring import parts_of
from engine.types import Batch, DomainShare, Endpoint, Task, Trajectory, TrajectoryFilter
from storage.database import open_database
from storage.reviewing.trajectories import stream
from tests.llms.server import Server, serving

DOMAIN = catalog.load(PACK)
BALANCE = [
    {
        "calls": [{"name": "get_balance", "arguments": {"account_id": "<account>"}}],
        "prompt_tokens": 9,
        "completion_tokens": 1,
    },
    {"text": "<account> holds <balance>."},
]
"""What serves a task of the template `balance`, once `about` has filled in its account."""


def about(plays: list[dict[str, Any]], task: Task) -> list[dict[str, Any]]:
    """Return the plays with the account that a task asks for, and its balance."""
    account = task.slots["account_id"]
    balance = json.loads(DOMAIN.workspace()["accounts.json"])["accounts"][account]["balance"]
    text = json.dumps(plays).replace("<account>", account).replace("<balance>", str(balance))
    found: list[dict[str, Any]] = json.loads(text)
    return found


@pytest.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    plugin = plugins.load("sandboxes", "local")
    opened: SandboxPool = plugin.make(plugin.config())
    await opened.start()
    yield opened
    await opened.aclose()


def batch_on(base: str, **more: Any) -> Batch:
    endpoint = Endpoint(
        model="m", llm="openai_compatible", api_base=base, attempts=2, timeout=2.0, options={"backoff": 0.01}
    )
    values: dict[str, Any] = {
        "name": "faults",
        "domains": (DomainShare(id="ledger", digest=DOMAIN.digest, templates=("balance",)),),
        "trajectories": 1,
        "modes": {"multiple": 1.0},
        "turns": {1: 1.0},
        "teacher": "llm",
        "models": {"teacher": endpoint},
        "judges": ("rules", "state", "facts"),
        "keep_failures": False,
    }
    return Batch(**(values | more))


async def rolled(pool: SandboxPool, server: Server, plays: list[dict[str, Any]]) -> Trajectory:
    batch = batch_on(server.base)
    spec = next(plan(batch, {DOMAIN.digest: DOMAIN}, [PERSONA]))
    assert spec.task is not None
    server.plays = about(plays, spec.task)
    llm = open_llm(batch.models["teacher"], "teacher")
    parts = parts_of(batch, {"ledger": DOMAIN}, pool, {"teacher": llm})
    try:
        return await rollout(spec, parts)
    finally:
        await llm.aclose()


async def test_a_model_that_does_it_right_is_kept(pool: SandboxPool) -> None:
    async with serving() as server:
        found = await rolled(pool, server, list(BALANCE))
    assert (found.status, found.outcome, found.end) == ("kept", "success", "done")
    assert [call.prompt_tokens for call in found.calls] == [9, None]
    assert [turn.role for turn in found.turns] == ["system", "user", "assistant", "tool", "assistant"]


@pytest.mark.parametrize(
    ("play", "reason"),
    [
        ({"html": "<html>Sign in</html>"}, "model_malformed"),
        ({"text": ""}, "model_empty"),
        ({"error": "bad_request"}, "model_bad_request"),
        ({"error": "rate_limit"}, "model_rate_limit"),
        ({"error": "server"}, "model_server"),
        ({"drop": True}, "model_connection"),
        ({"hang": 3.0}, "model_timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_server_that_fails_is_recorded_and_not_scored(
    pool: SandboxPool, play: dict[str, Any], reason: str
) -> None:
    async with serving() as server:
        found = await rolled(pool, server, [BALANCE[0], play])
    assert (found.status, found.reason, found.culprit) == ("failed", reason, "infrastructure")
    assert (found.scores, found.reward, found.outcome) == ((), None, "unmeasured")
    assert len(found.turns) == 4
    assert found.calls[0].prompt_tokens == 9


async def test_what_a_model_took_that_never_answered_is_recorded(pool: SandboxPool) -> None:
    async with serving() as server:
        found = await rolled(pool, server, [BALANCE[0], {"text": "", "prompt_tokens": 700, "completion_tokens": 50}])
    assert found.reason == "model_empty"
    assert [call.finish for call in found.calls if call.prompt_tokens and call.prompt_tokens % 700 == 0] == ["empty"]


@pytest.mark.parametrize(
    ("play", "fault"),
    [
        ({"calls": [{"name": "get_balance", "arguments": '{"account_id": '}]}, "invalid_arguments"),
        ({"calls": [{"name": "close_account", "arguments": {}}]}, "unknown_tool"),
    ],
    ids=["broken JSON", "unknown tool"],
)
async def test_a_bad_call_goes_back_to_the_model(pool: SandboxPool, play: dict[str, Any], fault: str) -> None:
    async with serving() as server:
        found = await rolled(pool, server, [play, *BALANCE])
    assert [turn.fault for turn in found.turns if turn.role == "tool"] == [fault, None]
    assert [turn.train for turn in found.turns if turn.role == "assistant"] == [False, True, True]
    assert found.status == "kept"


async def test_a_refusal_is_the_agents_failure(pool: SandboxPool) -> None:
    async with serving() as server:
        found = await rolled(pool, server, [{"refusal": "I can't help with that."}])
    assert found.turns[-1].content == "I can't help with that."
    assert (found.status, found.outcome, found.culprit) == ("rejected", "failure", "agent")


async def test_a_wrong_key_fails_the_batch_at_once(pool: SandboxPool, tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path}/faults.db")
    stock(db)
    async with serving() as server:
        server.plays = [{"error": "auth"}]
        claim, store = claimed(db, batch_on(server.base, domains=(DomainShare(id="ledger"),), trajectories=50))
        started = time.monotonic()
        ending = await run(claim, store, pool, asyncio.Event())
    assert ending.status == "failed"
    assert "key_variable" in ending.reason
    assert time.monotonic() - started < 20
    assert len(server.requests) <= 8
    db.close()


async def test_a_key_reaches_the_server_and_nothing_else(
    pool: SandboxPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not even from an error in which the server repeats it."""
    key = "sk-told-to-nobody-0123456789"
    monkeypatch.setenv("A_MODEL_KEY", key)
    db = open_database(f"sqlite:///{tmp_path}/secret.db")
    stock(db)
    async with serving() as server:
        server.plays = [*BALANCE, {"error": "bad_request", "said": f"bad: {key}"}, {"error": "server", "said": key}]
        batch = batch_on(server.base, domains=(DomainShare(id="ledger", templates=("balance",)),), trajectories=3)
        models = {"teacher": batch.models["teacher"].model_copy(update={"key_variable": "A_MODEL_KEY"})}
        claim, store = claimed(db, batch.model_copy(update={"models": models, "concurrency": 1}))
        await run(claim, store, pool, asyncio.Event())
    assert set(server.keys) == {f"Bearer {key}"}
    stored = [Trajectory.model_validate_json(body) for _, body, _ in stream(db, TrajectoryFilter())]
    assert len(stored) == 3
    assert "model_bad_request" in {row.reason for row in stored}
    assert key not in "".join(row.model_dump_json() for row in stored)
    db.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
    told = capfd.readouterr()
    assert key not in told.out + told.err


async def test_nothing_is_lost_under_429_and_500(pool: SandboxPool, tmp_path: Path) -> None:
    """The benchmark's model server with one request in ten refused and one in twenty failing."""
    db = open_database(f"sqlite:///{tmp_path}/flaky.db")
    stock(db)
    endpoint = Endpoint(model="bench", llm="openai_compatible", attempts=6, options={"backoff": 0.01})
    batch = batch_on(
        "",
        domains=(DomainShare(id="ledger", templates=("compare",)),),
        trajectories=24,
        attempts=4,
        user="llm",
        judges=("rules", "state", "facts", "rubric"),
    )
    async with ModelServer(0.01, rate_limited=0.10, failing=0.05).listening() as base:
        there = endpoint.model_copy(update={"api_base": base})
        models = {"teacher": there, "user": there, "judge": there}
        claim, store = claimed(db, batch.model_copy(update={"models": models}))
        ending = await run(claim, store, pool, asyncio.Event())
    progress = store.progress(claim.batch_id)
    db.close()
    assert ending.status == "done"
    assert (progress.kept, progress.rejected, progress.failed) == (24, 0, 0)
