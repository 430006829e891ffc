"""RolloutSpec -> Trajectory: the loop. Read this file first.

A rollout proves its task, opens a sandbox, lets the simulated user and the teacher alternate, executes their tool
calls, and always returns a trajectory. A failure is data: a sandbox fault is tried again, everything else is recorded
with its stage, reason and culprit. Only what concerns the whole batch is raised: a sandbox backend that is gone, a
model setting that must be corrected, a full disk, and cancellation.

What rollouts share is in parts.py, what one of them has collected so far in attempt.py.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from engine.dialogue.requests import begins
from engine.errors import ModelError, SandboxError, StorageError, boundary
from engine.judging.scoring import with_scores
from engine.judging.steadiness import UNSTEADY
from engine.protocols import Sandbox, Teacher, User
from engine.reading.json_value import same
from engine.reading.schema import argument_error, tidied
from engine.rolling.attempt import Attempt
from engine.rolling.clean_replies import CheckedReply, checked_reply, faulty_record, unclean_record
from engine.rolling.end_state import source_states, with_source_changes
from engine.rolling.hidden_tests import hidden_tests_pass
from engine.rolling.parts import Parts
from engine.rolling.prove import prove
from engine.rolling.unresolved import settle
from engine.types import (
    ANSWERED_ENDS,
    FEEDBACK,
    SECONDS,
    USER_CALLS,
    Attachment,
    Completion,
    Domain,
    End,
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

RERUNS = 2
"""How often a rollout is run again because the simulated user spoiled it."""
_MODEL_REFUSALS = ("refusal", "content_filter")
"""Finish reasons by which a model's server says that the model refused."""
_INVALID = ("unknown_tool", "invalid_arguments")
INJECTED = json.dumps({"error": "The service is temporarily unavailable. Please try again."})
"""The result of a call whose first try fails on purpose (mode `tool_error`)."""


async def rollout(spec: RolloutSpec, parts: Parts) -> Trajectory:
    """Return a spec's trajectory, failed or not. Raises SandboxError(gone), a fatal ModelError, StorageError (a
    full disk) and CancelledError."""
    attempt = Attempt(spec, parts, parts.now())
    if spec.task is None:
        return attempt.rejected(spec.rejected or "unsolvable", spec.detail)
    while True:
        found = await _run(attempt)
        if not _is_spoiled(found) or attempt.spec.rerun >= RERUNS:
            return found
        run = {"seed": attempt.spec.seed, "reason": found.reason, "detail": found.detail}
        spoiled = (*attempt.spoiled, run)
        attempt = Attempt(attempt.spec.again(), parts, attempt.started, earlier=found.calls, spoiled=spoiled)


def _is_spoiled(found: Trajectory) -> bool:
    """Return whether the simulated user made the dialogue worthless, so that it shows nothing of the assistant."""
    return (found.status, found.stage, found.culprit) == ("rejected", "rolled_out", "user")


async def _run(attempt: Attempt) -> Trajectory:
    """Return the trajectory of one run, whose tries follow each other while the sandbox breaks. Raises as `rollout`
    does."""
    spec, parts, earlier, spoiled = attempt.spec, attempt.parts, attempt.earlier, attempt.spoiled
    most = parts.batch.limits.infrastructure_attempts
    for number in range(most):
        attempt = Attempt(
            spec, parts, attempt.started, number, earlier if number == 0 else attempt.calls, spoiled=spoiled
        )
        try:
            ended = await _ended(attempt, last=number + 1 == most)
        except BaseException:  # cancellation as well: what the calls took was spent
            attempt.give_up_calls("dropped")
            parts.dropped(spec, attempt.calls)
            raise
        if ended is not None:
            return ended
    raise AssertionError("unreachable: the last try returns")


async def _ended(attempt: Attempt, *, last: bool) -> Trajectory | None:
    """Return the trajectory of a try, None when another one is to follow. Raises as `rollout` does."""
    limits = attempt.parts.batch.limits
    try:
        async with asyncio.timeout(limits.seconds):
            with boundary("The rollout"), attempt.stopwatch:  # inside the timeout, whose TimeoutError is an OSError
                return await _try_once(attempt)
    except SandboxError as error:
        if error.gone:
            raise
        attempt.give_up_calls("timeout")  # there are some where the sandbox broke while a timeout was closing it
        return attempt.failed("sandbox_error", str(error)) if last else None
    except ModelError as error:  # not tried again here: the model path has retried already
        if error.call is not None:
            attempt.unanswered.append(error.call)
        if error.fatal:
            raise
        return attempt.failed(f"model_{error.kind}", str(error))
    except TimeoutError:
        attempt.end = "timeout"
        went = attempt.stopwatch.account()
        attempt.give_up_calls("timeout")
        return attempt.failed("timeout", f"The rollout took longer than {limits.seconds:g} s: {went}.")
    except StorageError:
        raise
    except Exception as error:  # a fault in one tool, judge or template ends one rollout, never the engine
        attempt.give_up_calls("engine_fault")
        return attempt.failed("engine_fault", _fault_sentence(error))


