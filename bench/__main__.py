"""Run all benchmarks, or those named: `python -m bench [NAME ...]`. Each prints its floor or peer beside ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = (
    "sandbox",
    "planning",
    "rollouts",
    "model_path",
    "storage",
    "contention",
    "export",
    "imports",
    "memory",
    "pages",
)


def main() -> int:
    chosen = sys.argv[1:] or [name for name in NAMES if (Path(__file__).parent / f"{name}.py").is_file()]
    unknown = sorted(set(chosen) - set(NAMES))
    if unknown:
        print(f"error: there is no benchmark {unknown[0]!r}. Choose from: {', '.join(NAMES)}", file=sys.stderr)
        return 1
    status = 0
    for name in chosen:
        print(f"\n== {name}", flush=True)
        status |= subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
