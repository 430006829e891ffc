"""Labels of the answers of a dialogue, and the subsets that it belongs to, counted from its turns, tools, attachments.

Trajectories and the records of exports have the same fields, so both can be given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from engine.dialogue.questions import asks
from engine.types import SUBSETS, USER_CALLS, Subset, TurnLabel


class Call(Protocol):
    """What is read of a call."""

    @property
    def name(self) -> str: ...


class Said(Protocol):
    """What is read of a turn."""

    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...
    @property
    def reasoning(self) -> str | None: ...
    @property
    def tool_calls(self) -> Sequence[Any]: ...
    @property
    def fault(self) -> str | None: ...


class Offered(Protocol):
    """What is read of a tool."""

    @property
    def name(self) -> str: ...
    @property
    def effect(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def distractor(self) -> bool: ...


class Noted(Protocol):
    """What is read of an attachment."""

    @property
    def kind(self) -> str: ...


def turn_labels(turns: Sequence[Said], tools: Sequence[Offered]) -> list[TurnLabel]:
    """Return the label of each turn of the assistant, in order. A tool that was not offered writes nothing."""
    writing = {tool.name for tool in tools if tool.effect == "write"}
    return [_label(turn, writing) for turn in turns if turn.role == "assistant"]


def _label(turn: Said, writing: set[str]) -> TurnLabel:
    if not turn.tool_calls:
        return "no_call"
    return "modification" if any(call.name in writing for call in turn.tool_calls) else "lookup"


def subsets(turns: Sequence[Said], tools: Sequence[Offered], attachments: Sequence[Noted]) -> list[Subset]:
    """Return the subsets that a dialogue belongs to, in the order of SUBSETS.

    single_turn, multi_turn: the user spoke once, or more often.
    tool_use, no_tool_use: the assistant called tools, or none.
    parallel_calls: one of its turns holds several calls. multi_step: it called in several turns after one message.
    modification, lookup_only: it called a tool that writes, or only others.
    error_recovery: a call failed, and a later one did not.
    clarification: before it called anything for a message it asked back, and was answered.
    reasoning: it wrote down its thoughts.
    mcp: a tool comes from an MCP server. user_tools: the user called tools too.
    distractors: tools of no use were offered.
    """
    found = {*_of_calls(turns, tools), *_of_words(turns), *_beside(tools, attachments)}
    return [name for name in SUBSETS if name in found]


def _of_calls(turns: Sequence[Said], tools: Sequence[Offered]) -> Iterator[Subset]:
    labels = turn_labels(turns, tools)
    called = [label for label in labels if label != "no_call"]
    yield "tool_use" if called else "no_tool_use"
    if called:
        yield "modification" if "modification" in called else "lookup_only"
    if any(len(turn.tool_calls) > 1 for turn in turns if turn.role == "assistant"):
        yield "parallel_calls"
    if max(_calling_turns(turns), default=0) > 1:
        yield "multi_step"
    results = [turn.fault is None for turn in turns if turn.role == "tool"]
    if False in results and True in results[results.index(False) :]:
        yield "error_recovery"


def _calling_turns(turns: Sequence[Said]) -> list[int]:
    """Return how many turns with calls follow each message of the user."""
    found: list[int] = []
    for turn in turns:
        if turn.role == "user":
            found.append(0)
        elif turn.role == "assistant" and turn.tool_calls and found:
            found[-1] += 1
    return found


def _of_words(turns: Sequence[Said]) -> Iterator[Subset]:
    said = sum(turn.role == "user" for turn in turns)
    if said:
        yield "single_turn" if said == 1 else "multi_turn"
    if any(turn.reasoning for turn in turns if turn.role == "assistant"):
        yield "reasoning"
    if _asked_back(turns):
        yield "clarification"


def _asked_back(turns: Sequence[Said]) -> bool:
    """Return whether a message is answered by a question alone, and that by the user."""
    return any(
        (asked.role, answer.role, told.role) == ("user", "assistant", "user")
        and not answer.tool_calls
        and bool(answer.content)
        and asks(answer.content)
        for asked, answer, told in zip(turns, turns[1:], turns[2:], strict=False)
    )


def _beside(tools: Sequence[Offered], attachments: Sequence[Noted]) -> Iterator[Subset]:
    if any(tool.source == "mcp" for tool in tools):
        yield "mcp"
    if any(tool.distractor for tool in tools):
        yield "distractors"
    if any(one.kind == USER_CALLS for one in attachments):
        yield "user_tools"
