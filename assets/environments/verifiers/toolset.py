"""The tools of a task over MCP. Each call goes to the environment's process, which plays the episode."""

import asyncio
import json
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolResult, TextContent, Tool
from pydantic import Field

import verifiers.v1 as vf


class TurnwrightState(vf.State):
    """What the environment tells the tool server of a rollout."""

    tools: list[dict[str, Any]] = Field(default_factory=list)
    socket: str = ""
    """Where the environment takes calls."""
    dialogue: str = ""
    """Whose calls they are."""


class TurnwrightToolset(vf.Toolset[vf.ToolsetConfig, TurnwrightState]):
    """Offers the tools of the rollout's task; the names are the domain's own."""

    TOOL_PREFIX = None

    def register(self, mcp: MCPServer) -> None:
        # The tools differ between tasks, so the server's own two handlers are replaced, and none is registered.
        mcp.list_tools = self._with_state(self._list)
        mcp.call_tool = self._with_state(self._call)

    async def _list(self) -> list[Tool]:
        return [
            Tool(name=tool["name"], description=tool["description"], input_schema=tool["parameters"])
            for tool in self.state.tools
        ]

    async def _call(self, name: str, arguments: dict[str, Any], context: Any = None) -> CallToolResult:
        reader, writer = await asyncio.open_unix_connection(self.state.socket, limit=64 << 20)
        try:
            asked = {"dialogue": self.state.dialogue, "name": name, "arguments": arguments}
            writer.write(json.dumps(asked).encode() + b"\n")
            await writer.drain()
            answer = json.loads(await reader.readline())
        finally:
            writer.close()
        return CallToolResult(content=[TextContent(type="text", text=answer["content"])])


if __name__ == "__main__":
    TurnwrightToolset.run()
