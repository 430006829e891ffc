"""LLaMA-Factory loads each file by dataset_info.json, keeps every row, and finds each call with its arguments.

requires: llamafactory==0.9.5 torch
"""

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

try:
    import torchaudio  # noqa: F401
except (ImportError, OSError):  # it must fit torch, and our rows have no sounds
    sys.modules["torchaudio"] = ModuleType("torchaudio")
    sys.modules["torchaudio"].__spec__ = ModuleSpec("torchaudio", None)

from llamafactory.data.loader import _load_single_dataset
from llamafactory.data.parser import get_dataset_list


def loaded(folder: Path) -> list[dict]:
    """Return the rows of a folder as LLaMA-Factory aligns them."""
    (attributes,) = get_dataset_list(["turnwright_train"], str(folder))
    data = SimpleNamespace(
        dataset_dir=str(folder),
        media_dir=str(folder),
        streaming=False,
        preprocessing_num_workers=None,
        max_samples=None,
        overwrite_cache=True,
    )
    model = SimpleNamespace(cache_dir=str(folder / "cache"), hf_hub_token=None)
    training = SimpleNamespace(dataloader_num_workers=0, local_process_index=0)
    return list(_load_single_dataset(attributes, model, data, training))


def calls(turn: dict) -> list[dict]:
    """Return the calls of an aligned turn."""
    if turn["role"] != "function":
        return []
    found = json.loads(turn["content"].rpartition("</think>\n\n")[2])
    return found if isinstance(found, list) else [found]


def check(folder: Path) -> None:
    """Raise AssertionError where a row was skipped or a call was changed."""
    written = [json.loads(line) for line in (folder / "train.jsonl").read_bytes().splitlines()]
    rows = loaded(folder)
    assert len(rows) == len(written)
    for row, before in zip(rows, written, strict=True):
        assert row["_response"], f"skipped: {before}"
        assert len(row["_prompt"]) % 2 == 1
        said = [*row["_prompt"], *row["_response"]]
        text = json.dumps(before, ensure_ascii=False)
        for turn in said:
            for call in calls(turn):
                assert isinstance(call["arguments"], dict), "arguments were encoded twice"
                assert json.dumps(call["name"]) in text.replace('\\"', '"')
        assert "detailed thinking" not in row["_system"]
        assert row["_system"].rstrip("\n") == before["system"].rstrip("\n")
    print(f"  {folder.name}: {len(rows)} rows")


for place in sorted(Path(sys.argv[1]).glob("llamafactory*")):
    check(place)
