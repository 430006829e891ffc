"""The tool sources that reach a sandbox: python and shell."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

import pytest

from engine.errors import InputError
from engine.plugins import load
from engine.protocols import Sandbox, ToolSource
from engine.serving.choice import open_pool
from engine.types import Environment, Limits, Tool, ToolCall

_SOURCE = b'''
def double(number: int) -> int:
    """Double a number.

    Args:
        number: What to double.

    Effect: read
    """
    if number < 0:
        raise ValueError("only what is not negative")
    return number * 2
'''


def _source(name: str, **options: object) -> ToolSource:
    plugin = load("tools", name)
    made: ToolSource = plugin.make(plugin.config.model_validate(options))
    return made


def tools_in(source: ToolSource, files: dict[str, bytes]) -> Sequence[Tool]:
    found = source.open(files)
    assert isinstance(found, Sequence)
    return found


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    pool = await open_pool("local", allow_commands=True)
    limits = Limits(output_chars=20_000)
    environment = Environment({"a.txt": b"a\n"}, {"m.py": _SOURCE.decode()}, limits=limits, commands=True)
    async with pool.lease(environment) as found:
        yield found
    await pool.aclose()


async def test_python_tools_come_from_the_pack_and_run_in_the_sandbox(sandbox: Sandbox) -> None:
    source = _source("python")
    (tool,) = tools_in(source, {"tools/m.py": _SOURCE, "tools/old.py.off": b"def (", "workspace/x.py": b"def ("})
    assert (tool.name, tool.effect, tool.source, source.commands) == ("double", "read", "python", False)
    assert (await source.call(tool, ToolCall(id="1", name="double", arguments={"number": 21}), sandbox)).content == "42"
    refused = await source.call(tool, ToolCall(id="2", name="double", arguments={"number": -1}), sandbox)
    assert (refused.fault, json.loads(refused.content)) == ("tool_error", {"error": "only what is not negative"})


def test_python_tools_refuse_what_is_no_text() -> None:
    with pytest.raises(InputError, match=r"tools/m\.py"):
        tools_in(_source("python"), {"tools/m.py": b"\xff\xfe"})


async def test_bash_runs_in_the_workspace(sandbox: Sandbox) -> None:
    source = _source("shell")
    (tool,) = tools_in(source, {})
    assert (tool.name, tool.effect, tool.parameters["required"], source.commands) == (
        "bash",
        "write",
        ["command"],
        True,
    )
    call = ToolCall(id="1", name="bash", arguments={"command": "cat a.txt; echo é >&2; cd /; exit 3"})
    result = await source.call(tool, call, sandbox)
    assert json.loads(result.content) == {"exit_code": 3, "stdout": "a\n", "stderr": "é\n"}
    assert result.fault is None


async def test_bash_is_bounded_in_time_and_output(sandbox: Sandbox) -> None:
    source = _source("shell", output_chars=300, longest=20.0)
    (tool,) = tools_in(source, {})
    slow = ToolCall(id="1", name="bash", arguments={"command": "echo begun; sleep 60", "timeout": 3.5})
    result = await source.call(tool, slow, sandbox)
    assert result.fault == "timeout"
    answer = json.loads(result.content)
    assert (answer["exit_code"], answer["stdout"]) == (None, "begun\n")
    assert "3.5 seconds" in answer["error"]
    loud = ToolCall(id="2", name="bash", arguments={"command": "head -c 5000 /dev/zero | tr '\\0' x"})
    result = await source.call(tool, loud, sandbox)
    assert result.truncated
    assert json.loads(result.content)["stdout"] == "x" * 300 + "\n[cut: 5000 characters in all, 300 shown]"
