"""LLaMA-Factory sharegpt, openai or alpaca with its dataset_info.json.

Turns alternate strictly: human and observation at odd places, gpt and function_call at even ones. LLaMA-Factory trains
every gpt and function_call turn and reads no mask, so a row ends before the first masked turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from engine.exporting.content import content_id_of, offered_tools
from engine.exporting.dialogue import (
    Turns,
    before_masked,
    cut_changes,
    in_call_order,
    metadata,
    timeless,
    to_last_answer,
    traits,
)
from engine.exporting.sharegpt import COLUMNS, TAGS, ShareGpt, dataset_info, refusal
from engine.types import Converted, Options, Record

__all__ = ["LlamaFactory"]

_ROLES = {"human": "user", "gpt": "assistant", "function_call": "function_call"}
_INFO: Mapping[str, Mapping[str, Any]] = {
    "sharegpt": {"formatting": "sharegpt", "columns": COLUMNS, "tags": TAGS},
    "openai": {
        "formatting": "openai",
        "columns": {**COLUMNS, "messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "observation_tag": "tool",
            "function_tag": "function_call",
            "system_tag": "system",
        },
    },
    "alpaca": {
        "formatting": "alpaca",
        "columns": {
            "prompt": "instruction",
            "query": "input",
            "response": "output",
            "system": "system",
            "history": "history",
            "tools": "tools",
        },
    },
}


class Config(Options):
    """How a row of LLaMA-Factory is written."""

    form: Literal["sharegpt", "openai", "alpaca"] = "sharegpt"
    """ShareGPT, messages with roles (openai), or instruction and output of dialogues without calls (alpaca)."""
    reasoning: Literal["think", "drop"] = "think"
    """In think tags, or dropped."""
    beside_call: Literal["drop", "think"] = "drop"
    """Text beside a call is dropped, or put in think tags."""
    masked: Literal["cut", "train"] = "cut"
    """A row ends before the first masked turn, or the mask is given up (counted)."""


class LlamaFactory:
    """Writes rows of LLaMA-Factory; counts what the format has no place for."""

    suffix = ".jsonl"
    never_carried = ("tool_call_id", "name", "task", "proof", "diff", "calls", "execution", "remarks", "tools.effect")

    def __init__(self, config: Config) -> None:
        self._config = config
        self._form = ShareGpt(config.reasoning, config.beside_call)

    def convert(self, record: Record) -> Converted:
        """Return the one row of a trajectory, or the reason why there is none."""
        turns, found = self._exported_turns(record.turns)
        if not turns:
            return Converted(dropped="nothing_to_train" if self._config.masked == "cut" else "no_assistant_turn")
        has_system = turns[0].role == "system"
        spoken = turns[1:] if has_system else turns
        reason = refusal(turns, spoken, found)
        if reason is None and self._config.form == "alpaca" and "calls" in found:
            reason = "calls_without_a_form"
        if reason is not None:
            return Converted(dropped=reason)
        tools = offered_tools(record.tools)
        row: dict[str, Any] = {
            **self._said(spoken),
            "system": turns[0].content if has_system else "",
            "tools": tools.text if record.tools else self._no_tools(),
            "id": content_id_of(turns, tools),
            "group_id": record.group_id,
            "reward": record.reward,
            "metadata": metadata(record),
        }
        changed = cut_changes(record.turns, turns) + self._form.changed(turns, found)
        lost = self._form.lost(turns, found)
        if "masked" in found:
            lost.append("train")
        if timeless(record.attachments):
            lost.append("attachments")
        return Converted([row], [int(row["id"], 16)], None, lost, changed)

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return dataset_info.json, one entry per split file, named turnwright_<split>."""
        return dataset_info(splits, _INFO[self._config.form])

    def _exported_turns(self, whole: Turns) -> tuple[Turns, set[str]]:
        """Return (the turns up to the last assistant turn that may be trained, their `traits`)."""
        turns, found = whole, traits(whole)
        if self._config.masked == "cut" and "masked" in found:
            turns = before_masked(turns)
        turns = to_last_answer(turns)
        if len(turns) < len(whole):
            found = traits(turns)
        return (in_call_order(turns) if "parallel" in found else turns), found

    def _said(self, spoken: Turns) -> dict[str, Any]:
        """Return the columns that hold the dialogue."""
        said = self._form.conversations(spoken)
        if self._config.form == "openai":
            return {"messages": self._messages(spoken)}
        if self._config.form == "alpaca":
            pairs = [[said[n]["value"], said[n + 1]["value"]] for n in range(0, len(said), 2)]
            *history, (instruction, output) = pairs
            return {"instruction": instruction, "input": "", "output": output, "history": history}
        return {"conversations": said}

    def _messages(self, spoken: Turns) -> list[dict[str, str]]:
        """Return messages of role and content. LLaMA-Factory would encode the arguments of `tool_calls` twice or fill
        them with nulls, so calls stand in the content under a role of their own; it joins results by itself."""
        found: list[dict[str, str]] = []
        for turn in spoken:
            if turn.role == "assistant":
                said = self._form.answer(turn)
                found.append({"role": _ROLES[said["from"]], "content": said["value"]})
            elif turn.role == "user" and found and found[-1]["role"] == "user":
                found[-1]["content"] += "\n\n" + turn.content
            else:
                found.append({"role": turn.role, "content": turn.content})
        return found

    def _no_tools(self) -> str:
        """Return the tools of a dialogue without any. In the form openai an empty text has LLaMA-Factory add "detailed
        thinking off" to the policy, and an empty list does not."""
        return "[]" if self._config.form == "openai" else ""
