"""A loopback server that speaks the OpenAI protocol, plays a list of replies, and fails in all known ways."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

STATUS = {"auth": 401, "not_found": 404, "bad_request": 400, "rate_limit": 429, "server": 500}


class Server:
    """Plays `plays` one per request, the last one again and again. `requests` and `keys` hold what arrived.

    A play is a dict: the fields of ScriptedReply, or {"status": 503}, {"html": ...}, {"raw": ...}, {"drop": true},
    {"hang": seconds}; "refuse_formats" lists response formats that are answered with 400, "listed" its models.
    """

    def __init__(self) -> None:
        self.plays: list[dict[str, Any]] = [{"text": "Hello."}]
        self.refuse_formats: set[str] = set()
        self.listed: list[dict[str, Any]] | None = None
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.base = ""
        self.runner: web.AppRunner | None = None

    async def die(self) -> None:
        """Stop answering: whoever connects from now on is refused."""
        assert self.runner is not None
        await self.runner.cleanup()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("Authorization", ""))
        asked = body.get("response_format", {}).get("type")
        if asked in self.refuse_formats:
            return web.json_response({"error": {"message": f"response_format {asked} is not supported"}}, status=400)
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        return await self._play(request, play)

    async def models(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"object": "list", "data": self.listed}, status=404 if self.listed is None else 200)

    async def _play(self, request: web.Request, play: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(play.get("hang", 0) + play.get("seconds", 0))
        if play.get("drop"):
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if "html" in play:
            return web.Response(text=play["html"], content_type="text/html", status=play.get("status", 200))
        if "raw" in play:
            return web.Response(text=play["raw"], content_type="application/json")
        status = play.get("status") or (STATUS[play["error"]] if "error" in play else 200)
        if status != 200:
            headers = {"Retry-After": str(play["retry_after"])} if "retry_after" in play else {}
            said = play.get("said", f"scripted {status}")
            return web.json_response({"error": {"message": said, "type": "x"}}, status=status, headers=headers)
        return web.json_response(completion(play))


def completion(play: dict[str, Any]) -> dict[str, Any]:
    """Return the chat completion that a play describes."""
    calls = [
        {
            "id": call.get("id", f"given_{number}"),
            "type": "function",
            "function": {
                "name": call["name"],
                "arguments": a if isinstance(a := call.get("arguments", {}), str) else json.dumps(a),
            },
        }
        for number, call in enumerate(play.get("calls", ()))
    ]
    text = json.dumps(play["data"]) if "data" in play else play.get("text", "")
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    message |= {"tool_calls": calls} if calls else {}
    message |= {"reasoning_content": play["reasoning"]} if "reasoning" in play else {}
    message |= {"refusal": play["refusal"]} if "refusal" in play else {}
    found: dict[str, Any] = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": message, "finish_reason": play.get("finish", "tool_calls" if calls else "stop")}
        ],
    }
    if "prompt_tokens" in play:
        total = play["prompt_tokens"] + play["completion_tokens"]
        found["usage"] = {
            "prompt_tokens": play["prompt_tokens"],
            "completion_tokens": play["completion_tokens"],
            "total_tokens": total,
        }
    return found


@asynccontextmanager
async def serving(port: int = 0, server: Server | None = None) -> AsyncIterator[Server]:
    """Serve on a loopback port, a free one unless it is given; `base` is the api_base. The server is a new one that
    plays a list unless it is given."""
    server = server or Server()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.answer)
    app.router.add_get("/v1/models", server.models)
    runner = server.runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    server.base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
