"""What was said, read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from engine import plugins
from engine.examples import ImportExample
from engine.protocols import Importer, ImportReport
from engine.types import Options, Trajectory

__all__ = ["SaidImporter"]


class Config(Options):
    """How rows are written."""

    key: str = "said"
    """The key of the turns."""


class SaidImporter(Importer):
    """Makes chat rows of rows, and has the importer of chat rows read them."""

    def __init__(self, config: Config) -> None:
        plugin = plugins.load("importers", "chat_jsonl")
        self._inner: Importer = plugin.make(plugin.config(reasoning="field"))
        self._key = config.key

    def trajectories(
        self, lines: Iterable[bytes], name: str, report: ImportReport | None = None
    ) -> Iterator[Trajectory]:
        return self._inner.trajectories(map(self._chat, lines), name, report)

    def _chat(self, line: bytes) -> bytes:
        """Return the line as a chat row; as it is where it is none of ours, so that it is refused as such."""
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return line
        if not isinstance(row, dict) or not isinstance(said := row.pop(self._key, None), list):
            return line
        return json.dumps(row | {"messages": [_message(one) for one in said]}).encode()


def _message(one: Any) -> Any:
    return {"role": one.get("by"), "content": one.get("text")} if isinstance(one, dict) else one


EXAMPLE = ImportExample(rows=({"said": [{"by": "user", "text": "Hi"}, {"by": "assistant", "text": "Hello."}]},))
