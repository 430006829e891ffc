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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson

CALLS = 2
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
_IDENTIFIER = re.compile(r"\b[A-Z]+-\d+\b")
_REQUEST = re.compile(r"^1\. (.+)$", re.MULTILINE)


class ModelServer:
    """`latency` in seconds; `rate_limited` and `failing` are shares of requests answered with 429 and 500."""

    def __init__(self, latency: float = 0.2, rate_limited: float = 0.0, failing: float = 0.0, seed: int = 0) -> None:
        self._latency, self._limited, self._failing = latency, rate_limited, failing
        self._source = random.Random(seed)

    def delay(self) -> float:
        """Return after how many seconds the next request is answered."""
        return self._latency

    def answer(self, body: bytes) -> bytes:
        """Return the HTTP response to a request with this body."""
        drawn = self._source.random()
        if drawn < self._limited:
            return _response({"error": {"message": "slow down"}}, b"429 Too Many Requests", b"Retry-After: 0.1\r\n")
        if drawn < self._limited + self._failing:
            return _response({"error": {"message": "out of luck"}}, b"500 Internal Server Error")
        return _response(_completion(reply_to(orjson.loads(body))))

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[str]:
        """Serve on loopback during the block, and yield the api_base."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", port, backlog=2048)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()  # not awaited: a client that keeps its connection open would hold it up


class _Connection(asyncio.Protocol):
    """One kept-alive HTTP connection of a client that sends a request with Content-Length and waits for its answer.

    Written by hand because the server shares the machine with what is measured: a web framework takes five times the
    CPU for a request, which is then missing to the rollouts.
    """

    _transport: asyncio.Transport

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        length = _LENGTH.search(self._received, 0, end)
        whole = end + (int(length[1]) if length else 0)
        if len(self._received) >= whole:
            body = bytes(self._received[end:whole])
            del self._received[:whole]
            asyncio.get_running_loop().call_later(self._server.delay(), self._answer, body)

    def _answer(self, body: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._server.answer(body))


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


def _response(body: Any, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    text = orjson.dumps(body)
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s" % (
        status, len(text), headers, text,
    )  # fmt: skip


async def serve(server: ModelServer, port: int) -> None:
    """Serve on loopback until standard input closes; the first line printed is the api_base."""
    async with server.listening(port) as base:
        print(base, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


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
