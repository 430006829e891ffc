"""NeMo Gym's own types take tasks and rollouts, and its verifier rewards the expected action and no other.

requires: nemo-gym==0.4.0
python: 3.12
"""

import json
import sys
from pathlib import Path

from nemo_gym.base_resources_server import BaseRunRequest, BaseVerifyResponse
from nemo_gym.config_types import AgentServerRef
from nemo_gym.openai_utils import NeMoGymResponseFunctionToolCall
from pydantic import TypeAdapter
from resources_servers.single_step_tool_use_with_argument_comparison.common.verification_utils import (
    ExpectedAction,
    ToolCallComparator,
    ToolCallComparatorConfig,
)

everything = Path(sys.argv[1])
tasks = [json.loads(line) for line in (everything / "nemo_gym_task" / "train.jsonl").read_bytes().splitlines()]
comparator = ToolCallComparator(config=ToolCallComparatorConfig(word_count_similarity_threshold=0.1))
for row in tasks:
    BaseRunRequest.model_validate(row)
    AgentServerRef.model_validate(row["agent_ref"])
    action = TypeAdapter(ExpectedAction).validate_python(row["expected_action"])
    if action.type == "function_call":
        made = NeMoGymResponseFunctionToolCall(call_id="x", name=action.name, arguments=action.arguments)
        assert comparator.compare_tool_call(action, made)[0] == 1.0
        other = made.model_copy(update={"name": "another"})
        assert comparator.compare_tool_call(action, other)[0] == 0.0
print(f"  nemo_gym/task: {len(tasks)} rows")

rollouts = (everything / "nemo_gym_rollout" / "train.jsonl").read_bytes().splitlines()
for line in rollouts:
    read = BaseVerifyResponse.model_validate_json(line)
    given = json.loads(line)["response"]["output"]
    assert [item.type for item in read.response.output] == [item["type"] for item in given]
print(f"  nemo_gym/rollout: {len(rollouts)} rows")
