"""Opens the sandbox backend that a setting names. Used by composition roots; plug-ins do not know each other."""

from __future__ import annotations

from typing import Any

from engine.errors import InputError, SandboxError
from engine.plugins import load, names
from engine.protocols import SandboxHealth, SandboxPool

PREFERRED = ("docker", "local")
"""What `auto` tries, in this order."""


async def open_pool(choice: str, *, allow_commands: bool = False, image: str | None = None) -> SandboxPool:
    """Return a started pool for "auto" or the name of a plug-in in engine/sandboxes.

    `allow_commands` lets a backend without isolation run tools that execute commands; `image` names the
    sandbox image of backends that have one. Raises InputError for an unknown name and SandboxError(gone=True),
    with the next move, when the backend cannot be used.
    """
    if choice != "auto":
        return await _started(choice, allow_commands, image)
    for name in PREFERRED[:-1]:
        try:
            return await _started(name, allow_commands, image)
        except SandboxError:
            continue
    return await _started(PREFERRED[-1], allow_commands, image)


async def health(image: str | None = None) -> list[SandboxHealth]:
    """Return, for every plug-in, whether it can be used now. Never raises for a backend that cannot."""
    found = []
    for name in names("sandboxes"):
        pool = _build(name, False, image)
        try:
            found.append(await pool.health())
        finally:
            await pool.aclose()
    return found


async def _started(name: str, allow_commands: bool, image: str | None) -> SandboxPool:
    pool = _build(name, allow_commands, image)
    try:
        await pool.start()
    except BaseException:
        await pool.aclose()
        raise
    return pool


def _build(name: str, allow_commands: bool, image: str | None) -> SandboxPool:
    if name not in names("sandboxes"):
        raise InputError("sandbox", f"there is no sandbox {name!r}.", f"Choose auto, {', '.join(names('sandboxes'))}.")
    plugin = load("sandboxes", name)
    wanted: dict[str, Any] = {"allow_commands": allow_commands, "image": image}
    options = {k: v for k, v in wanted.items() if v is not None and k in plugin.config.model_fields}
    pool: SandboxPool = plugin.make(plugin.config.model_validate(options))
    return pool
