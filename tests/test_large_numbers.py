"""Integers beyond 64 bits pass every input and output with all digits and without error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domains import catalog
from engine.domains.slots import Tables
from engine.domains.strict_yaml import yaml_value
from engine.domains.templates import render_value
from engine.errors import InputError, InputErrors
from engine.exporting.json import dump_bytes
from engine.exporting.record import read, record_of
from engine.importing.lines import objects
from engine.llms._text_calls import find_calls
from engine.llms._wire import _tool_call
from engine.planning.batch_file import parse_batch
from engine.reviewing.corrections import same_calls
from engine.rolling.prove import result_value
from engine.types import Change, Leaf, StateDiff, ToolCall, Trajectory, Turn
from pages._ui.text import beyond_browsers
from pages.review.parts.turn_viewer import _calls
from storage.database import Database
from storage.designing import domains
from storage.intake.rows import dump
from storage.search import document_of_body
from storage.serving import requests
from tests.samples.trajectories import mixed_trajectories, proven_trajectory

BIG = "1234567890123456789012"
LONG = "98765" * 1000
NUMBERS = (str(2**63), str(2**64), BIG, f"-{BIG}", "7" * 400, LONG, f"-{LONG}")


@pytest.mark.parametrize("digits", NUMBERS)
def test_tables_hold_the_digits_as_text(digits: str) -> None:
    files = {
        "people.csv": f"id,name\n{digits},ann\n7,bob\n".encode(),
        "goods.json": f'[{{"id": {digits}, "parts": [{{"no": {digits}}}]}}, {{"id": 8, "parts": []}}]'.encode(),
        "head.json": f'{{"total": {digits}, "items": {{"a": {{"n": {digits}}}}}}}'.encode(),
    }
    tables = Tables(files)
    assert tables.rows("select id from people order by rowid", {}) == [{"id": digits}, {"id": 7}]
    assert tables.rows("select id from goods order by rowid", {}) == [{"id": digits}, {"id": 8}]
    assert tables.rows("select json_extract(parts, '$[0].no') as no from goods limit 1", {}) == [{"no": digits}]
    assert tables.rows("select total from head", {}) == [{"total": digits}]
    assert tables.rows("select n from items where n = :id", {"id": digits}) == [{"n": digits}]


def test_numbers_that_sql_knows_stay_numbers() -> None:
    cells = [str(2**63 - 1), str(-(2**63)), "0", "12.50", "1.5"]
    rows = Tables({"n.csv": ("n\n" + "\n".join(cells)).encode()}).rows("select n from n order by rowid", {})
    assert [row["n"] for row in rows] == [2**63 - 1, -(2**63), 0, 12.5, 1.5]
    file = json.dumps([{"n": 2**63 - 1}, {"n": 1e300}, {"n": 2.5}]).encode()
    rows = Tables({"n.json": file}).rows("select n from n order by rowid", {})
    assert [row["n"] for row in rows] == [2**63 - 1, 1e300, 2.5]


def test_a_decimal_beyond_every_float_is_text() -> None:
    rows = Tables({"n.csv": f"n\n{LONG}.5\n{BIG}.0\n".encode()}).rows("select n from n order by rowid", {})
    assert [row["n"] for row in rows] == [f"{LONG}.5", f"{BIG}.0"]
    assert Tables({"n.json": b'[{"n": 1e999}]'}).rows("select n from n", {}) == [{"n": "1e999"}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([10**25, -(10**25), 2**63]) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON, st.text())
def test_no_data_file_ends_the_making_of_tables(document: Any, text: str) -> None:
    data = json.dumps(document).encode()
    files = {"a.json": data, "b.csv": text.encode("utf-8", "replace"), "c.tsv": data, "d.json": b"[" * 9000}
    assert Tables(files).rows("select count(*) as n from files", {}) == [{"n": 4}]


# ---------------------------------------------------------------- packs and batch files


def pack(digits: str) -> dict[str, bytes]:
    tool = (
        'def count(number: int) -> dict:\n    """Count.\n\n    Args:\n        number: One.\n\n'
        '    Effect: read\n    """\n    return {"number": number}\n'
    )
    template = (
        "id: x\ntitle: x\ngoal: Count.\nslots:\n  - query: select id, name from people order by rowid\nturns:\n"
        "  - say: ['How many {{ id }}?']\n    chain:\n      - call: count\n"
        f"        arguments: {{number: {digits}}}\n        save: found\n"
        "    answer: ['{{ name }}: {{ found.number }}.']\n    facts: ['{{ name }}']\n"
    )
    return {
        "domain.yaml": b"id: big\nname: Big\ndescription: Numbers.\n",
        "policy.md": b"You count.\n",
        "tools/t.py": tool.encode(),
        "templates/x.yaml": template.encode(),
        "workspace/people.csv": f"id,name\n{digits},ann\n".encode(),
        "workspace/more.json": f'{{"n": {digits}}}'.encode(),
    }


@pytest.mark.parametrize("digits", NUMBERS)
def test_a_pack_with_large_numbers_is_read_saved_and_read_again(db: Database, digits: str) -> None:
    domain = catalog.parse(pack(digits))
    given = domain.templates[0].turns[0].chain[0].arguments["number"]
    assert given == (int(digits) if len(digits.lstrip("-")) <= 4300 else digits)
    domains.save_domain(db, domain.files, based_on=None)
    assert domains.get_domain(db, "big").digest == domain.digest
    assert domain.workspace()["more.json"] == pack(digits)["workspace/more.json"]


