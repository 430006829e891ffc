"""References in foreign schemas: where they lead, and that no schema makes a check crash or hang."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.reading.references import MISSING, refers_to_itself, target
from engine.reading.schema import allows_null, argument_error, properties_of, required_of, schema_problem, tidied
from engine.types import Tool, ToolCall

ROOT = {
    "properties": {"a/b": {"type": "string"}, "c~d": True},
    "$defs": {"N": {"$anchor": "node", "items": [{"type": "null"}]}},
}


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#", ROOT),
        ("#/properties/a~1b", {"type": "string"}),
        ("#/properties/c~0d", True),
        ("#/properties/c%7E0d", True),
        ("#node", ROOT["$defs"]["N"]),
        ("#/$defs/N/items/0", {"type": "null"}),
        ("#/$defs/N/items/1", MISSING),
        ("#/$defs/N/items/²", MISSING),
        ("#/$defs/Gone", MISSING),
        ("#gone", MISSING),
    ],
)
def test_a_local_reference_is_followed(reference: str, found: Any) -> None:
    assert target(ROOT, reference) is found or target(ROOT, reference) == found


def test_a_circle_is_told_from_a_tree() -> None:
    tree = {"$defs": {"N": {"properties": {"next": {"$ref": "#/$defs/N"}}}}, "properties": {"n": {"$ref": "#/$defs/N"}}}
    assert schema_problem(tree) is None
    assert refers_to_itself(tree) == "#/$defs/N"
    circle = {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/B"}]}, "B": {"not": {"$ref": "#/$defs/A"}}}}
    assert "round in a circle" in str(schema_problem(circle))
    assert refers_to_itself({"properties": {"a": {"type": "string"}}}) is None


@pytest.mark.parametrize("name", ["$ref", "$dynamicRef", "$anchor", "default", "properties"])
def test_a_property_may_be_named_like_a_keyword(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "string"}}}
    assert schema_problem(schema) is None
    assert "leads nowhere" in str(schema_problem({"properties": {name: {"$ref": "#/$defs/Gone"}}}))
    tool = Tool(name="f", description="", parameters=schema, effect="read")
    assert argument_error(tool, ToolCall(id="c", name="f", arguments={name: "a"})) is None
    assert argument_error(tool, ToolCall(id="c", name="f", arguments={name: 1})) is not None


@pytest.mark.parametrize("own", ["https://a.example/tree", "https://a.example/tree#"])
def test_a_reference_to_the_schema_s_own_id_is_followed(own: str) -> None:
    refs = {"whole": {"$ref": "https://a.example/tree"}, "part": {"$ref": "https://a.example/tree#/$defs/N"}}
    schema = {"$id": own, "type": "object", "properties": refs, "$defs": {"N": {"type": "integer"}}}
    assert schema_problem(schema) is None
    assert refers_to_itself(schema) == "https://a.example/tree"
    tool = Tool(name="f", description="", parameters=schema, effect="read")
    assert argument_error(tool, ToolCall(id="c", name="f", arguments={"part": 1, "whole": {"part": 2}})) is None
    assert argument_error(tool, ToolCall(id="c", name="f", arguments={"part": "a"})) is not None
    assert "leads out" in str(schema_problem({**schema, "$id": "https://a.example/other"}))


@pytest.mark.parametrize("key", ["$ref", "$dynamicRef", "$recursiveRef"])
def test_nothing_is_fetched(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a schema was fetched")

    monkeypatch.setattr("urllib.request.urlopen", refused)
    tool = Tool(
        name="f", description="", parameters={"properties": {"a": {key: "http://127.0.0.1:1/x"}}}, effect="read"
    )
    assert "leads out of the schema" in str(schema_problem(tool.parameters))
    assert argument_error(tool, ToolCall(id="c", name="f", arguments={"a": 1})) is None


def test_a_call_is_not_found_to_break_a_schema_that_nobody_can_use() -> None:
    tool = Tool(name="f", description="", parameters={"type": "dict"}, effect="write")
    assert "'dict'" in str(schema_problem(tool.parameters))
    assert argument_error(tool, ToolCall(id="c", name="f", arguments={"a": 1})) is None
    assert "not a JSON object" in str(argument_error(tool, ToolCall(id="c", name="f", raw="{")))


KEYS = st.sampled_from(
    ("type", "properties", "required", "items", "enum", "$ref", "$defs", "anyOf", "allOf", "not", "pattern", "const",
     "additionalProperties", "default", "description", "a", "$id", "$schema", "$dynamicRef", "$recursiveRef", "$anchor",
     "multipleOf", "minimum", "patternProperties", "if", "then", "dependentRequired", "format", "nullable")
)  # fmt: skip
LEAVES = st.sampled_from(
    (None, True, False, 0, 1, -1, 2**70, 1.5, "", "a", "object", "string", "integer", "dict", "array", "#", "#/a",
     "#/$defs/a", "#/properties/a", "#a", "http://localhost:1/x", "(", "a{9999}", "urn:x", "date",
     "http://json-schema.org/draft-04/schema#", "https://json-schema.org/draft/2020-12/schema")
)  # fmt: skip
SCHEMAS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
ANY_TOOL = st.dictionaries(KEYS, SCHEMAS, max_size=5)


@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(parameters=ANY_TOOL, arguments=st.dictionaries(st.sampled_from("ab"), SCHEMAS, max_size=2))
def test_no_schema_makes_a_check_fall_over(parameters: dict[str, Any], arguments: dict[str, Any]) -> None:
    tool = Tool(name="f", description="", parameters=parameters, effect="write")
    call = ToolCall(id="c", name="f", arguments=arguments)
    problem = schema_problem(parameters)
    assert problem is None or (isinstance(problem, str) and problem)
    assert argument_error(tool, call) is None or problem is None
    assert set(tidied(tool, call).arguments) <= set(arguments)
    assert all(isinstance(name, str) for name in required_of(parameters))
    assert all(isinstance(schema, dict) for schema in properties_of(parameters).values())
    assert isinstance(allows_null(parameters, parameters), bool)
