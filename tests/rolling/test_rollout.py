"""A rollout always returns a trajectory; failure is data with a stage, a reason and a culprit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from engine.errors import ModelError, SandboxError
from engine.planning.planner import plan
from engine.protocols import Judge, Sandbox, SandboxPool
from engine.rolling.rollout import rollout
from engine.running.models import open_llm
from engine.running.wiring import judges_of
from engine.serving.choice import open_pool
from engine.teachers.llm import Config, LLMTeacher
from engine.types import MODES, RAW_REPLY, SECONDS, Domain, Environment, Mode, Persona, RolloutSpec, Trajectory
from tests.engines import FailingPool, wired
from tests.samples.batches import batch_of
from tests.samples.models import scripted


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local", allow_commands=True)
    yield opened
    await opened.aclose()


def spec_of(ledger: Domain, persona: Persona, mode: Mode, **changes: Any) -> tuple[Any, RolloutSpec]:
    batch = batch_of(ledger, modes={mode: 1}, turns={1: 1}, trajectories=1, **changes)
    return batch, next(iter(plan(batch, {ledger.digest: ledger}, [persona])))


async def rolled(ledger: Domain, persona: Persona, pool: SandboxPool, mode: Mode, **changes: Any) -> Trajectory:
    batch, spec = spec_of(ledger, persona, mode, **changes)
    llms = {role: open_llm(endpoint, role) for role, endpoint in batch.models.items()}
    return await rollout(spec, wired(batch, ledger, pool, llms))


@pytest.mark.parametrize("mode", MODES)
async def test_the_reference_succeeds_in_every_mode(
    ledger: Domain, persona: Persona, pool: SandboxPool, mode: Mode
) -> None:
    found = await rolled(ledger, persona, pool, mode)
    assert (found.status, found.outcome, found.end) == ("kept", "success", "done"), found.scores
    assert found.reward == 1.0
    assert found.turns[0].role == "system"
    assert found.execution.sandbox == "local"
    assert found.execution.isolated is False


async def test_an_injected_fault_is_labelled_and_repeated(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    found = await rolled(ledger, persona, pool, "tool_error")
    faults = [turn.fault for turn in found.turns if turn.role == "tool"]
    assert faults.count("injected") == 1
    assert found.outcome == "success"


async def test_how_long_a_call_took_stands_beside_its_result(
    ledger: Domain, persona: Persona, pool: SandboxPool
) -> None:
    found = await rolled(ledger, persona, pool, "tool_error")
    executed = [index for index, turn in enumerate(found.turns) if turn.role == "tool" and turn.fault != "injected"]
    assert executed
    assert [(one.turn, one.kind, one.version) for one in found.attachments] == [(at, SECONDS, 1) for at in executed]
    assert all(0 < one.value < 10 for one in found.attachments)


async def test_missing_parameter_asks_before_it_acts(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    found = await rolled(ledger, persona, pool, "missing_parameter")
    assert [turn.role for turn in found.turns[:4]] == ["system", "user", "assistant", "user"]
    assert found.turns[2].tool_calls == ()


def llm_batch(*replies: Any, **more: Any) -> dict[str, Any]:
    return {"teacher": "llm", "models": {"teacher": scripted(*replies)}, **more}


async def test_a_wrong_answer_is_a_failure_of_the_agent(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    found = await rolled(ledger, persona, pool, "single", **llm_batch({"text": "I like turtles."}))
    assert (found.status, found.outcome, found.culprit) == ("rejected", "failure", "agent")
    assert found.reason
    assert found.stage in ("rules", "state", "judged")


async def test_an_unknown_tool_and_bad_arguments_go_back_to_the_teacher(
    ledger: Domain, persona: Persona, pool: SandboxPool
) -> None:
    replies = [
        {"calls": [{"name": "fly", "arguments": {}}]},
        {"calls": [{"name": "get_balance", "arguments": {"account": 1}}]},
        {"text": "I give up."},
    ]
    found = await rolled(ledger, persona, pool, "single", **llm_batch(*replies))
    faults = [turn.fault for turn in found.turns if turn.role == "tool"]
    assert faults == ["unknown_tool", "invalid_arguments"]
    assert "get_balance" in found.turns[3].content
    assert [turn.train for turn in found.turns if turn.tool_calls] == [False, False]
    assert found.attachments == (), "nothing was executed"


async def test_a_call_left_in_the_text_is_made_and_the_raw_reply_kept(
    ledger: Domain, persona: Persona, pool: SandboxPool
) -> None:
    text = 'I look.\n<tool_call>\n{"name": "functions.fly", "arguments": {}}\n</tool_call>'
    called = text.replace("fly", "get_balance")
    found = await rolled(ledger, persona, pool, "single", **llm_batch({"text": called}, {"text": text}))
    made = [(at, turn) for at, turn in enumerate(found.turns) if turn.tool_calls]
    assert [(turn.content, [call.name for call in turn.tool_calls]) for _, turn in made] == [
        ("I look.", ["get_balance"])
    ]
    raw = [one for one in found.attachments if one.kind == RAW_REPLY]
    assert [(one.turn, one.version, one.value) for one in raw] == [(made[0][0], 1, called)]
    assert sum(call.text_calls for call in found.calls) == 1


async def test_invalid_calls_are_bounded(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    reply = {"calls": [{"name": "fly", "arguments": {}}]}
    found = await rolled(
        ledger, persona, pool, "single", **llm_batch(*[reply] * 20), limits={"invalid_calls": 2, "steps_per_turn": 20}
    )
    assert found.end == "invalid_calls"
    finished = next(score for score in found.scores if score.name == "finished")
    assert finished.reason.startswith(
        "The dialogue ended by invalid calls. The first was fly({}): There is no tool fly."
    )
    assert sum(turn.fault == "unknown_tool" for turn in found.turns) == 3


@pytest.mark.parametrize("kind", ["server", "timeout", "connection", "malformed", "empty", "bad_request", "rate_limit"])
async def test_a_model_fault_is_recorded_and_never_scored(
    ledger: Domain, persona: Persona, pool: SandboxPool, kind: str
) -> None:
    found = await rolled(ledger, persona, pool, "single", **llm_batch({"error": kind}))
    assert (found.status, found.outcome, found.culprit) == ("failed", "unmeasured", "infrastructure")
    assert found.reason == f"model_{kind}"
    assert found.scores == ()
    assert found.reward is None


async def test_a_bad_key_leaves_as_an_exception(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    with pytest.raises(ModelError) as failure:
        await rolled(ledger, persona, pool, "single", **llm_batch({"error": "auth"}))
    assert failure.value.fatal


async def test_a_sandbox_fault_is_retried_then_recorded(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    once = FailingPool(pool, lambda number: SandboxError("broken pipe") if number == 0 else None)
    found = await rolled(ledger, persona, once, "single")
    assert found.outcome == "success"
    assert found.execution.infrastructure_retries == 1
    always = FailingPool(pool, lambda number: SandboxError("broken pipe"))
    lost = await rolled(ledger, persona, always, "single")
    assert (lost.status, lost.culprit, lost.reason) == ("failed", "infrastructure", "sandbox_error")


async def test_a_gone_backend_leaves_as_an_exception(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    gone = FailingPool(pool, lambda number: SandboxError("no engine", gone=True))
    with pytest.raises(SandboxError, match="no engine"):
        await rolled(ledger, persona, gone, "single")


async def test_an_unsolvable_task_is_rejected_before_a_word_is_said(
    ledger: Domain, persona: Persona, pool: SandboxPool
) -> None:
    template = next(t for t in ledger.templates if t.id == "balance")
    turn = template.turns[0].model_copy(update={"answer": ("It is fine.",)})
    broken = ledger.model_copy(update={"templates": (template.model_copy(update={"turns": (turn,)}),)})
    found = await rolled(broken, persona, pool, "single")
    assert (found.status, found.stage, found.reason) == ("rejected", "proven", "unsolvable")
    assert "does not state" in found.detail
    assert found.turns == ()


async def test_a_task_that_passes_untouched_is_rejected(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    template = next(t for t in ledger.templates if t.id == "balance")
    turn = template.turns[0].model_copy(update={"facts": ()})
    empty = ledger.model_copy(update={"templates": (template.model_copy(update={"turns": (turn,)}),)})
    found = await rolled(empty, persona, pool, "single")
    assert (found.status, found.reason) == ("rejected", "passes_untouched")


async def test_an_unforeseen_fault_is_recorded_and_keeps_what_there_was(
    ledger: Domain, persona: Persona, pool: SandboxPool
) -> None:
    batch, spec = spec_of(ledger, persona, "single")

    class Odd(Judge):
        async def score(self, trajectory: Trajectory) -> Any:
            raise ZeroDivisionError("half of nothing")

    parts = replace(wired(batch, ledger, pool), judges=lambda: {"odd": Odd()})
    found = await rollout(spec, parts)
    assert (found.status, found.reason, found.culprit) == ("failed", "engine_fault", "infrastructure")
    assert "ZeroDivisionError: half of nothing (in test_rollout.py" in found.detail
    assert found.proof is not None
    assert found.turns[-1].role == "assistant"
    assert found.reward is None


async def test_who_waits_for_a_proof_takes_it_over_when_the_other_gives_up(
    ledger: Domain, persona: Persona, pool: SandboxPool
) -> None:
    batch, spec = spec_of(ledger, persona, "single")
    held = asyncio.Event()

    class Slow(FailingPool):
        @asynccontextmanager
        async def lease(self, environment: Environment) -> AsyncIterator[Sandbox]:
            self.leases += 1
            if self.leases == 1:
                await held.wait()
            async with pool.lease(environment) as sandbox:
                yield sandbox

    parts = wired(batch, ledger, Slow(pool, lambda number: None))
    first = asyncio.create_task(rollout(spec, parts))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(rollout(spec, parts))
    await asyncio.sleep(0.01)
    first.cancel()
    assert (await asyncio.wait_for(second, 20)).outcome == "success"
    assert first.cancelled()


async def test_what_a_lost_try_cost_is_counted(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    batch, spec = spec_of(ledger, persona, "single", **llm_batch({"text": "No."}))
    llms = {role: open_llm(endpoint, role) for role, endpoint in batch.models.items()}

    class Breaks(FailingPool):
        @asynccontextmanager
        async def lease(self, environment: Environment) -> AsyncIterator[Sandbox]:
            self.leases += 1
            async with pool.lease(environment) as sandbox:
                yield sandbox
            if self.leases == 2:
                raise SandboxError("broken pipe")

    found = await rollout(spec, wired(batch, ledger, Breaks(pool, lambda number: None), llms))
    assert found.execution.infrastructure_retries == 1
    assert len(found.calls) == 2 * sum(turn.role == "assistant" for turn in found.turns)


async def test_a_call_that_failed_is_recorded_without_tokens_as_well(
    ledger: Domain, persona: Persona, pool: SandboxPool
) -> None:
    found = await rolled(ledger, persona, pool, "single", **llm_batch({"error": "server"}))
    assert [(call.role, call.failed, call.attempts, call.prompt_tokens) for call in found.calls] == [
        ("teacher", "server", 1, None)
    ]
    assert '"failed":"server"' in found.model_dump_json()
    clean = await rolled(ledger, persona, pool, "single", **llm_batch({"text": "No."}))
    assert '"failed":"' not in clean.model_dump_json(include={"calls"})


async def test_a_timeout_of_a_model_says_which_call_it_was(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    replies = [{"calls": [{"name": "fly", "arguments": {}}]}, {"error": "timeout"}]
    found = await rolled(ledger, persona, pool, "single", **llm_batch(*replies))
    assert found.reason == "model_timeout"
    assert "scripted: no answer within 120 s" in found.detail
    assert found.detail.endswith("It was call 2 of the teacher: 0.0 s in 1 attempt.")


async def test_what_a_judge_was_asked_is_counted_when_scoring_breaks(
    ledger: Domain, persona: Persona, pool: SandboxPool
) -> None:
    batch, spec = spec_of(ledger, persona, "single", judges=["rubric"], models={"judge": scripted({"text": "Fine."})})
    llms = {"judge": open_llm(batch.models["judge"], "judge")}

    class Odd(Judge):
        asks = "judge"

        async def score(self, trajectory: Trajectory) -> Any:
            raise KeyError("odd")

    parts = wired(batch, ledger, pool, llms)
    found = await rollout(spec, replace(parts, judges=lambda: {**judges_of(batch, llms), "odd": Odd()}))
    assert found.reason == "engine_fault"
    assert [(call.role, call.not_taken) for call in found.calls] == [("judge", "unreadable")] * 2
    whole = await rollout(spec, parts)
    assert [call.role for call in whole.calls] == ["judge"] * 2


async def test_a_dropped_rollout_hands_over_its_calls(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    replies = [{"calls": [{"name": "fly", "arguments": {}}], "prompt_tokens": 5, "completion_tokens": 1}]
    batch, spec = spec_of(ledger, persona, "single", **llm_batch(*replies, {"text": "No.", "seconds": 3600}))
    llms = {role: open_llm(endpoint, role) for role, endpoint in batch.models.items()}
    dropped: list[tuple[str, Any]] = []
    asked = asyncio.Event()

    class Teacher(LLMTeacher):
        async def reply(self, turns: Any, tools: Any) -> Any:
            if self.calls:
                asked.set()
            return await super().reply(turns, tools)

    def teacher(spec: RolloutSpec, proof: Any) -> Teacher:
        assert spec.task is not None
        more: dict[str, Any] = {"task": spec.task, "proof": proof, "persona": spec.persona, "seed": spec.seed}
        return Teacher(Config(), llm=llms["teacher"], **more)

    parts = wired(batch, ledger, pool, llms)
    parts = replace(parts, teacher=teacher, dropped=lambda spec, calls: dropped.append((spec.id, calls)))
    working = asyncio.create_task(rollout(spec, parts))
    await asyncio.wait_for(asked.wait(), 60)
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    ((number, calls),) = dropped
    assert number == spec.id
    assert [(call.prompt_tokens, call.failed) for call in calls] == [(5, ""), (None, "dropped")]


async def test_a_refusal_is_named(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    found = await rolled(ledger, persona, pool, "single", **llm_batch({"refusal": "I will not do that."}))
    assert (found.status, found.reason) == ("rejected", "refused")
    assert "refused" in found.detail
