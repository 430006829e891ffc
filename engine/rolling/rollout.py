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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.dialogue.requests import begins
from engine.errors import ModelError, SandboxError, StorageError, boundary
from engine.judging.scoring import score
from engine.judging.steadiness import UNSTEADY, Steadiness
from engine.protocols import LLM, Judge, Sandbox, SandboxPool, Teacher, ToolSource, User
from engine.reading.json_value import same
from engine.reading.schema import argument_error, tidied
from engine.rolling.end_state import held, with_held
from engine.rolling.proofs import Proofs
from engine.rolling.prove import prove, tests_pass
from engine.types import (
    SECONDS,
    USER_CALLS,
    Attachment,
    Batch,
    Completion,
    Culprit,
    Domain,
    End,
    Environment,
    Execution,
    ModelCall,
    ModelRole,
    Proof,
    RolloutSpec,
    StateDiff,
    Task,
    Tool,
    ToolCall,
    ToolFault,
    ToolResult,
    Trajectory,
    Turn,
    UserCall,
)

_REFUSALS = ("refusal", "content_filter")
_REFUSED = ("unknown_tool", "invalid_arguments")
INJECTED = json.dumps({"error": "The service is temporarily unavailable. Please try again."})


@dataclass(frozen=True)
class Parts:
    """What rollouts of one batch share; wired by the runner. `domains` and `sources` are keyed by the digest of a
    domain, the sources of one by name.

    `fingerprint` is the batch's; `teacher`, `user` and `judges` make fresh ones per rollout.
    """

    batch: Batch
    fingerprint: str
    domains: Mapping[str, Domain]
    pool: SandboxPool
    sources: Mapping[str, Mapping[str, ToolSource]]
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
        commands = any(self.sources[digest][tool.source].commands for tool in task.tools)
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
class _Attempt:
    """One try at a rollout: what it is of, and what it has so far, so that a fault loses none of it."""

    spec: RolloutSpec
    parts: Parts
    started: float
    retries: int = 0
    earlier: tuple[ModelCall, ...] = ()
    proof: Proof | None = None
    turns: list[Turn] = field(default_factory=list)
    players: tuple[Teacher | User, ...] = ()
    end: End = "not_started"
    diff: StateDiff | None = None
    tests_passed: bool | None = None
    begun: list[int] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    invalid: int = 0
    injected: set[int] = field(default_factory=set)
    overdone: bool = False  # whether the user used its tools without end, in place of speaking

    @property
    def task(self) -> Task:
        """The task, which a try always has."""
        assert self.spec.task is not None
        return self.spec.task

    @property
    def domain(self) -> Domain:
        return self.parts.domains[self.spec.domain_digest]

    @property
    def sources(self) -> Mapping[str, ToolSource]:
        return self.parts.sources[self.spec.domain_digest]

    @property
    def calls(self) -> tuple[ModelCall, ...]:
        """What every model call took, also those that gave no turn and those of earlier tries."""
        return (*self.earlier, *(call for player in self.players for call in player.calls))


async def rollout(spec: RolloutSpec, parts: Parts) -> Trajectory:
    """Return the trajectory of one spec, always. Raises SandboxError(gone), a fatal ModelError, StorageError (a
    full disk) and CancelledError."""
    attempt = _Attempt(spec, parts, parts.now())
    if spec.task is None:
        return _unproven(attempt, spec.rejected or "unsolvable", spec.detail)
    limits = parts.batch.limits
    for number in range(limits.infrastructure_attempts):
        attempt = _Attempt(spec, parts, attempt.started, retries=number, earlier=attempt.calls)
        try:
            async with asyncio.timeout(limits.seconds):
                with boundary("The rollout"):
                    return await _try_once(attempt)
        except SandboxError as error:
            if error.gone:
                raise
            if number + 1 == limits.infrastructure_attempts:
                return _failed(attempt, "sandbox_error", str(error))
        except ModelError as error:
            if error.fatal:
                raise
            if error.call is not None:
                attempt.earlier += (error.call,)
            return _failed(attempt, f"model_{error.kind}", str(error))
        except TimeoutError:
            attempt.end = "timeout"
            return _failed(attempt, "timeout", f"The rollout took longer than {limits.seconds:g} s.")
        except StorageError:
            raise
        except Exception as error:  # a fault in one tool, judge or template ends one rollout, never the engine
            return _failed(attempt, "engine_fault", _told(error))
    raise AssertionError("unreachable: the last try returns")