def _fault_sentence(error: Exception) -> str:
    """Return an unforeseen exception in one line, with the file and line that raised it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:500]} (in {Path(frame.filename).name}, line {frame.lineno})"


async def _try_once(attempt: Attempt) -> Trajectory:
    """Prove the task, hold the dialogue, compare the end state, and have it judged."""
    parts, task, domain = attempt.parts, attempt.task, attempt.domain
    sandbox_time = partial(attempt.stopwatch.at, "the sandbox")
    with sandbox_time():
        proof = attempt.proof = await proven(task, domain, parts)
    if proof.reason is not None:
        return attempt.rejected(proof.reason, proof.detail)
    if (unsteady := parts.steadiness.known_reason(task)) is not None:
        attempt.proof = proof.model_copy(update={"reason": UNSTEADY, "detail": unsteady})
        return attempt.rejected(UNSTEADY, unsteady, culprit="tool")
    async with AsyncExitStack() as stack:
        with sandbox_time():
            sandbox = await stack.enter_async_context(parts.pool.lease(parts.environment(task, domain.digest)))
            attempt.sources_before = await source_states(attempt.sources, sandbox)
        await _talk(attempt, sandbox)
        attempt.unresolved = dict(getattr(attempt.players[1], "unresolved", {}))
        if attempt.unclean is not None:
            return _with_refusal_as_reason(unclean_record(attempt, attempt.unclean))
        if attempt.user_fault:
            return faulty_record(attempt)
        with sandbox_time():
            # hidden tests still need the sandbox
            attempt.diff = await _changes(attempt, sandbox, last=task.hidden_tests is None)
            if task.hidden_tests is not None:
                attempt.tests_passed = await hidden_tests_pass(task.hidden_tests, domain, sandbox, attempt.diff)

    async def prove_once_more(one: Task) -> Proof:
        return await _prove_again(one, domain, parts)

    with sandbox_time():  # the lease has ended: a second sandbox may be leased from here on
        await settle(attempt, prove_once_more, cut=_cuts(attempt))
    await _ask_for_feedback(attempt)
    record = attempt.record()
    attempt.judges = parts.judges()

    async def unsteady_reason(lost: Trajectory) -> str | None:
        with sandbox_time():
            return await parts.steadiness.unsteady_reason(lost, lambda: prove_once_more(attempt.task))

    scored = await with_scores(record, attempt.judges, unsteady_reason)
    return _with_refusal_as_reason(parts.curate(scored, parts.batch))


async def proven(task: Task, domain: Domain, parts: Parts) -> Proof:
    """Return the proof of a task, made once for all rollouts of it. Raises SandboxError."""
    return await parts.proofs.of(task, lambda: _prove(task, domain, parts))


async def _prove(task: Task, domain: Domain, parts: Parts) -> Proof:
    async with parts.pool.lease(parts.environment(task, domain.digest)) as sandbox:
        return await prove(task, domain, sandbox, parts.sources[domain.digest])


async def _prove_again(task: Task, domain: Domain, parts: Parts) -> Proof:
    """Return a second proof of a task, made anew. Raises SandboxError.

    A sandbox that breaks here is replaced by another one, because raising would throw away a dialogue whose model calls
    are already paid for.
    """
    attempts = parts.batch.limits.infrastructure_attempts
    for number in range(attempts):
        try:
            return await _prove(task, domain, parts)
        except SandboxError as error:
            if error.gone or number + 1 == attempts:
                raise
    raise AssertionError("unreachable: the last try returns")


def _with_refusal_as_reason(trajectory: Trajectory) -> Trajectory:
    """Return a rejected trajectory with reason "refused" where the teacher's server says so; any other as it is."""
    refusals = sum(call.role == "teacher" and call.finish in _MODEL_REFUSALS for call in trajectory.calls)
    if not refusals or trajectory.status != "rejected" or trajectory.reason == UNSTEADY:
        return trajectory
    detail = f"The teacher refused {refusals} of its replies (by its server's own word). {trajectory.detail}"
    return trajectory.model_copy(update={"reason": "refused", "detail": detail.strip()})


