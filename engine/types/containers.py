"""The container of an export: in what kind of files its rows stand."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.types.frozen import Frozen

ContainerKind = Literal["jsonl", "json", "parquet"]
"""One JSON object a line, one JSON array, or Parquet."""
Compression = Literal["none", "gzip", "zstd"]
Size = Annotated[int, Field(ge=1, lt=1 << 63)]


class Container(Frozen):
    """In what files the rows of each split stand.

    `compression` packs a JSON file as a whole (its name then ends in .gz or .zst), and the columns inside a Parquet
    file; None stands for the usual one, which is none for JSON and zstd for Parquet. A split is one file, unless
    `shard_rows` (rows) or `shard_bytes` (bytes of the rows as JSON Lines, before any compression) bounds its files; a
    row that is larger by itself has a file of its own.
    """

    kind: ContainerKind = "jsonl"
    compression: Compression | None = None
    shard_rows: Size | None = None
    shard_bytes: Size | None = None

    @property
    def packed(self) -> Compression:
        """The compression, with the usual one in place of None."""
        return self.compression or ("zstd" if self.kind == "parquet" else "none")

    @property
    def sharded(self) -> bool:
        """Whether a split may be several files."""
        return self.shard_rows is not None or self.shard_bytes is not None

    @property
    def ending(self) -> str:
        """The ending of its files' names, for example ".jsonl.gz"."""
        outside = {"none": "", "gzip": ".gz", "zstd": ".zst"}[self.packed] if self.kind != "parquet" else ""
        return f".{self.kind}{outside}"

    @property
    def is_plain(self) -> bool:
        """Whether it is one file of JSON Lines a split, as exports have always been."""
        return self.ending == ".jsonl" and not self.sharded
