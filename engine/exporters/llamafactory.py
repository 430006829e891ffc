"""LLaMA-Factory sharegpt with its dataset_info.json.

Turns alternate strictly: human and observation at odd places, gpt and function_call at even ones. Every gpt and
function_call turn is trained there and no flag can switch one off, so a row ends before the first masked turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

import orjson

from engine.exporters._content import named, offered
from engine.exporters._dialogue import (
    Turns,
    fits_think_tags,
    in_call_order,
    metadata,
    problem,
    thinking,
    to_last_answer,
    traits,
)
from engine.exporters._json import dumps
from engine.protocols import Converted
from engine.records import Record
from engine.types import Frozen, Turn

__all__ = ["LlamaFactory"]

BETWEEN_RESULTS = "\n</tool_response>\n<tool_response>\n"
TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
}


class Config(Frozen):
    """`reasoning`: in think tags, or dropped. `beside_call`: text beside a call is dropped, or put in think tags.
    `masked`: a row ends before the first masked turn, or the mask is given up (counted)."""

    reasoning: Literal["think", "drop"] = "think"
    beside_call: Literal["drop", "think"] = "drop"
    masked: Literal["cut", "train"] = "cut"


class LlamaFactory:
    """Writes sharegpt rows; what the format has no place for is counted."""

    suffix = ".jsonl"
    never_carried = ("tool_call_id", "name", "task", "proof", "diff", "calls", "execution", "remarks", "tools.effect")

    def __init__(self, config: Config) -> None:
        self._config = config

    def convert(self, record: Record) -> Converted:
        """Return the one row of a trajectory, or the reason why there is none."""
        turns = self._trained(record.turns)
        has_system = bool(turns) and turns[0].role == "system"
        spoken = turns[1:] if has_system else turns
        reason = self._refused(turns, spoken)
        if reason is not None:
            return Converted(dropped=reason)
        tools = offered(record.tools)
        row = {
            "conversations": self._conversations(spoken),
            "system": turns[0].content if has_system else "",
            "tools": tools.text if record.tools else "",
            "id": named(turns, tools),
            "group_id": record.group_id,
            "reward": record.reward,
            "metadata": metadata(record),
        }
        found, beside = traits(turns), self._beside_calls(turns)
        changed = self._changed(record.turns, turns, found, beside)
        return Converted([row], [int(row["id"], 16)], None, self._lost(turns, found, beside), changed)

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return dataset_info.json, one entry per split file, named turnwright_<split>."""
        columns = {"messages": "conversations", "system": "system", "tools": "tools"}
        entries = {
            f"turnwright_{split}": {"file_name": file, "formatting": "sharegpt", "columns": columns, "tags": TAGS}
            for split, file in splits.items()
        }
        return {"dataset_info.json": orjson.dumps(entries, option=orjson.OPT_INDENT_2) + b"\n"}

    def _trained(self, turns: Turns) -> Turns:
        """Return the turns up to the last answer that may be trained."""
        if self._config.masked == "cut":
            first = next((i for i, t in enumerate(turns) if t.role == "assistant" and not t.train), len(turns))
            turns = turns[:first]
        return in_call_order(to_last_answer(turns))

    def _refused(self, turns: Turns, spoken: Turns) -> str | None:
        if not turns:
            return "nothing_to_train" if self._config.masked == "cut" else "no_assistant_turn"
        if spoken[0].role != "user":
            return "no_opening_request"
        return problem(turns) or _broken_alternation(spoken) or _ambiguous_results(spoken)

    def _beside_calls(self, turns: Turns) -> Literal["none", "kept", "lost"]:
        """Say what becomes of the texts beside calls."""
        texts = [t.content for t in turns if t.tool_calls and t.content.strip()]
        if not texts:
            return "none"
        return "kept" if self._config.beside_call == "think" and all(map(fits_think_tags, texts)) else "lost"

    def _lost(self, turns: Turns, found: set[str], beside: str) -> list[str]:
        lost: list[str] = [name for name in ("fault", "original") if name in found]
        if "masked" in found:
            lost.append("train")
        thoughts = [t.reasoning for t in turns if t.reasoning]
        if thoughts and not (self._config.reasoning == "think" and all(map(fits_think_tags, thoughts))):
            lost.append("reasoning")
        if beside == "lost":
            lost.append("text_beside_call")
        return lost

    def _changed(self, whole: Turns, turns: Turns, found: set[str], beside: str) -> list[str]:
        changed: list[str] = []
        if len(turns) < len(whole):
            masked = len(turns) < len(to_last_answer(whole))
            changed.append("cut_before_masked_turn" if masked else "cut_to_last_answer")
        if "merged" in found:
            changed.append("user_turns_merged")
        if "parallel" in found and any(len(t.tool_calls) > 1 for t in turns[:-1]):
            changed.append("parallel_results_joined")
        if beside == "kept":
            changed.append("text_beside_call_as_thought")
        return changed

    def _conversations(self, turns: Turns) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for turn in turns:
            speaker, value = self._said(turn)
            if found and found[-1]["from"] == speaker == "human":
                found[-1]["value"] += f"\n\n{value}"
            elif found and found[-1]["from"] == speaker == "observation":
                found[-1]["value"] += f"{BETWEEN_RESULTS}{value}"
            else:
                found.append({"from": speaker, "value": value})
        return found

    def _said(self, turn: Turn) -> tuple[str, str]:
        role, content, reasoning = turn.role, turn.content, turn.reasoning
        if role == "user":
            return "human", content
        if role == "tool":
            return "observation", content
        kept = self._config.reasoning == "think" and fits_think_tags(reasoning)
        thoughts = [reasoning] if kept else []
        if not turn.tool_calls:
            return "gpt", thinking(reasoning, content) if thoughts else content
        if self._config.beside_call == "think" and content.strip() and fits_think_tags(content):
            thoughts.append(content)
        calls = [{"name": call.name, "arguments": call.arguments} for call in turn.tool_calls]
        # think tags inside an argument would be taken for a thought and cut out
        value = dumps(calls[0] if len(calls) == 1 else calls).replace("<think>", "\\u003cthink>")
        return "function_call", thinking("\n".join(thoughts), value) if thoughts else value


def _broken_alternation(turns: Turns) -> str | None:
    """Consecutive user turns are merged and consecutive results joined, but two answers in a row have no form."""
    twice = any(a.role == b.role == "assistant" for a, b in pairwise(turns))
    return "two_answers_in_a_row" if twice else None


def _ambiguous_results(turns: Turns) -> str | None:
    """A result that holds the very text that separates results would read as two."""
    return "separator_in_result" if any(t.role == "tool" and BETWEEN_RESULTS in t.content for t in turns) else None
