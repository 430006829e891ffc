"""The litellm plug-in alone: the library is imported late and quietly, its connections are shared and closed."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings

from engine import settings
from engine.running.models import open_llm
from engine.types import Endpoint, Turn
from tests.llms.server import serving

USER = Turn(role="user", content="Hello?")


def test_opening_does_not_import_the_library() -> None:
    code = (
        "import sys; from engine.running.models import open_llm; from engine.types import Endpoint; "
        "open_llm(Endpoint(model='openai/m'), 'teacher'); print('litellm' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def test_the_import_does_not_hold_up_the_loop() -> None:
    code = """
import asyncio, sys, time
from engine.running.models import open_llm
from engine.types import Endpoint, Turn

async def main():
    llm = open_llm(Endpoint(model="no-such-model", attempts=1), "teacher")
    calls = [asyncio.create_task(llm.complete([Turn(role="user", content="x")])) for _ in range(3)]
    beats = 0
    while "litellm" not in sys.modules or not sys.modules["litellm"].__dict__.get("suppress_debug_info"):
        await asyncio.sleep(0.01)
        beats += 1
    await asyncio.gather(*calls, return_exceptions=True)
    print(beats)

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.ROOT, capture_output=True, text=True, check=True, timeout=100
    )
    assert int(done.stdout) > 5


async def test_the_last_to_close_closes_the_connections() -> None:
    async with serving() as server:
        endpoint = Endpoint(model="openai/m", api_base=server.base, attempts=1)
        first, second = open_llm(endpoint, "teacher"), open_llm(endpoint, "judge")
        await first.complete([USER])
        await second.complete([USER])
        await first.aclose()
        assert (await second.complete([USER])).turn.content == "Hello."
        await second.aclose()
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            gc.collect()
        third = open_llm(endpoint, "user")
        assert (await third.complete([USER])).turn.content == "Hello."
        await third.aclose()
        await third.aclose()
