"""What every tool source promises: valid schemas, calls that reach the sandbox, failures as typed results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, get_args

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from engine import plugins
from engine.domains import catalog
from engine.domains.sources import opened
from engine.errors import InputErrors
from engine.protocols import Environment, Sandbox, SandboxPool
from engine.reading.schema import argument_error
from engine.serving.choice import open_pool
from engine.settings import CATALOG
from engine.types import Choice, Domain, ToolCall, ToolFault, ToolResult

SOURCE = '''
"""A pack's own functions."""


def keep(path: str, text: str) -> str:
    """Write a text into a file.

    Args:
        path: Where.
        text: What.

    Effect: write
    """
    with open(path, "w") as file:
        file.write(text)
    return "kept"


def refuse(count: int, exact: bool = False) -> str:
    """Always refuse.

    Args:
        count: Any number.
        exact: Whether it matters.

    Effect: read
    """
    raise ValueError(f"no {count}")


def crash() -> str:
    """Always crash.

    Effect: read
    """
    return [][1]
'''
FILES = {"tools/own.py": SOURCE.encode(), "workspace/note.txt": b"hello\n"}
GOOD: dict[str, dict[str, Any]] = {
    "python": {"name": "keep", "arguments": {"path": "made.txt", "text": "made"}},
    "shell": {"name": "bash", "arguments": {"command": "printf made > made.txt"}},
}
BAD: dict[str, list[dict[str, Any]]] = {
    "python": [{"name": "refuse", "arguments": {"count": 3}}, {"name": "crash", "arguments": {}}],
    "shell": [{"name": "bash", "arguments": {"command": "sleep 30", "timeout": 0.3}}],
}
SOURCES = plugins.names("tools")


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local", allow_commands=True)
    yield opened
    await opened.aclose()


@pytest_asyncio.fixture
async def sandbox(pool: SandboxPool) -> AsyncIterator[Sandbox]:
    modules = {"own.py": SOURCE}
    environment = Environment(workspace={"note.txt": b"hello\n"}, modules=modules, commands=True, key="sources")
    async with pool.lease(environment) as leased:
        yield leased


async def called(name: str, call: dict[str, Any], sandbox: Sandbox) -> ToolResult:
    source, tools = opened(Choice(name=name), FILES)
    tool = next(tool for tool in tools if tool.name == call["name"])
    return await source.call(tool, ToolCall(id="c", **call), sandbox)


def test_every_source_takes_part() -> None:
    """A new source adds its calls to GOOD and BAD."""
    assert set(GOOD) == set(BAD) == set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_schemas_are_valid_and_closed(name: str) -> None:
    source, tools = opened(Choice(name=name), FILES)
    assert tools
    assert len({tool.name for tool in tools}) == len(tools)
    assert set(source.named(FILES) or ()) >= {tool.name for tool in tools}
    for tool in tools:
        Draft202012Validator.check_schema(tool.parameters)
        assert tool.parameters["type"] == "object"
        assert tool.parameters["additionalProperties"] is False
        assert tool.source == name
        assert tool.description
        assert set(tool.parameters["required"]) <= set(tool.parameters["properties"])
    _, again = opened(Choice(name=name), dict(reversed(FILES.items())))
    assert [tool.name for tool in again] == [tool.name for tool in tools]


@pytest.mark.parametrize("parameter", ['count: "list["', 'count: "x = 1"', 'count: ""', "count: dict = {[]: 1}"])
def test_a_signature_that_cannot_be_read_is_refused_with_its_line(parameter: str) -> None:
    text = SOURCE.replace("count: int", parameter, 1).replace(", exact: bool = False", "")
    with pytest.raises(InputErrors, match=r"tools/own.py line \d+: refuse"):
        opened(Choice(name="python"), {"tools/own.py": text.encode()})


@pytest.mark.parametrize("name", SOURCES)
async def test_a_call_works_in_the_sandbox(name: str, sandbox: Sandbox) -> None:
    result = await called(name, GOOD[name], sandbox)
    assert isinstance(result, ToolResult)
    assert result.fault is None
    assert await sandbox.read("made.txt") == b"made"
    assert [change.path for change in (await sandbox.diff()).changes] == ["made.txt"]


@pytest.mark.parametrize(("name", "call"), [(name, call) for name in SOURCES for call in BAD.get(name, [])])
async def test_a_tools_own_failure_is_a_typed_result(name: str, call: dict[str, Any], sandbox: Sandbox) -> None:
    result = await called(name, call, sandbox)
    assert result.fault in get_args(ToolFault)
    assert result.content.strip()
    after = await called(name, GOOD[name], sandbox)
    assert after.fault is None


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"count": 3}, True),
        ({"count": 3, "exact": True}, True),
        ({"count": True}, False),
        ({"count": "3"}, False),
        ({"count": 3.5}, False),
        ({"count": None}, False),
        ({"count": 3, "exact": 1}, False),
        ({"count": 3, "exact": "true"}, False),
        ({}, False),
        ({"count": 3, "more": 1}, False),
        ({"count": "x" * 100_000}, False),
    ],
)
def test_a_call_of_the_wrong_type_is_refused_in_one_short_sentence(arguments: dict[str, Any], fits: bool) -> None:
    tool = next(tool for tool in opened(Choice(name="python"), FILES)[1] if tool.name == "refuse")
    problem = argument_error(tool, ToolCall(id="c", name="refuse", arguments=arguments))
    assert (problem is None) is fits
    assert len(problem or "") < 600


@pytest.mark.parametrize("folder", sorted(p.name for p in CATALOG.iterdir() if (p / "domain.yaml").is_file()))
def test_the_shipped_packs_have_valid_schemas(folder: str) -> None:
    domain: Domain = catalog.load(CATALOG / folder)
    for tool in domain.tools:
        Draft202012Validator.check_schema(tool.parameters)
