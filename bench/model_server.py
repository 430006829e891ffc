"""A loopback model for benchmarks: speaks the OpenAI protocol, answers by rule after a fixed latency.

    python -m bench.model_server [--port 0] [--latency 0.2] [--rate-limited 0.0] [--failing 0.0]

It prints its api_base and serves until its standard input closes. As the assistant it makes two tool calls, one after
the other (the first tool that needs an identifier, with the identifiers that the user named), then answers with the
results. As a judge it says yes to every criterion; as a user it makes its first request and is then satisfied.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
from typing import Any

import orjson
from aiohttp import web

CALLS = 2
_IDENTIFIER = re.compile(r"\b[A-Z]+-\d+\b")
_REQUEST = re.compile(r"^1\. (.+)$", re.MULTILINE)


class ModelServer:
    """`latency` in seconds; `rate_limited` and `failing` are shares of requests answered with 429 and 500."""

    def __init__(self, latency: float = 0.2, rate_limited: float = 0.0, failing: float = 0.0, seed: int = 0) -> None:
        self._latency, self._limited, self._failing = latency, rate_limited, failing
        self._source = random.Random(seed)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        await asyncio.sleep(self._latency)
        drawn = self._source.random()
        if drawn < self._limited:
            return _json({"error": {"message": "slow down"}}, 429, {"Retry-After": "0.1"})
        if drawn < self._limited + self._failing:
            return _json({"error": {"message": "out of luck"}}, 500)
        return _json(_completion(reply_to(body)))


def reply_to(body: dict[str, Any]) -> dict[str, Any]:
    """Return the assistant message for a request, by rule."""
    messages = body["messages"]
    schema = body.get("response_format", {}).get("json_schema", {})
    if schema.get("name") == "verdicts":
        return {"role": "assistant", "content": orjson.dumps(_verdicts(schema["schema"])).decode()}
    if schema.get("name") == "user_message":
        return {"role": "assistant", "content": orjson.dumps(_user(messages)).decode()}
    start = max((i for i, message in enumerate(messages) if message["role"] == "user"), default=0)
    done = sum(message["role"] == "assistant" for message in messages[start:])
    if done < CALLS and body.get("tools"):
        return {"role": "assistant", "content": None, "tool_calls": [_call(body["tools"], messages[start], done)]}
    results = [message["content"] for message in messages[start:] if message["role"] == "tool"]
    return {"role": "assistant", "content": f"This is what I found: {' '.join(results)}"}


def _call(tools: list[dict[str, Any]], asked: dict[str, Any], done: int) -> dict[str, Any]:
    """Call the first tool that needs an identifier, with the next one that the user named."""
    functions = [tool["function"] for tool in tools]
    wanting = (f for f in functions if any(name.endswith("_id") for name in f["parameters"].get("required", ())))
    function = next(wanting, functions[0])
    named = _IDENTIFIER.findall(asked["content"]) or ["A-1"]
    arguments = {name: named[done % len(named)] for name in function["parameters"].get("required", ())}
    return {
        "id": f"call_{done}",
        "type": "function",
        "function": {"name": function["name"], "arguments": orjson.dumps(arguments).decode()},
    }


def _user(messages: list[dict[str, Any]]) -> dict[str, Any]:
    if any(message["role"] == "assistant" for message in messages):
        return {"message": "", "status": "satisfied"}
    found = _REQUEST.search(messages[0]["content"])
    return {"message": found.group(1) if found else "Hello?", "status": "continue"}


def _verdicts(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: {"reason": "It shows.", "evidence": [1], "answer": "yes"} for name in schema["properties"]}


def _completion(message: dict[str, Any]) -> dict[str, Any]:
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 50, "total_tokens": 550},
    }


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type="application/json")


async def serve(server: ModelServer, port: int) -> None:
    """Serve on loopback until standard input closes; the first line printed is the api_base."""
    runner = web.ServerRunner(web.Server(server.answer, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=2048)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--rate-limited", type=float, default=0.0)
    parser.add_argument("--failing", type=float, default=0.0)
    given = parser.parse_args()
    server = ModelServer(given.latency, given.rate_limited, given.failing)
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(server, given.port))
    else:
        uvloop.run(serve(server, given.port))


if __name__ == "__main__":
    main()
