"""Chat JSONL for TRL, axolotl, ms-swift, prime-rl and others.

One object per line: `messages` (content never null), `tools` (a JSON string), `id` (the content id), `group_id`,
`reward` and `metadata` (a JSON string).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from engine.exporting.content import OfferedTools, content_id_of, offered_tools, tool_schemas
from engine.exporting.control_tokens import holds_own_tokens
from engine.exporting.dialogue import Turns, metadata, trained_stretches
from engine.exporting.draft import Draft, draft
from engine.exporting.messages import MessageForm
from engine.exporting.reshape import with_ids, with_serial_calls
from engine.types import Converted, Options, Record

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
    ids: Literal["given", "nine", "kimi"] = "given"
    """Ids of calls as they came, of nine letters and digits (Mistral), or with the name of the tool (Kimi K2)."""


class ChatJsonl:
    """Writes chat rows. A masked turn that neither a flag nor a split carries is counted as lost."""

    suffix = ".jsonl"
    never_carried = ("task", "proof", "diff", "calls", "execution", "remarks", "tools.effect")

    def __init__(self, config: Config) -> None:
        self._config = config
        flags = ("train",) * (config.turn_flag == "train") + ("loss",) * (config.loss == "ms_swift")
        self._form = MessageForm(config.arguments, config.reasoning, flags)
        self._carries_mask = bool(flags) or config.split_untrained

    def convert(self, record: Record) -> Converted:
        """Return the rows of one trajectory, or the reason why there is none."""
        made = draft(record, cut=self._config.masked == "cut")
        if isinstance(made, str):
            return Converted(dropped=made)
        reshaped = self._reshaped(made.turns)
        rows = list(self._rows(record, reshaped))
        if not rows:  # only an opening assistant turn is trained, and it has no prompt
            return Converted(dropped="no_opening_request")
        self._count(made)
        if self._config.split_untrained and reshaped[0].role == "assistant" and reshaped[0].train:
            made.lost.append("opening_answer")
        return made.finished(rows, [int(row["id"], 16) for row in rows])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}

    def _count(self, made: Draft) -> None:
        made.lost += self._form.lost(made.turns, made.found)
        if "masked" in made.found and not self._carries_mask:
            made.lost.append("train")
        if self._drops_first(made.turns):
            made.lost.append("system")
        if self._config.parallel == "serial" and "parallel" in made.found:
            made.changed.append("parallel_made_serial")
        if self._config.ids != "given" and "calls" in made.found:
            made.changed.append("call_ids_renewed")
        if holds_own_tokens(made.turns):  # a template writes them unescaped
            made.changed.append("control_tokens_in_text")

    def _reshaped(self, turns: Turns) -> Turns:
        if self._drops_first(turns):
            turns = turns[1:]
        if self._config.parallel == "serial":
            turns = with_serial_calls(turns)
        return turns if self._config.ids == "given" else with_ids(turns, self._config.ids)

    def _drops_first(self, turns: Turns) -> bool:
        return self._config.system == "drop" and turns[0].role == "system"

    def _rows(self, record: Record, turns: Turns) -> Iterator[dict[str, Any]]:
        messages = self._form.messages(turns)
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
