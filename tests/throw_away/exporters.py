"""What was said, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from engine.protocols import Exporter
from engine.types import Converted, Options, Record

__all__ = ["SaidExporter"]


class Config(Options):
    """Who is heard."""

    system: bool = True
    """Whether the policy leaves too."""


class SaidExporter(Exporter):
    suffix = ".jsonl"
    never_carried = ("tools", "tool_calls", "reasoning")

    def __init__(self, config: Config) -> None:
        self._roles = ("system", "user", "assistant") if config.system else ("user", "assistant")

    def convert(self, record: Record) -> Converted:
        said = [(turn.role, turn.content) for turn in record.turns if turn.role in self._roles and turn.content]
        if not said or said[-1][0] != "assistant":
            return Converted(dropped="no_answer")
        return Converted([{"said": [{"by": role, "text": text} for role, text in said], "group_id": record.group_id}])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        return {}
