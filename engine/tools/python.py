"""Functions of the domain's own Python files.

Every public function under tools/ is a tool; its schema comes from the signature and docstring. The source is
only parsed here; it runs in a sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.domains.signature import tools_from_source
from engine.errors import InputError, InputErrors
from engine.protocols import Sandbox
from engine.types import Options, Tool, ToolCall, ToolResult

__all__ = ["PythonTools"]

_FOLDER = "tools/"


class Config(Options):
    """There is nothing to set: what there is to say stands in the pack."""


class PythonTools:
    """Implements protocols.ToolSource for a pack's tools/*.py."""

    commands = False

    def __init__(self, config: Config) -> None:
        self._config = config

    def tools(self, domain_files: Mapping[str, bytes]) -> Sequence[Tool]:
        """Return the tools of the pack. Raises InputErrors naming file, line and the next move."""
        sources: dict[str, str] = {}
        errors: list[InputError] = []
        for path, data in domain_files.items():
            if path.startswith(_FOLDER) and path.endswith(".py"):
                try:
                    sources[path[len(_FOLDER) :]] = data.decode()
                except UnicodeDecodeError:
                    errors.append(InputError(path, "is not UTF-8 text.", "Save the file as UTF-8.", file=path))
        try:
            tools = tools_from_source(sources)
        except InputErrors as found:
            errors += found.errors
        if errors:
            raise InputErrors(errors)
        return tools

    async def call(self, call: ToolCall, sandbox: Sandbox) -> ToolResult:
        """Run the function in the sandbox. Raises SandboxError; the tool's own failure is in the result."""
        return await sandbox.call(call.name, call.arguments)
