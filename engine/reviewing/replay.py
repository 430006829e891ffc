"""Replays a dialogue with one corrected turn, to find how far the recorded turns still follow from the correction.

All tool calls are executed twice from the initial state, once with the turn as recorded and once as corrected; other
corrections are in place both times. Right after the turn its results are compared with the recorded ones, and the two
workspaces with each other. Then all later calls are executed, to find the first whose recorded result no longer comes.
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
from engine.reading.schema import argument_error, tidied
from engine.reviewing.corrections import same_calls
from engine.rolling.end_state import source_states, with_source_changes
from engine.types import ABSENT, Change, Frozen, StateDiff, Tool, ToolCall, Trajectory, Turn

Sources = Mapping[str, ToolSource]
Lease = Callable[[], AbstractAsyncContextManager[Sandbox]]

_NOT_EXECUTED = ("unknown_tool", "invalid_arguments", "injected")
_MOST_PLACES = 50


@dataclass(frozen=True)
class Runtime:
    """What executes the calls of a replay."""

    lease: Lease
    """Opens a fresh sandbox of the trajectory's domain."""
    sources: Sources
    """The opened tool sources of the domain, by name."""
    user_tools: Sequence[Tool] = ()
    """The tools of the simulated user, whose recorded calls are executed again too."""


class Correction(Frozen):
    """A corrected turn, with the results that its own replay gave once it has been replayed."""

    turn: int
    fix: Turn
    replayed: tuple[Turn, ...] = ()


class Place(Frozen):
    """A place where the two workspaces differ right after the turn. None means that the place does not exist there,
    except on the sides that `nulls` names, where it holds a null."""

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
    """What a replay found. Indexes are those of the recorded turns."""

    turns: tuple[Turn, ...]
    """The results of the corrected calls."""
    ok: bool
    """None of them failed."""
    detail: str
    """The first failure, or a sentence that there was none."""
    other_results: bool
    """Whether the results differ from the recorded ones."""
    state: tuple[Place, ...]
    """Where the workspaces differ right after the turn, at most 50 places."""
    behind: int
    """The first turn after the recorded results."""
    breaks: int | None
    """The first later turn whose recorded result no longer comes, None when all come."""
    diverges: bool
    """Whether anything differs."""
    unsteady: int | None
    """The first turn whose recorded result does not come again even without the correction, so that the comparison
    proves less; None when all come."""
    follows: tuple[int, ...]
    """The earlier turns with corrected calls that were in place."""


@dataclass(frozen=True)
class Exchange:
    """One message with calls; `known` maps a call's id to (index, turn) of its recorded result."""

    calls: tuple[ToolCall, ...]
    known: Mapping[str, tuple[int, Turn]]


@dataclass(frozen=True)
class _Script:
    """The calls to execute: those of all messages by index, the index of the corrected turn, and the tools by name."""

    exchanges: Mapping[int, Exchange]
    position: int
    tools: Mapping[str, Tool]


@dataclass(frozen=True)
class _Played:
    """Results and workspace at the corrected turn, and the index of the first recorded result up to it (`before`) and
    after it (`later`) that did not come again."""

    results: tuple[Turn, ...]
    state: StateDiff
    before: int | None
    later: int | None


def check_correction(trajectory: Trajectory, correction: Correction) -> None:
    """Refuse a correction that cannot be replayed. Raises InputError naming the turn or the call."""
    position = correction.turn
    if not 0 <= position < len(trajectory.turns) or trajectory.turns[position].role != "assistant":
        raise InputError("turn", f"{position} is no assistant turn.", "Choose a turn of the assistant.")
    offered = {tool.name: tool for tool in trajectory.tools}
    for call in correction.fix.tool_calls:
        if call.name not in offered:
            raise InputError("fix", f"there is no tool {call.name!r}.", f"Offered: {', '.join(sorted(offered))}.")
        problem = argument_error(offered[call.name], call)
        if problem:
            raise InputError("fix", f"{call.name}: {problem}", "Correct the arguments.")


def end_of_results(turns: Sequence[Turn], position: int) -> int:
    """Return the index of the first turn after a message and the results of its calls."""
    end = position + 1
    while end < len(turns) and turns[end].role == "tool":
        end += 1
    return end


async def replay(
    trajectory: Trajectory, correction: Correction, others: Sequence[Correction], runtime: Runtime
) -> Replay:
    """Replay the dialogue with and without the correction. `others` are the corrections of other turns.

    Raises InputError for a correction that cannot be replayed, SandboxError.
    """
    check_correction(trajectory, correction)
    position = correction.turn
    corrected = {one.turn: one for one in others if one.turn != position}
    exchanges = dict(recorded_exchanges(trajectory.turns, corrected)) | user_exchanges(trajectory)
    script = _Script(exchanges, position, {tool.name: tool for tool in (*trajectory.tools, *runtime.user_tools)})
    recorded = exchanges.get(position, Exchange((), {}))
    before = await _play(script, recorded, runtime)
    after = await _play(script, Exchange(correction.fix.tool_calls, {}), runtime)
    results = [turn for _, turn in recorded.known.values()]
    other_results = [_outcome(turn) for turn in after.results] != [_outcome(turn) for turn in results]
    state = _places(before.state, after.state)
    failed = [turn for turn in after.results if turn.fault]
    unsteady = before.before if before.before is not None else before.later
    return Replay(
        turns=after.results,
        ok=not failed,
        detail=failed[0].content if failed else "The sandbox answered every call.",
        other_results=other_results,
        state=state,
        behind=end_of_results(trajectory.turns, position),
        breaks=after.later,
        diverges=other_results or bool(state) or after.later is not None,
        unsteady=unsteady,
        follows=tuple(turn for turn in sorted(corrected) if turn < position and _new(trajectory, corrected[turn])),
    )


