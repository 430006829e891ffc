"""The model path beside its floor: bare aiohttp, bare litellm, and our plug-ins, against one loopback server.

    python -m bench.model_path [--flying 64 256] [--rounds 48] [--whole] [--faults] [--only NAME]

The ideal rate is calls in flight / latency; the floor is the bare client that our plug-in uses. CPU is user and system
time of this process per model call; the server is another process. All rows repeat the six model calls of one dialogue.
`--whole` adds whole rollouts, whose CPU includes judges and storage (user and teacher by model, two tool calls in the
local sandbox, all judges with rubric, SQLite): with the usual 48 rounds a batch of 24 dialogues for each slot in
flight, its start and its end included. `--faults` adds them against a server that answers 10% of all
calls with 429 and 5% with 500, beside the rate without faults; no trajectory may be lost. Bare litellm is the library
as shipped; our plug-in has it call OpenAI-compatible servers without OpenAI's client, which saves a third of each
call's CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from bench.whole_rollouts import Request, requests_of_one, roll
from engine import loop, settings
from engine.llms._chat import with_form
from engine.llms._wire import to_messages, to_tools
from engine.running.models import open_llm
from engine.types import Endpoint

ROOT = Path(__file__).resolve().parent.parent
Call = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Measured:
    """Calls a second, that rate as a share of the ideal, and CPU milliseconds a call."""

    rate: float
    share: float
    cpu_ms: float


@contextmanager
def model_server(latency: float, *options: str) -> Iterator[str]:
    """Start the server as another process, yield its api_base, and end it after the block."""
    command = [sys.executable, "-m", "bench.model_server", "--latency", str(latency), *options]
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


def bodies(requests: Sequence[Request], model: str) -> Iterator[dict[str, Any]]:
    """Yield the wire form of the requests, over and over."""
    found: list[dict[str, Any]] = []
    for request in requests:
        body: dict[str, Any] = {"model": model, "messages": to_messages(request.messages), "temperature": 0.7}
        body |= {"tools": to_tools(request.tools)} if request.tools else {}
        found.append(with_form(body, "json_schema", request.schema) if request.schema else body)
    return cycle(found)


async def bare_aiohttp(base: str, requests: Sequence[Request], flying: int, rounds: int, latency: float) -> Measured:
    following = bodies(requests, "bench")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call() -> None:
            async with session.post(f"{base}/chat/completions", data=orjson.dumps(next(following))) as response:
                orjson.loads(await response.read())

        return await measured(call, flying, rounds, latency)


async def bare_litellm(base: str, requests: Sequence[Request], flying: int, rounds: int, latency: float) -> Measured:
    settings.set_default("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.suppress_debug_info = True
    following = bodies(requests, "openai/bench")

    async def call() -> None:
        await litellm.acompletion(**next(following), api_base=base, api_key="none", timeout=60, max_retries=0)

    with as_shipped("EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER"):
        return await measured(call, flying, rounds, latency)


@contextmanager
def as_shipped(variable: str) -> Iterator[None]:
    """Unset, for the block, a variable that our plug-in sets for the library, which reads it at every call."""
    ours = os.environ.pop(variable, None)
    try:
        yield
    finally:
        if ours is not None:
            os.environ[variable] = ours


def ours(plugin: str) -> Callable[[str, Sequence[Request], int, int, float], Awaitable[Measured]]:
    async def measure(base: str, requests: Sequence[Request], flying: int, rounds: int, latency: float) -> Measured:
        model = "openai/bench" if plugin == "litellm" else "bench"
        llm = open_llm(Endpoint(model=model, llm=plugin, api_base=base, timeout=60), "teacher")
        following = cycle(requests)

        async def call() -> None:
            request = next(following)
            await llm.complete(request.messages, request.tools, response_schema=request.schema)

        try:
            return await measured(call, flying, rounds, latency)
        finally:
            await llm.aclose()

    return measure


PEERS = {
    "bare aiohttp": bare_aiohttp,
    "ours: openai_compatible": ours("openai_compatible"),
    "bare litellm": bare_litellm,
    "ours: litellm": ours("litellm"),
}
FAULTS = ("--rate-limited", "0.1", "--failing", "0.05")
FLOORS = {"openai_compatible": "bare aiohttp", "litellm": "bare litellm"}


async def whole(base: str, plugin: str, flying: int, rounds: int, latency: float) -> Measured:
    calls, seconds, cpu = await roll(base, plugin, flying, rounds)
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
            requests = await requests_of_one(base)
            for name, peer in PEERS.items():
                if given.only in name:
                    found[name] = await peer(base, requests, flying, given.rounds, given.latency)
                    floor = FLOORS.get(name.removeprefix("ours: "), "")
                    print_row(name, flying, found[name], found.get(floor))
            for plugin in FLOORS if given.whole else ():
                name = f"whole rollouts: {plugin}"
                if given.only in name:
                    measure = await whole(base, plugin, flying, given.rounds, given.latency)
                    print_row(name, flying, measure, found.get(FLOORS[plugin]))
                    if given.faults:
                        with model_server(given.latency, *FAULTS) as faulty:
                            troubled = await whole(faulty, plugin, flying, given.rounds, given.latency)
                        print_row("  with faults, of the rate without", flying, troubled, measure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flying", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--rounds", type=int, default=48)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--faults", action="store_true", help="with --whole: also with 10%% 429 and 5%% 500")
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    given = parser.parse_args()
    loop.run(compare(given))


if __name__ == "__main__":
    main()
