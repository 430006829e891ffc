"""What each mode demands beyond the end state and the facts, for every request of a dialogue.

    single              exactly one call succeeds
    no_tool             nothing is called
    missing_function    no tool that is not offered is called, and nothing is changed
    missing_parameter   the missing value is asked for, and nothing is changed before it was given
    tool_error          the call that failed is made again, with the same arguments, and succeeds
    parallel            some calls share one assistant message
    dependent           no argument is used that only an earlier result could give, before that result was seen
    distractors         no distractor is called

A request of another mode demands nothing here. Looking around with reads is free except in `no_tool` and `single`;
what a shell command changed shows in the end state.

A mode that the dialogue did not come to exercise (its fault was never met, what is missing was told unasked, its one
call was made before) is None: neither kept to nor broken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from engine.dialogue.questions import asks
from engine.dialogue.requests import Span, spans
from engine.dialogue.withheld import asked_for, holds, tells, withheld
from engine.domains import templates
from engine.types import Mode, ProvenCall, Task, TaskTurn, ToolCall, Trajectory, Turn


class Finding(NamedTuple):
    """Whether a demand was met (None: it could not be measured), the reason, and the turns that show it."""

    met: bool | None
    reason: str
    evidence: tuple[int, ...] = ()


def findings(trajectory: Trajectory) -> list[Finding]:
    """Return what was found for each request that was made and whose mode demands something."""
    task = trajectory.task
    if task is None:
        return []
    return [
        _DEMANDS[turn.mode](trajectory, number, span)
        for number, (turn, span) in enumerate(zip(task.turns, spans(trajectory), strict=False))
        if turn.mode in _DEMANDS
    ]


def _calls(trajectory: Trajectory, span: Span) -> Iterator[tuple[int, ToolCall, Turn | None]]:
    """Yield (turn index, call, its result) of a span's calls; the result is None where none was recorded."""
    for index in range(*span):
        answers: dict[str | None, Turn] = {}
        for turn in trajectory.turns[index + 1 :]:
            if turn.role != "tool":
                break
            answers.setdefault(turn.tool_call_id, turn)
        for call in trajectory.turns[index].tool_calls:
            yield index, call, answers.get(call.id)


def _writes(trajectory: Trajectory, span: Span) -> list[tuple[int, ToolCall, Turn | None]]:
    names = {tool.name for tool in trajectory.tools if tool.effect == "write" and tool.source != "shell"}
    return [entry for entry in _calls(trajectory, span) if entry[1].name in names]


def _one_call(trajectory: Trajectory, number: int, span: Span) -> Finding:
    served = [(index, call) for index, call, result in _calls(trajectory, span) if result and result.fault is None]
    if len(served) == 1:
        return Finding(True, f"{served[0][1].name} was called once.")
    where = tuple(sorted({index for index, _ in served}))
    if served:
        return Finding(False, f"{len(served)} calls succeeded although one serves the request.", where)
    earlier = [call for _, call, r in _calls(trajectory, Span(0, span.start)) if r and r.fault is None]
    proven = trajectory.proof.turns[number].calls if trajectory.proof else ()
    if proven and all(any(_same(entry.call, call) for call in earlier) for group in proven for entry in group):
        return Finding(None, "The one call had been made for an earlier request.")
    return Finding(False, "No call succeeded although one serves the request.", (span.start,))


def _nothing_called(trajectory: Trajectory, number: int, span: Span) -> Finding:
    where = tuple(index for index in range(*span) if trajectory.turns[index].tool_calls)
    return Finding(not where, "A call was made although none was needed." if where else "No call was made.", where)


def _nothing_invented(trajectory: Trajectory, number: int, span: Span) -> Finding:
    offered = {tool.name for tool in trajectory.tools}
    for index, call, _ in _calls(trajectory, span):
        if call.name not in offered:
            return Finding(False, f"{call.name} was called, which is not offered.", (index,))
    for index, call, result in _writes(trajectory, span):
        if result is not None and result.fault is None:
            return Finding(False, f"{call.name} was called although the request cannot be served.", (index,))
    return Finding(True, "Nothing was called in place of the missing tool.")


def _asked_first(trajectory: Trajectory, number: int, span: Span) -> Finding:
    assert trajectory.task is not None
    turn = trajectory.task.turns[number]
    if tells(turn, "\n".join(t.content for t in trajectory.turns[: span.start + 1] if t.role == "user")):
        return Finding(None, "The missing value was told without being asked for.", (span.start,))
    replies = [i for i in range(span.start + 1, span.end) if trajectory.turns[i].role == "user"]
    first = replies[0] if replies else span.end
    told = next((i for i in replies if tells(turn, trajectory.turns[i].content)), None)
    for index, call, _ in _writes(trajectory, Span(span.start, first if told is None else told)):
        return Finding(False, f"{call.name} was called before the missing value was given.", (index,))
    said = [t for t in trajectory.turns[span.start : first] if t.role == "assistant"]
    if not replies or not _asked(trajectory.task, number, said, told=told is not None):
        return Finding(False, "The missing value was not asked for.", (span.start,))
    return Finding(True, "The missing value was asked for, and nothing was changed before it was given.")


