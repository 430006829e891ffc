"""LLaMA-Factory sharegpt with its dataset_info.json.

Turns alternate strictly: human and observation at odd places, gpt and function_call at even ones. LLaMA-Factory trains
every gpt and function_call turn and reads no mask, so a row ends before the first masked turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import orjson

from engine.exporting.content import content_id_of, offered_tools
from engine.exporting.dialogue import (
    Turns,
    before_masked,
    cut_changes,
    fits_think_tags,
    in_call_order,
    metadata,
    problem,
    timeless,
    to_last_answer,
    traits,
    with_think_tags,
)
from engine.exporting.json import dumps
from engine.types import Converted, Options, Record, RecordTurn

__all__ = ["LlamaFactory"]

BETWEEN_RESULTS = "\n</tool_response>\n<tool_response>\n"
SPEAKERS = {"user": "human", "tool": "observation"}
JOINED_BY = {"user": "\n\n", "tool": BETWEEN_RESULTS}
TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
}


class Config(Options):
    """How a ShareGPT row is written."""

    reasoning: Literal["think", "drop"] = "think"
    """In think tags, or dropped."""
    beside_call: Literal["drop", "think"] = "drop"
    """Text beside a call is dropped, or put in think tags."""
    masked: Literal["cut", "train"] = "cut"
    """A row ends before the first masked turn, or the mask is given up (counted)."""


class LlamaFactory:
    """Writes sharegpt rows; counts what the format has no place for."""

    suffix = ".jsonl"
    never_carried = ("tool_call_id", "name", "task", "proof", "diff", "calls", "execution", "remarks", "tools.effect")

    def __init__(self, config: Config) -> None:
        self._config = config

    def convert(self, record: Record) -> Converted:
        """Return the one row of a trajectory, or the reason why there is none."""
        turns, found = self._exported_turns(record.turns)
        if not turns:
            return Converted(dropped="nothing_to_train" if self._config.masked == "cut" else "no_assistant_turn")
        has_system = turns[0].role == "system"
        spoken = turns[1:] if has_system else turns
        reason = _drop_reason(turns, spoken, found)
        if reason is not None:
            return Converted(dropped=reason)
        tools = offered_tools(record.tools)
        row: dict[str, Any] = {
            "conversations": self._conversations(spoken),
            "system": turns[0].content if has_system else "",
            "tools": tools.text if record.tools else "",
            "id": content_id_of(turns, tools),
            "group_id": record.group_id,
            "reward": record.reward,
            "metadata": metadata(record),
        }
        text_beside_calls = self._text_beside_calls(turns) if "beside" in found else "none"
        changed = self._reshaping_names(record.turns, turns, found, text_beside_calls)
        lost = self._lost_names(turns, found, text_beside_calls)
        if timeless(record.attachments):
            lost.append("attachments")
        return Converted([row], [int(row["id"], 16)], None, lost, changed)

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return dataset_info.json, one entry per split file, named turnwright_<split>."""
        columns = {"messages": "conversations", "system": "system", "tools": "tools"}
        entries = {
            f"turnwright_{split}": {"file_name": file, "formatting": "sharegpt", "columns": columns, "tags": TAGS}
            for split, file in splits.items()
        }
        return {"dataset_info.json": orjson.dumps(entries, option=orjson.OPT_INDENT_2) + b"\n"}

    def _exported_turns(self, whole: Turns) -> tuple[Turns, set[str]]:
        """Return (the turns up to the last assistant turn that may be trained, their `traits`)."""
        turns, found = whole, traits(whole)
        if self._config.masked == "cut" and "masked" in found:
            turns = before_masked(turns)
        turns = to_last_answer(turns)
        if len(turns) < len(whole):
            found = traits(turns)
        return (in_call_order(turns) if "parallel" in found else turns), found

    def _text_beside_calls(self, turns: Turns) -> Literal["kept", "lost"]:
        """Return whether the texts in turns with calls are kept as thoughts or lost."""
        texts = [turn.content for turn in turns if turn.tool_calls and turn.content.strip()]
        return "kept" if self._config.beside_call == "think" and all(map(fits_think_tags, texts)) else "lost"

    def _lost_names(self, turns: Turns, found: set[str], text_beside_calls: str) -> list[str]:
        lost: list[str] = [name for name in ("fault", "original") if name in found]
        if "masked" in found:
            lost.append("train")
        if "reasoning" in found and not all([self._carries_reasoning(t.reasoning) for t in turns if t.reasoning]):
            lost.append("reasoning")
        if text_beside_calls == "lost":
            lost.append("text_beside_call")
        return lost

    def _reshaping_names(self, whole: Turns, turns: Turns, found: set[str], text_beside_calls: str) -> list[str]:
        changed = cut_changes(whole, turns)
        if "merged" in found:
            changed.append("user_turns_merged")
        if "parallel" in found and any([len(turn.tool_calls) > 1 for turn in turns[:-1]]):
            changed.append("parallel_results_joined")
        if text_beside_calls == "kept":
            changed.append("text_beside_call_as_thought")
        return changed

    def _conversations(self, turns: Turns) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        before = ""
        for turn in turns:
            role = turn.role
            if role == "assistant":
                found.append(self._answer_turn(turn))
            elif role == before:
                found[-1]["value"] += JOINED_BY[role] + turn.content
            else:
                found.append({"from": SPEAKERS[role], "value": turn.content})
            before = role
        return found

    def _answer_turn(self, turn: RecordTurn) -> dict[str, str]:
        content, reasoning, calls = turn.content, turn.reasoning, turn.tool_calls
        thoughts = [reasoning] if reasoning and self._carries_reasoning(reasoning) else []
        if not calls:
            return {"from": "gpt", "value": with_think_tags(thoughts[0], content) if thoughts else content}
        if self._config.beside_call == "think" and content.strip() and fits_think_tags(content):
            thoughts.append(content)
        functions = [{"name": call.name, "arguments": call.arguments} for call in calls]
        # LLaMA-Factory would take think tags inside an argument for a thought and cut them out
        value = dumps(functions[0] if len(functions) == 1 else functions).replace("<think>", "\\u003cthink>")
        return {"from": "function_call", "value": with_think_tags("\n".join(thoughts), value) if thoughts else value}

    def _carries_reasoning(self, reasoning: str | None) -> bool:
        """Return whether the row carries this reasoning."""
        return self._config.reasoning == "think" and fits_think_tags(reasoning)


def _drop_reason(turns: Turns, spoken: Turns, found: set[str]) -> str | None:
    if spoken[0].role != "user":
        return "no_opening_request"
    reason = problem(turns)
    if reason is not None:
        return reason
    if "repeated" in found:  # the format alternates; user turns and results can be merged, answers cannot
        return "two_answers_in_a_row"
    # a result that holds the separator would read as two results
    unclear = any([turn.role == "tool" and BETWEEN_RESULTS in turn.content for turn in spoken])
    return "separator_in_result" if unclear else None
