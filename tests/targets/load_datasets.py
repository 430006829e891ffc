"""Run by another process, with one version of `datasets` on its path: loads files in each way and prints what came.

Reads a JSON list of [name, file of JSON Lines, file of Parquet or null] from its standard input; prints
{"version": ..., "results": {name: {way: rows, or the text of an error}}}.
"""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset, load_dataset


def loaded(kind: str, file: str, cache: str) -> Any:
    """Return the data set that `load_dataset` makes of one file."""
    return load_dataset(kind, data_files={"train": file}, cache_dir=cache)["train"]


def listed(rows: list[Any]) -> Any:
    """Return the data set that `from_list` makes of rows; newer versions are told that types may be mixed."""
    mixed = "on_mixed_types" in inspect.signature(Dataset.from_list).parameters
    return Dataset.from_list(rows, **({"on_mixed_types": "use_json"} if mixed else {}))


def tried(load: Callable[[], Any], folder: Path) -> Any:
    """Return the rows of a data set that was also written to Parquet, or the text of the error."""
    try:
        found = load()
        found.to_parquet(str(folder / "written.parquet"))
        return list(found)
    except Exception as error:  # whatever a version raises is its answer
        return f"{type(error).__name__}: {error} {error.__cause__ or ''}"


def main() -> None:
    """Load all files."""
    datasets.disable_progress_bars()
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for target, lines, columns in json.load(sys.stdin):
            rows = [json.loads(line) for line in Path(lines).read_text().split("\n") if line]
            results[target] = {
                "json": tried(lambda file=lines: loaded("json", file, name), folder),
                "from_list": tried(lambda rows=rows: listed(rows), folder),
            }
            if columns is not None:
                results[target]["parquet"] = tried(lambda file=columns: loaded("parquet", file, name), folder)
    print(json.dumps({"version": datasets.__version__, "results": results}))


if __name__ == "__main__":
    main()
