"""NeMo Gym: a resources server in Gymnasium's form, its configuration and its tasks.

Written for nemo-gym 0.4, whose gymnasium_agent asks the model and hands each response to the server.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.environments.package import Making
from engine.types import Tool

_SHOWN = 5
"""Tasks of the example data set."""
_GYM = "-e nemo-gym[dev] @ ../../"


def files(making: Making) -> dict[str, bytes]:
    """Return the package, whose folder `resources_servers` belongs into a checkout of NeMo Gym."""
    top = f"{making.name}/resources_servers/{making.name}"
    rows = _rows(making)
    return {
        f"{making.name}/README.md": making.glue("nemo_gym", "README.md"),
        f"{top}/__init__.py": b"",
        f"{top}/app.py": making.glue("nemo_gym", "app.py"),
        f"{top}/requirements.txt": "\n".join([_GYM, *making.requirements, ""]).encode(),
        f"{top}/configs/{making.name}.yaml": making.glue("nemo_gym", "config.yaml"),
        f"{top}/data/train.jsonl": "".join(rows).encode(),
        f"{top}/data/example.jsonl": "".join(rows[:_SHOWN]).encode(),
        **making.runtime(f"{top}/runtime"),
    }


def runtime(folder: Path, task: str) -> Path:
    """Return the folder of the unpacked package that plays a task."""
    (found,) = folder.glob("*/resources_servers/*/runtime")
    return found


def _rows(making: Making) -> list[str]:
    """Return a line for each task. The first message of the user comes with the server's reset."""
    system = {"role": "system", "content": making.contents.domain.policy.strip()}
    agent = {"type": "responses_api_agents", "name": f"{making.name}_agent"}
    rows = []
    for one in making.contents.tasks:
        asked = {"input": [system], "tools": [_flat(tool) for tool in one.task.tools], "parallel_tool_calls": True}
        row = {"responses_create_params": asked, "task": one.id, "agent_ref": agent}
        rows.append(json.dumps(row, ensure_ascii=False) + "\n")
    return rows


def _flat(tool: Tool) -> dict[str, Any]:
    """Return a tool as the Responses API has it. It is not strict: that would want every parameter to be required."""
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": False,
    }