def _told(error: Exception) -> str:
    """Return an unforeseen fault in one line with the place it came from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:500]} (in {Path(frame.filename).name}, line {frame.lineno})"


async def _try_once(attempt: _Attempt) -> Trajectory:
    parts, task, domain = attempt.parts, attempt.task, attempt.domain
    proof = attempt.proof = await parts.proofs.of(task, lambda: _prove(task, domain, parts))
    if proof.reason is not None:
        return _unproven(attempt, proof.reason, proof.detail)
    if (told := parts.steadiness.known(task)) is not None:
        attempt.proof = proof.model_copy(update={"reason": UNSTEADY, "detail": told})
        return _unproven(attempt, UNSTEADY, told, culprit="tool")
    async with parts.pool.lease(parts.environment(task, domain.digest)) as sandbox:
        before = await held(attempt.sources, sandbox)
        await _talk(attempt, sandbox)
        after = await held(attempt.sources, sandbox)
        attempt.diff = with_held(await sandbox.diff(last=task.hidden_tests is None), before, after)
        if task.hidden_tests is not None:
            attempt.tests_passed = await tests_pass(task.hidden_tests, domain, sandbox, attempt.diff)
    record = _record(attempt)

    async def doubt(lost: Trajectory) -> str | None:
        return await parts.steadiness.doubt(lost, lambda: _proven_again(task, domain, parts))

    return _named_refusal(parts.curate(await score(record, parts.judges(), doubt), parts.batch))


async def _prove(task: Task, domain: Domain, parts: Parts) -> Proof:
    async with parts.pool.lease(parts.environment(task, domain.digest)) as sandbox:
        return await prove(task, domain, sandbox, parts.sources[domain.digest])


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


async def _talk(attempt: _Attempt, sandbox: Sandbox) -> None:
    """Let user and teacher alternate until the user is content, or a bound is reached."""
    assert attempt.proof is not None
    teacher, user = attempt.parts.teacher(attempt.spec, attempt.proof), attempt.parts.user(attempt.spec, attempt.proof)
    attempt.players = (teacher, user)
    attempt.turns.append(Turn(role="system", content=attempt.domain.policy.strip()))
    for _ in range(attempt.parts.batch.limits.rounds):
        said = await _said(attempt, user, sandbox)
        if said is None:
            attempt.end = "user_left" if user.left or attempt.overdone else "done"
            return
        if begins(attempt.task, len(attempt.begun), attempt.turns, said.turn.content, said.opens):
            attempt.begun.append(len(attempt.turns))
        attempt.turns.append(said.turn)
        await _serve(attempt, teacher, sandbox)
        if attempt.end != "not_started":
            return
    over = await _said(attempt, user, sandbox) is None and not user.left and not attempt.overdone
    attempt.end = "done" if over else "round_cap"


async def _said(attempt: _Attempt, user: User, sandbox: Sandbox) -> Completion | None:
    """Return what the user says next, None when the talk is over. Calls of its own tools that it makes first are
    executed and stand beside the turns, which the teacher sees; one that never comes to speak leaves."""
    own: list[Turn] = []
    made: list[UserCall] = []
    reply = await user.reply(attempt.turns)
    while reply is not None and reply.turn.tool_calls and len(made) < attempt.parts.batch.limits.steps_per_turn:
        own.append(reply.turn)
        for call in reply.turn.tool_calls:
            result = await _execute_own(attempt, call, sandbox)
            own.append(Turn(role="tool", content=result.content, tool_call_id=call.id, name=call.name))
            made.append(UserCall(name=call.name, arguments=call.arguments, content=result.content, fault=result.fault))
        reply = await user.reply([*attempt.turns, *own])
    attempt.overdone = reply is not None and bool(reply.turn.tool_calls)
    said = None if attempt.overdone else reply
    if made:
        at = len(attempt.turns) - (said is None)
        value = [one.model_dump(mode="json") for one in made]
        attempt.attachments.append(Attachment(turn=at, kind=USER_CALLS, value=value))
    return said


async def _serve(attempt: _Attempt, teacher: Teacher, sandbox: Sandbox) -> None:
    """Let the teacher call tools until it answers in words, or a bound is reached."""
    limits = attempt.parts.batch.limits
    for _ in range(limits.steps_per_turn):
        reply = await teacher.reply(attempt.turns, attempt.task.tools)
        attempt.turns.append(reply.turn)
        if not reply.turn.tool_calls:
            return
        for call in reply.turn.tool_calls:
            result = await _execute(attempt, call, sandbox)
            if result.seconds is not None:  # else nothing was executed
                attempt.attachments.append(Attachment(turn=len(attempt.turns), kind=SECONDS, value=result.seconds))
            attempt.turns.append(
                Turn(role="tool", content=result.content, tool_call_id=call.id, name=call.name, fault=result.fault)
            )
        if attempt.invalid > limits.invalid_calls:
            attempt.end = "invalid_calls"
            return
    attempt.end = "step_cap"


async def _execute(attempt: _Attempt, call: ToolCall, sandbox: Sandbox) -> ToolResult:
    """Check one call against its schema and run it; a refusal goes back to the teacher as the result."""
    found = _checked(attempt.task.tools, call)
    if isinstance(found, ToolResult):
        _count_invalid(attempt)
        return found
    tool, call = found
    if _to_fail(attempt, call):
        attempt.injected.add(len(attempt.begun))
        return ToolResult(content=INJECTED, fault="injected")
    return await attempt.sources[tool.source].call(tool, call, sandbox)


async def _execute_own(attempt: _Attempt, call: ToolCall, sandbox: Sandbox) -> ToolResult:
    """Check one call of the user among its own tools and run it."""
    found = _checked(attempt.domain.user_tools, call)
    if isinstance(found, ToolResult):
        return found
    tool, call = found
    return await attempt.sources[tool.source].call(tool, call, sandbox)


def _checked(tools: Sequence[Tool], call: ToolCall) -> tuple[Tool, ToolCall] | ToolResult:
    """Return the tool that a call means and the call as it is made; where it breaks the schema, the refusal."""
    tool = next((tool for tool in tools if tool.name == call.name), None)
    if tool is None:
        offered = ", ".join(t.name for t in tools) or "none"
        return _refused("unknown_tool", f"There is no tool {call.name}. Available tools: {offered}.")
    call = tidied(tool, call)
    problem = argument_error(tool, call)
    return (tool, call) if problem is None else _refused("invalid_arguments", f"Invalid call of {call.name}: {problem}")


def _refused(fault: ToolFault, message: str) -> ToolResult:
    return ToolResult(content=json.dumps({"error": message}, ensure_ascii=False), fault=fault)


def _count_invalid(attempt: _Attempt) -> None:
    """Count an invalid call and take the turn that made it out of the training targets."""
    attempt.invalid += 1
    for index in range(len(attempt.turns) - 1, -1, -1):
        if attempt.turns[index].role == "assistant":
            attempt.turns[index] = attempt.turns[index].model_copy(update={"train": False})
            break


def _to_fail(attempt: _Attempt, call: ToolCall) -> bool:
    """Return whether a call is the marked one of the request being served, and is made for the first time.

    It is the marked one with the arguments of the reference, or when as many calls of its tool were answered for this
    request as the reference makes before it: a teacher may take another way.
    """
    number = len(attempt.begun)
    turn = attempt.task.turns[number - 1]
    if turn.fault is None or number in attempt.injected or call.name != turn.chain[turn.fault].call:
        return False
    assert attempt.proof is not None
    proven = [entry.call for group in attempt.proof.turns[number - 1].calls for entry in group][turn.fault]
    served = attempt.turns[attempt.begun[-1] :]
    made = sum(t.role == "tool" and t.name == call.name and t.fault not in _REFUSED for t in served)
    return same(call.arguments, proven.arguments) or made >= sum(s.call == call.name for s in turn.chain[: turn.fault])


# ---------------------------------------------------------------- records


def _record(attempt: _Attempt, **more: Any) -> Trajectory:
    spec, parts, batch = attempt.spec, attempt.parts, attempt.parts.batch
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
        teacher=batch.teacher.name,
        user=batch.user.name,
        models={role: endpoint.model for role, endpoint in batch.models.items()},
        task=spec.task,
        proof=attempt.proof,
        tools=spec.task.tools if spec.task else (),
        turns=tuple(attempt.turns),
        begun=tuple(attempt.begun),
        diff=attempt.diff,
        tests_passed=attempt.tests_passed,
        end=attempt.end,
        calls=attempt.calls,
        attachments=tuple(attempt.attachments),
        execution=Execution(
            sandbox=parts.pool.name,
            isolated=parts.pool.isolated,
            started_at=attempt.started,
            seconds=parts.now() - attempt.started,
            infrastructure_retries=attempt.retries,
        ),
        **({"status": "kept"} | more),
    )


def _unproven(attempt: _Attempt, reason: str, detail: str, culprit: Culprit | None = None) -> Trajectory:
    """Return the record of a task that never became a dialogue."""
    lost: dict[str, Any] = {"status": "rejected", "stage": "proven", "reason": reason, "detail": detail}
    return _record(attempt, culprit=culprit, **lost)


def _failed(attempt: _Attempt, reason: str, detail: str) -> Trajectory:
    """Return the record of a rollout that could not be measured; no score is made up for it."""
    if attempt.end != "timeout":
        attempt.end = "error"
    lost: dict[str, Any] = {"status": "failed", "stage": "rolled_out", "reason": reason, "detail": detail}
    return _record(attempt, culprit="infrastructure", **lost)
