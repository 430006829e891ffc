"""The files of one split: one file, or shards of a bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from engine.exporting.containers.packed import open_packed
from engine.types import Container

_ROWS_AT_ONCE = 100


class SplitFiles(Protocol):
    """Writes the rows of one split.

    rows: how many were added. files: the names of the files that hold them, in order, each with the number of its rows;
        complete after `finish`.
    add: take encoded rows (one JSON object in UTF-8 each, without a line break).
    finish: write what is left and close the files.
    """

    rows: int
    files: dict[str, int]

    def add(self, rows: Sequence[bytes]) -> None: ...
    def finish(self) -> None: ...


class Shards:
    """Divides the rows of a split into files by the limits of its container, and names the files."""

    def __init__(self, container: Container, split: str, ending: str) -> None:
        self._name = f"{split}-{{:05}}{ending}" if container.sharded else f"{split}{ending}"
        self._most_rows, self._most_bytes = container.shard_rows, container.shard_bytes
        self._is_limited = container.sharded
        self._shard = self._rows = self._bytes = 0

    def runs(self, rows: Sequence[bytes]) -> Iterator[tuple[str, Sequence[bytes]]]:
        """Yield (name of a file, the rows that go into it next) for further rows, in their order."""
        if not self._is_limited:
            yield self._name, rows
            return
        begin = 0
        for place, row in enumerate(rows):
            if self._is_full(len(row) + 1):
                if place > begin:
                    yield self._name.format(self._shard), rows[begin:place]
                begin, self._shard, self._rows, self._bytes = place, self._shard + 1, 0, 0
            self._rows, self._bytes = self._rows + 1, self._bytes + len(row) + 1
        if len(rows) > begin:
            yield self._name.format(self._shard), rows[begin:]

    def _is_full(self, size: int) -> bool:
        """Return whether a row of that many bytes begins a new file; the first row of a file never does."""
        if not self._rows:
            return False
        over = self._most_bytes is not None and self._bytes + size > self._most_bytes
        return over or self._rows == self._most_rows


class TextFiles:
    """Writes rows as JSON Lines or as JSON arrays, a hundred at a time. The files close with `stack` too."""

    def __init__(self, stack: ExitStack, folder: Path, split: str, container: Container, ending: str) -> None:
        self._stack, self._folder, self._packed = stack, folder, container.packed
        self._shards = Shards(container, split, ending)
        is_array = container.kind == "json"
        self._begin, self._between, self._end = (b"[\n", b",\n", b"\n]\n") if is_array else (b"", b"\n", b"\n")
        self._pending: list[bytes] = []
        self._open: Any = None
        self.rows = 0
        self.files: dict[str, int] = {}

    def add(self, rows: Sequence[bytes]) -> None:
        """Take encoded rows."""
        self._pending += rows
        if len(self._pending) >= _ROWS_AT_ONCE:
            self._flush()

    def finish(self) -> None:
        """Write what is left and close the last file."""
        self._flush()
        self._close()

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if not pending:
            return
        for name, run in self._shards.runs(pending):
            before = self._between
            if name not in self.files:
                self._close()
                self._open = self._stack.enter_context(open_packed(self._folder / name, self._packed))
                self.files[name] = 0
                before = self._begin
            self._open.write(before + self._between.join(run))
            self.files[name] += len(run)
        self.rows += len(pending)

    def _close(self) -> None:
        if self._open is not None:
            self._open.write(self._end)
            self._open.close()
