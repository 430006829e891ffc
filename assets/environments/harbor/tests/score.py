"""The verifier: replays the recorded messages of the assistant in a workspace of its own and writes the reward.

    python3 score.py RECORD FOLDER      writes FOLDER/reward.json and FOLDER/result.json

A dialogue that was left in the middle earns 0. One that cannot be measured writes no reward, so Harbor counts a failed
trial and no 0. Standard library only, beside the code that code.zip holds.
"""

import json
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def unpacked(tests, folder):
    """Unpack what plays the task into a folder, and return it."""
    for name in ("code", "contents"):
        with zipfile.ZipFile(Path(tests) / f"{name}.zip") as archive:
            archive.extractall(Path(folder) / name if name == "code" else folder)
    shutil.copy(Path(tests) / "episodes.py", folder)
    return Path(folder)


def result(replies, folder):
    """Return what the recorded replies earn."""
    sys.path.insert(0, str(folder))
    from episodes import Runtime

    with Runtime(allow_commands=True, code=folder / "code", contents=folder) as runtime:
        return runtime.request("score", task=runtime.tasks[0]["id"], replies=replies)["result"]


def main():
    """Score the record and write what it earns."""
    record, out = map(Path, sys.argv[1:3])
    replies = json.loads(record.read_text()) if record.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        found = result(replies, unpacked(HERE, Path(folder)))
    out.mkdir(parents=True, exist_ok=True)
    rewards = {"reward": found["reward"], "kept": int(found["kept"])}
    (out / "reward.json").write_text(json.dumps(rewards))
    (out / "result.json").write_text(json.dumps(found, indent=1, ensure_ascii=False))
    print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
