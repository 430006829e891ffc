"""A log book: one tool that writes into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.errors import InputError
from engine.examples import ToolExample
from engine.protocols import Sandbox, ToolSource
from engine.types import Options, Tool, ToolCall, ToolResult

__all__ = ["LogBook"]


class Config(Options):
    """The book."""

    file: str = "log.txt"
    """Where it lies in the workspace."""


class LogBook(ToolSource):
    def __init__(self, config: Config) -> None:
        self._file = config.file

    def open(self, files: Mapping[str, bytes]) -> Sequence[Tool]:
        if not (about := files.get("log/about.txt", b"").decode()):
            raise InputError("log/about.txt", "is missing.", "Say in it what the log is for.", file="log/about.txt")
        text = {"type": "string", "description": "What to write."}
        parameters = {"type": "object", "properties": {"text": text}, "required": ["text"]}
        parameters |= {"additionalProperties": False}
        return (Tool(name="log", description=about, parameters=parameters, effect="write", source="throwaway"),)

    def named(self, files: Mapping[str, bytes]) -> Sequence[str]:
        return ("log",)

    async def call(self, tool: Tool, call: ToolCall, sandbox: Sandbox) -> ToolResult:
        text = str(call.arguments["text"])
        if not text:
            return ToolResult(content='{"error": "There is nothing to write."}', fault="tool_error")
        await sandbox.write(self._file, text.encode())
        return ToolResult(content='{"written": true}')


EXAMPLE = ToolExample(
    call=ToolCall(id="c", name="log", arguments={"text": "made"}),
    leaves={"log.txt": b"made"},
    failing=(ToolCall(id="c", name="log", arguments={"text": ""}),),
    files={"log/about.txt": b"Write into the log."},
)
