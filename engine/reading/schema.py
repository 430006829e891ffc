"""Validates tool calls and results against JSON Schemas, with compiled validators.

Schemas of domains are checked when a pack is parsed; those of imported tools may be anything. When a schema cannot be
used, `schema_problem` says why, and every call passes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from engine.reading.references import reference_problem, target
from engine.types import Tool, ToolCall

MAX_CHARS = 400
"""The most characters of an error that quotes the arguments; a model may send megabytes."""
_SCHEMA_ERRORS = (
    Unresolvable,
    RecursionError,
    ArithmeticError,
    re.error,
    TypeError,
    ValueError,
    AttributeError,
    KeyError,
)
"""What a validator raises for schemas that its own check accepts: an invalid pattern, an unknown draft."""
_MOST_REFERENCES = 20
"""Nested references that `allows_null` follows."""


@lru_cache(maxsize=4_096)
def _validator(schema: str) -> Draft202012Validator | None:
    """Return the compiled validator, None when the schema cannot be used. An empty registry, so that nothing is
    fetched."""
    value = json.loads(schema)
    return Draft202012Validator(value, registry=Registry()) if _problem(value) is None else None


@lru_cache(maxsize=1_024)
def _known_problem(schema: str) -> str | None:
    return _problem(json.loads(schema))


def _problem(schema: dict[str, Any]) -> str | None:
    try:
        Draft202012Validator.check_schema(schema)
        return reference_problem(schema)
    except SchemaError as error:
        place = "/".join(map(str, error.absolute_path))[:MAX_CHARS] or "the top"
        return f"its schema is no valid JSON Schema at {place}: {error.message[:MAX_CHARS]}"
    except _SCHEMA_ERRORS as error:
        return f"its schema cannot be read ({type(error).__name__})"


def schema_problem(parameters: Mapping[str, Any]) -> str | None:
    """Return why arguments cannot be checked against a schema, as the end of a sentence after a tool's name, or None.

    Nothing is fetched, so a reference out of the schema is a problem, as is one without a target or in a circle.
    """
    try:
        return _known_problem(json.dumps(parameters, sort_keys=True))
    except (TypeError, ValueError, RecursionError) as error:
        return f"its schema cannot be read ({type(error).__name__})"


_texts: dict[int, tuple[dict[str, Any], str]] = {}


def _schema_text(parameters: dict[str, Any]) -> str:
    """Return the JSON of a schema; cached per object, because the same tools serve thousands of calls."""
    kept = _texts.get(id(parameters))
    if kept is None or kept[0] is not parameters:
        if len(_texts) > 4_096:
            _texts.clear()
        kept = _texts[id(parameters)] = (parameters, json.dumps(parameters, sort_keys=True))
    return kept[1]


def result_error(schema: dict[str, Any] | None, value: Any) -> str | None:
    """Return in one sentence why a result does not fit its schema; None when it fits, or there is no schema."""
    validator = None if schema is None else _validator(_schema_text(schema))
    error = None if validator is None else best_match(validator.iter_errors(value))
    return None if error is None else error.message[:MAX_CHARS]


def argument_error(tool: Tool, call: ToolCall) -> str | None:
    """Return in one sentence why the call breaks the tool's schema; None when it fits, or the schema cannot be used."""
    if call.raw is not None:
        return "the arguments are not a JSON object. Send one that fits the tool's parameters."
    validator = _validator(_schema_text(tool.parameters))
    if validator is None:
        return None
    try:
        error = best_match(validator.iter_errors(call.arguments))
    except _SCHEMA_ERRORS:  # schemas of imported tools only; those of domains were checked when the pack was parsed
        return None
    if error is None:
        return None
    where = ".".join(map(str, error.absolute_path))
    problem = error.message if len(error.message) <= MAX_CHARS else f"{error.message[:MAX_CHARS]} ..."
    return f"argument {where}: {problem}." if where else f"{problem}."


def tidied(tool: Tool, call: ToolCall) -> ToolCall:
    """Return the call as the tool receives it: without null for an optional argument, so that its default applies, and
    with 5 in place of 5.0 for an integer. The model's own call stays in its turn."""
    properties = properties_of(tool.parameters)
    required = required_of(tool.parameters)
    arguments = {
        name: _whole(value) if name in properties and properties[name].get("type") == "integer" else value
        for name, value in call.arguments.items()
        if value is not None or name in required or name not in properties
    }
    return call.model_copy(update={"arguments": arguments})


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def properties_of(parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the schemas of the arguments by name, {} for one that is no object."""
    found = parameters.get("properties")
    if not isinstance(found, dict):
        return {}
    return {name: schema if isinstance(schema, dict) else {} for name, schema in found.items()}


def required_of(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the required arguments."""
    found = parameters.get("required")
    return tuple(name for name in found if isinstance(name, str)) if isinstance(found, list) else ()


def allows_null(schema: Any, root: Mapping[str, Any], followed: int = 0) -> bool:
    """Return whether a schema accepts null. References are resolved in `root`; one that cannot be resolved accepts
    it."""
    if not isinstance(schema, dict):
        return schema is not False
    if schema.get("nullable") is True:
        return True
    reference = schema.get("$ref")
    follows = isinstance(reference, str) and followed < _MOST_REFERENCES
    if follows and not allows_null(target(root, str(reference)), root, followed + 1):
        return False
    kind = schema.get("type")
    if kind is not None and kind != "null" and not (isinstance(kind, list) and "null" in kind):
        return False
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        return False
    if "const" in schema and schema["const"] is not None:
        return False
    every, some = schema.get("allOf"), [schema[key] for key in ("anyOf", "oneOf") if isinstance(schema.get(key), list)]
    fits = all(allows_null(one, root, followed + 1) for one in every) if isinstance(every, list) else True
    return fits and all(any(allows_null(one, root, followed + 1) for one in choices) for choices in some)
