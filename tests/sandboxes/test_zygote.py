"""The process that forks the workers of a local sandbox: the workers are as if the tool server had forked them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.plugins import load
from engine.protocols import Sandbox, SandboxPool
from engine.types import Environment

TOOLS = """
import os, random, signal, threading
from pathlib import Path


def whoami() -> dict:
    return {
        "pid": os.getpid(), "parent": os.getppid(), "thread": threading.get_native_id(), "group": os.getpgid(0),
        "random": random.random(), "state": dict(line.split(":", 1) for line in open("/proc/self/status")),
        "sockets": sum("socket" in os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                       if os.path.islink(f"/proc/self/fd/{n}")),
    }


def fork_and_thread() -> list:
    seen = []
    thread = threading.Thread(target=lambda: seen.append(threading.get_native_id()))
    thread.start()
    thread.join()
    child = os.fork()
    if child == 0:
        os._exit(7)
    return [len(seen), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]


def abort() -> str:
    os.abort()


def stop_siblings() -> int:
    parent, stopped = os.getppid(), 0
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if int(child) != os.getpid():
            os.kill(int(child), signal.SIGSTOP)
            stopped += 1
    return stopped


def end_siblings() -> int:
    parent, ended = os.getppid(), 0
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if int(child) != os.getpid():
            os.kill(int(child), signal.SIGKILL)
            ended += 1
    return ended
"""
ENVIRONMENT = Environment({"a.txt": b"1"}, {"t.py": TOOLS})


def children(process: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


async def called(sandbox: Sandbox, tool: str) -> Any:
    result = await sandbox.call(tool, {})
    assert result.fault is None, result.content
    return json.loads(result.content)


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[SandboxPool]:
    plugin = load("sandboxes", "local")
    pool: SandboxPool = plugin.make(plugin.config(folder=str(tmp_path), most=1, warm=1))
    await pool.start()
    yield pool
    await pool.aclose()


async def test_a_worker_is_a_child_of_the_server_and_leads_its_group(pool: SandboxPool) -> None:
    seen = []
    for _ in range(3):
        async with pool.lease(ENVIRONMENT) as sandbox:
            server = await sandbox.ping()
            me = await called(sandbox, "whoami")
            zygotes = [child for child in children(server) if child != me["pid"]]
            assert len(zygotes) == 1
            assert children(zygotes[0]) == []
            assert (me["parent"], me["thread"], me["group"]) == (server, me["pid"], me["pid"])
            assert me["sockets"] == 1
            seen.append((server, zygotes[0], me["pid"], me["random"]))
    assert len({entry[:2] for entry in seen}) == 1
    assert len({entry[2] for entry in seen}) == len({entry[3] for entry in seen}) == 3


async def test_threads_and_forks_of_a_tool_work(pool: SandboxPool) -> None:
    async with pool.lease(ENVIRONMENT) as sandbox:
        assert await called(sandbox, "fork_and_thread") == [1, 7]


async def test_a_tool_that_aborts_is_told_by_its_signal(pool: SandboxPool) -> None:
    async with pool.lease(ENVIRONMENT) as sandbox:
        result = await sandbox.call("abort", {})
        assert (result.fault, "SIGABRT" in result.content) == ("tool_crash", True)
        await called(sandbox, "whoami")


async def test_a_tool_that_ends_its_siblings_harms_no_later_rollout(pool: SandboxPool) -> None:
    async with pool.lease(ENVIRONMENT) as sandbox:
        server = await sandbox.ping()
        assert await called(sandbox, "end_siblings") == 1
        await called(sandbox, "whoami")
    for _ in range(2):
        async with pool.lease(ENVIRONMENT) as sandbox:
            me = await called(sandbox, "whoami")
            assert await sandbox.ping() == server == me["parent"]
            assert children(server) == [me["pid"]]
            assert not (await sandbox.diff(last=True)).changes


@pytest.mark.long
async def test_a_tool_that_stops_its_siblings_delays_one_rollout_only(pool: SandboxPool) -> None:
    async with pool.lease(ENVIRONMENT) as sandbox:
        assert await called(sandbox, "stop_siblings") == 1
    for _ in range(2):
        async with pool.lease(ENVIRONMENT) as sandbox:
            me = await called(sandbox, "whoami")
            assert children(await sandbox.ping()) == [me["pid"]]


async def test_another_environment_gets_another_process(pool: SandboxPool) -> None:
    async with pool.lease(ENVIRONMENT) as sandbox:
        server, me = await sandbox.ping(), await called(sandbox, "whoami")
        first = [child for child in children(server) if child != me["pid"]]
    other = Environment({}, {"o.py": "def hello() -> str:\n    return '1'\n"})
    async with pool.lease(other) as sandbox:
        assert await called(sandbox, "hello") == 1
        assert await sandbox.ping() == server
        assert not set(first) & set(children(server))
        assert len(children(server)) == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_it_ends_with_the_server(pool: SandboxPool, number: int) -> None:
    async with pool.lease(ENVIRONMENT) as sandbox:
        server = await sandbox.ping()
        await called(sandbox, "whoami")
        below = children(server)
        assert len(below) == 2
        os.kill(server, number)
        for _ in range(200):
            if not any(alive(process) for process in below):
                break
            await asyncio.sleep(0.05)
        assert [process for process in below if alive(process)] == []


def alive(process: int) -> bool:
    """Whether a process runs; one that ended and is not reaped yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
