"""A shell: one tool that runs a command in the workspace.

For coding tasks and other open-ended work. The sandbox is thrown away after the rollout.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from engine.examples import ToolExample
from engine.protocols import Sandbox, ToolSource
from engine.types import ExecResult, Options, Tool, ToolCall, ToolResult

__all__ = ["ShellTools"]


class Config(Options):
    """Bounds of one command."""

    timeout: Annotated[float, Field(gt=0)] = 30.0
    """Seconds for a command that names none."""
    longest: Annotated[float, Field(gt=0)] = 300.0
    """The most seconds that a command may ask for."""
    output_chars: Annotated[int, Field(ge=200)] = 20_000
    """Characters of standard output and of standard error each."""


class ShellTools(ToolSource):
    """One tool, `bash`."""

    commands = True

    def __init__(self, config: Config) -> None:
        self._config = config

    def open(self, files: Mapping[str, bytes]) -> Sequence[Tool]:
        """Return the tool `bash`, whatever the pack's files are."""
        limit = {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": self._config.longest,
            "default": self._config.timeout,
            "description": "Seconds after which the command and everything it started is stopped.",
        }
        return (
            Tool(
                name="bash",
                description="Run a command with bash in the workspace folder and return its exit code and output. "
                "Files persist between calls; the working directory and shell variables do not.",
                parameters={
                    "type": "object",
                    "properties": {
                        "command": {"type": "string", "description": "The command line, or a whole script."},
                        "timeout": limit,
                    },
                    "required": ["command"],
                    "additionalProperties": False,
                },
                effect="write",
                source="shell",
            ),
        )

    def named(self, files: Mapping[str, bytes]) -> Collection[str]:
        return ("bash",)

    async def call(self, tool: Tool, call: ToolCall, sandbox: Sandbox) -> ToolResult:
        """Run the command and return its exit code and output as JSON. Only a reached bound is a fault, not an exit
        code other than 0."""
        timeout = min(float(call.arguments.get("timeout") or self._config.timeout), self._config.longest)
        done = await sandbox.exec(["bash", "-lc", str(call.arguments["command"])], timeout=timeout)
        return self._result(done, timeout)

    def _result(self, done: ExecResult, timeout: float) -> ToolResult:
        stdout, cut_out = self._text(done.stdout)
        stderr, cut_err = self._text(done.stderr)
        answer = {"exit_code": done.status, "stdout": stdout, "stderr": stderr}
        if done.fault == "timeout":
            answer["error"] = f"The command did not finish within {timeout:g} seconds and was stopped."
        elif done.fault is not None:
            answer["error"] = "The command was killed by a bound of the sandbox."
        return ToolResult(
            content=json.dumps(answer, ensure_ascii=False),
            fault="timeout" if done.fault == "timeout" else "limit" if done.fault else None,
            truncated=done.truncated or cut_out or cut_err,
            seconds=done.seconds,
        )

    def _text(self, data: bytes) -> tuple[str, bool]:
        text = data.decode(errors="replace")
        limit = self._config.output_chars
        if len(text) <= limit:
            return text, False
        return f"{text[:limit]}\n[cut: {len(text)} characters in all, {limit} shown]", True


EXAMPLE = ToolExample(
    call=ToolCall(id="c", name="bash", arguments={"command": "printf made > made.txt"}),
    leaves={"made.txt": b"made"},
    failing=(ToolCall(id="c", name="bash", arguments={"command": "sleep 30", "timeout": 0.3}),),
)
