"""Packages of small domains, made and unpacked once for several tests, and the process that plays one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.domains import pack_files
from engine.environments.check import unpacked
from engine.environments.contents import Reply
from engine.environments.make import Package, Source, make, of_domain
from engine.environments.package import framework, imported_file
from engine.serving.choice import open_pool
from engine.types import Domain, Persona


async def packaged(name: str, source: Source) -> Package:
    """Return the package for a framework, made and checked in the local sandbox."""
    pool = await open_pool("local", allow_commands=True)
    try:
        return await make(name, source, pool)
    finally:
        await pool.aclose()


async def package_of(name: str, domain: Domain, persona: Persona, tasks: int = 6) -> Package:
    return await packaged(name, of_domain(domain, [persona], tasks=tasks, seed=1))


def unpack(package: Package, folder: Path) -> Path:
    """Unpack a package into a new folder and return it."""
    pack_files.write_folder(unpacked(package.archive), folder)
    return folder


@contextmanager
def playing(folder: Path, name: str, task: str = "") -> Iterator[Any]:
    """Start the process of an unpacked package and yield its client (assets/environments/episodes.py)."""
    place = framework(name).runtime(folder, task)
    with imported_file(place / "episodes.py").Runtime(code=place / "code", contents=place) as runtime:
        yield runtime


def in_openai_format(reply: Reply) -> dict[str, Any]:
    """Return a reply as OpenAI's chat format has it, with the finish reason beside it."""
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments) if call.raw is None else call.raw},
        }
        for call in reply.tool_calls
    ]
    return {"content": reply.content, "reasoning": reply.reasoning, "tool_calls": calls, "finish": reply.finish}


def played(runtime: Any, task: str, replies: Sequence[Reply]) -> Any:
    """Play an episode reply by reply and return its result, None where it is not over."""
    found = runtime.request("open", task=task)
    number = found["episode"]
    for reply in replies:
        if found["result"] is not None:
            break
        found = runtime.request("reply", episode=number, reply=in_openai_format(reply))
    return found["result"]
