"""Reference: plays the proven task, without a model

The calls come from the reference chain, the answers from the proof. It keeps no state: the turns so far show how far
the task has come, so a dialogue can be continued at any place.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.protocols import LLM, Teacher
from engine.types import Completion, ModelCall, Options, Persona, Proof, Task, TaskTurn, Tool, ToolCall, Turn

__all__ = ["ReferenceTeacher"]

FAREWELL = "You're welcome. Let me know if there is anything else."


class Config(Options):
    """There is nothing to set."""


class ReferenceTeacher(Teacher):
    """Plays a task with a valid proof. `calls` stays empty, because no model is called."""

    reference = True

    def __init__(
        self, config: Config, *, llm: LLM | None, task: Task, proof: Proof, persona: Persona, seed: int
    ) -> None:
        self._task, self._proof = task, proof
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn], tools: Sequence[Tool]) -> Completion:
        number, rounds = self._progress(turns)
        return Completion(turn=self._turn(number, rounds, turns), call=ModelCall(role="teacher", model="reference"))

    def _progress(self, turns: Sequence[Turn]) -> tuple[int, int]:
        """Return (index of the task turn that is being served, number of user messages in it so far)."""
        messages = sum(turn.role == "user" for turn in turns)
        for number, turn in enumerate(self._task.turns):
            needed = 2 if _asks(turn) else 1
            if messages <= needed:
                return number, messages
            messages -= needed
        return len(self._task.turns), messages

    def _turn(self, number: int, rounds: int, turns: Sequence[Turn]) -> Turn:
        if number >= len(self._proof.turns):
            return Turn(role="assistant", content=FAREWELL)
        turn, proven = self._task.turns[number], self._proof.turns[number]
        if _asks(turn) and rounds == 1:
            return Turn(role="assistant", content=turn.ask or "")
        done, again = _calls_made(turns)
        if again:
            return _call_turn(again, turns)
        if done < len(proven.calls):
            return _call_turn([entry.call for entry in proven.calls[done]], turns)
        return Turn(role="assistant", content=proven.answer)


def _asks(turn: TaskTurn) -> bool:
    """Return whether the assistant must ask for a withheld value before it can serve the turn."""
    return turn.ask is not None and turn.hidden is not None


def _calls_made(turns: Sequence[Turn]) -> tuple[int, list[ToolCall]]:
    """Return (number of call groups made since the last user turn, the calls to repeat because their first try met an
    injected fault)."""
    start = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1) + 1
    failed = {turn.tool_call_id for turn in turns[start:] if turn.role == "tool" and turn.fault == "injected"}
    done, again = 0, list[ToolCall]()
    for turn in turns[start:]:
        if turn.role == "assistant" and turn.tool_calls:
            done += not again
            again = [call for call in turn.tool_calls if call.id in failed]
    return done, again


def _call_turn(calls: Sequence[ToolCall], turns: Sequence[Turn]) -> Turn:
    """Return the assistant turn that makes the calls; their ids continue the numbers of the dialogue's earlier
    calls."""
    first = sum(len(turn.tool_calls) for turn in turns)
    named = tuple(call.model_copy(update={"id": f"call_{first + i}"}) for i, call in enumerate(calls))
    return Turn(role="assistant", tool_calls=named)
