"""verifiers: its own evaluation of an episode, with a model at an OpenAI-compatible address that says what was
recorded."""

import asyncio
import json
import os
import sys
from pathlib import Path

from aiohttp import web

folder, cases = Path(sys.argv[1]).resolve(), json.loads(Path(sys.argv[2]).read_text())
(package,) = folder.iterdir()
sys.path.remove(str(Path(__file__).resolve().parent))  # this file has the name of the library
sys.path.insert(0, str(package))
os.environ["PYTHONPATH"] = str(package)  # tool servers are processes of their own
os.environ["SCRIPTED_KEY"] = "none"

import verifiers.v1 as vf  # noqa: E402
from verifiers.v1.clients import EvalClientConfig, ModelContext  # noqa: E402
from verifiers.v1.utils.loaders import resolve_env_config  # noqa: E402

current = {}


async def complete(request):
    """Stream the reply whose turn it is."""
    body = await request.json()
    reply = current["replies"][sum(message["role"] == "assistant" for message in body["messages"])]
    calls = [
        {
            "index": number,
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": as_text(call["arguments"])},
        }
        for number, call in enumerate(reply["tool_calls"])
    ]
    message = {"role": "assistant", "content": reply["content"], **({"tool_calls": calls} if calls else {})}
    message |= {"reasoning_content": reply["reasoning"]} if reply["reasoning"] else {}
    finish = "length" if reply["finish"] == "length" else "tool_calls" if calls else "stop"
    head = {"id": "x", "created": 0, "model": "m", "object": "chat.completion.chunk"}
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    for choices, more in (
        ([{"index": 0, "delta": message, "finish_reason": None}], {}),
        ([{"index": 0, "delta": {}, "finish_reason": finish}], {}),
        ([], {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}),
    ):
        await answer.write(b"data: " + json.dumps({**head, "choices": choices, **more}).encode() + b"\n\n")
    await answer.write(b"data: [DONE]\n\n")
    return answer


def as_text(arguments):
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


async def main():
    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    model = EvalClientConfig(base_url=f"http://127.0.0.1:{port}/v1", api_key_var="SCRIPTED_KEY")
    env = vf.load_environment(resolve_env_config({"taskset": {"id": package.name}}))
    rewards = []
    async with env.serving():
        tasks = {task.data.id: task for task in env.taskset}
        for case in cases:
            current["replies"] = case["replies"]
            (slot,) = env.slots(tasks[case["task"]])
            episode = await env.run_slot(slot, ModelContext(model="m", client=model))
            assert episode.ok, [*episode.errors, *(error for trace in episode.traces for error in trace.errors)]
            rewards += [trace.reward for trace in episode.traces]
    print(json.dumps(rewards))


asyncio.run(main())
