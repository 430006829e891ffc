"""The @TITLE@ domain: an episode is one dialogue of the model, as the assistant, with a scripted user."""

import importlib.util
import os
from pathlib import Path

from nemo_gym.openai_utils import NeMoGymResponse
from resources_servers.gymnasium import GymnasiumServer, extract_text

_RUNTIME = Path(__file__).resolve().parent / "runtime"
_spec = importlib.util.spec_from_file_location("@NAME@_episodes", _RUNTIME / "episodes.py")
episodes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(episodes)

_shared = None


def _runtime():
    """Return the process that plays the tasks, started with the first session. It ends with this server."""
    global _shared
    if _shared is None:
        # Set it in a container only: commands that a model writes run on this machine.
        _shared = episodes.Runtime(allow_commands=os.environ.get("TURNWRIGHT_COMMANDS") == "allow")
    return _shared


def _reply(response):
    """Return the model's response as the assistant's next message."""
    calls = [
        {"id": item.call_id, "name": item.name, "arguments": item.arguments}
        for item in response.output
        if item.type == "function_call"
    ]
    thoughts = [part.text for item in response.output if item.type == "reasoning" for part in item.summary]
    cut = response.incomplete_details is not None and response.incomplete_details.reason == "max_output_tokens"
    return {
        "content": extract_text(response),
        "reasoning": "\n".join(thoughts) or None,
        "tool_calls": calls,
        "finish": "length" if cut else "stop",
    }


def _said(messages):
    """Return what the user says in these messages, None where it says nothing."""
    texts = [message["content"] for message in messages if message["role"] == "user"]
    return "\n\n".join(texts) or None


class TurnwrightServer(GymnasiumServer):
    """Each session plays the task that its row names. The reward comes with the last step: what the judges of the
    domain's batch give the dialogue. One that cannot be measured raises and has no reward."""

    async def reset(self, metadata: dict, session_id: str | None = None) -> tuple[str | None, dict]:
        await self.close_session(session_id)
        opened = await _runtime().ask("open", task=metadata["task"])
        self.session_state[session_id] = opened["episode"]
        return _said(opened["messages"]), {"task": metadata["task"]}

    async def step(
        self, action: NeMoGymResponse, metadata: dict, session_id: str | None = None
    ) -> tuple[str | None, float, bool, bool, dict]:
        episode = self.session_state[session_id]
        found = await _runtime().ask("reply", episode=episode, reply=_reply(action))
        outputs = [
            {"call_id": message["tool_call_id"], "output": message["content"]}
            for message in found["messages"]
            if message["role"] == "tool"
        ]
        result = found["result"]
        if result is not None:
            return None, result["reward"], True, False, {"tool_outputs": outputs, "result": result}
        return _said(found["messages"]), 0.0, False, False, {"tool_outputs": outputs}

    async def close_session(self, session_id: str | None) -> None:
        episode = self.session_state.pop(session_id, None)
        if episode is not None:
            await _runtime().ask("close", episode=episode)


if __name__ == "__main__":
    TurnwrightServer.run_webserver()
