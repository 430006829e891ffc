"""Turns in another shape that says the same: one call at a time, other ids of calls, names that a consumer allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from engine.exporting.dialogue import Turns
from engine.exporting.record import changed
from engine.types import RecordCall, RecordTool, RecordTurn

_TOOL_SETS_KNOWN = 1_024
_ALLOWED_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME_LENGTH = 64
_ALLOWED_ID = re.compile(r"[A-Za-z0-9_-]+")

IdForm = Literal["nine", "kimi", "safe"]
"""Nine letters and digits (Mistral), the name of the tool and a number (Kimi K2), or the given id where it consists of
letters, digits, _ and - (Anthropic)."""
_IDS: Mapping[IdForm, Callable[[RecordCall, int], str]] = {
    "nine": lambda call, number: f"call{number:05d}",
    "kimi": lambda call, number: f"functions.{call.name}:{number}",
    "safe": lambda call, number: call.id if _ALLOWED_ID.fullmatch(call.id) else f"turnwright_{number}",
}


def with_serial_calls(turns: Turns) -> Turns:
    """Return the turns with parallel calls split into one call and its result at a time; text and reasoning stay with
    the first call."""
    found: list[RecordTurn] = []
    for index, turn in enumerate(turns):
        calls = turn.tool_calls
        if len(calls) < 2:
            if turn.role != "tool" or not _after_parallel(turns, index):
                found.append(turn)
            continue
        results = {t.tool_call_id: t for t in _results_after(turns, index)}
        for number, call in enumerate(calls):
            kept = {} if number == 0 else {"content": "", "reasoning": None, "original": None}
            found.append(changed(turn, tool_calls=(call,), **kept))
            if call.id not in results:
                return found
            found.append(results[call.id])
    return found


def _results_after(turns: Turns, index: int) -> Iterator[RecordTurn]:
    for turn in turns[index + 1 :]:
        if turn.role != "tool":
            return
        yield turn


def _after_parallel(turns: Turns, index: int) -> bool:
    """Return whether the tool turn at `index` answers one of several parallel calls."""
    while turns[index].role == "tool":
        index -= 1
    return len(turns[index].tool_calls) > 1


def with_ids(turns: Turns, form: IdForm) -> Turns:
    """Return the turns with the ids of calls, and of their results, in another form; calls are numbered from 0."""
    make = _IDS[form]
    new: dict[str, str] = {}
    number = 0
    found: list[RecordTurn] = []
    for turn in turns:
        if turn.tool_calls:
            calls = []
            for call in turn.tool_calls:
                new[call.id] = make(call, number)
                calls.append(changed(call, id=new[call.id]))
                number += 1
            turn = changed(turn, tool_calls=tuple(calls))
        elif turn.tool_call_id is not None:
            turn = changed(turn, tool_call_id=new[turn.tool_call_id])
        found.append(turn)
    return found


def with_safe_names(turns: Turns, tools: Sequence[RecordTool]) -> tuple[Turns, Sequence[RecordTool], bool]:
    """Return (turns, tools, whether a name was changed), each name of a tool made of at most 64 letters, digits, _ and
    -, as hosted services demand; different names stay different."""
    called = tuple(dict.fromkeys([call.name for turn in turns for call in turn.tool_calls]))
    if all(map(_ALLOWED_NAME.fullmatch, called)) and _all_safe(tuple(tools)):
        return turns, tools, False
    new = _safe_names([*[tool.name for tool in tools], *called])
    return (
        [_with_names(turn, new) for turn in turns],
        [changed(tool, name=new[tool.name]) for tool in tools],
        True,
    )


@lru_cache(_TOOL_SETS_KNOWN)
def _all_safe(tools: tuple[RecordTool, ...]) -> bool:
    return all(_ALLOWED_NAME.fullmatch(tool.name) for tool in tools)


def _safe_names(names: Sequence[str]) -> dict[str, str]:
    """Return the new name of each name; one that may stay as it is does, whatever others become."""
    new = {name: name for name in names if _ALLOWED_NAME.fullmatch(name)}
    for name in names:
        if name in new:
            continue
        base = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:_NAME_LENGTH] or "tool"
        made, number = base, 2
        while made in new.values():
            ending = f"_{number}"
            made, number = base[: _NAME_LENGTH - len(ending)] + ending, number + 1
        new[name] = made
    return new


def _with_names(turn: RecordTurn, new: Mapping[str, str]) -> RecordTurn:
    if turn.tool_calls:
        return changed(turn, tool_calls=tuple([changed(call, name=new[call.name]) for call in turn.tool_calls]))
    return changed(turn, name=new.get(turn.name, turn.name)) if turn.name is not None else turn
