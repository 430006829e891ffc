"""What every tool source promises: valid schemas, calls that reach the sandbox, failures as typed results."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, get_args

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from engine import plugins
from engine.domains import catalog
from engine.domains.sources import open_source, runs_commands, sources_of
from engine.errors import InputErrors
from engine.examples import ToolExample
from engine.protocols import Sandbox, SandboxPool, ToolSource
from engine.reading.schema import argument_error
from engine.rolling.parts import environment_of
from engine.serving.choice import open_pool
from engine.settings import CATALOG
from engine.types import Choice, Domain, ToolCall, ToolFault, ToolResult
from tests.needs import missing

SOURCES = plugins.names("tools")
SHOWN: dict[str, ToolExample] = {
    name: example for name in SOURCES if (example := plugins.load("tools", name).example) is not None
}
"""What each source shows of itself."""
FAILING = [(name, call) for name, example in SHOWN.items() for call in example.failing]
PYTHON = SHOWN["python"].files["tools/own.py"].decode()


def tried(name: str) -> Domain:
    """Return an unfinished pack with what the source shows, and with no other source."""
    head = f"id: tried\nname: Tried\ndescription: It is tried.\ntool_sources: [{name}]\n".encode()
    return catalog.parse({"domain.yaml": head, "policy.md": b"Help.", **SHOWN[name].files}, unfinished=True)


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local", allow_commands=True)
    yield opened
    await opened.aclose()


@pytest_asyncio.fixture
async def sandbox(name: str, pool: SandboxPool) -> AsyncIterator[Sandbox]:
    domain = tried(name)
    async with pool.lease(environment_of(domain, None, commands=runs_commands(domain))) as leased:
        yield leased


@pytest.fixture
def source(name: str) -> ToolSource:
    return sources_of(tried(name))[name]


async def called(name: str, source: ToolSource, call: ToolCall, sandbox: Sandbox) -> ToolResult:
    tool = next(tool for tool in tried(name).tools if tool.name == call.name)
    return await source.call(tool, call, sandbox)


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_shows_calls(name: str) -> None:
    if name not in SHOWN:
        missing(f"NO CALLS: give the tool source {name} an EXAMPLE, so that it can be tried.")
    assert isinstance(SHOWN[name], ToolExample)


@pytest.mark.parametrize("name", SHOWN)
def test_schemas_are_valid_and_closed(name: str) -> None:
    files = tried(name).files
    source, tools = open_source(Choice(name=name), files)
    assert tools
    assert len({tool.name for tool in tools}) == len(tools)
    assert set(source.named(files) or ()) >= {tool.name for tool in tools}
    for tool in tools:
        Draft202012Validator.check_schema(tool.parameters)
        assert tool.parameters["type"] == "object"
        assert tool.parameters["additionalProperties"] is False
        assert tool.source == name
        assert tool.description
        assert set(tool.parameters["required"]) <= set(tool.parameters["properties"])
    _, again = open_source(Choice(name=name), dict(reversed(files.items())))
    assert [tool.name for tool in again] == [tool.name for tool in tools]


@pytest.mark.parametrize("parameter", ['count: "list["', 'count: "x = 1"', 'count: ""', "count: dict = {[]: 1}"])
def test_a_signature_that_cannot_be_read_is_refused_with_its_line(parameter: str) -> None:
    text = PYTHON.replace("count: int", parameter, 1).replace(", exact: bool = False", "")
    with pytest.raises(InputErrors, match=r"tools/own.py line \d+: refuse"):
        open_source(Choice(name="python"), {"tools/own.py": text.encode()})


@pytest.mark.parametrize("name", SHOWN)
async def test_a_call_works_in_the_sandbox(name: str, source: ToolSource, sandbox: Sandbox) -> None:
    example = SHOWN[name]
    before = await source.probe(sandbox)
    assert source.holds_state or before == {}
    result = await called(name, source, example.call, sandbox)
    assert isinstance(result, ToolResult)
    assert result.fault is None
    assert {path: await sandbox.read(path) for path in example.leaves} == example.leaves
    assert await source.probe(sandbox) == await source.probe(sandbox) == example.holds
    assert before != example.holds or not example.holds
    assert {change.path for change in (await sandbox.diff()).changes} == set(example.leaves)
    if (promised := source.result_schema(example.call.name)) is not None:
        Draft202012Validator(promised).validate(json.loads(result.content))


@pytest.mark.parametrize(("name", "call"), FAILING)
async def test_a_tools_own_failure_is_a_typed_result(
    name: str, call: ToolCall, source: ToolSource, sandbox: Sandbox
) -> None:
    result = await called(name, source, call, sandbox)
    assert result.fault in get_args(ToolFault)
    assert result.content.strip()
    after = await called(name, source, SHOWN[name].call, sandbox)
    assert after.fault is None


@pytest.mark.parametrize("name", SOURCES)
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(InputErrors, match="no_such_option"):
        open_source(Choice(name=name, options={"no_such_option": 1}), {})


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
    tool = next(tool for tool in tried("python").tools if tool.name == "refuse")
    problem = argument_error(tool, ToolCall(id="c", name="refuse", arguments=arguments))
    assert (problem is None) is fits
    assert len(problem or "") < 600


@pytest.mark.parametrize("folder", sorted(p.name for p in CATALOG.iterdir() if (p / "domain.yaml").is_file()))
def test_the_shipped_packs_have_valid_schemas(folder: str) -> None:
    domain: Domain = catalog.load(CATALOG / folder)
    for tool in domain.tools:
        Draft202012Validator.check_schema(tool.parameters)
