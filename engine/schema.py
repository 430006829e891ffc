"""Checks a tool call against its JSON Schema, with compiled validators."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match

from engine.errors import InputError
from engine.types import Tool, ToolCall

MAX_CHARS = 400
"""Of an error that quotes the arguments; a model may send megabytes."""


@lru_cache(maxsize=4_096)
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))


_texts: dict[int, tuple[dict[str, Any], str]] = {}


def _schema_text(parameters: dict[str, Any]) -> str:
    """Return the JSON of a schema; kept per object, because the same tools serve thousands of calls."""
    kept = _texts.get(id(parameters))
    if kept is None or kept[0] is not parameters:
        if len(_texts) > 4_096:
            _texts.clear()
        kept = _texts[id(parameters)] = (parameters, json.dumps(parameters, sort_keys=True))
    return kept[1]


def argument_error(tool: Tool, call: ToolCall) -> str | None:
    """Return in one sentence why the call breaks the tool's schema, or None when it fits."""
    if call.raw is not None:
        return "the arguments are not a JSON object. Send one that fits the tool's parameters."
    error = best_match(_validator(_schema_text(tool.parameters)).iter_errors(call.arguments))
    if error is None:
        return None
    where = ".".join(map(str, error.absolute_path))
    problem = error.message if len(error.message) <= MAX_CHARS else f"{error.message[:MAX_CHARS]} ..."
    return f"argument {where}: {problem}." if where else f"{problem}."


def tidied(tool: Tool, call: ToolCall) -> ToolCall:
    """Return the call as the tool gets it: a null for an optional argument is left out, so that its default
    holds, and 5.0 for an integer is 5. What the model wrote stays in its turn."""
    properties: dict[str, Any] = tool.parameters.get("properties", {})
    required = tool.parameters.get("required", ())
    arguments = {
        name: _whole(value) if properties.get(name, {}).get("type") == "integer" else value
        for name, value in call.arguments.items()
        if value is not None or name in required or name not in properties
    }
    return call.model_copy(update={"arguments": arguments})


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_schema(schema: dict[str, Any], where: str) -> None:
    """Raise InputError when `schema` is no valid JSON Schema."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise InputError(where, f"is no valid JSON Schema: {error.message}.", "Correct the schema.") from error
