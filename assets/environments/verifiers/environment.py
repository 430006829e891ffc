"""The environment: plays the user, answers the calls, and gives the reward.

The episode takes whole messages of the model, as they stand in the trace, so calls that were made at once stay
together. The tool server asks for the result of one call; with the first call of a message the episode gets the
message.
"""

import asyncio
import importlib.util
import json
import os
import tempfile
from pathlib import Path
from uuid import uuid4

import verifiers.v1 as vf

_RUNTIME = Path(__file__).resolve().parent / "runtime"
_spec = importlib.util.spec_from_file_location("@NAME@_episodes", _RUNTIME / "episodes.py")
episodes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(episodes)

_LATE = 5.0
"""Seconds to wait for a message, or the reason of its end, that the trace gets later than its call comes."""
OVER = "The dialogue is over."


class TurnwrightEnvConfig(vf.EnvConfig):
    player: vf.AgentConfig = vf.AgentConfig(harness={"id": "null"}, runtime={"type": "subprocess"})
    """The harness has no tools of its own, so its chat loop runs on this machine; the domain's tools do so anyway."""


class Dialogue:
    """One episode, fed with the messages of a trace."""

    def __init__(self, runtime, opened):
        self._runtime, self._episode = runtime, opened["episode"]
        self._fed = 0
        self._results = []
        self._lock = asyncio.Lock()
        self.trace = None
        self.result = None
        self.said = _said(opened["messages"])

    async def call(self, name, arguments):
        """Return the result of a call that the model made."""
        async with self._lock:
            for _ in range(int(_LATE / 0.05)):
                await self._feed()
                for number, (call, content) in enumerate(self._results):
                    if call == (name, arguments):
                        del self._results[number]
                        return content
                if self.result is not None:
                    return OVER
                await asyncio.sleep(0.05)
        return json.dumps({"error": "The call stands in no message."})

    async def next_message(self):
        """Return what the user says next, None when the dialogue is over."""
        async with self._lock:
            await self._feed()
        return None if self.result is not None else self.said

    async def _feed(self):
        messages = self.trace.assistant_messages
        while self._fed < len(messages) and self.result is None:
            message = messages[self._fed]
            self._fed += 1
            calls = [{"id": one.id, "name": one.name, "arguments": one.arguments} for one in message.tool_calls or ()]
            reply = {
                "content": message.content or "",
                "reasoning": message.reasoning_content,
                "tool_calls": calls,
                "finish": await self._finish(message),
            }
            found = await self._runtime.ask("reply", episode=self._episode, reply=reply)
            by_id = {one["id"]: (one["name"], _read(one["arguments"])) for one in calls}
            given = [one for one in found["messages"] if one["role"] == "tool"]
            self._results = [(by_id[one["tool_call_id"]], one["content"]) for one in given]
            self.said, self.result = _said(found["messages"]), found["result"]

    async def _finish(self, message):
        """Return the finish reason of a message, which is noted a little after the message; None where none comes."""
        for _ in range(int(_LATE / 0.05)):
            for call in self.trace.calls:
                if call.node is not None and self.trace.nodes[call.node].message is message:
                    return call.finish_reason
            await asyncio.sleep(0.05)
        return None

    async def close(self):
        if self.result is None:
            await self._runtime.ask("close", episode=self._episode)


class TurnwrightEnv(vf.Env[TurnwrightEnvConfig]):
    """`player` is the model, as the assistant. The judges of the domain's batch give its reward."""

    _runtime = None
    _server = None

    async def start(self):
        # Set it in a container only: commands that a model writes run on this machine.
        self._runtime = episodes.Runtime(allow_commands=os.environ.get("TURNWRIGHT_COMMANDS") == "allow")
        self._folder = tempfile.TemporaryDirectory(prefix="turnwright-")
        self._socket = str(Path(self._folder.name) / "calls")
        self._dialogues = {}
        self._server = await asyncio.start_unix_server(self._called, self._socket, limit=64 << 20)

    async def stop(self):
        if self._server is not None:
            self._server.close()
            self._folder.cleanup()
        if self._runtime is not None:
            await asyncio.to_thread(self._runtime.close)

    async def _called(self, reader, writer):
        """Answer one call of a tool server."""
        try:
            asked = json.loads(await reader.readline())
            content = await self._dialogues[asked["dialogue"]].call(asked["name"], asked["arguments"])
            writer.write(json.dumps({"content": content}).encode() + b"\n")
            await writer.drain()
        finally:
            writer.close()

    async def run(self, task, agents):
        opened = await self._runtime.ask("open", task=task.data.id)
        dialogue, name = Dialogue(self._runtime, opened), uuid4().hex
        self._dialogues[name] = dialogue
        try:
            async with agents.player.interaction(task) as interaction:
                dialogue.trace = interaction.trace
                interaction.trace.state.socket, interaction.trace.state.dialogue = self._socket, name
                said = dialogue.said
                while said is not None:
                    segment = await interaction.turn(said)
                    if segment.terminated:
                        break
                    said = await dialogue.next_message()
        finally:
            del self._dialogues[name]
            await dialogue.close()
        _record(interaction.trace, dialogue.result)


def _record(trace, result):
    """Note the reward, and the judges' scores as metrics. A dialogue that was left in the middle earns 0."""
    trace.record_reward("turnwright", 0.0 if result is None else result["reward"])
    if result is not None:
        trace.record_metrics({"kept": float(result["kept"]), **result["scores"]})
        trace.info["turnwright"] = result


def _said(messages):
    texts = [message["content"] for message in messages if message["role"] == "user"]
    return "\n\n".join(texts) or None


def _read(arguments):
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
