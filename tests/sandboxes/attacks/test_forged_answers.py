"""Tools that write to the worker's channel, on which the tool server expects one answer to each request."""

from __future__ import annotations

import asyncio
import time

import pytest

from engine.protocols import SandboxPool
from engine.types import Limits
from tests.conformance._sandboxes import EVERY, environment
from tests.sandboxes.attacks._attacks import pool, pools

__all__ = ["pool", "pools"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TOOLS = r"""
import gc, json, os, threading, time

def _worker():
    return next(one for one in gc.get_objects() if type(one).__name__ == "Worker")

def _write(text, wait=20.0):
    os.write(_worker().channel, text.encode())
    time.sleep(wait)

def _reply(**changes):
    return {"content": "forged", "fault": None, "truncated": False, "seconds": 0.1, **changes}

def honest():
    with open("mark", "w") as file: file.write("x")
    return "honest"

def other_number(number: int):
    _write(json.dumps({"id": number, "ok": {"changes": [], "patch": None}}) + "\n")

def later(number: int):
    line = json.dumps({"id": number, "ok": _reply()}) + "\n"
    threading.Timer(0.3, lambda: _write(line, 0)).start()
    return "honest"

def raw(text: str): _write(text)

def reply(number: int, changes: str):
    _write(json.dumps({"id": number, "ok": _reply(**json.loads(changes))}) + "\n")

def two(number: int):
    line = json.dumps({"id": number, "ok": _reply()}) + "\n"
    _write(line + json.dumps({"id": number + 1, "ok": {"changes": [], "patch": None}}) + "\n")

def close():
    os.close(_worker().channel)
    time.sleep(20)

def close_and_go():
    os.close(_worker().channel)
    os._exit(4)
"""
_QUICK = Limits(call_seconds=8.0, memory_bytes=128 << 20, disk_bytes=8 << 20, processes=24)
_ENVIRONMENT = environment(modules={"forge.py": _TOOLS}, limits=_QUICK, key="forge")


async def _next_number(sandbox: object) -> int:
    return int(sandbox._stream._next)  # type: ignore[attr-defined]


@EVERY
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("other_number", {"number": 1}),
        ("raw", {"text": "\n"}),
        ("raw", {"text": "no json\n"}),
        ("raw", {"text": "[1]\n"}),
        ("raw", {"text": "[" * 5000 + "\n"}),
        ("raw", {"text": '{"process": 1, "gone": true}\n'}),
        ("raw", {"text": '{"id": 0, "error": {"kind": "broken", "message": "x"}}\n'}),
        ("reply", {"changes": '{"fault": "timeout"}'}),
        ("reply", {"changes": '{"fault": ["limit"]}'}),
        ("reply", {"changes": '{"content": 5}'}),
        ("reply", {"changes": '{"seconds": "long"}'}),
        ("reply", {"changes": '{"seconds": NaN}'}),
        ("reply", {"changes": '{"more": 1}'}),
        ("two", {}),
    ],
)
async def test_a_forged_line_is_at_once_a_fault_of_its_tool(
    pool: SandboxPool, tool: str, arguments: dict[str, object]
) -> None:
    async with pool.lease(_ENVIRONMENT) as sandbox:
        assert (await sandbox.call("honest", {})).content == "honest"
        if tool in ("reply", "two"):
            arguments = {**arguments, "number": await _next_number(sandbox)}
        began = time.monotonic()
        result = await sandbox.call(tool, arguments)
        assert time.monotonic() - began < 4
        assert result.fault == "tool_crash"
        assert "channel of its answers" in result.content
        assert (await sandbox.call("honest", {})).content == "honest"
        assert [change.path for change in (await sandbox.diff()).changes] == ["mark"]


@EVERY
async def test_an_answer_that_nobody_asked_for_is_no_answer(pool: SandboxPool) -> None:
    async with pool.lease(_ENVIRONMENT) as sandbox:
        assert (await sandbox.call("honest", {})).content == "honest"
        number = await _next_number(sandbox)
        assert (await sandbox.call("later", {"number": number + 1})).content == "honest"
        await asyncio.sleep(1.0)
        assert (await sandbox.call("honest", {})).fault == "tool_crash"
        assert (await sandbox.call("honest", {})).content == "honest"
        assert (await sandbox.call("later", {"number": number + 4})).content == "honest"
        await asyncio.sleep(1.0)
        assert [change.path for change in (await sandbox.diff()).changes] == ["mark"]


@EVERY
async def test_a_closed_channel_is_a_fault_of_its_tool(pool: SandboxPool) -> None:
    async with pool.lease(_ENVIRONMENT) as sandbox:
        assert (await sandbox.call("honest", {})).content == "honest"
        began = time.monotonic()
        assert (await sandbox.call("close", {})).fault == "tool_crash"
        assert time.monotonic() - began < 5
        assert "status 4" in (await sandbox.call("close_and_go", {})).content
        assert (await sandbox.call("honest", {})).content == "honest"
