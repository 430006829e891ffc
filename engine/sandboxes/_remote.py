"""A sandbox as the engine sees it: a tool server, reached over a stream of JSON lines."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.errors import InputError, ProcessError, SandboxError
from engine.sandboxes._process import RemoteProcess
from engine.sandboxes._stream import Broken, Stream
from engine.settings import SANDBOX_ASSETS
from engine.types import Environment, ExecResult, StateDiff, ToolResult

GRACE = 30.0
"""Seconds that the engine waits beyond a request's own bound before the tool server counts as broken."""
OPENING = 120.0
"""Seconds for a request that lays or compares a whole workspace."""
TRUSTED = ("openpyxl", "pypdf", "PIL")
"""Packages that the tool server itself may import ahead for its workers."""
_SOURCES = (
    "lines",
    "workspace",
    "worker",
    "answers",
    "rights",
    "spaces",
    "processes",
    "command",
    "keeper",
    "zygote",
    "programs",
    "stream",
    "database_rows",
    "json_values",
    "leaves",
    "workbooks",
    "state_diff",
    "start",
    "tool_server",
)

BOOT = (
    "import os,sys,json\n"
    "n=int(sys.argv[1]);b=b''\n"
    "while len(b)<n:\n"
    " c=os.read(0,n-len(b))\n"
    " if not c: sys.exit(0)\n"
    " b+=c\n"
    "config=json.loads(b)\n"
    "for name,source in config['sources']:\n"
    " sys.modules[name]=m=type(sys)(name)\n"
    " exec(compile(source,name+'.py','exec'),m.__dict__)\n"
    "m.main(config)\n"
)
"""The program that starts a tool server by `python -c`. It reads the server's sources (the bundle) from its standard
input, so that no image can hold an outdated server."""


@lru_cache(maxsize=1)
def sources() -> tuple[tuple[str, str], ...]:
    """Return (name, source) of the tool server's modules, each after those that it imports."""
    return tuple((name, (Path(SANDBOX_ASSETS) / f"{name}.py").read_text()) for name in _SOURCES)


def bundle(**config: Any) -> bytes:
    """Return the bytes that are sent before the first request: the server's sources and settings, as JSON."""
    return json.dumps({"sources": sources(), "trusted": TRUSTED, **config}).encode()


def command_line(python: str, size: int) -> list[str]:
    """Return the command that starts a tool server whose bundle has `size` bytes. Without the columns of tracebacks,
    which nobody sees, a fork of it copies less."""
    return [python, "-s", "-P", "-S", "-B", "-X", "no_debug_ranges", "-c", BOOT, str(size)]


def key_of(environment: Environment) -> str:
    """Return the key of an environment; a digest of its content when it has none."""
    if environment.key:
        return environment.key
    total = hashlib.sha256()
    for path in sorted(environment.workspace):
        total.update(path.encode() + b"\0" + environment.workspace[path] + b"\0")
    rest = [dict(environment.modules), environment.limits.model_dump(), environment.git, environment.network]
    total.update(json.dumps(rest, sort_keys=True).encode())
    return total.hexdigest()


def opening(environment: Environment) -> dict[str, Any]:
    """Return the `open` request of an environment. Raises InputError for a path that leads out of the workspace."""
    for path in environment.workspace:
        if path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
            raise InputError(f"workspace/{path}", "is not a path inside the workspace.", "Rename the file.")
    return {
        "op": "open",
        "files": {path: base64.b64encode(data).decode() for path, data in environment.workspace.items()},
        "modules": dict(environment.modules),
        "limits": environment.limits.model_dump(),
        "git": environment.git,
    }