async def _talk(attempt: Attempt, sandbox: Sandbox) -> None:
    """Let user and teacher alternate until the user ends the dialogue or a bound is reached; set `attempt.end`."""
    assert attempt.proof is not None
    teacher, user = attempt.parts.teacher(attempt.spec, attempt.proof), attempt.parts.user(attempt.spec, attempt.proof)
    attempt.players = (teacher, user)
    attempt.turns.append(Turn(role="system", content=attempt.domain.policy.strip()))
    for _ in range(attempt.parts.batch.limits.rounds):
        state = await _state_before_a_request(attempt, sandbox)
        message = await _user_message(attempt, user, sandbox)
        if message is None:
            attempt.end = _end_by(user, attempt)
            attempt.user_fault = getattr(user, "fault", "")
            return
        if attempt.unclean is not None:
            attempt.turns.append(message.turn)
            attempt.end = "unclean"
            return
        if begins(attempt.task, len(attempt.begun), attempt.turns, message.turn.content, message.opens):
            attempt.begun.append(len(attempt.turns))
            attempt.states.append(state)
        attempt.turns.append(message.turn)
        if (bound := await _answer_user(attempt, teacher, sandbox)) is not None:
            attempt.end = bound
            return
        if len(attempt.begun) == len(attempt.task.turns) and not attempt.sources_before:
            sandbox.look_ahead()  # the user is likely to end the dialogue now
    # The user is asked once more: a dialogue that was complete after the last round has not hit the bound.
    message = await _user_message(attempt, user, sandbox, after_last_round=True)
    end = _end_by(user, attempt)
    attempt.end = end if message is None and end in ANSWERED_ENDS else "round_cap"


def _cuts(attempt: Attempt) -> bool:
    """Return whether requests that come to nothing are to be cut from the end."""
    return bool(getattr(attempt.players[1], "cut_unresolved", False))


async def _state_before_a_request(attempt: Attempt, sandbox: Sandbox) -> StateDiff | None:
    """Return what has changed so far, None where no request can follow that might be cut."""
    if not attempt.begun or len(attempt.begun) == len(attempt.task.turns) or not _cuts(attempt):
        return None
    with attempt.stopwatch.at("the sandbox"):
        return await _changes(attempt, sandbox)


async def _changes(attempt: Attempt, sandbox: Sandbox, *, last: bool = False) -> StateDiff:
    """Return what has changed since the sandbox was opened. Raises SandboxError."""
    after = await source_states(attempt.sources, sandbox)
    return with_source_changes(await sandbox.diff(last=last), attempt.sources_before, after)


async def _ask_for_feedback(attempt: Attempt) -> None:
    """Attach what the user thinks of the dialogue, where it says so. A model that fails now costs only that."""
    ask = getattr(attempt.players[1], "feedback", None)
    if ask is None:
        return
    try:
        found = await ask(attempt.turns)
    except ModelError as error:
        if error.fatal:
            raise
        attempt.unanswered += [error.call] if error.call is not None else []
        return
    if found is not None:
        attempt.attachments.append(Attachment(turn=len(attempt.turns) - 1, kind=FEEDBACK, value=found))


def _end_by(user: User, attempt: Attempt) -> End:
    """Return how the user ended the dialogue."""
    ending: End | None = getattr(user, "ending", None)
    return ending or ("user_left" if user.left or attempt.user_kept_calling else "done")


async def _user_message(
    attempt: Attempt, user: User, sandbox: Sandbox, *, after_last_round: bool = False
) -> Completion | None:
    """Return the user's next message, None when the dialogue is over.

    Before it writes, the user may call its own tools. These calls are executed here and kept as an attachment, not as
    turns, because the teacher sees all turns: of the message that follows, or of the last turn where none follows. A
    user still calling tools after `steps_per_turn` calls ends the dialogue, and so does a text that cannot be data.
    """
    own: list[Turn] = []
    made: list[UserCall] = []
    checked = await checked_reply(attempt, user, lambda: user.reply(attempt.turns))
    reply = checked.reply
    while reply is not None and reply.turn.tool_calls and len(made) < attempt.parts.batch.limits.steps_per_turn:
        own.append(reply.turn)
        for call in reply.turn.tool_calls:
            result = await _execute_user_call(attempt, call, sandbox)
            attempt.guard.hear(result.content)
            own.append(Turn(role="tool", content=result.content, tool_call_id=call.id, name=call.name))
            made.append(UserCall(name=call.name, arguments=call.arguments, content=result.content, fault=result.fault))
        checked = await checked_reply(attempt, user, lambda: user.reply([*attempt.turns, *own]))
        reply = checked.reply
    attempt.user_kept_calling = reply is not None and bool(reply.turn.tool_calls)
    message = None if attempt.user_kept_calling else reply
    if made:
        at = len(attempt.turns) - (message is None or after_last_round)
        value = [one.model_dump(mode="json") for one in made]
        attempt.attachments.append(Attachment(turn=at, kind=USER_CALLS, value=value))
    if message is not None and not after_last_round:
        _keep(attempt, checked)
    return message