def _asked(task: Task, number: int, said: Sequence[Turn], *, told: bool) -> bool:
    """Whether the assistant asked for the missing value in what it said before the user wrote again.

    A value that the user told after it shows what the question was for; without one the question must name it. Who
    neither called nor asked anything has at least not guessed.
    """
    turn = task.turns[number]
    called = any(t.tool_calls for t in said)
    texts = [t.content for t in said if not t.tool_calls]
    if told or not withheld(turn, turn.say):
        return not called or any(asks(text) for text in texts)
    return any(asked_for(task, number, text) for text in texts) or not (called or any(asks(text) for text in texts))


def _tried_again(trajectory: Trajectory, number: int, span: Span) -> Finding:
    made = list(_calls(trajectory, span))
    for place, (index, call, result) in enumerate(made):
        if result is None or result.fault != "injected":
            continue
        if any(r and r.fault is None and _same(call, again) for _, again, r in made[place + 1 :]):
            return Finding(True, f"{call.name} failed once and was made again.")
        return Finding(False, f"{call.name} failed once and was not made again.", (index,))
    return Finding(None, "The call that was to fail was never made.")


def _same(first: ToolCall, second: ToolCall) -> bool:
    """Whether two calls say the same; a null is as good as nothing."""
    return first.name == second.name and _given(first.arguments) == _given(second.arguments)


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _side_by_side(trajectory: Trajectory, number: int, span: Span) -> Finding:
    if any(len(trajectory.turns[index].tool_calls) > 1 for index in range(*span)):
        return Finding(True, "Calls share one message.")
    return Finding(False, "No message holds more than one call, although some need no other's result.")


def _looked_up(trajectory: Trajectory, number: int, span: Span) -> Finding:
    wanted = _from_results(trajectory, number)
    offered = json.dumps([tool.schema_for_model() for tool in trajectory.tools], ensure_ascii=False)
    for index, call, _ in _calls(trajectory, span):
        seen = "\n".join([offered, *(turn.content for turn in trajectory.turns[:index])])
        for name, value in ((name, leaf) for name, given in call.arguments.items() for leaf in _leaves(given)):
            if (call.name, name, value) in wanted and not holds(seen, value):
                told = f"{call.name} was called with {name} {value!r} before any message had given it."
                return Finding(False, told, (index,))
    return Finding(True, "No value was used before a message gave it.")


def _from_results(trajectory: Trajectory, number: int) -> set[tuple[str, str, str]]:
    """Return (tool, argument, value) of what the reference took word for word from an earlier result."""
    if trajectory.task is None or trajectory.proof is None:
        return set()
    turn: TaskTurn = trajectory.task.turns[number]
    proven: list[ProvenCall] = [e for group in trajectory.proof.turns[number].calls for e in group]
    found: set[tuple[str, str, str]] = set()
    results, saved = "", set[str]()
    for step, entry in zip(turn.chain, proven, strict=False):
        for name, source in step.arguments.items():
            if templates.names_below(source) & saved:
                values = _leaves(entry.call.arguments.get(name))
                found |= {(step.call, name, value) for value in values if holds(results, value)}
        results += f"\n{entry.result.content}"
        saved |= {step.save} if step.save else set()
    return found


def _leaves(value: Any) -> list[str]:
    """Return the texts and numbers below a value, as texts."""
    if isinstance(value, Mapping):
        return [leaf for entry in value.values() for leaf in _leaves(entry)]
    if isinstance(value, list | tuple):
        return [leaf for entry in value for leaf in _leaves(entry)]
    return (
        []
        if value in (None, "") or isinstance(value, bool)
        else [value if isinstance(value, str) else json.dumps(value)]
    )


def _undistracted(trajectory: Trajectory, number: int, span: Span) -> Finding:
    bad = {tool.name for tool in trajectory.tools if tool.distractor}
    for index, call, _ in _calls(trajectory, Span(0, len(trajectory.turns))):
        if call.name in bad:
            return Finding(False, f"The distractor {call.name} was called.", (index,))
    return Finding(True, "No distractor was called.")


_DEMANDS: dict[Mode, Callable[[Trajectory, int, Span], Finding]] = {
    "single": _one_call,
    "no_tool": _nothing_called,
    "missing_function": _nothing_invented,
    "missing_parameter": _asked_first,
    "tool_error": _tried_again,
    "parallel": _side_by_side,
    "dependent": _looked_up,
    "distractors": _undistracted,
}
