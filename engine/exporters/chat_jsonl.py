"""Chat JSONL for TRL, axolotl, ms-swift, prime-rl and others.

One object per line: `messages` (content never null), `tools` (a JSON string), `id` (the content id), `group_id`,
`reward` and `metadata` (a JSON string).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from engine.exporting.content import OfferedTools, content_id_of, offered_tools, tool_schemas
from engine.exporting.dialogue import (
    Turns,
    before_masked,
    cut_changes,
    fits_think_tags,
    metadata,
    problem,
    timeless,
    to_last_answer,
    trained_stretches,
    traits,
    with_think_tags,
)
from engine.exporting.json import dumps
from engine.exporting.record import changed
from engine.types import Converted, Options, Record, RecordTurn

__all__ = ["ChatJsonl"]


class Config(Options):
    """How a chat row is written."""

    tools: Literal["string", "list"] = "string"
    """A JSON string (TRL, axolotl, ms-swift, prime-rl) or a list (NeMo-RL, verl)."""
    turn_flag: Literal["train", "none"] = "train"
    """A `train` flag on each assistant message (axolotl's message_field_training), or none."""
    loss: Literal["none", "ms_swift"] = "none"
    """The `loss` flag of ms-swift on each assistant message, or none."""
    reasoning: Literal["field", "think", "drop"] = "field"
    """In a field of its own, in think tags inside the content (ms-swift), or dropped."""
    split_untrained: bool = False
    """Rows of prompt and completion, one for each stretch of trained turns (TRL, which reads no flags)."""
    parallel: Literal["keep", "serial"] = "keep"
    """Calls made side by side are kept so, or written as one call and its result at a time (gpt-oss, Llama 3, LFM2)."""
    system: Literal["keep", "drop"] = "keep"
    """The policy is the first message, or left out."""
    arguments: Literal["object", "string"] = "object"
    """Arguments of calls as objects (chat templates), or as JSON strings, which every version of `datasets` reads."""
    masked: Literal["keep", "cut"] = "keep"
    """A turn that is not to be trained is kept, or its row ends before it (prime-rl, which trains all it sees)."""


class ChatJsonl:
    """Writes chat rows. A masked turn that neither a flag nor a split carries is counted as lost."""

    suffix = ".jsonl"
    never_carried = ("task", "proof", "diff", "calls", "execution", "remarks", "tools.effect")

    def __init__(self, config: Config) -> None:
        self._config = config
        self._flags = ["train"] * (config.turn_flag == "train") + ["loss"] * (config.loss == "ms_swift")
        self._carries_mask = bool(self._flags) or config.split_untrained

    def convert(self, record: Record) -> Converted:
        """Return the rows of one trajectory, or the reason why there is none."""
        turns = to_last_answer(record.turns)
        if not turns:
            return Converted(dropped="no_assistant_turn")
        found = traits(turns)
        if self._config.masked == "cut" and "masked" in found:
            turns = to_last_answer(before_masked(turns))
            found = traits(turns)
        reason = problem(turns) if "trained" in found else "nothing_to_train"
        if reason is not None:
            return Converted(dropped=reason)
        reshaped = self._reshaped(turns)
        rows = list(self._rows(record, reshaped))
        if not rows:  # only an opening assistant turn is trained, and it has no prompt
            return Converted(dropped="no_opening_request")
        ids = [int(row["id"], 16) for row in rows]
        lost = self._lost_names(turns, found)
        if timeless(record.attachments):
            lost.append("attachments")
        if self._config.split_untrained and reshaped[0].role == "assistant" and reshaped[0].train:
            lost.append("opening_answer")
        return Converted(rows, ids, None, lost, self._reshaping_names(record, turns, found))

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}

    def _lost_names(self, turns: Turns, found: set[str]) -> list[str]:
        lost: list[str] = [name for name in ("fault", "original") if name in found]
        if "reasoning" in found and not all(self._carries_reasoning(t.reasoning) for t in turns if t.reasoning):
            lost.append("reasoning")
        if "masked" in found and not self._carries_mask:
            lost.append("train")
        if self._drops_first(turns):
            lost.append("system")
        return lost

    def _reshaping_names(self, record: Record, turns: Turns, found: set[str]) -> list[str]:
        names = cut_changes(record.turns, turns)
        if self._config.parallel == "serial" and "parallel" in found:
            names.append("parallel_made_serial")
        return names

    def _reshaped(self, turns: Turns) -> Turns:
        if self._drops_first(turns):
            turns = turns[1:]
        return with_serial_calls(turns) if self._config.parallel == "serial" else turns

    def _drops_first(self, turns: Turns) -> bool:
        return self._config.system == "drop" and turns[0].role == "system"

    def _rows(self, record: Record, turns: Turns) -> Iterator[dict[str, Any]]:
        messages = self._messages(turns)
        tools = offered_tools(record.tools)
        if not self._config.split_untrained:
            yield self._row({"messages": messages}, record, turns, tools)
            return
        for start, end in trained_stretches(turns):
            parts = {"prompt": messages[:start], "completion": messages[start:end]}
            yield self._row(parts, record, turns[:end], tools)

    def _row(self, row: dict[str, Any], record: Record, turns: Turns, tools: OfferedTools) -> dict[str, Any]:
        """Complete a row that holds its messages with the other columns; return it."""
        row["tools"] = tools.text if self._config.tools == "string" else tool_schemas(record.tools)
        row["id"] = content_id_of(turns, tools)
        row["group_id"] = record.group_id
        row["reward"] = record.reward
        row["metadata"] = metadata(record)
        return row

    def _messages(self, turns: Turns) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        for turn in turns:
            role = turn.role
            message: dict[str, Any] = {"role": role, "content": turn.content}
            messages.append(message)
            if role == "assistant":
                self._add_answer_fields(turn, message)
            elif role == "tool":
                message["tool_call_id"] = turn.tool_call_id
                if turn.name is not None:
                    message["name"] = turn.name
        return messages

    def _carries_reasoning(self, reasoning: str) -> bool:
        """Return whether the row carries this reasoning."""
        where = self._config.reasoning
        return where == "field" or (where == "think" and fits_think_tags(reasoning))

    def _arguments_value(self, arguments: dict[str, Any]) -> dict[str, Any] | str:
        return dumps(arguments) if self._config.arguments == "string" else arguments

    def _add_answer_fields(self, turn: RecordTurn, message: dict[str, Any]) -> None:
        reasoning, calls = turn.reasoning, turn.tool_calls
        if reasoning and self._carries_reasoning(reasoning):
            if self._config.reasoning == "field":
                message["reasoning_content"] = reasoning
            else:
                message["content"] = with_think_tags(reasoning, turn.content)
        if calls:
            message["tool_calls"] = [
                {
                    "id": c.id,
                    "type": "function",
                    "function": {"name": c.name, "arguments": self._arguments_value(c.arguments)},
                }
                for c in calls
            ]
        for flag in self._flags:
            message[flag] = turn.train


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
