"""The process that plays a package's tasks for another program, over lines of JSON.

    python -m engine.environments.serve FOLDER [--allow-commands]

One request a line on standard input ({"id", "op", ...}), one answer a line on standard output ({"id", "ok"} or
{"id", "error": {"kind", "message"}}); many may be open at once. A kind is "input" for a request that cannot be served
and "unmeasured" for an episode that shows nothing of the assistant, which has no reward. The process ends with its
standard input.

    tasks                     {"tasks": [{"id", "modes", "requests", "difficulty", "policy", "tools"}]}
    open     task             {"episode", "messages", "result": null}
    reply    episode, reply   {"messages", "result"}; an episode is closed when it has a result
    close    episode          {}
    score    task, replies    {"result"}; the same as one reply after the other, and 0 where they do not suffice
    where                     {"engine"}: the folder of the code that runs

Messages are those of OpenAI's chat format. A reply is {"content", "tool_calls", "reasoning", "finish"}, each of which
may be left out; `finish` is the reason that the model's server gave for its end ("length" where it was cut off). Each
call is {"id", "name", "arguments"}, or nested below "function" as OpenAI does, with arguments as an object or its JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine import plugins
from engine.environments.contents import PackagedTask, Reply, read
from engine.environments.episode import Episode, EpisodeError, Observation, Runtime
from engine.errors import InputError, TurnwrightError
from engine.types import ToolCall, Turn

_LONGEST_LINE = 64 << 20
"""Bytes of one request."""


class Server:
    """Answers requests about one package; keeps the episodes that are open."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._episodes: dict[int, Episode] = {}
        self._opened = 0

    async def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request. Raises EpisodeError, InputError."""
        op = getattr(self, f"op_{request.get('op')}", None)
        if op is None:
            raise InputError("op", f"there is no operation {request.get('op')!r}.", "See engine/environments/serve.py.")
        try:
            found: dict[str, Any] = await op(request)
        except KeyError as error:
            raise InputError(str(request.get("op")), f"lacks {error}.", "Send it too.") from error
        return found

    async def aclose(self) -> None:
        for episode in self._episodes.values():
            await episode.__aexit__()

    async def op_where(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"engine": str(Path(__file__).resolve().parent.parent)}

    async def op_tasks(self, request: Mapping[str, Any]) -> dict[str, Any]:
        contents = self._runtime.contents
        return {"tasks": [described(one, contents.domain.policy) for one in contents.tasks]}

    async def op_open(self, request: Mapping[str, Any]) -> dict[str, Any]:
        episode = self._runtime.open(str(request["task"]))
        number = self._opened = self._opened + 1
        self._episodes[number] = episode
        return {"episode": number, **await self._said(number, episode.start())}

    async def op_reply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        number = request["episode"]
        if number not in self._episodes:
            raise InputError("episode", f"there is no open episode {number!r}.", "Open one.")
        return await self._said(number, self._episodes[number].reply(reply_of(request["reply"])))

    async def op_close(self, request: Mapping[str, Any]) -> dict[str, Any]:
        episode = self._episodes.pop(request["episode"], None)
        if episode is not None:
            await episode.__aexit__()
        return {}

    async def op_score(self, request: Mapping[str, Any]) -> dict[str, Any]:
        replies = [reply_of(one) for one in request["replies"]]
        return {"result": (await self._runtime.result(str(request["task"]), replies)).as_json()}

    async def _said(self, number: int, coming: Any) -> dict[str, Any]:
        """Return an observation as JSON, and close the episode where it is the last one."""
        try:
            found: Observation = await coming
        except BaseException:
            self._episodes.pop(number, None)
            raise
        if found.result is not None:
            self._episodes.pop(number, None)
        result = None if found.result is None else found.result.as_json()
        return {"messages": [message_of(turn) for turn in found.messages], "result": result}


def described(one: PackagedTask, policy: str) -> dict[str, Any]:
    """Return what a framework needs to know of a task; neither its proof nor its answers."""
    task = one.task
    return {
        "id": one.id,
        "modes": list(task.modes),
        "requests": len(task.turns),
        "difficulty": task.difficulty,
        "policy": policy.strip(),
        "tools": [tool.schema_for_model() for tool in task.tools],
    }


def message_of(turn: Turn) -> dict[str, Any]:
    """Return a turn as a message of OpenAI's chat format."""
    if turn.role != "tool":
        return {"role": turn.role, "content": turn.content}
    return {"role": "tool", "tool_call_id": turn.tool_call_id, "name": turn.name, "content": turn.content}


def reply_of(given: Any) -> Reply:
    """Return a reply that was sent. Raises InputError for one that has no such form."""
    if not isinstance(given, Mapping):
        raise InputError("reply", "is no object.", 'Send {"content": ..., "tool_calls": [...]}.')
    calls = given.get("tool_calls") or ()
    if not isinstance(calls, Sequence) or not all(isinstance(call, Mapping) for call in calls):
        raise InputError("reply", "has tool_calls that are no list of objects.", "Send a list.")
    texts = {name: given[name] for name in ("content", "reasoning", "finish") if given.get(name) is not None}
    if odd := [name for name, text in texts.items() if not isinstance(text, str)]:
        raise InputError("reply", f"has a {odd[0]} that is no text.", "Send a text.")
    return Reply(**texts, tool_calls=tuple(_call(n, call) for n, call in enumerate(calls)))


def _call(number: int, call: Mapping[str, Any]) -> ToolCall:
    inner = call.get("function") if isinstance(call.get("function"), Mapping) else call
    assert isinstance(inner, Mapping)
    given = inner.get("arguments")
    named: dict[str, Any] = {"id": str(call.get("id") or f"call_{number}"), "name": str(inner.get("name") or "")}
    arguments = given
    if isinstance(given, str):
        with suppress(ValueError, RecursionError):
            arguments = json.loads(given)
    if arguments is None:
        arguments = {}
    if isinstance(arguments, dict):
        return ToolCall(**named, arguments=arguments)
    return ToolCall(**named, raw=given if isinstance(given, str) else json.dumps(given))


async def serve(folder: Path, *, allow_commands: bool) -> None:
    """Answer the requests on standard input until it ends."""
    pool = plugins.load("sandboxes", "local")
    sandboxes = pool.make(pool.config(allow_commands=allow_commands))
    await sandboxes.start()
    try:
        await _serve(Server(Runtime(read(folder), sandboxes)))
    finally:
        await sandboxes.aclose()


async def _serve(server: Server) -> None:
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    going: set[asyncio.Task[None]] = set()
    try:
        while line := await reader.readline():
            task = asyncio.create_task(_answer(server, line))
            going.add(task)
            task.add_done_callback(going.discard)
    finally:
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        await server.aclose()


async def _answer(server: Server, line: bytes) -> None:
    number = None
    try:
        request = json.loads(line)
        number = request.get("id")
        answer: dict[str, Any] = {"ok": await server.answer(request)}
    except EpisodeError as error:
        answer = {"error": {"kind": "unmeasured", "message": str(error)}}
    except (TurnwrightError, ValueError, AttributeError) as error:
        answer = {"error": {"kind": "input", "message": str(error)}}
    except Exception as error:  # whoever waits for this answer would wait for ever
        answer = {"error": {"kind": "unmeasured", "message": f"{type(error).__name__}: {error}"}}
    sys.stdout.buffer.write(json.dumps({"id": number, **answer}).encode() + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Read the command line and serve."""
    folder, *rest = sys.argv[1:]
    asyncio.run(serve(Path(folder), allow_commands="--allow-commands" in rest))


if __name__ == "__main__":
    main()
