"""Peak memory of the engine for generating and exporting trajectories, and for ten times as many.

    python -m bench.memory [--number 1000]

Each size is one process of its own (`python -m engine run`, then `export`), whose peak resident memory the operating
system reports. The larger should stay within 1.3 times the smaller.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.settings import ROOT, child_environment

BATCH = "name: memory\ndomains: [retail, clinic]\nturns: {1: 1}\nconcurrency: 32\nsandbox: local\ntrajectories: %d\n"
PROBE = (
    "import resource, runpy, sys; sys.argv = ['engine', *sys.argv[1:]]\n"
    "try: runpy.run_module('engine', run_name='__main__')\n"
    "finally: print('PEAK', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
)


def peak(home: Path, *arguments: str) -> float:
    """Return the peak resident memory of one engine command, in MB."""
    command = [sys.executable, "-c", PROBE, *arguments]
    environment = child_environment(TURNWRIGHT_HOME=str(home))
    environment.pop("DATABASE_URL", None)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return int(done.stderr.rsplit("PEAK", 1)[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=1000)
    number = parser.parse_args().number
    floor: dict[str, float] = {}
    print(f"{'trajectories':>12}  {'command':<8}{'peak MB':>9}{'ratio':>8}")
    for size in (number, number * 10):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            (home / "batch.yaml").write_text(BATCH % size)
            for name, arguments in (
                ("run", ("run", str(home / "batch.yaml"))),
                ("export", ("export", "--out", str(home / "out.zip"))),
            ):
                used = peak(home, *arguments)
                floor.setdefault(name, used)
                print(f"{size:>12}  {name:<8}{used:>9.0f}{used / floor[name]:>8.2f}", flush=True)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest child process: {children:.0f} MB")


if __name__ == "__main__":
    main()
