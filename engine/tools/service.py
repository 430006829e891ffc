"""A program of the pack that serves tools, as JSON-RPC over its standard input and output.

`service/server.py` runs inside the sandbox while a dialogue lasts, with the workspace as its working directory, and may
keep a state. `service/tools.yaml` lists its tools: name, description, parameters (a JSON Schema object), effect (read
or write) and, optionally as `returns`, the JSON Schema of the result.

A request is one line, `{"jsonrpc": "2.0", "id": 1, "method": "refund", "params": {...}}`, and so is its answer, which
has a `result` or an `error` with a `message`. Method `state` returns the program's state as an object of named values,
which become part of the end state. Nothing may depend on the clock or on chance.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any
from weakref import WeakKeyDictionary

from pydantic import Field, ValidationError

from engine.domains.strict_yaml import yaml_value
from engine.errors import InputError, InputErrors, ProcessError
from engine.examples import ToolExample
from engine.protocols import Process, Sandbox, ToolSource
from engine.reading.json_value import loads
from engine.reading.places import Source
from engine.reading.schema import schema_problem
from engine.types import Effect, Frozen, Options, Tool, ToolCall, ToolResult

__all__ = ["ServiceTools"]

_PROGRAM = "service/server.py"
_TOOLS = "service/tools.yaml"
_STATE = "state"


class Config(Options):
    """Bounds of one answer."""

    timeout: Annotated[float, Field(gt=0, le=600)] = 20.0
    """Seconds after which a call is given up and the program ended."""
    output_chars: Annotated[int, Field(ge=200)] = 20_000
    """Characters of a result that the model sees."""


class _Listed(Frozen):
    """One entry of the list of tools."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")]
    description: Annotated[str, Field(min_length=1)]
    parameters: dict[str, Any]
    effect: Effect
    returns: dict[str, Any] | None = None


class _Refused(Exception):
    """The program answered with an error."""


class ServiceTools(ToolSource):
    """The tools that service/tools.yaml lists. The program is started at the first request in a sandbox, and again
    after it has ended."""

    holds_state = True

    def __init__(self, config: Config) -> None:
        self._config = config
        self._program = ""
        self._returns: dict[str, dict[str, Any] | None] = {}
        self._running: WeakKeyDictionary[Sandbox, _Connection] = WeakKeyDictionary()

    def open(self, files: Mapping[str, bytes]) -> Sequence[Tool]:
        """Return the tools of service/tools.yaml. Raises InputErrors naming file, line and the next move."""
        missing = [path for path in (_PROGRAM, _TOOLS) if path not in files]
        if missing:
            move = "Tool source `service` needs it."
            raise InputErrors([InputError(path, "is missing.", move, file=path) for path in missing])
        listed = _listed_tools(Source(_TOOLS, files[_TOOLS]))
        try:
            self._program = files[_PROGRAM].decode()
        except UnicodeDecodeError as error:
            raise InputError(_PROGRAM, "is not UTF-8 text.", "Save the file as UTF-8.", file=_PROGRAM) from error
        self._returns = {one.name: one.returns for one in listed}
        return [Tool(source="service", **one.model_dump(exclude={"returns"})) for one in listed]

    def named(self, files: Mapping[str, bytes]) -> Collection[str] | None:
        """Return the names in service/tools.yaml; None when it cannot be read."""
        with suppress(InputError):
            return [one.name for one in _listed_tools(Source(_TOOLS, files.get(_TOOLS, b"")))]
        return None

    def result_schema(self, tool: str) -> dict[str, Any] | None:
        return self._returns[tool]

    async def call(self, tool: Tool, call: ToolCall, sandbox: Sandbox) -> ToolResult:
        """Return the program's result, cut at `output_chars`. An error that it answers is fault `tool_error`, no answer
        in time is `timeout`, and a program that ends is `tool_crash`."""
        try:
            value = await self._ask(sandbox, tool.name, call.arguments)
        except _Refused as error:
            return ToolResult(content=_error(str(error)), fault="tool_error")
        except TimeoutError:
            message = f"{tool.name} gave no answer within {self._config.timeout:g} seconds."
            return ToolResult(content=_error(message), fault="timeout")
        except ProcessError as error:
            return ToolResult(content=_error(str(error)), fault="tool_crash")
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        most = self._config.output_chars
        cut = f"{text[:most]}\n[cut: {len(text)} characters in all, {most} shown]"
        return ToolResult(content=text if len(text) <= most else cut, truncated=len(text) > most)

    async def probe(self, sandbox: Sandbox) -> Mapping[str, Any]:
        """Return the program's state by name; empty when it answers with an error, or no longer answers."""
        try:
            found = await self._ask(sandbox, _STATE, {})
        except (_Refused, TimeoutError, ProcessError):
            return {}
        return found if isinstance(found, dict) else {_STATE: found}

    async def _ask(self, sandbox: Sandbox, method: str, params: Mapping[str, Any]) -> Any:
        connection = self._running.get(sandbox)
        if connection is None or connection.ended:
            process = await sandbox.open_process(["python3", "-c", self._program])
            connection = self._running[sandbox] = _Connection(process)
        try:
            return await connection.ask(method, params, self._config.timeout)
        except (TimeoutError, ProcessError):
            await connection.aclose()
            raise


