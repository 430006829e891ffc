"""LLaMA-Factory sharegpt with its dataset_info.json.

Turns alternate strictly: human and observation at odd places, gpt and function_call at even ones. Every gpt and
function_call turn is trained there and no flag can switch one off, so a row ends before the first masked turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import orjson

from engine.curate import content_id
from engine.exporters._dialogue import (
    fits_think_tags,
    in_call_order,
    metadata,
    problem,
    thinking,
    to_last_answer,
    tools_text,
    traits,
)
from engine.exporters._json import dumps
from engine.exporters._report import Report
from engine.types import Frozen, Trajectory, Turn

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
    keeps_duplicates = False

    def __init__(self, config: Config) -> None:
        self._config = config
        self._seen: set[int] = set()
        self.report = Report(
            never_carried=("tool_call_id", "name", "task", "proof", "diff", "calls", "execution", "tools.effect")
        )

    def rows(self, trajectories: Iterable[Trajectory]) -> Iterator[dict[str, Any]]:
        """Yield one row per trajectory, or count why there is none."""
        for trajectory in trajectories:
            turns = self._trained(trajectory.turns)
            spoken = turns[1:] if turns and turns[0].role == "system" else turns
            id = content_id(turns, trajectory.tools)
            reason = self._refused(turns, spoken) or ("duplicate" if int(id, 16) in self._seen else None)
            if reason is not None:
                self.report.drop(reason)
                continue
            self._seen.add(int(id, 16))
            self._count(trajectory, turns)
            self.report.trajectories += 1
            self.report.exported += 1
            self.report.rows += 1
            yield {
                "conversations": self._conversations(spoken),
                "system": turns[0].content if turns[0].role == "system" else "",
                "tools": tools_text(trajectory.tools) if trajectory.tools else "",
                "id": id,
                "group_id": trajectory.group_id,
                "reward": trajectory.reward,
                "metadata": metadata(trajectory),
            }

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return dataset_info.json, one entry per split file, named turnwright_<split>."""
        columns = {"messages": "conversations", "system": "system", "tools": "tools"}
        entries = {
            f"turnwright_{split}": {"file_name": file, "formatting": "sharegpt", "columns": columns, "tags": TAGS}
            for split, file in splits.items()
        }
        return {"dataset_info.json": orjson.dumps(entries, option=orjson.OPT_INDENT_2) + b"\n"}

    def _trained(self, turns: Sequence[Turn]) -> tuple[Turn, ...]:
        """Return the turns up to the last answer that may be trained."""
        if self._config.masked == "cut":
            first = next((i for i, t in enumerate(turns) if t.role == "assistant" and not t.train), len(turns))
            turns = turns[:first]
        return in_call_order(to_last_answer(turns))

    def _refused(self, turns: Sequence[Turn], spoken: Sequence[Turn]) -> str | None:
        if not turns:
            return "nothing_to_train" if self._config.masked == "cut" else "no_assistant_turn"
        if spoken[0].role != "user":
            return "no_opening_request"
        return problem(turns) or _broken_alternation(spoken) or _ambiguous_results(spoken)

    def _count(self, trajectory: Trajectory, turns: Sequence[Turn]) -> None:
        lost, changed, config = self.report.lost, self.report.changed, self._config
        found = traits(turns)
        if len(turns) < len(trajectory.turns):
            last = len(to_last_answer(trajectory.turns))
            changed["cut_before_masked_turn" if len(turns) < last else "cut_to_last_answer"] += 1
        changed["user_turns_merged"] += "merged" in found
        changed["parallel_results_joined"] += any(len(t.tool_calls) > 1 for t in turns[:-1])
        lost["train"] += "masked" in found
        for name in found & {"fault", "original"}:
            lost[name] += 1
        thoughts = [t.reasoning for t in turns if t.reasoning]
        if thoughts and not (config.reasoning == "think" and all(map(fits_think_tags, thoughts))):
            lost["reasoning"] += 1
        beside = [t.content for t in turns if t.tool_calls and t.content.strip()]
        if beside:
            kept = config.beside_call == "think" and all(map(fits_think_tags, beside))
            (changed if kept else lost)["text_beside_call_as_thought" if kept else "text_beside_call"] += 1

    def _conversations(self, turns: Sequence[Turn]) -> list[dict[str, str]]:
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
        if turn.role == "user":
            return "human", turn.content
        if turn.role == "tool":
            return "observation", turn.content
        kept = self._config.reasoning == "think" and fits_think_tags(turn.reasoning)
        thoughts = [turn.reasoning] if turn.reasoning and kept else []
        if not turn.tool_calls:
            return "gpt", thinking(thoughts[0], turn.content) if thoughts else turn.content
        if self._config.beside_call == "think" and turn.content.strip() and fits_think_tags(turn.content):
            thoughts.append(turn.content)
        calls = [{"name": call.name, "arguments": call.arguments} for call in turn.tool_calls]
        # think tags inside an argument would be taken for a thought and cut out
        value = dumps(calls[0] if len(calls) == 1 else calls).replace("<think>", "\\u003cthink>")
        return "function_call", thinking("\n".join(thoughts), value) if thoughts else value


def _broken_alternation(turns: Sequence[Turn]) -> str | None:
    """Consecutive user turns are merged and consecutive results joined, but two answers in a row have no form."""
    twice = any(a.role == b.role == "assistant" for a, b in pairwise(turns))
    return "two_answers_in_a_row" if twice else None


def _ambiguous_results(turns: Sequence[Turn]) -> str | None:
    """A result that holds the very text that separates results would read as two."""
    return "separator_in_result" if any(t.role == "tool" and BETWEEN_RESULTS in t.content for t in turns) else None
