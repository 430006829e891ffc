"""RolloutSpec -> Trajectory: the loop. Read this file first.

A rollout proves its task, opens a sandbox, lets user and teacher alternate, really executes the tool calls, and
always returns a trajectory. Failure is data: what goes wrong with us or with a model is retried where that helps,
then recorded with its stage, reason and culprit. Only what concerns the whole batch leaves as an exception: a sandbox
backend that is gone, a model setting that must be mended, a full disk, and cancellation.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.dialogue.requests import begins
from engine.errors import ModelError, SandboxError, StorageError, boundary
from engine.judging.scoring import score
from engine.judging.steadiness import UNSTEADY, Steadiness
from engine.protocols import LLM, Environment, Judge, Sandbox, SandboxPool, Teacher, ToolSource, User
from engine.reading.json_value import same
from engine.reading.schema import argument_error, tidied
from engine.rolling.proofs import Proofs
from engine.rolling.prove import prove, tests_pass
from engine.types import (
    Batch,
    Culprit,
    Domain,
    End,
    Execution,
    ModelCall,
    ModelRole,
    Proof,
    RolloutSpec,
    Stage,
    StateDiff,
    Task,
    ToolCall,
    ToolResult,
    Trajectory,
    Turn,
)

_REFUSALS = ("refusal", "content_filter")
_REFUSED = ("unknown_tool", "invalid_arguments")
INJECTED = json.dumps({"error": "The service is temporarily unavailable. Please try again."})


@dataclass(frozen=True)
class Parts:
    """What rollouts of one batch share; wired by the runner. `domains` is keyed by digest.

    `fingerprint` is the batch's; `teacher`, `user` and `judges` make fresh ones per rollout.
    """

    batch: Batch
    fingerprint: str
    domains: Mapping[str, Domain]
    pool: SandboxPool
    sources: Mapping[str, ToolSource]
    teacher: Callable[[RolloutSpec, Proof], Teacher]
    user: Callable[[RolloutSpec, Proof], User]
    judges: Callable[[], Mapping[str, Judge]]
    curate: Callable[[Trajectory, Batch], Trajectory]
    now: Callable[[], float]
    llms: Mapping[ModelRole, LLM] = field(default_factory=dict)
    proofs: Proofs = field(default_factory=Proofs)
    steadiness: Steadiness = field(default_factory=Steadiness)
    environments: dict[tuple[str, str | None, bool], Environment] = field(default_factory=dict)

    def environment(self, task: Task, digest: str) -> Environment:
        """Return what this task's sandbox is opened with; equal keys may share a warm sandbox."""
        domain = self.domains[digest]
        commands = any(self.sources[tool.source].commands for tool in task.tools)
        key = (digest, task.variant, commands)
        if key not in self.environments:
            self.environments[key] = environment_of(domain, task.variant, commands=commands)
        return self.environments[key]


def environment_of(domain: Domain, variant: str | None, *, commands: bool) -> Environment:
    """Return what a sandbox for a domain (and variant of its workspace) is opened with."""
    return Environment(
        workspace=domain.workspace(variant),
        modules=domain.tool_modules(),
        limits=domain.limits,
        git=domain.git,
        network=domain.network,
        commands=commands,
        key=f"{domain.digest}:{variant}:{commands}",
    )


@dataclass
class _Dialogue:
    """What a rollout has so far; kept outside the loop so that a fault loses none of it."""

    earlier: tuple[ModelCall, ...] = ()
    proof: Proof | None = None
    turns: list[Turn] = field(default_factory=list)
    players: tuple[Teacher | User, ...] = ()
    end: End = "not_started"
    diff: StateDiff | None = None
    tests_passed: bool | None = None
    begun: list[int] = field(default_factory=list)
    invalid: int = 0
    injected: set[int] = field(default_factory=set)

    @property
    def calls(self) -> tuple[ModelCall, ...]:
        """What every model call took, also those that gave no turn and those of earlier tries."""
        return (*self.earlier, *(call for player in self.players for call in player.calls))


async def rollout(spec: RolloutSpec, parts: Parts) -> Trajectory:
    """Return the trajectory of one spec, always. Raises SandboxError(gone), a fatal ModelError, StorageError (a
    full disk) and CancelledError."""
    started = parts.now()
    if spec.task is None:
        return _lost(spec, parts, None, "proven", spec.rejected or "unsolvable", spec.detail, started=started)
    limits = parts.batch.limits
    dialogue = _Dialogue()
    for number in range(limits.infrastructure_attempts):
        dialogue = _Dialogue(earlier=dialogue.calls)
        try:
            async with asyncio.timeout(limits.seconds):
                with boundary("The rollout"):
                    return await _attempt(spec, spec.task, parts, dialogue, started, number)
        except SandboxError as error:
            if error.gone:
                raise
            if number + 1 == limits.infrastructure_attempts:
                return _failed(spec, parts, dialogue, "sandbox_error", str(error), started, number)
        except ModelError as error:
            if error.fatal:
                raise
            if error.call is not None:
                dialogue.earlier += (error.call,)
            return _failed(spec, parts, dialogue, f"model_{error.kind}", str(error), started, number)
        except TimeoutError:
            dialogue.end = "timeout"
            detail = f"The rollout took longer than {limits.seconds:g} s."
            return _failed(spec, parts, dialogue, "timeout", detail, started, number)
        except StorageError:
            raise
        except Exception as error:  # a fault in one tool, judge or template ends one rollout, never the engine
            return _failed(spec, parts, dialogue, "engine_fault", _told(error), started, number)
    raise AssertionError("unreachable: the last try returns")