async def _answer_user(attempt: Attempt, teacher: Teacher, sandbox: Sandbox) -> End | None:
    """Let the teacher call tools until it answers in words. Return the bound that it reached instead, or None."""
    limits = attempt.parts.batch.limits
    for _ in range(limits.steps_per_turn):
        checked = await checked_reply(attempt, teacher, lambda: teacher.reply(attempt.turns, attempt.task.tools))
        reply = checked.reply
        assert reply is not None
        _keep(attempt, checked)
        if attempt.unclean is not None:
            attempt.turns.append(reply.turn.model_copy(update={"train": False}))
            return "unclean"
        attempt.turns.append(reply.turn)
        if not reply.turn.tool_calls:
            return None
        for call in reply.turn.tool_calls:
            result = await _execute(attempt, call, sandbox)
            if result.seconds is not None:  # None where nothing was executed
                attempt.attachments.append(Attachment(turn=len(attempt.turns), kind=SECONDS, value=result.seconds))
            attempt.turns.append(
                Turn(role="tool", content=result.content, tool_call_id=call.id, name=call.name, fault=result.fault)
            )
        if attempt.invalid > limits.invalid_calls:
            return "invalid_calls"
    return "step_cap"


def _keep(attempt: Attempt, checked: CheckedReply) -> None:
    """Keep what stands beside the turn that is added next, and note when its text cannot be data."""
    attempt.attachments += checked.attachments(len(attempt.turns))
    attempt.unclean = checked.finding


async def _execute(attempt: Attempt, call: ToolCall, sandbox: Sandbox) -> ToolResult:
    """Return the result of a call of the teacher: what the tool gave, a refusal, or the injected fault."""
    found = _tool_and_call(attempt.task.tools, call)
    if isinstance(found, ToolResult):
        _count_invalid(attempt)
        return found
    tool, call = found
    if _must_fail(attempt, call):
        attempt.injected.add(len(attempt.begun))
        return ToolResult(content=INJECTED, fault="injected")
    with attempt.stopwatch.at("tools"):
        return await attempt.sources[tool.source].call(tool, call, sandbox)


async def _execute_user_call(attempt: Attempt, call: ToolCall, sandbox: Sandbox) -> ToolResult:
    """Return the result of a call that the user makes of one of its own tools."""
    found = _tool_and_call(attempt.domain.user_tools, call)
    if isinstance(found, ToolResult):
        return found
    tool, call = found
    with attempt.stopwatch.at("tools"):
        return await attempt.sources[tool.source].call(tool, call, sandbox)


def _tool_and_call(tools: Sequence[Tool], call: ToolCall) -> tuple[Tool, ToolCall] | ToolResult:
    """Return the tool that a call names and the call with tidied arguments, or the result that refuses the call."""
    tool = next((tool for tool in tools if tool.name == call.name), None)
    if tool is None:
        offered = ", ".join(t.name for t in tools) or "none"
        return _refusal("unknown_tool", f"There is no tool {call.name}. Available tools: {offered}.")
    call = tidied(tool, call)
    problem = argument_error(tool, call)
    return (tool, call) if problem is None else _refusal("invalid_arguments", f"Invalid call of {call.name}: {problem}")


def _refusal(fault: ToolFault, message: str) -> ToolResult:
    return ToolResult(content=json.dumps({"error": message}, ensure_ascii=False), fault=fault)


def _count_invalid(attempt: Attempt) -> None:
    """Count an invalid call of the teacher and mark the turn that made it as not to be trained."""
    attempt.invalid += 1
    for index in range(len(attempt.turns) - 1, -1, -1):
        if attempt.turns[index].role == "assistant":
            attempt.turns[index] = attempt.turns[index].model_copy(update={"train": False})
            break


def _must_fail(attempt: Attempt, call: ToolCall) -> bool:
    """Return whether a call must fail: the one that the request marks, if none failed in it yet.

    It is that one with the reference's arguments. A teacher may take another way, so it also is once at least as many
    calls of its tool were answered in this request as the reference makes before the marked one.
    """
    number = len(attempt.begun)
    turn = attempt.task.turns[number - 1]
    if turn.fault is None or number in attempt.injected or call.name != turn.chain[turn.fault].call:
        return False
    assert attempt.proof is not None
    proven = [entry.call for group in attempt.proof.turns[number - 1].calls for entry in group][turn.fault]
    served = attempt.turns[attempt.begun[-1] :]
    made = sum(t.role == "tool" and t.name == call.name and t.fault not in _INVALID for t in served)
    return same(call.arguments, proven.arguments) or made >= sum(s.call == call.name for s in turn.chain[: turn.fault])