def test_yaml_numbers_of_every_writing() -> None:
    hexadecimal = "0x" + "f" * 4000  # more digits in decimal than JSON readers take
    found = yaml_value(f"a: {BIG}\nb: {LONG}\nc: {hexadecimal}\nd: 0x1F\ne: 0b_\nf: {LONG}.5\ng: 1_000".encode(), "x")
    assert found == {"a": int(BIG), "b": LONG, "c": hexadecimal, "d": 31, "e": "0b_", "f": f"{LONG}.5", "g": 1000}
    assert yaml_value(f"{BIG}: 1".encode(), "x") == {int(BIG): 1}
    assert yaml_value(b"a: .inf", "x") == {"a": float("inf")}


@pytest.mark.parametrize("name", ["b.yaml", "b.toml"])
def test_a_batch_file_with_a_number_too_long_is_refused_or_read(name: str) -> None:
    line = {"b.yaml": "trajectories: {}\ndomains: [retail]\n", "b.toml": 'trajectories = {}\ndomains = ["retail"]\n'}[
        name
    ]
    with pytest.raises((InputError, InputErrors), match=name):
        parse_batch(line.format(LONG).encode(), name)


# ---------------------------------------------------------------- results, models, templates


def test_results_and_arguments_keep_their_digits() -> None:
    assert result_value(f'{{"id": {BIG}}}') == {"id": int(BIG)}
    assert result_value(f'{{"id": {LONG}}}') == {"id": LONG}
    for digits, wanted in ((BIG, int(BIG)), (LONG, LONG)):
        call = _tool_call({"id": "c", "function": {"name": "count", "arguments": f'{{"number": {digits}}}'}})
        assert (call.arguments, call.raw) == ({"number": wanted}, None)
        _, (call,) = find_calls(f'{{"name": "count", "arguments": {{"number": {digits}}}}}', ["count"])
        assert call.arguments == {"number": wanted}


def test_an_expression_that_makes_a_number_too_long_is_refused() -> None:
    assert render_value("{{ a * a }}", {"a": 10**40}) == 10**80
    with pytest.raises(InputError, match="expression"):
        render_value("{{ a ** 200 }}", {"a": 10**40})


# ---------------------------------------------------------------- stored, exported, imported


def large(digits: str) -> Trajectory:
    number = int(digits)
    leaf = Leaf(pointer="/n", before=None, after=number, nulls=("before",))
    change = Change(path="a.json", kind="modified", format="json", leaves=(leaf,))
    turns = (
        Turn(role="user", content="Count."),
        Turn(role="assistant", tool_calls=(ToolCall(id="c", name="count", arguments={"number": number}),)),
    )
    return mixed_trajectories()[0].model_copy(
        update={"turns": turns, "begun": (), "diff": StateDiff(changes=(change,))}
    )


@pytest.mark.parametrize("digits", [str(2**64), BIG, "7" * 400, "7" * 4300])
def test_a_trajectory_with_large_numbers_goes_through_storage_and_export(digits: str) -> None:
    made = large(digits)
    body = dump(made)
    assert Trajectory.model_validate_json(body) == made
    assert document_of_body(body)
    row = dump_bytes(read(body.encode()))
    assert row == dump_bytes(record_of(made))
    ((_, back),) = objects([row], "file")
    assert Trajectory.model_validate(back) == made


@pytest.mark.parametrize("digits", [BIG, "7" * 400])
def test_a_request_with_large_numbers_comes_and_is_answered(db: Database, digits: str) -> None:
    payload = {"arguments": {"number": int(digits)}}
    id = requests.submit(db, "try_tool", payload)
    requests.finish_request(db, id, {"result": int(digits), 1: [proven_trajectory().model_dump(mode="json")]})
    row = requests.get_request(db, id)
    assert row is not None
    assert row.payload == payload
    assert row.result["result"] == int(digits)


def test_calls_are_the_same_by_value() -> None:
    def turn(**arguments: Any) -> Turn:
        return Turn(role="assistant", tool_calls=(ToolCall(id="c", name="n", arguments=arguments),))

    assert same_calls(turn(a=1, b=None), turn(b=None, a=1.0))
    assert not same_calls(turn(a=1), turn(a=True))
    assert not same_calls(turn(a=None), turn())
    assert not same_calls(turn(a=10**30), turn(a=10**30 + 1))


def test_the_browser_gets_large_numbers_as_text() -> None:
    assert beyond_browsers({"a": [int(BIG)]}, f'{{"a": [{BIG}]}}')
    assert beyond_browsers(2**53, str(2**53))
    assert not beyond_browsers({"a": BIG}, f'{{"a": "{BIG}"}}')
    (call,) = _calls(large(BIG).turns[1])
    assert (call["exact"], call["raw"]) == (f'{{"number": {BIG}}}', None)
    (small,) = _calls(Turn(role="assistant", tool_calls=(ToolCall(id="c", name="n", arguments={"a": 1}),)))
    assert "exact" not in small
