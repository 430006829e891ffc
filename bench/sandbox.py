"""The cost of a sandbox: a tool call beside a bare JSON line over the same stream, and the whole cycle of a rollout.

    python -m bench.sandbox [local bubblewrap docker] [--cycles 300]

`line` is a JSON line that the tool server answers by itself (the floor of that stream), `echo` the same over a plain
subprocess that does nothing else, `call` a tool function that returns at once. A cycle is what one rollout needs: a
lease, two calls that read and write a JSON file, the state difference, and the reset.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median

from engine.errors import SandboxError
from engine.protocols import SandboxPool
from engine.sandboxes._stream import Stream
from engine.serving.choice import open_pool
from engine.types import Environment

_ECHO = """
import json, sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(json.dumps({"id": json.loads(line)["id"], "ok": {}}).encode() + b"\\n")
    sys.stdout.buffer.flush()
"""
_TOOLS = """
import json

def nothing():
    return "done"

def find(id: str):
    with open("orders.json") as file:
        return json.load(file)["orders"][id]

def close(id: str):
    with open("orders.json") as file:
        data = json.load(file)
    data["orders"][id]["status"] = "closed"
    with open("orders.json", "w") as file:
        file.write(json.dumps(data))
    return data["orders"][id]
"""


def _environment() -> Environment:
    orders = {str(n): {"status": "open", "total": n * 1.5, "lines": [n, n + 1]} for n in range(50)}
    files = {"orders.json": json.dumps({"orders": orders}).encode(), "policy.txt": b"be kind\n" * 50}
    return Environment(files, {"orders.py": _TOOLS}, key="bench")


async def _latency(once: Callable[[], Awaitable[object]], times: int = 1000) -> float:
    """Return the median milliseconds of `times` executions, after twenty to warm up."""
    for _ in range(20):
        await once()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await once()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1e3


async def _echo() -> float:
    """Return the median milliseconds of a JSON line to a plain subprocess and back."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([sys.executable, "-S", "-c", _ECHO], stdin=theirs.fileno(), stdout=theirs.fileno())
    theirs.close()
    ours.setblocking(False)
    _, stream = await asyncio.get_running_loop().create_connection(Stream, sock=ours)
    try:
        return await _latency(lambda: stream.request({"op": "echo"}, 10.0))
    finally:
        await stream.aclose()
        process.kill()
        process.wait()


async def _cycle(pool: SandboxPool, environment: Environment) -> None:
    async with pool.lease(environment) as sandbox:
        await sandbox.call("find", {"id": "7"})
        await sandbox.call("close", {"id": "7"})
        diff = await sandbox.diff(last=True)
        if len(diff.changes) != 1:
            raise SystemExit(f"a cycle saw {len(diff.changes)} changes instead of 1")


async def _rate(pool: SandboxPool, environment: Environment, cycles: int, width: int) -> tuple[float, float]:
    """Return (cycles a second, milliseconds of this process's processor time a cycle)."""

    async def several() -> None:
        for _ in range(cycles // width):
            await _cycle(pool, environment)

    await asyncio.gather(*(_cycle(pool, environment) for _ in range(width)))
    began, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*(several() for _ in range(width)))
    done = cycles // width * width
    return done / (time.perf_counter() - began), (time.process_time() - processor) / done * 1e3


async def _measure(name: str, cycles: int) -> dict[str, float]:
    pool = await open_pool(name)
    environment = _environment()
    try:
        began = time.perf_counter()
        async with pool.lease(environment) as sandbox:
            cold = (time.perf_counter() - began) * 1e3
            line = await _latency(sandbox.ping)  # type: ignore[attr-defined]
            call = await _latency(lambda: sandbox.call("nothing", {}))
        await pool.prepare(environment, 8)
        await asyncio.sleep(3.0)
        began = time.perf_counter()
        async with pool.lease(environment):
            warm = (time.perf_counter() - began) * 1e3
        alone, _ = await _rate(pool, environment, cycles, 1)
        rate, ours = await _rate(pool, environment, cycles, 16)
        crowd, _ = await _rate(pool, environment, max(cycles, 512), 256)
        return {
            "first lease, cold (ms)": cold,
            "lease from the warm pool (ms)": warm,
            "line (ms)": line,
            "call (ms)": call,
            "call / line": call / line,
            "cycles/s, 1 in flight": alone,
            "cycles/s, 16 in flight": rate,
            "cycles/s, 256 in flight": crowd,
            "engine's processor time a cycle (ms)": ours,
        }
    finally:
        await pool.aclose()


async def _main(names: list[str], cycles: int) -> None:
    print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; echo over a plain subprocess {await _echo():.3f} ms"
    )
    found: dict[str, dict[str, float]] = {}
    for name in names:
        try:
            found[name] = await _measure(name, cycles)
        except SandboxError as error:
            print(f"{name}: {error}")
    rows = list(next(iter(found.values()), {}))
    print(f"{'':40}" + "".join(f"{name:>12}" for name in found))
    for row in rows:
        print(f"{row:40}" + "".join(f"{found[name][row]:12.3f}" for name in found))
    for name in found.keys() - {"local"} if "local" in found else ():
        for row in (r for r in rows if r.startswith("cycles")):
            print(f"{name} / local, {row}: {found[name][row] / found['local'][row]:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", default=["local", "bubblewrap", "docker"])
    parser.add_argument("--cycles", type=int, default=300)
    options = parser.parse_args()
    asyncio.run(_main(options.names, options.cycles))