def _told(error: Exception) -> str:
    """Return an unforeseen fault in one line with the place it came from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:500]} (in {Path(frame.filename).name}, line {frame.lineno})"


async def _attempt(
    spec: RolloutSpec, task: Task, parts: Parts, dialogue: _Dialogue, started: float, retries: int
) -> Trajectory:
    domain = parts.domains[spec.domain_digest]
    proof = dialogue.proof = await parts.proofs.of(task, lambda: _prove(task, domain, parts))
    if proof.reason is not None:
        return _lost(spec, parts, proof, "proven", proof.reason, proof.detail, started=started)
    if (told := parts.steadiness.known(task)) is not None:
        void = proof.model_copy(update={"reason": UNSTEADY, "detail": told})
        return _lost(spec, parts, void, "proven", UNSTEADY, told, started=started, culprit="tool")
    async with parts.pool.lease(parts.environment(task, domain.digest)) as sandbox:
        await _talk(spec, task, proof, domain, parts, sandbox, dialogue)
        dialogue.diff = await sandbox.diff(last=task.hidden_tests is None)
        if task.hidden_tests is not None:
            dialogue.tests_passed = await tests_pass(task.hidden_tests, domain, sandbox, dialogue.diff)
    record = _record(spec, parts, proof, dialogue, started, retries)

    async def doubt(lost: Trajectory) -> str | None:
        return await parts.steadiness.doubt(lost, lambda: _proven_again(task, domain, parts))

    return _named_refusal(parts.curate(await score(record, parts.judges(), doubt), parts.batch))


async def _prove(task: Task, domain: Domain, parts: Parts) -> Proof:
    async with parts.pool.lease(parts.environment(task, domain.digest)) as sandbox:
        return await prove(task, domain, sandbox, parts.sources)


async def _proven_again(task: Task, domain: Domain, parts: Parts) -> Proof:
    """Prove a task once more, past what is remembered of it. A sandbox that breaks meanwhile is not worth a dialogue
    that is already paid for, so another one is tried. Raises SandboxError."""
    for left in range(parts.batch.limits.infrastructure_attempts - 1, -1, -1):
        try:
            return await _prove(task, domain, parts)
        except SandboxError as error:
            if error.gone or not left:
                raise
    raise AssertionError("unreachable: the last try returns")


def _named_refusal(trajectory: Trajectory) -> Trajectory:
    """Name the model's own refusal as the reason of a rejection that it explains."""
    refusals = sum(call.role == "teacher" and call.finish in _REFUSALS for call in trajectory.calls)
    if not refusals or trajectory.status != "rejected" or trajectory.reason == UNSTEADY:
        return trajectory
    detail = f"The teacher refused {refusals} of its replies (by its server's own word). {trajectory.detail}"
    return trajectory.model_copy(update={"reason": "refusal", "detail": detail.strip()})


async def _talk(
    spec: RolloutSpec,
    task: Task,
    proof: Proof,
    domain: Domain,
    parts: Parts,
    sandbox: Sandbox,
    dialogue: _Dialogue,
) -> None:
    """Let user and teacher alternate until the user is content, or a bound is reached."""
    teacher, user = parts.teacher(spec, proof), parts.user(spec, proof)
    dialogue.players = (teacher, user)
    dialogue.turns.append(Turn(role="system", content=domain.policy.strip()))
    for _ in range(parts.batch.limits.rounds):
        said = await user.reply(dialogue.turns)
        if said is None:
            dialogue.end = "user_left" if user.left else "done"
            return
        if begins(task, len(dialogue.begun), dialogue.turns, said.turn.content, said.opens):
            dialogue.begun.append(len(dialogue.turns))
        dialogue.turns.append(said.turn)
        await _serve(task, teacher, parts, sandbox, dialogue)
        if dialogue.end != "not_started":
            return
    dialogue.end = "done" if await user.reply(dialogue.turns) is None and not user.left else "round_cap"


async def _serve(task: Task, teacher: Teacher, parts: Parts, sandbox: Sandbox, dialogue: _Dialogue) -> None:
    """Let the teacher call tools until it answers in words, or a bound is reached."""
    limits = parts.batch.limits
    for _ in range(limits.steps_per_turn):
        reply = await teacher.reply(dialogue.turns, task.tools)
        dialogue.turns.append(reply.turn)
        if not reply.turn.tool_calls:
            return
        for call in reply.turn.tool_calls:
            result = await _execute(call, task, parts, sandbox, dialogue)
            dialogue.turns.append(
                Turn(role="tool", content=result.content, tool_call_id=call.id, name=call.name, fault=result.fault)
            )
        if dialogue.invalid > limits.invalid_calls:
            dialogue.end = "invalid_calls"
            return
    dialogue.end = "step_cap"


