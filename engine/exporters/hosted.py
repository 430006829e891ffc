"""Chat rows for hosted training: OpenAI and Mistral.

One object per line: `messages` (arguments of calls as JSON text, a weight of 0 or 1 on each answer), and for dialogues
with tools `tools`. The services take no other column, so ids, rewards and metadata stay behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from engine.exporting.content import tool_schemas
from engine.exporting.draft import draft
from engine.exporting.messages import MessageForm
from engine.exporting.reshape import with_ids, with_safe_names
from engine.types import Converted, Options, Record

__all__ = ["Hosted"]

FORMS = {
    "openai": MessageForm("string", "drop", weight=True, empty=None, names=False),
    "mistral": MessageForm("string", "drop", weight=True, text_beside_calls=False),
}


class Config(Options):
    """How a row for a hosted service is written."""

    service: Literal["openai", "mistral"] = "openai"
    """Mistral wants ids of nine letters and digits, and no text beside a call."""


class Hosted:
    """Writes rows for a hosted service; renames tools whose names it does not allow."""

    suffix = ".jsonl"
    never_carried = (
        "id", "group_id", "reward", "metadata", "task", "proof", "diff", "calls", "execution", "remarks",
        "tools.effect",
    )  # fmt: skip

    def __init__(self, config: Config) -> None:
        self._is_mistral = config.service == "mistral"
        self._form = FORMS[config.service]

    def convert(self, record: Record) -> Converted:
        """Return the one row of a trajectory, or the reason why there is none."""
        made = draft(record)
        if isinstance(made, str):
            return Converted(dropped=made)
        if self._is_mistral and any(t.role == "assistant" and not (t.content or t.tool_calls) for t in made.turns):
            return Converted(dropped="empty_answer")
        made.lost += self._form.lost(made.turns, made.found)
        turns, tools, renamed = with_safe_names(made.turns, record.tools)
        if renamed:
            made.changed.append("tools_renamed")
        if self._is_mistral and "calls" in made.found:
            turns = with_ids(turns, "nine")
            made.changed.append("call_ids_renewed")
        row: dict[str, Any] = {"messages": self._form.messages(turns)}
        if tools:
            row["tools"] = tool_schemas(tools)
            if not self._is_mistral:
                row["parallel_tool_calls"] = "parallel" in made.found
        return made.finished([row])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}
