"""OpenEnv: a server with reset and step, and its client.

Written for openenv-core 0.3. An action is the assistant's message, an observation the messages that follow.
"""

from __future__ import annotations

from pathlib import Path

from engine.environments.package import Making

_SHIPPED = ("__init__.py", "client.py", "models.py", "openenv.yaml", "README.md")
_SERVER = ("__init__.py", "app.py", "environment.py", "Dockerfile")


def files(making: Making) -> dict[str, bytes]:
    """Return the package; the folder is the Python package."""
    top = making.name
    shipped = {f"{top}/{path}": making.glue("openenv", path) for path in _SHIPPED}
    server = {f"{top}/server/{path}": making.glue("openenv", f"server/{path}") for path in _SERVER}
    shipped[f"{top}/pyproject.toml"] = making.glue("openenv", "project.toml")
    needed = "\n".join(["openenv-core[core]>=0.3", *making.requirements, ""]).encode()
    return {**shipped, **server, f"{top}/server/requirements.txt": needed, **making.runtime(f"{top}/server/runtime")}


def runtime(folder: Path, task: str) -> Path:
    """Return the folder of the unpacked package that plays a task."""
    (top,) = folder.iterdir()
    return top / "server" / "runtime"