async def _execute(call: ToolCall, task: Task, parts: Parts, sandbox: Sandbox, dialogue: _Dialogue) -> ToolResult:
    """Check one call against its schema and run it; a refusal goes back to the teacher as the result."""
    tool = next((tool for tool in task.tools if tool.name == call.name), None)
    if tool is None:
        offered = ", ".join(t.name for t in task.tools) or "none"
        refusal = f"There is no tool {call.name}. Available tools: {offered}."
        return _refuse(dialogue, "unknown_tool", refusal)
    call = tidied(tool, call)
    problem = argument_error(tool, call)
    if problem is not None:
        return _refuse(dialogue, "invalid_arguments", f"Invalid call of {call.name}: {problem}")
    if _to_fail(call, task, dialogue):
        dialogue.injected.add(len(dialogue.begun))
        return ToolResult(content=INJECTED, fault="injected")
    return await parts.sources[tool.source].call(call, sandbox)


def _refuse(dialogue: _Dialogue, fault: Any, message: str) -> ToolResult:
    """Count an invalid call and take the turn that made it out of the training targets."""
    dialogue.invalid += 1
    for index in range(len(dialogue.turns) - 1, -1, -1):
        if dialogue.turns[index].role == "assistant":
            dialogue.turns[index] = dialogue.turns[index].model_copy(update={"train": False})
            break
    return ToolResult(content=json.dumps({"error": message}, ensure_ascii=False), fault=fault)


def _to_fail(call: ToolCall, task: Task, dialogue: _Dialogue) -> bool:
    """Return whether a call is the marked one of the request being served, and is made for the first time.

    It is the marked one with the arguments of the reference, or when as many calls of its tool were answered for this
    request as the reference makes before it: a teacher may take another way.
    """
    number = len(dialogue.begun)
    turn = task.turns[number - 1]
    if turn.fault is None or number in dialogue.injected or call.name != turn.chain[turn.fault].call:
        return False
    assert dialogue.proof is not None
    proven = [entry.call for group in dialogue.proof.turns[number - 1].calls for entry in group][turn.fault]
    served = dialogue.turns[dialogue.begun[-1] :]
    made = sum(t.role == "tool" and t.name == call.name and t.fault not in _REFUSED for t in served)
    return same(call.arguments, proven.arguments) or made >= sum(s.call == call.name for s in turn.chain[: turn.fault])


# ---------------------------------------------------------------- records


def _record(
    spec: RolloutSpec,
    parts: Parts,
    proof: Proof | None,
    dialogue: _Dialogue,
    started: float,
    retries: int,
    **more: Any,
) -> Trajectory:
    batch = parts.batch
    return Trajectory(
        id=spec.id,
        index=spec.index,
        batch_fingerprint=parts.fingerprint,
        domain=spec.domain,
        domain_digest=spec.domain_digest,
        template=spec.task.template if spec.task else None,
        mode=spec.mode,
        attempt=spec.attempt,
        seed=spec.seed,
        persona=spec.persona.id,
        teacher=batch.teacher,
        user=batch.user,
        models={role: endpoint.model for role, endpoint in batch.models.items()},
        task=spec.task,
        proof=proof,
        tools=spec.task.tools if spec.task else (),
        turns=tuple(dialogue.turns),
        begun=tuple(dialogue.begun),
        diff=dialogue.diff,
        tests_passed=dialogue.tests_passed,
        end=dialogue.end,
        calls=dialogue.calls,
        execution=Execution(
            sandbox=parts.pool.name,
            isolated=parts.pool.isolated,
            started_at=started,
            seconds=parts.now() - started,
            infrastructure_retries=retries,
        ),
        **({"status": "kept"} | more),
    )


def _lost(
    spec: RolloutSpec,
    parts: Parts,
    proof: Proof | None,
    stage: Stage,
    reason: str,
    detail: str,
    *,
    started: float,
    culprit: Culprit | None = None,
) -> Trajectory:
    """Return the record of a task that never became a dialogue."""
    lost: dict[str, Any] = {"status": "rejected", "stage": stage, "reason": reason, "detail": detail}
    return _record(spec, parts, proof, _Dialogue(), started, 0, culprit=culprit, **lost)


def _failed(
    spec: RolloutSpec,
    parts: Parts,
    dialogue: _Dialogue,
    reason: str,
    detail: str,
    started: float,
    retries: int,
) -> Trajectory:
    """Return the record of a rollout that could not be measured; no score is made up for it."""
    culprit: Culprit = "infrastructure"
    if dialogue.end != "timeout":
        dialogue.end = "error"
    lost: dict[str, Any] = {"status": "failed", "stage": "rolled_out", "reason": reason, "detail": detail}
    return _record(spec, parts, dialogue.proof, dialogue, started, retries, culprit=culprit, **lost)
