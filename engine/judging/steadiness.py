"""Whether a task's reference chain is steady: executed again, it gives the end state of its proof.

This is checked before an agent is blamed for a wrong end state. A chain that depends on the clock, on chance or on the
machine passes its proof and gives another end state later, so no rollout can be measured against it. Two things show
that: a rollout with exactly the reference's calls ended elsewhere, or the chain itself did when it was replayed. Both
are looked at only when an end state was wrong, since a replay costs a sandbox.
Not covered: a chain that differs so rarely that proof and replay agree by chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from engine.judging.state import Difference, differences
from engine.reading.json_value import same
from engine.reading.schema import tidied
from engine.types import Proof, Task, ToolCall, Trajectory

UNSTEADY = "unsteady_reference"
_NOT_EXECUTED = ("unknown_tool", "invalid_arguments", "injected")
_SHOWN = 3

Replay = Callable[[], Awaitable[Proof]]


@dataclass
class _Replays:
    """The replays of one task: how many have begun, and how many rollouts wait for one."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0
    waiting: int = 0


class Steadiness:
    """Finds unsteady tasks of a batch and remembers them.

    That a chain was steady is not remembered, because it may differ the next time. So a steady replay answers only the
    rollouts that were waiting when it began, which share it; each later one has the chain replayed again.
    """

    def __init__(self) -> None:
        self._unsteady: dict[tuple[str, int], str] = {}
        self._replays: dict[tuple[str, int], _Replays] = {}

    def known_reason(self, task: Task) -> str | None:
        """Return the sentence that says how the task turned out unsteady, None when it has not so far."""
        return self._unsteady.get((task.id, task.seed))

    async def unsteady_reason(self, trajectory: Trajectory, replay: Replay) -> str | None:
        """Return the sentence that says why the task is unsteady, None when it is steady.

        `trajectory` has a wrong end state; `replay` proves its task once more. Raises what `replay` raises.
        """
        task, proof = trajectory.task, trajectory.proof
        if task is None or proof is None or proof.expected is None:
            return None
        key = (task.id, task.seed)
        if key not in self._unsteady and made_the_reference_calls(trajectory):
            self._unsteady[key] = (
                f"The same calls as the reference's led to another end state{_rollout_places(trajectory)}."
            )
        if key in self._unsteady:
            return self._unsteady[key]
        return await self._after_replay(key, task, proof, replay)

    async def _after_replay(self, key: tuple[str, int], task: Task, proof: Proof, replay: Replay) -> str | None:
        replays = self._replays.setdefault(key, _Replays())
        before, replays.waiting = replays.begun, replays.waiting + 1
        try:
            async with replays.lock:
                # Another replay may have begun while this rollout waited for the lock; then its answer holds here too.
                if key not in self._unsteady and replays.begun == before:
                    replays.begun += 1
                    reason = _different_end(task, proof, await replay())
                    if reason is not None:
                        self._unsteady[key] = reason
                return self._unsteady.get(key)
        finally:
            replays.waiting -= 1
            if not replays.waiting:
                self._replays.pop(key, None)


def _different_end(task: Task, proof: Proof, again: Proof) -> str | None:
    """Return the sentence that says how a second proof of a task ends elsewhere than the first, None when it does
    not."""
    if again.reason is not None:
        return f"Replayed once more, the reference chain no longer holds: {again.detail}"
    if task.hidden_tests is not None or proof.expected is None or again.expected is None:
        return None
    found = differences(proof.expected, again.expected, task.state_ignore)
    if not found:
        return None
    return f"Replayed once more, the reference chain no longer gives its stored end state{_places_clause(found)}."


def _rollout_places(trajectory: Trajectory) -> str:
    task, proof, diff = trajectory.task, trajectory.proof, trajectory.diff
    if task is None or proof is None or proof.expected is None or diff is None:
        return ""
    return _places_clause(differences(proof.expected, diff, task.state_ignore))


def _places_clause(found: Sequence[Difference]) -> str:
    """Return the end of a sentence that names the first places, with the advice that follows from them."""
    more = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
    places = "; ".join(entry.sentence() for entry in found[:_SHOWN])
    return f": {places}{more}. Tools may use neither the clock nor chance" if found else ""


def made_the_reference_calls(trajectory: Trajectory) -> bool:
    """Return whether assistant and user executed exactly the calls of the reference, in its order.

    A call that a tool refused or crashed on counts as executed: the reference made it and got an answer. False where
    the proof made further calls that write (`TaskTurn.known`), because the rollout then cannot have the same effect.
    """
    task, proof = trajectory.task, trajectory.proof
    if task is None or proof is None:
        return False
    tools = {tool.name: tool for tool in task.tools}
    if any(tools[step.call].effect != "read" for turn in task.turns for step in turn.known if step.call in tools):
        return False
    own = [(one.call.name, one.call.arguments) for turn in proof.turns for one in turn.user_calls]
    if not same([list(one) for one in own], [[one.name, one.arguments] for one in trajectory.user_calls()]):
        return False
    wanted = [entry.call for turn in proof.turns for group in turn.calls for entry in group]
    made = _executed(trajectory)
    if made is None or not made or len(made) != len(wanted):
        return False
    return all(
        one.name == other.name
        and same(tidied(tools[one.name], one).arguments, tidied(tools[one.name], other).arguments)
        for one, other in zip(made, wanted, strict=True)
    )


def _executed(trajectory: Trajectory) -> list[ToolCall] | None:
    """Return the assistant's executed calls in order; None when one of its calls has no result."""
    found: list[ToolCall] = []
    turns = trajectory.turns
    for index, turn in enumerate(turns):
        results = {r.tool_call_id: r for r in turns[index + 1 : index + 1 + len(turn.tool_calls)] if r.role == "tool"}
        for call in turn.tool_calls:
            result = results.get(call.id)
            if result is None:
                return None
            if result.fault not in _NOT_EXECUTED:
                found.append(call)
    return found
