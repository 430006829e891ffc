"""Makes and opens the tool sources of a domain, with the options that domain.yaml gives them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from engine import plugins
from engine.protocols import ToolSource
from engine.types import Choice, Domain, Tool


def open_source(choice: Choice, files: Mapping[str, bytes]) -> tuple[ToolSource, Sequence[Tool]]:
    """Return an opened source and its tools in a pack's files. Raises InputError or InputErrors for what is wrong
    there."""
    source = new_source(choice)
    tools = source.open(files)
    return source, _result_of(tools) if isinstance(tools, Coroutine) else tools


def new_source(choice: Choice) -> ToolSource:
    """Return a source that is not opened. Raises InputErrors for an option that it does not take."""
    config = plugins.configure("tools", choice.name, choice.options)
    source: ToolSource = plugins.load("tools", choice.name).make(config)
    return source


def sources_of(domain: Domain) -> dict[str, ToolSource]:
    """Return newly opened sources of a domain by name. Not kept with the Domain: that is a value which threads share,
    while a source may hold the processes of one batch."""
    return {choice.name: open_source(choice, domain.files)[0] for choice in domain.tool_sources}


def runs_commands(domain: Domain) -> bool:
    """Return whether any tool of the domain runs code that the model writes."""
    return any(plugins.load("tools", tool.source).make.commands for tool in domain.tools)


def _result_of(work: Coroutine[Any, Any, Sequence[Tool]]) -> Sequence[Tool]:
    """Return the result of a coroutine, run in a thread with its own event loop: packs are parsed both inside and
    outside of running loops."""
    results: list[Sequence[Tool]] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]
