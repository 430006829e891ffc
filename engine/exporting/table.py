"""Write rows as a table: CSV or Parquet, some rows at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

_ROWS_AT_ONCE = {".csv": 1_000, ".parquet": 20_000}
"""By the ending of the file. Those of a Parquet file become one row group, whose parts are compressed together."""
ENDINGS = tuple(_ROWS_AT_ONCE)


class TableWriter:
    """Writes encoded rows (JSON objects) of one split under the columns of an exporter, name by type: text, number,
    whole, truth. A missing value is an empty field in CSV and null in Parquet. Implements containers.files.SplitFiles.
    """

    def __init__(self, stack: ExitStack, path: Path, columns: Mapping[str, str]) -> None:
        self._open = stack.enter_context(ExitStack())
        self._pending: list[dict[str, Any]] = []
        self._most = _ROWS_AT_ONCE[path.suffix]
        self._write = (_csv_writer if path.suffix == ".csv" else _parquet_writer)(self._open, path, columns)
        self.rows = 0
        self.files = {path.name: 0}

    def add(self, rows: Sequence[bytes]) -> None:
        """Take encoded rows."""
        self._pending += map(json.loads, rows)
        if len(self._pending) >= self._most:
            self._flush()

    def finish(self) -> None:
        """Write what is left and close the file."""
        self._flush()
        self._open.close()
        self.files = dict.fromkeys(self.files, self.rows)

    def _flush(self) -> None:
        if self._pending:
            self._write(self._pending)
            self.rows += len(self._pending)
            self._pending = []


def _csv_writer(stack: ExitStack, path: Path, columns: Mapping[str, str]) -> Any:
    writer = csv.DictWriter(stack.enter_context(path.open("w", encoding="utf-8", newline="")), list(columns))
    writer.writeheader()
    return writer.writerows


def _parquet_writer(stack: ExitStack, path: Path, columns: Mapping[str, str]) -> Any:
    import pyarrow as arrow
    from pyarrow import parquet

    types = {"text": arrow.string(), "number": arrow.float64(), "whole": arrow.int64(), "truth": arrow.bool_()}
    schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
    writer = stack.enter_context(parquet.ParquetWriter(path, schema, compression="zstd"))
    return lambda rows: writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
