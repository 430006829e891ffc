"""Harbor converts trajectories of mini-swe-agent into ATIF with every call and result, and reads our own ATIF.

requires: harbor
python: 3.12
"""

import json
import sys
from pathlib import Path

from harbor.agents.installed.mini_swe_agent import convert_mini_swe_agent_to_atif
from harbor.models.trajectories import Trajectory

everything = Path(sys.argv[1])
documents = [json.loads(line) for line in (everything / "mini_swe_agent" / "train.jsonl").read_bytes().splitlines()]
for document in documents:
    found = convert_mini_swe_agent_to_atif(document, "session")
    steps = [step for step in found.steps if step.source == "agent"]
    answers = [one for one in document["messages"] if one["role"] == "assistant"]
    assert len(steps) == len(answers)
    for step, answer in zip(steps, answers, strict=True):
        made = [(call.tool_call_id, call.function_name, call.arguments) for call in step.tool_calls or ()]
        assert made == [
            (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in answer.get("tool_calls", ())
        ]
print(f"  mini_swe_agent: {len(documents)} documents")

for line in (everything / "atif" / "train.jsonl").read_bytes().splitlines():
    Trajectory.model_validate_json(line)
print("  atif: read")
