"""A corrected turn, played in a sandbox with the other corrections in place: how far does the record still follow?

The dialogue is played twice from the initial state, once with the turn as recorded and once with its correction.
Answers are compared with the recorded ones and the workspace of the one with that of the other, right behind the turn;
then all later calls are played, so that the first message that no longer follows is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from engine.errors import InputError
from engine.protocols import Sandbox, ToolSource
from engine.reading.json_value import same
from engine.reading.schema import argument_error
from engine.reviewing.corrections import same_calls
from engine.rolling.end_state import source_states, with_source_changes
from engine.types import ABSENT, Change, Frozen, StateDiff, Tool, ToolCall, Trajectory, Turn

Sources = Mapping[str, ToolSource]
Lease = Callable[[], AbstractAsyncContextManager[Sandbox]]

_NOT_EXECUTED = ("unknown_tool", "invalid_arguments", "injected")
_MOST_PLACES = 50


class Correction(Frozen):
    """An accepted correction of a turn, with the results that its own replay gave."""

    turn: int
    fix: Turn
    replayed: tuple[Turn, ...] = ()


class Place(Frozen):
    """Where the workspace differs behind the turn; None where nothing is (left) there, except on the sides that `nulls`
    names, which hold a null."""

    path: str
    pointer: str
    recorded: JsonValue = None
    corrected: JsonValue = None
    nulls: tuple[Literal["recorded", "corrected"], ...] = ()

    def value(self, side: Literal["recorded", "corrected"]) -> Any:
        """Return the value on one side, ABSENT where there is none."""
        found = getattr(self, side)
        return ABSENT if found is None and side not in self.nulls else found


class Replay(Frozen):
    """What a replay found. Indexes are those of the recorded turns.

    turns: the answers to the corrected calls. ok: none of them failed; detail says more. other_results, state: how
    answers and workspace right behind the turn differ from the recorded ones. behind: the first turn behind the
    recorded results. breaks: the first later turn whose recorded result no longer comes, None when all come.
    diverges: something differs. unsteady: the first turn whose recorded result does not come again even without the
    correction, so that the comparison says less. follows: the turns with corrected calls that were in place.
    """

    turns: tuple[Turn, ...]
    ok: bool
    detail: str
    other_results: bool
    state: tuple[Place, ...]
    behind: int
    breaks: int | None
    diverges: bool
    unsteady: int | None
    follows: tuple[int, ...]


@dataclass(frozen=True)
class _Exchange:
    """One message with calls; `known` maps a call's id to the index and the result that it had."""

    calls: tuple[ToolCall, ...]
    known: Mapping[str, tuple[int, Turn]]


@dataclass(frozen=True)
class _Played:
    """Answers and workspace at the turn, and the first recorded result before or behind it that did not come again."""

    answers: tuple[Turn, ...]
    state: StateDiff
    before: int | None
    later: int | None


def check_fix(trajectory: Trajectory, position: int, fix: Turn) -> None:
    """Refuse a correction that could not be played. Raises InputError naming the turn or the call."""
    if not 0 <= position < len(trajectory.turns) or trajectory.turns[position].role != "assistant":
        raise InputError("turn", f"{position} is no assistant turn.", "Choose a turn of the assistant.")
    offered = {tool.name: tool for tool in trajectory.tools}
    for call in fix.tool_calls:
        if call.name not in offered:
            raise InputError("fix", f"there is no tool {call.name!r}.", f"Offered: {', '.join(sorted(offered))}.")
        problem = argument_error(offered[call.name], call)
        if problem:
            raise InputError("fix", f"{call.name}: {problem}", "Correct the arguments.")


def behind(turns: Sequence[Turn], position: int) -> int:
    """Return the index of the first turn behind a message and its results."""
    end = position + 1
    while end < len(turns) and turns[end].role == "tool":
        end += 1
    return end


async def replay(
    trajectory: Trajectory,
    position: int,
    fix: Turn,
    others: Sequence[Correction],
    lease: Lease,
    sources: Sources,
    user_tools: Sequence[Tool] = (),
) -> Replay:
    """Play the dialogue with and without the correction. `others` are the corrections of other turns, `sources`
    the opened tool sources of the domain by name, `user_tools` its tools of the simulated person, whose calls are
    played too.

    Raises InputError for a correction that cannot be played, SandboxError.
    """
    check_fix(trajectory, position, fix)
    corrected = {one.turn: one for one in others if one.turn != position}
    exchanges = dict(_exchanges(trajectory.turns, corrected)) | _own_calls(trajectory)
    tools = {tool.name: tool for tool in (*trajectory.tools, *user_tools)}
    recorded = exchanges.get(position, _Exchange((), {}))
    before = await _play(exchanges, position, recorded, tools, lease, sources)
    after = await _play(exchanges, position, _Exchange(fix.tool_calls, {}), tools, lease, sources)
    results = [turn for _, turn in recorded.known.values()]
    other_results = [_told(turn) for turn in after.answers] != [_told(turn) for turn in results]
    state = _places(before.state, after.state)
    failed = [turn for turn in after.answers if turn.fault]
    unsteady = before.before if before.before is not None else before.later
    return Replay(
        turns=after.answers,
        ok=not failed,
        detail=failed[0].content if failed else "The sandbox answered every call.",
        other_results=other_results,
        state=state,
        behind=behind(trajectory.turns, position),
        breaks=after.later,
        diverges=other_results or bool(state) or after.later is not None,
        unsteady=unsteady,
        follows=tuple(turn for turn in sorted(corrected) if turn < position and _new(trajectory, corrected[turn])),
    )


