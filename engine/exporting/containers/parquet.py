"""Parquet files in two passes: rows are kept on disk as JSON Lines until all are known, since a column has one type.

Memory holds two row groups, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import NoneType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet

from engine.exporting.containers.files import Shards
from engine.exporting.containers.places import Place, texts_inside, with_texts
from engine.types import Container

_BUFFER_BYTES = 1 << 20
_GROUP_ROWS, _GROUP_BYTES = 2_000, 1 << 23
"""A row group has at most so many rows, and ends with the row that reaches so many bytes of JSON."""
_SCALARS: dict[type, Any] = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}


class ParquetFiles:
    """Writes the rows of one split as Parquet. `rows_seen` is shared by the splits of an export, so that all its files
    have the same columns: call `finish` when every split has all its rows.

    With `json_type`, text at a place that is no text in the rows has Arrow's type for JSON, which `datasets` 4.7 and
    newer turn back into objects, and older ones refuse.
    """

    def __init__(
        self, stack: ExitStack, folder: Path, split: str, container: Container, rows_seen: Place, json_type: bool
    ) -> None:
        self._folder, self._packed = folder, container.packed
        self._shards = Shards(container, split, container.ending)
        self._kept_path = folder / f".{split}.rows"
        self._kept = stack.enter_context(self._kept_path.open("wb", buffering=_BUFFER_BYTES))
        self._rows_seen, self._json_type = rows_seen, json_type
        self._stack = stack
        self.rows = 0
        self.files: dict[str, int] = {}

    def add(self, rows: Sequence[bytes]) -> None:
        """Keep encoded rows, and note what types their values have."""
        if rows:
            self._kept.write(b"\n".join(rows) + b"\n")
            for row in rows:
                self._rows_seen.see(msgspec.json.decode(row))  # reads integers beyond 64 bits exactly, unlike orjson
            self.rows += len(rows)

    def finish(self) -> None:
        """Write the files."""
        self._kept.close()
        if self.rows:
            schema = pa.schema([(key, arrow_type(place)) for key, place in self._rows_seen.keys.items()])
            final = schema
            if self._json_type:
                places = self._rows_seen.keys.items()
                final = pa.schema([(key, arrow_type(place, text=pa.json_())) for key, place in places])
            self._write(schema, final)
        self._kept_path.unlink()

    def _write(self, schema: pa.Schema, final: pa.Schema) -> None:
        """Write the row groups, each in a thread of its own while the next is made."""
        inside = texts_inside(self._rows_seen)
        writer: Any = None
        with ThreadPoolExecutor(1) as writing:
            pending: Future[None] | None = None
            for group in _groups(self._kept_path):
                for name, run in self._shards.runs(group):
                    rows = [with_texts(msgspec.json.decode(row), inside) for row in run]
                    table = pa.Table.from_pylist(rows, schema=schema).cast(final)
                    if pending is not None:
                        pending.result()
                    if name not in self.files:
                        if writer is not None:
                            writer.close()
                        file = pyarrow.parquet.ParquetWriter(self._folder / name, final, compression=self._packed)
                        writer = self._stack.enter_context(file)
                        self.files[name] = 0
                    self.files[name] += len(run)
                    pending = writing.submit(writer.write_table, table)
            if pending is not None:
                pending.result()
        writer.close()


def _groups(path: Path) -> Iterator[list[bytes]]:
    """Yield the lines of a file in groups, without their line breaks."""
    with path.open("rb", buffering=_BUFFER_BYTES) as lines:
        found: list[bytes] = []
        size = 0
        for line in lines:
            found.append(line[:-1])
            size += len(line)
            if len(found) >= _GROUP_ROWS or size >= _GROUP_BYTES:
                yield found
                found, size = [], 0
        if found:
            yield found


def arrow_type(place: Place, text: pa.DataType | None = None) -> pa.DataType:
    """Return the type of the column for a place; `text` is the type of JSON text where rows hold no text."""
    if place.is_text:
        return text or pa.string()
    kinds = place.kinds - {NoneType}
    if dict in kinds:
        return pa.struct([(key, arrow_type(one, text)) for key, one in place.keys.items()])
    if list in kinds:
        return pa.list_(arrow_type(place.item, text) if place.item is not None else pa.null())
    if len(kinds) == 2:  # whole numbers and others
        return pa.float64()
    return _SCALARS[next(iter(kinds))] if kinds else pa.null()
