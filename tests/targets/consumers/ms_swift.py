"""ms-swift loads each file in strict mode, keeps every call with its arguments, and reads which turns are trained.

requires: ms-swift==4.6.0 torch
"""

import json
import re
import sys
from pathlib import Path

from swift.dataset import load_dataset


def calls(messages: list[dict]) -> list:
    """Return name and arguments of all calls, in either spelling."""
    found = []
    for message in messages:
        for call in message.get("tool_calls") or ():
            arguments = call["function"]["arguments"]
            arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
            found.append((call["function"]["name"], arguments))
        if message["role"] == "tool_call":
            content = message["content"]
            content = json.loads(content) if isinstance(content, str) else content
            arguments = content["arguments"]
            found.append((content["name"], json.loads(arguments) if isinstance(arguments, str) else arguments))
    return found


def check(folder: Path) -> None:
    """Raise AssertionError where a row or a call is not what was written."""
    written = [json.loads(line) for line in (folder / "train.jsonl").read_bytes().splitlines()]
    # its `datasets` cannot read an integer beyond 64 bits in an argument
    written = [row for row in written if not re.search(r"\d{20}", json.dumps(row["messages"]))]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
    rows, _ = load_dataset(str(folder / "train.jsonl"), strict=True, load_from_cache_file=False)
    assert len(rows) == len(written)
    for row, before in zip(rows, written, strict=True):
        for key in ("messages", "rejected_messages"):
            if key in before:
                assert calls(row[key]) == calls(before[key])
        flags = {message["loss"] for message in row["messages"] if message["role"] in ("assistant", "tool_call")}
        assert flags <= {True, False}
        given = {message["loss"] for message in before["messages"] if message["role"] == "assistant"}
        assert flags == given
    print(f"  {folder.name}: {len(rows)} rows")


for place in sorted(Path(sys.argv[1]).glob("ms_swift*")):
    check(place)