async def _play(
    exchanges: Mapping[int, _Exchange],
    position: int,
    here: _Exchange,
    tools: Mapping[str, Tool],
    lease: Lease,
    sources: Sources,
) -> _Played:
    """Play everything from the initial state, with `here` at `position`."""
    before = later = None
    async with lease() as sandbox:
        start = await source_states(sources, sandbox)
        for index in sorted(exchanges):
            if index < position:
                found = _first_other(exchanges[index], await _answers(exchanges[index], tools, sandbox, sources))
                before = found if before is None else before
        answers = await _answers(here, tools, sandbox, sources)
        state = with_source_changes(await sandbox.diff(), start, await source_states(sources, sandbox))
        if before is None:
            before = _first_other(here, answers)
        for index in sorted(exchanges):
            if index > position and later is None:
                later = _first_other(exchanges[index], await _answers(exchanges[index], tools, sandbox, sources))
    return _Played(tuple(answers), state, before, later)


async def _answers(exchange: _Exchange, tools: Mapping[str, Tool], sandbox: Sandbox, sources: Sources) -> list[Turn]:
    """Play the calls of one message; those that were refused or met an injected fault changed nothing."""
    answers = []
    for one in exchange.calls:
        known = exchange.known.get(one.id)
        if one.name not in tools or (known and known[1].fault in _NOT_EXECUTED):
            continue
        tool = tools[one.name]
        result = await sources[tool.source].call(tool, one, sandbox)
        answers.append(
            Turn(role="tool", content=result.content, tool_call_id=one.id, name=one.name, fault=result.fault)
        )
    return answers


def _first_other(exchange: _Exchange, answers: Sequence[Turn]) -> int | None:
    """Return the index of the first known result that an answer differs from."""
    other = []
    for answer in answers:
        known = exchange.known.get(answer.tool_call_id or "")
        if known and _told(known[1]) != _told(answer):
            other.append(known[0])
    return min(other, default=None)


def _told(turn: Turn) -> tuple[str, str | None]:
    return turn.content, turn.fault


def _exchanges(turns: Sequence[Turn], corrected: Mapping[int, Correction]) -> Iterator[tuple[int, _Exchange]]:
    """Yield the messages with calls as reviewed, by index. A corrected call's results count at its own message."""
    for index, turn in enumerate(turns):
        if turn.role != "assistant":
            continue
        results = range(index + 1, behind(turns, index))
        known = {turns[place].tool_call_id or "": (place, turns[place]) for place in results}
        one = corrected.get(index)
        if one is not None and not same_calls(turn, one.fix):
            known = {result.tool_call_id or "": (index, result) for result in one.replayed}
            yield index, _Exchange(one.fix.tool_calls, known)
        elif turn.tool_calls:
            yield index, _Exchange(turn.tool_calls, known)


def _own_calls(trajectory: Trajectory) -> dict[int, _Exchange]:
    """Return what the simulated person did with its tools, by the index of the message that it did it before."""
    users = [index for index, turn in enumerate(trajectory.turns) if turn.role == "user"]
    made = {index: [one for one in trajectory.user_calls(index) if one.fault not in _NOT_EXECUTED] for index in users}
    calls = {
        index: tuple(ToolCall(id=f"user_{n}", name=one.name, arguments=one.arguments) for n, one in enumerate(own))
        for index, own in made.items()
    }
    return {index: _Exchange(own, {}) for index, own in calls.items() if own}


def _new(trajectory: Trajectory, one: Correction) -> bool:
    return not same_calls(trajectory.turns[one.turn], one.fix)


def _places(recorded: StateDiff, corrected: StateDiff) -> tuple[Place, ...]:
    """Return where two workspaces that began alike differ, at most a bounded number of places."""
    if recorded == corrected:
        return ()
    ours, theirs = ({change.path: change for change in diff.changes} for diff in (recorded, corrected))
    found: list[Place] = []
    for path in sorted({*ours, *theirs}):
        if ours.get(path) != theirs.get(path):
            found += _file_places(path, ours.get(path), theirs.get(path))
    if not found:
        found.append(Place(path="", pointer="", recorded=recorded.patch, corrected=corrected.patch))
    return tuple(found[:_MOST_PLACES])


def _file_places(path: str, recorded: Change | None, corrected: Change | None) -> list[Place]:
    ours, theirs = _values(recorded), _values(corrected)
    untouched = object()
    found = []
    for pointer in sorted({*ours, *theirs}):
        before, after = ours.get(pointer, untouched), theirs.get(pointer, untouched)
        if not same(before, after):
            first = _initial(pointer, recorded, corrected)
            found.append(_place(path, pointer, *(first if side is untouched else side for side in (before, after))))
    if found:
        return found
    return [Place(path=path, pointer="", recorded=_whole(recorded), corrected=_whole(corrected))]


def _place(path: str, pointer: str, recorded: Any, corrected: Any) -> Place:
    sides = {"recorded": recorded, "corrected": corrected}
    return Place(
        path=path,
        pointer=pointer,
        nulls=tuple(name for name, value in sides.items() if value is None),
        **{name: None if value is ABSENT else value for name, value in sides.items()},
    )


def _values(change: Change | None) -> dict[str, Any]:
    return {leaf.pointer: leaf.became for leaf in change.leaves} if change else {}


def _initial(pointer: str, *changes: Change | None) -> Any:
    leaves = [leaf for change in changes if change for leaf in change.leaves]
    return next((leaf.was for leaf in leaves if leaf.pointer == pointer), ABSENT)


def _whole(change: Change | None) -> str:
    if change is None:
        return "unchanged"
    return change.text or (f"{change.kind} {change.after_digest[:12]}".rstrip())
