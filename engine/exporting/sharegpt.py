"""Dialogues as LLaMA-Factory's turns: human and observation at odd places, gpt and function_call at even ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from engine.exporting.dialogue import Turns, fits_think_tags, problem, with_think_tags
from engine.exporting.json import dumps
from engine.types import RecordTurn

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
COLUMNS = {"messages": "conversations", "system": "system", "tools": "tools"}


@dataclass(frozen=True)
class ShareGpt:
    """How an answer is written.

    reasoning: in think tags, or left out. beside_call: what becomes of the text of an answer with calls.
    """

    reasoning: Literal["think", "drop"] = "think"
    beside_call: Literal["drop", "think"] = "drop"

    def conversations(self, turns: Turns) -> list[dict[str, str]]:
        """Return the turns, without the policy, as {from, value}; neighbours of a user or of tools become one."""
        found: list[dict[str, str]] = []
        before = ""
        for turn in turns:
            role = turn.role
            if role == "assistant":
                found.append(self.answer(turn))
            elif role == before:
                found[-1]["value"] += JOINED_BY[role] + turn.content
            else:
                found.append({"from": SPEAKERS[role], "value": turn.content})
            before = role
        return found

    def answer(self, turn: RecordTurn) -> dict[str, str]:
        """Return a turn of the assistant."""
        content, reasoning, calls = turn.content, turn.reasoning, turn.tool_calls
        thoughts = [reasoning] if reasoning and self._carries_reasoning(reasoning) else []
        if not calls:
            return {"from": "gpt", "value": with_think_tags(thoughts[0], content) if thoughts else content}
        if self.beside_call == "think" and content.strip() and fits_think_tags(content):
            thoughts.append(content)
        functions = [{"name": call.name, "arguments": call.arguments} for call in calls]
        # LLaMA-Factory would take think tags inside an argument for a thought and cut them out
        value = dumps(functions[0] if len(functions) == 1 else functions).replace("<think>", "\\u003cthink>")
        return {"from": "function_call", "value": with_think_tags("\n".join(thoughts), value) if thoughts else value}

    def lost(self, turns: Turns, found: set[str]) -> list[str]:
        """Return what these turns, with these `traits`, hold and the conversation does not say."""
        lost: list[str] = [name for name in ("fault", "original") if name in found]
        if "reasoning" in found and not all([self._carries_reasoning(t.reasoning) for t in turns if t.reasoning]):
            lost.append("reasoning")
        if "beside" in found and not self._carries_texts(turns):
            lost.append("text_beside_call")
        return lost

    def changed(self, turns: Turns, found: set[str]) -> list[str]:
        """Return what the conversation says in another way."""
        changed = []
        if "merged" in found:
            changed.append("user_turns_merged")
        if "parallel" in found and any([len(turn.tool_calls) > 1 for turn in turns[:-1]]):
            changed.append("parallel_results_joined")
        if "beside" in found and self._carries_texts(turns):
            changed.append("text_beside_call_as_thought")
        return changed

    def _carries_reasoning(self, reasoning: str | None) -> bool:
        return self.reasoning == "think" and fits_think_tags(reasoning)

    def _carries_texts(self, turns: Turns) -> bool:
        """Return whether the texts in turns with calls are kept as thoughts."""
        texts = [turn.content for turn in turns if turn.tool_calls and turn.content.strip()]
        return self.beside_call == "think" and all(map(fits_think_tags, texts))


def refusal(turns: Turns, spoken: Turns, found: set[str]) -> str | None:
    """Return why turns, `spoken` without the policy, have no such form, or None."""
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


def dataset_info(splits: Mapping[str, str], entry: Mapping[str, Any]) -> dict[str, bytes]:
    """Return dataset_info.json: for each split file `entry` under turnwright_<split>."""
    entries = {f"turnwright_{split}": {"file_name": file, **entry} for split, file in splits.items()}
    return {"dataset_info.json": orjson.dumps(entries, option=orjson.OPT_INDENT_2) + b"\n"}
