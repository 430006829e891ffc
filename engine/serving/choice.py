"""Opens the sandbox backend that a setting names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import InputError, SandboxError
from engine.plugins import configure, load, names
from engine.protocols import SandboxPool
from engine.types import SandboxHealth

Options = Mapping[str, Mapping[str, Any]]
"""Options of sandboxes, by the sandbox's name."""


@dataclass(frozen=True)
class SandboxChoice:
    """Which sandbox an engine uses, and how it is opened."""

    name: str = "auto"
    """A plug-in of engine/sandboxes, or "auto" for the best one that answers."""
    image: str | None = None
    """The image of backends that have one; None for their own default."""
    options: Options | None = None
    """These override the options that the studio stored."""


def with_options(stored: Options, given: Options) -> Options:
    """Return the stored options, overridden by the given ones."""
    return {name: {**stored.get(name, {}), **given.get(name, {})} for name in {**stored, **given}}


def preferred() -> list[str]:
    """Return the sandboxes in the order in which `auto` tries them: those that isolate first, and among these
    those that leave less unbounded."""

    def order(name: str) -> tuple[bool, int]:
        pool = load("sandboxes", name).make
        return not pool.isolated, len(pool.unbounded)

    return sorted(names("sandboxes"), key=order)


async def open_pool(
    choice: str, *, allow_commands: bool = False, image: str | None = None, options: Options | None = None
) -> SandboxPool:
    """Return a started pool for "auto" or the name of a plug-in in engine/sandboxes.

    `allow_commands` lets a backend without isolation run tools that execute commands; `image` names the sandbox image
    of backends that have one, unless `options` name another. Raises InputError for an unknown name, InputErrors for an
    option that a backend does not take, and SandboxError(gone=True), with the next move, when it cannot be used.
    """
    *others, last = preferred() if choice == "auto" else [choice]
    for name in others:
        try:
            return await _started(name, allow_commands, image, options)
        except SandboxError:
            continue
    return await _started(last, allow_commands, image, options)


async def health(image: str | None = None, options: Options | None = None) -> list[SandboxHealth]:
    """Return the health of every sandbox plug-in; a backend that cannot be used raises nothing."""
    found = []
    for name in names("sandboxes"):
        pool = _build(name, False, image, options)
        try:
            found.append(await pool.health())
        finally:
            await pool.aclose()
    return found


@dataclass(frozen=True)
class Leftovers:
    """What engines that have ended left of one sandbox plug-in; `removed` is how many of them are gone now, `fault` why
    they cannot be looked for."""

    name: str
    found: Sequence[str] = ()
    removed: int = 0
    fault: str = ""


async def leftovers(image: str | None = None, options: Options | None = None, *, remove: bool) -> list[Leftovers]:
    """Return what ended engines left of every sandbox plug-in, and remove it where that is wanted."""
    found = []
    for name in names("sandboxes"):
        pool = _build(name, False, image, options)
        try:
            left = await pool.left()
            found.append(Leftovers(name, left, await pool.sweep() if remove else 0))
        except SandboxError as error:
            found.append(Leftovers(name, fault=str(error)))
        finally:
            await pool.aclose()
    return found


async def _started(name: str, allow_commands: bool, image: str | None, options: Options | None) -> SandboxPool:
    pool = _build(name, allow_commands, image, options)
    try:
        await pool.start()
    except BaseException:
        await pool.aclose()
        raise
    return pool


def _build(name: str, allow_commands: bool, image: str | None, options: Options | None) -> SandboxPool:
    if name not in names("sandboxes"):
        raise InputError("sandbox", f"there is no sandbox {name!r}.", f"Choose auto, {', '.join(names('sandboxes'))}.")
    plugin = load("sandboxes", name)
    taken = plugin.config.model_fields
    given = {**({"image": image} if image and "image" in taken else {}), **(options or {}).get(name, {})}
    given |= {"allow_commands": allow_commands} if "allow_commands" in taken else {}
    pool: SandboxPool = plugin.make(configure("sandboxes", name, given))
    return pool
