"""The tasks: the policy as system prompt, and the tools. The user opens the dialogue."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import verifiers.v1 as vf

from .toolset import TurnwrightState, TurnwrightToolset

TASKS = Path(__file__).resolve().parent / "runtime" / "tasks.jsonl"
POLICY = Path(__file__).resolve().parent / "runtime" / "pack" / "policy.md"


class TurnwrightData(vf.TaskData):
    tools: list[dict[str, Any]]
    """The tools that this task offers: {"name", "description", "parameters"}."""


class TurnwrightTask(vf.Task[TurnwrightData, TurnwrightState]):
    @property
    def key(self) -> str:
        return self.data.id or self.hash

    @classmethod
    def toolsets(cls, config: vf.TaskConfig) -> list[vf.Toolset]:
        return [TurnwrightToolset(vf.ToolsetConfig())]

    async def setup(self, trace: vf.Trace, runtime: vf.Runtime) -> None:
        trace.state.tools = self.data.tools


class TurnwrightTaskset(vf.Taskset[TurnwrightTask, vf.TasksetConfig]):
    def load(self) -> Iterator[TurnwrightTask]:
        policy = POLICY.read_text(encoding="utf-8").strip()
        with TASKS.open(encoding="utf-8") as lines:
            for line in lines:
                spec = json.loads(line)["spec"]
                task = spec["task"]
                tools = [{name: tool[name] for name in ("name", "description", "parameters")} for tool in task["tools"]]
                data = TurnwrightData(
                    id=spec["id"], name=f"{task['template']}:{spec['id']}", system_prompt=policy, tools=tools
                )
                yield TurnwrightTask(data, self.config.task)