class RemoteSandbox:
    """Implements protocols.Sandbox. `explain` turns the reason of a broken stream into the SandboxError to raise.

    `worked` is the sum of the seconds in which the engine waited for answers.
    """

    def __init__(
        self,
        name: str,
        isolated: bool,
        stream: Stream,
        shape: tuple[Any, ...],
        explain: Callable[[str], Awaitable[SandboxError]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.name, self.isolated, self.shape = name, isolated, shape
        self.key: str | None = None
        self._stream, self._explain, self._close = stream, explain, close
        self._call_seconds = 20.0
        self.worked = 0.0
        self._changed = False
        self._is_laid_anew = False
        self._ahead: asyncio.Task[dict[str, Any]] | None = None
        """The changes that are found out ahead of `diff`, until anything else is requested."""

    @property
    def usable(self) -> bool:
        """False when the sandbox must be thrown away: its stream broke, a request was not answered, or a rollout
        changed what a reset does not bring back."""
        return self._stream.usable and not self._changed

    async def open(self, environment: Environment, key: str) -> None:
        """Open another environment in the sandbox. Raises SandboxError."""
        self.key = None
        await self._ask(opening(environment), OPENING)
        self._call_seconds = environment.limits.call_seconds
        self.key = key

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        message = {"op": "call", "tool": tool, "arguments": arguments}
        return ToolResult(**await self._ask(message, self._call_seconds + GRACE))

    async def exec(self, argv: Sequence[str], *, timeout: float | None = None, stdin: bytes = b"") -> ExecResult:
        seconds = self._call_seconds if timeout is None else timeout
        message: dict[str, Any] = {"op": "exec", "argv": list(argv), "timeout": seconds}
        if stdin:
            message["stdin"] = base64.b64encode(stdin).decode()
        done = await self._ask(message, seconds + GRACE)
        streams = {name: base64.b64decode(done[name]) for name in ("stdout", "stderr")}
        return ExecResult(**{**done, **streams})

    async def open_process(self, argv: Sequence[str]) -> RemoteProcess:
        process = RemoteProcess(argv[0] if argv else "", self._stream, self._explain)
        try:
            await self._ask({"op": "start", "argv": list(argv), **process.terms}, self._call_seconds + GRACE)
        except BaseException:
            process.forget()
            raise
        return process

    async def read(self, path: str) -> bytes:
        return base64.b64decode((await self._ask({"op": "read", "path": path}, GRACE))["data"])

    async def write(self, path: str, data: bytes) -> None:
        await self._ask({"op": "write", "path": path, "data": base64.b64encode(data).decode()}, GRACE)

    def look_ahead(self) -> None:
        if self._ahead is None:
            self._ahead = asyncio.create_task(self._ask({"op": "diff", "ahead": True}, OPENING + GRACE, ahead=True))

    async def diff(self, *, last: bool = False) -> StateDiff:
        found = await self._found_ahead()
        if found is None:
            found = await self._ask({"op": "diff", "last": last}, OPENING + GRACE)
            self._is_laid_anew = last
        found.pop("still")
        self._changed = bool(found.pop("changed")) or self._changed
        if not found["changes"]:
            return StateDiff(patch=found["patch"])
        return StateDiff.model_validate(found)

    async def _found_ahead(self) -> dict[str, Any] | None:
        """Return what `look_ahead` found, None when it did not look or a process may have changed a file since."""
        ahead, self._ahead = self._ahead, None
        found = None if ahead is None else await ahead
        return found if found is not None and found["still"] else None

    async def reset(self) -> None:
        """Bring the sandbox back to the environment that it was opened with. After the last diff the tool server does
        so by itself, so nothing is requested."""
        if not self._is_laid_anew:
            self._changed = bool((await self._ask({"op": "reset"}, OPENING))["changed"])

    async def ping(self) -> int:
        """Return the server's process id inside the sandbox."""
        return int((await self._ask({"op": "ping"}, GRACE))["pid"])

    async def aclose(self) -> None:
        """End the server and everything in the sandbox. Never raises."""
        if self._ahead is not None:
            self._ahead.cancel()
        await self._stream.aclose()
        await self._close()

    async def _ask(self, message: dict[str, Any], seconds: float, *, ahead: bool = False) -> dict[str, Any]:
        if self._ahead is not None and not ahead:
            with contextlib.suppress(SandboxError):  # this request meets the same
                await self._found_ahead()
        began = time.monotonic()
        self._is_laid_anew = False
        try:
            answer = await self._stream.request(message, seconds)
        except Broken as error:
            raise await self._explain(str(error)) from error
        finally:
            self.worked += time.monotonic() - began
        refusal = answer.get("error")
        if refusal is None:
            done: dict[str, Any] = answer["ok"]
            return done
        raise self._exception_for(refusal["kind"], refusal["message"], str(message.get("path", message["op"])))

    def _exception_for(self, kind: str, text: str, where: str) -> Exception:
        """Return the exception for a refusal of the server; the sandbox is unusable after one of kind "broken"."""
        if kind == "escape":
            return InputError(where, f"{text}.", "Use a relative path to a file of the workspace.")
        if kind == "missing":
            return FileNotFoundError(text)
        if kind == "unstarted":
            return ProcessError(text)
        self._stream.abandoned = True
        return SandboxError(f"The sandbox cannot go on: {text}")