class _Connection:
    """Requests to a running program, answered one after the other."""

    def __init__(self, process: Process) -> None:
        self._process, self._number, self._closed = process, 0, False

    @property
    def ended(self) -> bool:
        return self._closed or self._process.status is not None

    async def ask(self, method: str, params: Mapping[str, Any], timeout: float) -> Any:
        """Return the result of a request; lines that answer another request are skipped. Raises _Refused, TimeoutError,
        ProcessError and SandboxError."""
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        answer: Any = None
        async with asyncio.timeout(timeout):
            await self._process.write(json.dumps(request).encode() + b"\n")
            while not isinstance(answer, dict) or answer.get("id") != self._number:
                line = await self._process.readline()
                try:
                    answer = loads(line)
                except ValueError as error:
                    raise ProcessError(f"The program wrote a line that is no JSON: {line[:200]!r}.") from error
        if answer.get("error") is None:
            return answer.get("result")
        refusal = answer["error"]
        raise _Refused(str(refusal.get("message", refusal)) if isinstance(refusal, dict) else str(refusal))

    async def aclose(self) -> None:
        self._closed = True
        await self._process.aclose()


def _error(text: str) -> str:
    """Return the content of a tool result that says what failed."""
    return json.dumps({"error": text}, ensure_ascii=False)


def _listed_tools(source: Source) -> list[_Listed]:
    """Return the entries of service/tools.yaml. Raises InputErrors with the faults of all entries."""
    value = yaml_value(source.data, source.name)
    if not isinstance(value, list):
        move = "List the tools: name, description, parameters, effect."
        raise InputErrors([source.refusal((), "is not a list.", move)])
    found: list[_Listed] = []
    errors: list[InputError] = []
    for number, entry in enumerate(value):
        try:
            one = _Listed.model_validate(entry)
        except ValidationError as error:
            errors += source.refusals(error, entry, (number,))
            continue
        if fault := _field_fault(one, {other.name for other in found}):
            field, problem = fault
            errors.append(source.refusal((number, *field), problem, "Correct it."))
        found.append(one)
    if errors:
        raise InputErrors(errors)
    return found


def _field_fault(one: _Listed, before: Collection[str]) -> tuple[tuple[str, ...], str] | None:
    """Return (path of the field, problem) when a well-formed entry is still no valid tool, else None. `before` holds
    the names of earlier entries."""
    if one.name in before:
        return ("name",), f"{one.name} stands twice."
    if one.name == _STATE:
        return ("name",), f"{_STATE} is what the program is asked for its state; no tool may be called so."
    if one.parameters.get("type") != "object":
        return ("parameters",), "is no schema of an object."
    for field, schema in (("parameters", one.parameters), ("returns", one.returns)):
        if schema is not None and (problem := schema_problem(schema)):
            return (field,), f"{problem}."
    return None


_SHOWN_PROGRAM = """
import json
import sys

total = 0


def add(number):
    global total
    if number < 0:
        raise ValueError("it counts upwards only")
    total += number
    return {"total": total}


METHODS = {"add": add, "leave": lambda: sys.exit(3), "state": lambda: {"total": total}}

for line in sys.stdin:
    request = json.loads(line)
    answer = {"jsonrpc": "2.0", "id": request["id"]}
    try:
        answer["result"] = METHODS[request["method"]](**request["params"])
    except ValueError as error:
        answer["error"] = {"code": -32000, "message": str(error)}
    print(json.dumps(answer), flush=True)
"""
_SHOWN_TOOLS = """
- name: add
  description: Add a number to the total.
  effect: write
  parameters: {type: object, properties: {number: {type: integer}}, required: [number], additionalProperties: false}
  returns: {type: object, properties: {total: {type: integer}}, required: [total]}
- name: leave
  description: End the program.
  effect: write
  parameters: {type: object, properties: {}, required: [], additionalProperties: false}
"""
EXAMPLE = ToolExample(
    call=ToolCall(id="c", name="add", arguments={"number": 3}),
    holds={"total": 3},
    failing=(ToolCall(id="c", name="add", arguments={"number": -1}), ToolCall(id="c", name="leave")),
    files={_PROGRAM: _SHOWN_PROGRAM.encode(), _TOOLS: _SHOWN_TOOLS.encode()},
)
