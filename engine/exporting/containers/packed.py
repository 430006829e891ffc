"""Files that are compressed while they are written; equal contents give equal bytes."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from engine.types import Compression

_BUFFER_BYTES = 1 << 20
_GZIP_LEVEL = 6


def open_packed(path: Path, packed: Compression) -> Any:
    """Return a new file to write bytes to, which is also a context; closing it twice does no harm."""
    if packed == "gzip":
        return _Gzip(path)
    if packed == "zstd":
        import pyarrow  # takes a third of a second, and most exports need none

        return pyarrow.CompressedOutputStream(str(path), "zstd")
    return path.open("wb", buffering=_BUFFER_BYTES)


class _Gzip(gzip.GzipFile):
    """A gzip file whose header holds neither a time nor a name, since these would change its bytes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        super().__init__("", "wb", _GZIP_LEVEL, self._file, mtime=0)

    def close(self) -> None:
        """Complete the file."""
        super().close()
        self._file.close()
