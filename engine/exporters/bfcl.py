"""Items of the Berkeley Function-Calling Leaderboard (BFCL v4): to measure a tuned model on the same tools.

A question with its functions, the calls that count as right, or a dialogue of several requests with its calls as text.
Only what a task fixes is written: the first calls of a dialogue whose one request needs no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from engine.exporting.dialogue import Turns
from engine.exporting.draft import draft
from engine.exporting.spelling import bfcl_answer, bfcl_function, python_call
from engine.types import Converted, Options, Record, RecordTurn

__all__ = ["Bfcl"]


class Config(Options):
    """Which file of BFCL is written."""

    part: Literal["question", "answer", "multi_turn"] = "multi_turn"
    """Questions and answers belong together by their ids; a dialogue of several requests holds both."""


class Bfcl:
    """Writes BFCL items. Nothing of them is trained; a dialogue with a turn that was rejected ends before it."""

    suffix = ".jsonl"
    never_carried = (
        "tool_call_id", "results", "answers", "group_id", "reward", "metadata", "task", "proof", "diff", "calls",
        "execution", "remarks", "tools.effect",
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        self._part = config.part

    def convert(self, record: Record) -> Converted:
        """Return the one item of a trajectory, or the reason why there is none."""
        made = draft(record, cut=True, asked=True)
        if isinstance(made, str):
            return Converted(dropped=made)
        turns, spoken = made.turns, made.spoken
        item = self._dialogue(turns, record) if self._part == "multi_turn" else self._item(turns, spoken, record)
        if isinstance(item, str):
            return Converted(dropped=item)
        made.lose("fault", "original", "reasoning")
        if "beside" in made.found:
            made.lost.append("text_beside_call")
        category, row = item
        id = made.id()
        return made.finished([{"id": f"{category}_{id}", **row}], [id])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}

    def _item(self, turns: Turns, spoken: Turns, record: Record) -> tuple[str, dict[str, Any]] | str:
        """Return (category, columns) of a question or answer, or why there is none."""
        answers = [turn for turn in spoken if turn.role == "assistant"]
        calling = [turn for turn in answers if turn.tool_calls]
        start = next(n for n, turn in enumerate(spoken) if turn.role == "assistant")
        if len(calling) > 1 or any(turn.role == "user" for turn in spoken[start:]):
            return "more_than_one_step"
        if not record.tools:
            return "no_tools"
        if calling and not answers[0].tool_calls:
            return "more_than_one_step"
        truth = []
        tools = {tool.name: tool for tool in record.tools}
        for call in answers[0].tool_calls:
            right = bfcl_answer(call, tools[call.name]) if call.name in tools else None
            if right is None:
                return "call_without_one_right_answer"
            truth.append(right)
        category = _category(len(truth), len(record.tools))
        if self._part == "answer":
            return (category, {"ground_truth": truth}) if truth else "no_call_expected"
        asked = [turn for turn in turns if turn.role in ("system", "user")]
        return category, {
            "question": [[{"role": turn.role, "content": turn.content} for turn in asked]],
            "function": [bfcl_function(tool) for tool in record.tools],
        }

    def _dialogue(self, turns: Turns, record: Record) -> tuple[str, dict[str, Any]] | str:
        """Return (category, columns) of a dialogue: one list of messages and one of calls for each request."""
        asked: list[list[RecordTurn]] = []
        truth: list[list[str]] = []
        before = ""
        for turn in turns:
            if turn.role in ("system", "user"):
                if before not in ("system", "user"):
                    asked.append([])
                    truth.append([])
                asked[-1].append(turn)
            for call in turn.tool_calls:
                text = python_call(call)
                if text is None:
                    return "argument_without_python_name"
                truth[-1].append(text)
            before = turn.role
        return "multi_turn_base", {
            "question": [[{"role": turn.role, "content": turn.content} for turn in part] for part in asked],
            "function": [bfcl_function(tool) for tool in record.tools],
            "initial_config": {},
            "path": [f"{record.domain}.{call.name}" for turn in turns for call in turn.tool_calls],
            "involved_classes": [record.domain],
            "ground_truth": truth,
        }


def _category(calls: int, tools: int) -> str:
    """Return BFCL's name for an item with so many calls and tools."""
    if not calls:
        return "irrelevance"
    if calls > 1:
        return "parallel_multiple" if tools > 1 else "parallel"
    return "multiple" if tools > 1 else "simple_python"
