"""This machine once more, under another name."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from engine import plugins
from engine.protocols import Sandbox, SandboxPool
from engine.types import Environment, Options, SandboxHealth

__all__ = ["Wrapped"]


class Config(Options):
    """How it is wrapped."""

    allow_commands: bool = False
    """Whether tools may execute commands here, where nothing isolates them."""
    folder: str = ""
    """Where workspaces are laid; the system's temporary folder when empty."""


class Wrapped(SandboxPool):
    name = "throwaway"
    isolated = False

    def __init__(self, config: Config) -> None:
        plugin = plugins.load("sandboxes", "local")
        self._inner: Any = plugin.make(plugin.config(allow_commands=config.allow_commands, folder=config.folder))

    async def start(self) -> None:
        await self._inner.start()

    async def prepare(self, environment: Environment, width: int) -> None:
        await self._inner.prepare(environment, width)

    def lease(self, environment: Environment) -> AbstractAsyncContextManager[Sandbox]:
        leased: AbstractAsyncContextManager[Sandbox] = self._inner.lease(environment)
        return leased

    async def health(self) -> SandboxHealth:
        return replace(await self._inner.health(), name=self.name)

    async def left(self) -> Any:
        return await self._inner.left()

    async def sweep(self) -> int:
        return int(await self._inner.sweep())

    async def aclose(self) -> None:
        await self._inner.aclose()


EXAMPLE = plugins.load("sandboxes", "local").example