async def _play(script: _Script, here: Exchange, runtime: Runtime) -> _Played:
    """Execute all calls of the script from the initial state, with those of `here` at the corrected turn."""
    exchanges, position = script.exchanges, script.position
    before = later = None
    async with runtime.lease() as sandbox:

        async def results_of(exchange: Exchange) -> list[Turn]:
            return await results_of_calls(exchange, script.tools, sandbox, runtime.sources)

        start = await source_states(runtime.sources, sandbox)
        for index in sorted(exchanges):
            if index < position:
                found = first_other(exchanges[index], await results_of(exchanges[index]))
                before = found if before is None else before
        results = await results_of(here)
        state = with_source_changes(await sandbox.diff(), start, await source_states(runtime.sources, sandbox))
        if before is None:
            before = first_other(here, results)
        for index in sorted(exchanges):
            if index > position and later is None:
                later = first_other(exchanges[index], await results_of(exchanges[index]))
    return _Played(tuple(results), state, before, later)


async def results_of_calls(
    exchange: Exchange, tools: Mapping[str, Tool], sandbox: Sandbox, sources: Sources
) -> list[Turn]:
    """Execute the calls of one message and return their results. Calls that were recorded as refused or with an
    injected fault never reached a tool, so they are left out."""
    results = []
    for one in exchange.calls:
        known = exchange.known.get(one.id)
        if one.name not in tools or (known and known[1].fault in _NOT_EXECUTED):
            continue
        tool = tools[one.name]
        result = await sources[tool.source].call(tool, tidied(tool, one), sandbox)
        results.append(
            Turn(role="tool", content=result.content, tool_call_id=one.id, name=one.name, fault=result.fault)
        )
    return results


def first_other(exchange: Exchange, results: Sequence[Turn]) -> int | None:
    """Return the index of the first recorded result that did not come again, None when all came."""
    other = []
    for result in results:
        known = exchange.known.get(result.tool_call_id or "")
        if known and _outcome(known[1]) != _outcome(result):
            other.append(known[0])
    return min(other, default=None)


def _outcome(turn: Turn) -> tuple[str, str | None]:
    return turn.content, turn.fault


def recorded_exchanges(turns: Sequence[Turn], corrected: Mapping[int, Correction]) -> Iterator[tuple[int, Exchange]]:
    """Yield (index, exchange) of the assistant's messages with calls, as corrected. Results of corrected calls have no
    recorded turn, so they get the index of the message."""
    for index, turn in enumerate(turns):
        if turn.role != "assistant":
            continue
        results = range(index + 1, end_of_results(turns, index))
        known = {turns[place].tool_call_id or "": (place, turns[place]) for place in results}
        one = corrected.get(index)
        if one is not None and not same_calls(turn, one.fix):
            known = {result.tool_call_id or "": (index, result) for result in one.replayed}
            yield index, Exchange(one.fix.tool_calls, known)
        elif turn.tool_calls:
            yield index, Exchange(turn.tool_calls, known)


def user_exchanges(trajectory: Trajectory) -> dict[int, Exchange]:
    """Return the simulated user's own tool calls, by the index of the message before which it made them."""
    users = [index for index, turn in enumerate(trajectory.turns) if turn.role == "user"]
    made = {index: [one for one in trajectory.user_calls(index) if one.fault not in _NOT_EXECUTED] for index in users}
    calls = {
        index: tuple(ToolCall(id=f"user_{n}", name=one.name, arguments=one.arguments) for n, one in enumerate(own))
        for index, own in made.items()
    }
    return {index: Exchange(own, {}) for index, own in calls.items() if own}


def _new(trajectory: Trajectory, one: Correction) -> bool:
    """Return whether a correction changes calls."""
    return not same_calls(trajectory.turns[one.turn], one.fix)


def _places(recorded: StateDiff, corrected: StateDiff) -> tuple[Place, ...]:
    """Return where two workspaces that began alike differ, at most _MOST_PLACES places."""
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
            first = _initial(pointer, recorded, corrected)  # still there where only the other side changed it
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
    """Return the values after a change, by pointer."""
    return {leaf.pointer: leaf.became for leaf in change.leaves} if change else {}


def _initial(pointer: str, *changes: Change | None) -> Any:
    """Return the value before a change, which both workspaces had at first."""
    leaves = [leaf for change in changes if change for leaf in change.leaves]
    return next((leaf.was for leaf in leaves if leaf.pointer == pointer), ABSENT)


def _whole(change: Change | None) -> str:
    if change is None:
        return "unchanged"
    return change.text or (f"{change.kind} {change.after_digest[:12]}".rstrip())
