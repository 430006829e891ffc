"""Functions of the domain's own Python files, and of the shared ones that it uses.

Every public function under tools/ and shared/ is a tool; its schema comes from the signature and docstring. The source
is only parsed here; it runs in a sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from engine.domains.signature import tools_from_source
from engine.errors import InputError, InputErrors
from engine.examples import ToolExample
from engine.protocols import Sandbox, ToolSource
from engine.types import Options, Tool, ToolCall, ToolResult, tool_files_of, user_tool_files_of

__all__ = ["PythonTools"]

_FUNCTION = re.compile(rb"^(?:async\s+)?def\s+([A-Za-z]\w*)", re.MULTILINE)


class Config(Options):
    """There is nothing to set: the pack says everything."""


class PythonTools(ToolSource):
    """The tools of a pack's tools/*.py and shared/*.py."""

    reads_shared = True

    def __init__(self, config: Config) -> None: ...

    def open(self, files: Mapping[str, bytes]) -> Sequence[Tool]:
        """Return the tools of the pack. Raises InputErrors naming file, line and the next move."""
        return _tools(tool_files_of(files))

    def user_tools(self, files: Mapping[str, bytes]) -> Sequence[Tool]:
        """Return the tools of the simulated user. Raises InputErrors naming file, line and the next move."""
        return _tools(user_tool_files_of(files))

    def named(self, files: Mapping[str, bytes]) -> Collection[str]:
        """Return the names of all functions in the tool files, found by pattern so that broken files count too."""
        return {name.decode() for data in tool_files_of(files).values() for name in _FUNCTION.findall(data)}

    async def call(self, tool: Tool, call: ToolCall, sandbox: Sandbox) -> ToolResult:
        """Run the function in the sandbox. Raises SandboxError; the tool's own failure is in the result."""
        return await sandbox.call(call.name, call.arguments)


def _tools(files: Mapping[str, bytes]) -> Sequence[Tool]:
    """Return the tools that these files define. Raises InputErrors with the faults of all files."""
    sources: dict[str, str] = {}
    errors: list[InputError] = []
    for path, data in files.items():
        try:
            sources[path] = data.decode()
        except UnicodeDecodeError:
            errors.append(InputError(path, "is not UTF-8 text.", "Save the file as UTF-8.", file=path))
    try:
        tools = tools_from_source(sources)
    except InputErrors as found:
        errors += found.errors
    if errors:
        raise InputErrors(errors)
    return tools


_SHOWN = '''
"""A pack's own functions."""


def keep(path: str, text: str) -> str:
    """Write a text into a file.

    Args:
        path: Where.
        text: What.

    Effect: write
    """
    with open(path, "w") as file:
        file.write(text)
    return "kept"


def refuse(count: int, exact: bool = False) -> str:
    """Always refuse.

    Args:
        count: Any number.
        exact: Whether it matters.

    Effect: read
    """
    raise ValueError(f"no {count}")


def crash() -> str:
    """Always crash.

    Effect: read
    """
    return [][1]
'''
EXAMPLE = ToolExample(
    call=ToolCall(id="c", name="keep", arguments={"path": "made.txt", "text": "made"}),
    leaves={"made.txt": b"made"},
    failing=(ToolCall(id="c", name="refuse", arguments={"count": 3}), ToolCall(id="c", name="crash")),
    files={"tools/own.py": _SHOWN.encode()},
)
