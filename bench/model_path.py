"""The model path beside its floor: bare aiohttp, bare litellm, and our plug-ins, against one loopback server.

    python -m bench.model_path [--flying 64 256] [--rounds 15] [--whole] [--only NAME]

The ideal rate is calls in flight / latency; the floor is the bare client under ours. CPU is user and system time of our
process per model call; the server is another process. `--whole` rolls out whole dialogues (user and teacher by model,
two tool calls in the local sandbox, all judges with the rubric, storage in SQLite), six model calls each; its CPU holds
all of that.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from engine import settings
from engine.llms._open import open_llm
from engine.types import Endpoint, Tool, Turn

ROOT = Path(__file__).resolve().parent.parent
TOOL = Tool(
    name="get_balance",
    description="Return the balance of one account.",
    parameters={"type": "object", "properties": {"account_id": {"type": "string"}}, "required": ["account_id"]},
    effect="read",
)
TURNS = (Turn(role="system", content="Be brief and correct. " * 60), Turn(role="user", content="What is on A-100?"))
Call = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Measured:
    """Calls a second, that rate as a share of the ideal, and CPU milliseconds a call."""

    rate: float
    share: float
    cpu_ms: float


@contextmanager
def model_server(latency: float) -> Iterator[str]:
    """Start the server as another process; yield its api_base; end it."""
    command = [sys.executable, "-m", "bench.model_server", "--latency", str(latency)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            assert process.stdin is not None
            process.stdin.close()


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measured(call: Call, flying: int, rounds: int, latency: float) -> Measured:
    """Keep `flying` calls in flight until `flying * rounds` are done, after one round to open connections."""

    async def worker(count: int) -> None:
        for _ in range(count):
            await call()

    await asyncio.gather(*(worker(1) for _ in range(flying)))
    started, used = time.perf_counter(), cpu_seconds()
    await asyncio.gather(*(worker(rounds) for _ in range(flying)))
    seconds, calls = time.perf_counter() - started, flying * rounds
    rate = calls / seconds
    return Measured(rate, rate * latency / flying, 1000 * (cpu_seconds() - used) / calls)


async def bare_aiohttp(base: str, flying: int, rounds: int, latency: float) -> Measured:
    body = {"model": "bench", "messages": _messages(), "tools": [TOOL.schema_for_model()]}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call() -> None:
            async with session.post(f"{base}/chat/completions", data=orjson.dumps(body)) as response:
                orjson.loads(await response.read())

        return await measured(call, flying, rounds, latency)


async def bare_litellm(base: str, flying: int, rounds: int, latency: float) -> Measured:
    settings.set_default("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.suppress_debug_info = True
    body = {"model": "openai/bench", "messages": _messages(), "tools": [TOOL.schema_for_model()]}

    async def call() -> None:
        await litellm.acompletion(**body, api_base=base, api_key="none", timeout=60, num_retries=0, max_retries=0)

    return await measured(call, flying, rounds, latency)


def ours(plugin: str) -> Callable[[str, int, int, float], Awaitable[Measured]]:
    async def measure(base: str, flying: int, rounds: int, latency: float) -> Measured:
        model = "openai/bench" if plugin == "litellm" else "bench"
        llm = open_llm(Endpoint(model=model, llm=plugin, api_base=base, timeout=60), "teacher")
        try:
            return await measured(lambda: llm.complete(TURNS, [TOOL]), flying, rounds, latency)
        finally:
            await llm.aclose()

    return measure


def _messages() -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in TURNS]


PEERS = {
    "bare aiohttp": bare_aiohttp,
    "ours: openai_compatible": ours("openai_compatible"),
    "bare litellm": bare_litellm,
    "ours: litellm": ours("litellm"),
}
FLOORS = {"openai_compatible": "bare aiohttp", "litellm": "bare litellm"}


async def whole(base: str, plugin: str, flying: int, rounds: int, latency: float) -> Measured:
    from bench import whole_rollouts

    calls, seconds, cpu = await whole_rollouts.roll(base, plugin, flying, rounds)
    rate = calls / seconds
    return Measured(rate, rate * latency / flying, 1000 * cpu / calls)


def print_row(name: str, flying: int, found: Measured, floor: Measured | None) -> None:
    beside = f"{found.rate / floor.rate:>10.2f}" if floor else f"{'':>10}"
    print(f"{name:<34}{flying:>6}{found.rate:>10.0f}{found.share:>10.2f}{beside}{found.cpu_ms:>10.2f}", flush=True)


async def compare(given: argparse.Namespace) -> None:
    print(f"{'':<34}{'flying':>6}{'calls/s':>10}{'of ideal':>10}{'of floor':>10}{'CPU ms':>10}")
    for flying in given.flying:
        found: dict[str, Measured] = {}
        with model_server(given.latency) as base:
            for name, peer in PEERS.items():
                if given.only in name:
                    found[name] = await peer(base, flying, given.rounds, given.latency)
                    floor = FLOORS.get(name.removeprefix("ours: "), "")
                    print_row(name, flying, found[name], found.get(floor))
            for plugin in FLOORS if given.whole else ():
                name = f"whole rollouts: {plugin}"
                if given.only in name:
                    measure = await whole(base, plugin, flying, given.rounds, given.latency)
                    print_row(name, flying, measure, found.get(FLOORS[plugin]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flying", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    given = parser.parse_args()
    try:
        import uvloop
    except ImportError:
        asyncio.run(compare(given))
    else:
        uvloop.run(compare(given))


if __name__ == "__main__":
    main()
