"""Python functions of the domain pack.

The schema of each tool comes from its signature and docstring; a call runs the function in the sandbox, with
the workspace as working directory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.protocols import Sandbox
from engine.tools._signature import tools_from_source
from engine.types import Frozen, Tool, ToolCall, ToolResult

__all__ = ["PythonTools"]


class Config(Frozen):
    """No options."""


class PythonTools:
    """Tools defined under tools/ of a pack."""

    commands = False

    def __init__(self, config: Config) -> None:
        self._config = config

    def tools(self, domain_files: Mapping[str, bytes]) -> Sequence[Tool]:
        """Return the tools of every module under tools/. Raises InputErrors."""
        modules = {
            path[len("tools/") :]: data.decode()
            for path, data in domain_files.items()
            if path.startswith("tools/") and path.endswith(".py")
        }
        return tools_from_source(modules)

    async def call(self, call: ToolCall, sandbox: Sandbox) -> ToolResult:
        """Run the function in the sandbox."""
        return await sandbox.call(call.name, call.arguments)
