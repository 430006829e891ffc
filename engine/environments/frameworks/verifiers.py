"""verifiers: a taskset whose environment plays the user and answers the calls.

Written for verifiers 0.4 (its v1 stack). The package's name is the id of the taskset; the model plays by any harness
that speaks MCP, by default the one without tools of its own.
"""

from __future__ import annotations

from pathlib import Path

from engine.environments.package import Making

_SHIPPED = ("__init__.py", "environment.py", "taskset.py", "toolset.py")


def files(making: Making) -> dict[str, bytes]:
    """Return the package, which is a Python project."""
    top = making.name
    inner = f"{top}/{making.name}"
    return {
        f"{top}/pyproject.toml": making.glue("verifiers", "project.toml"),
        f"{top}/README.md": making.glue("verifiers", "README.md"),
        **{f"{inner}/{path}": making.glue("verifiers", path) for path in _SHIPPED},
        **making.runtime(f"{inner}/runtime"),
    }


def runtime(folder: Path, task: str) -> Path:
    """Return the folder of the unpacked package that plays a task."""
    (found,) = folder.glob("*/*/runtime")
    return found
