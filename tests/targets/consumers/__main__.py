"""Hold the exported files against the loaders of their consumers: `make consumers`, or with names only some of them.

Each consumer has a file NAME.py here, which only its own environment can run, since their requirements exclude each
other; its docstring says what is installed there: `requires:`, `alone:` (without what that requires itself) and
`python:` (another Python, which must be on the PATH). They are made one after the other and stay for the next time.
None needs a GPU or an account, but LLaMA-Factory, axolotl, ms-swift and verl need torch: on Linux, naming a place with
wheels for the CPU (UV_INDEX or UV_FIND_LINKS) saves some gigabytes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.targets.rows import lines

HERE = Path(__file__).parent
WRITTEN: dict[str, tuple[str, ...]] = {
    "llamafactory": (
        "llamafactory",
        "llamafactory/openai",
        "llamafactory/alpaca",
        "llamafactory/ranking",
        "llamafactory/kto",
    ),
    "axolotl": ("axolotl",),
    "ms_swift": ("ms_swift", "ms_swift/rejected"),
    "verl": ("verl", "verl/rl", "toolrl"),
    "toolrl": ("toolrl",),
    "nemo_gym": ("nemo_gym/task", "nemo_gym/rollout"),
    "mini_swe_agent": ("mini_swe_agent", "atif"),
    "verifiers": ("verifiers/trace", "verifiers/episode"),
}
"""The targets whose files each consumer reads."""


def main() -> int:
    """Return 1 when a consumer refuses a file or could not be installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WRITTEN))
    parser.add_argument("--environments", type=Path, default=Path(".venv/consumers"))
    given = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.names or WRITTEN:
            write(WRITTEN[name], Path(folder))
            if not (environment(name, given.environments) and reads(name, given.environments, Path(folder))):
                failed.append(name)
    print(f"Refused or not installed: {', '.join(failed)}" if failed else "All read their files.")
    return bool(failed)


def write(targets: tuple[str, ...], folder: Path) -> None:
    """Write the rows of each target, with their extra files, into a folder of its own."""
    from engine import plugins
    from engine.exporting.target import find, for_target
    from engine.types import Recipe

    for name in targets:
        place = folder / name.replace("/", "_")
        place.mkdir(exist_ok=True)
        (place / "train.jsonl").write_bytes(b"".join(line + b"\n" for line in lines(name)[0]))
        (place / "settings").write_text(find(name).settings_for({"train": "train.jsonl"}))
        recipe = for_target(Recipe(target=name))
        config = plugins.configure("exporters", find(name).format, recipe.options)
        exporter = plugins.load("exporters", find(name).format).make(config)
        for file, content in exporter.extra_files({"train": "train.jsonl"}).items():
            (place / file).write_bytes(content)


def environment(name: str, folder: Path) -> bool:
    """Make the environment of a consumer where there is none; return whether there is one."""
    place = folder / name
    if (place / "ready").exists():
        return True
    python, wanted, alone = (said_of(name, word) for word in ("python", "requires", "alone"))
    uv = [sys.executable, "-m", "uv"]
    make = [*uv, "venv", "--quiet", "--clear", "--python", *(python or [sys.executable]), str(place)]
    install = [*uv, "pip", "install", "--quiet", "--python", str(place / "bin/python")]
    further = [[*install, "--no-deps", *alone]] if alone else []
    made = all(subprocess.run(command).returncode == 0 for command in (make, [*install, *wanted], *further))
    if made:
        (place / "ready").touch()
    return made


def said_of(name: str, word: str) -> list[str]:
    """Return the words of the line `word:` in the docstring of a consumer's file; [] where it has none."""
    found = re.search(rf"^{word}: (.*)$", (HERE / f"{name}.py").read_text(), re.MULTILINE)
    return found[1].split() if found else []


def reads(name: str, folder: Path, files: Path) -> bool:
    """Return whether a consumer reads its files."""
    # -P: a file here that is named after a package must not be imported in its stead
    command = [str((folder / name / "bin/python").absolute()), "-P", str(HERE / f"{name}.py"), str(files)]
    # without it, importing Harbor fetches a table of prices
    code = subprocess.run(command, cwd=files, env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}).returncode
    print(f"{name}: {'reads its files' if code == 0 else 'REFUSES A FILE'}")
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
