"""Does a task's reference chain still give its stored end state? Asked before a lost end state is booked on the agent.

A chain that depends on the clock, on chance or on the machine passes its proof once and then differs from itself, so
nothing can be measured against it. Two things show that: a rollout that made exactly the reference's calls and ended
elsewhere, and the chain itself, replayed behind the loss. Both can only be seen on a loss, which is when they cost.
Not covered: a chain that differs so rarely that both agree by chance.
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
class _Asked:
    """Who waits for a replay of one task, and how many replays began so far."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0
    waiting: int = 0


class Steadiness:
    """Remembers which tasks of a batch were seen unsteady; that stands for good.

    A steady answer is not kept: it speaks for the losses that were found before its replay began, and each later one
    asks anew, as the chain may have differed since. Losses that come together share a replay.
    """

    def __init__(self) -> None:
        self._unsteady: dict[tuple[str, int], str] = {}
        self._asked: dict[tuple[str, int], _Asked] = {}

    def known(self, task: Task) -> str | None:
        """Return in a sentence how the task was seen unsteady, None when it was not."""
        return self._unsteady.get((task.id, task.seed))

    async def doubt(self, trajectory: Trajectory, replay: Replay) -> str | None:
        """Return why nothing can be measured against the reference of a trajectory whose end state differs from it,
        None when the reference stands. `replay` proves its task once more. Raises what that raises."""
        task, proof = trajectory.task, trajectory.proof
        if task is None or proof is None or proof.expected is None:
            return None
        key = (task.id, task.seed)
        if key not in self._unsteady and made_the_reference_calls(trajectory):
            self._unsteady[key] = f"The same calls as the reference's led to another end state{_places(trajectory)}."
        if key in self._unsteady:
            return self._unsteady[key]
        return await self._replayed(key, task, proof, replay)

    async def _replayed(self, key: tuple[str, int], task: Task, proof: Proof, replay: Replay) -> str | None:
        asked = self._asked.setdefault(key, _Asked())
        before, asked.waiting = asked.begun, asked.waiting + 1
        try:
            async with asked.lock:
                if key not in self._unsteady and asked.begun == before:
                    asked.begun += 1
                    told = other_end(task, proof, await replay())
                    if told is not None:
                        self._unsteady[key] = told
                return self._unsteady.get(key)
        finally:
            asked.waiting -= 1
            if not asked.waiting:
                self._asked.pop(key, None)


def other_end(task: Task, proof: Proof, again: Proof) -> str | None:
    """Return how a second proof of a task ends elsewhere than the first, None when it ends alike."""
    if again.reason is not None:
        return f"Replayed once more, the reference chain no longer holds: {again.detail}"
    if task.hidden_tests is not None or proof.expected is None or again.expected is None:
        return None
    found = differences(proof.expected, again.expected, task.state_ignore)
    return (
        f"Replayed once more, the reference chain no longer gives its stored end state{_told(found)}."
        if found
        else None
    )


def _places(trajectory: Trajectory) -> str:
    task, proof, diff = trajectory.task, trajectory.proof, trajectory.diff
    if task is None or proof is None or proof.expected is None or diff is None:
        return ""
    return _told(differences(proof.expected, diff, task.state_ignore))


def _told(found: Sequence[Difference]) -> str:
    more = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
    places = "; ".join(entry.sentence() for entry in found[:_SHOWN])
    return f": {places}{more}. Tools may use neither the clock nor chance" if found else ""


def made_the_reference_calls(trajectory: Trajectory) -> bool:
    """Return whether the calls that really ran are those of the reference in its order.

    The same holds of what the simulated person did with its tools. One that a tool refused or broke on has run: the
    reference made it and was served. Where the proof alone made further calls that write (`TaskTurn.known`), this
    cannot be said.
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
    """Return the calls that ran, in their order; None when one of them has no result."""
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
