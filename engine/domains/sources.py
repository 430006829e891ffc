"""The tool sources of a domain, each made with the options that domain.yaml gives it and opened with its files."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from engine import plugins
from engine.protocols import ToolSource
from engine.types import Choice, Domain, Tool


def opened(choice: Choice, files: Mapping[str, bytes]) -> tuple[ToolSource, Sequence[Tool]]:
    """Return a source with the tools that it finds in a pack's files. Raises InputError and InputErrors."""
    source = made(choice)
    tools = source.open(files)
    return source, _finished(tools) if isinstance(tools, Coroutine) else tools


def made(choice: Choice) -> ToolSource:
    """Return a source that was not opened. Raises InputErrors for an option that it does not take."""
    config = plugins.configure("tools", choice.name, choice.options)
    source: ToolSource = plugins.load("tools", choice.name).make(config)
    return source


def sources_of(domain: Domain) -> dict[str, ToolSource]:
    """Return the opened sources of a domain by name."""
    return {choice.name: opened(choice, domain.files)[0] for choice in domain.tool_sources}


def runs_commands(domain: Domain) -> bool:
    """Return whether a tool of the domain runs what the model writes."""
    return any(plugins.load("tools", tool.source).make.commands for tool in domain.tools)


def _finished(work: Coroutine[Any, Any, Sequence[Tool]]) -> Sequence[Tool]:
    """Wait for a coroutine in a loop of its own, as packs are parsed inside and outside of running loops."""
    found: list[Sequence[Tool]] = []
    refused: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(work))
        except BaseException as error:
            refused.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if refused:
        raise refused[0]
    return found[0]
