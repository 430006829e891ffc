"""Texts of ToolRL: a system text with the tools, a history in tags, and the answer that its reward function reads.

The function takes what stands between <tool_call> and </tool_call> line by line as JSON with `name` and `parameters`.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.exporting.control_tokens import value_holds_own_tokens
from engine.exporting.dialogue import Turns, fits_think_tags
from engine.exporting.json import dumps
from engine.types import RecordTool, RecordTurn

_MARKS = ("<response>", "</response>")
_THOUGHT = "I decide what the dialogue needs next."
"""Stands where an answer has no reasoning; the reward function compares no thoughts."""
_FORMAT = (
    "Answer in this form: first your thoughts, then calls of tools, a text for the user, or both.\n"
    "<think> your thoughts </think>\n"
    '<tool_call>\n{"name": "name of the tool", "parameters": {"parameter": "value"}}\n</tool_call>\n'
    "<response> your text </response>\n"
    "Write one call a line. In the history, <obs> holds what a tool returned."
)


def system_text(policy: str, tools: Sequence[RecordTool]) -> str:
    """Return the policy with the tools and the form of an answer."""
    listed = [
        f"{number}. Name: {tool.name}\nDescription: {tool.description}\n"
        f"Parameters: {dumps(tool.parameters.get('properties', {}))}"
        for number, tool in enumerate(tools, 1)
    ]
    parts = [policy, "**Available Tools**\n" + "\n".join(listed) if tools else "", _FORMAT]
    return "\n\n".join(part for part in parts if part)


def history(turns: Turns) -> str:
    """Return what was said so far, without the policy, as the one message of a prompt."""
    said = [_said(turn) for turn in turns if turn.role != "system"]
    return "\n\n".join(["**Dialogue Records History**", *said])


def expected_text(turn: RecordTurn) -> str:
    """Return an answer of the assistant as its reward function compares it."""
    reasoning = turn.reasoning
    thought = reasoning if reasoning and fits_think_tags(reasoning) else _THOUGHT
    return f"<think> {thought} </think>\n{_answer(turn)}"


def has_marks(turn: RecordTurn) -> bool:
    """Return whether a text of an answer would be read as a tag, or as the end of a turn."""
    texts = (turn.content, turn.reasoning or "")
    return any(value_holds_own_tokens(text) or any(mark in text for mark in _MARKS) for text in texts)


def _said(turn: RecordTurn) -> str:
    if turn.role == "assistant":
        return _answer(turn)
    return f"<obs> {turn.content} </obs>" if turn.role == "tool" else f"<user> {turn.content} </user>"


def _answer(turn: RecordTurn) -> str:
    # a tag inside an argument would end the calls
    calls = [dumps({"name": c.name, "parameters": c.arguments}).replace("<", "\\u003c") for c in turn.tool_calls]
    parts = ["<tool_call>", *calls, "</tool_call>"] if calls else []
    if turn.content.strip() or not calls:
        parts.append(f"<response> {turn.content} </response>")
    return "\n".join(parts)
