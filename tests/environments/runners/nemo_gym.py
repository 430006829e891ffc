"""NeMo Gym: its gymnasium_agent against the package's resources server, with a model that says what was recorded."""

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from unittest.mock import MagicMock

sys.path.remove(str(Path(__file__).resolve().parent))  # this file has the name of the library

import yaml
from fastapi.testclient import TestClient
from nemo_gym.base_resources_server import BaseResourcesServerConfig
from nemo_gym.config_types import ModelServerRef, ResourcesServerRef
from nemo_gym.server_utils import ServerClient
from responses_api_agents.gymnasium_agent.app import GymnasiumAgent, GymnasiumAgentConfig, GymnasiumAgentRunRequest

(top,) = Path(sys.argv[1]).resolve().glob("*/resources_servers/*")
cases = json.loads(Path(sys.argv[2]).read_text())
rows = {row["task"]: row for row in map(json.loads, (top / "data/train.jsonl").read_text().splitlines())}
agents = yaml.safe_load((top / f"configs/{top.name}.yaml").read_text())[f"{top.name}_agent"]["responses_api_agents"]
spec = importlib.util.spec_from_file_location("app", top / "app.py")
app = sys.modules["app"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(app)
config = BaseResourcesServerConfig(host="", port=0, entrypoint="app.py", name=top.name)
server = TestClient(app.TurnwrightServer(config=config, server_client=MagicMock(spec=ServerClient)).setup_webserver())


def response(reply, number):
    """Return a reply as the Responses API gives it."""
    text = [{"type": "output_text", "text": reply["content"], "annotations": []}]
    said = {"id": f"m{number}", "type": "message", "role": "assistant", "status": "completed", "content": text}
    summary = [{"type": "summary_text", "text": reply["reasoning"]}]
    thought = {"id": f"t{number}", "type": "reasoning", "summary": summary}
    calls = [
        {"type": "function_call", "call_id": call["id"], "name": call["name"], "arguments": as_text(call["arguments"])}
        for call in reply["tool_calls"]
    ]
    cut = {"reason": "max_output_tokens"} if reply["finish"] == "length" else None
    return {
        "id": "r",
        "created_at": 0,
        "model": "m",
        "object": "response",
        "output": [*([thought] if reply["reasoning"] else []), *([said] if reply["content"] else []), *calls],
        "incomplete_details": cut,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def as_text(arguments):
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


class Answer:
    """What the agent reads of an answer."""

    def __init__(self, status, body, cookies):
        self.status, self.ok, self.cookies, self._body = status, status < 400, cookies, body

    async def read(self):
        return json.dumps(self._body).encode()

    def raise_for_status(self):
        assert self.ok, self._body


def client(replies):
    """Return the client by which the agent reaches its two servers."""
    waiting = list(enumerate(replies))

    async def post(server_name, url_path, json=None, cookies=None, **_):
        if url_path == "/v1/responses":
            number, reply = waiting.pop(0)
            return Answer(200, response(reply, number), {})
        found = await asyncio.to_thread(server.post, url_path, json=json)
        return Answer(found.status_code, found.json(), dict(found.cookies))

    made = MagicMock(spec=ServerClient)
    made.post = post
    return made


async def main():
    rewards = []
    for case in cases:
        own = GymnasiumAgentConfig(
            host="",
            port=0,
            entrypoint="",
            name="agent",
            resources_server=ResourcesServerRef(type="resources_servers", name=top.name),
            model_server=ModelServerRef(type="responses_api_models", name="model"),
            max_steps=agents["gymnasium_agent"]["max_steps"],
        )
        agent = GymnasiumAgent(config=own, server_client=client(case["replies"]))
        asked = GymnasiumAgentRunRequest.model_validate(rows[case["task"]])
        found = await agent.run(MagicMock(cookies={}), asked)
        assert found.terminated
        rewards.append(found.reward)
    print(json.dumps(rewards))


asyncio.run(main())
