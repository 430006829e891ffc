"""A tool whose signature cannot become a schema is refused with file and line."""

from __future__ import annotations

import pytest

from engine.domains.signature import tools_from_source
from engine.errors import InputErrors

TOOL = '''

def go(x: {type} = {default}) -> dict:
    """Go.

    Args:
        x: How far.

    Effect: read
    """
    return {{}}
'''
HUGE = "0x" + "f" * 5000


@pytest.mark.parametrize("value", [HUGE, f"-{HUGE}", f"[1, {HUGE}]", f"{{'a': {HUGE}}}", "1e999", "b'a'", "'\\ud800'"])
def test_a_value_that_json_cannot_hold_is_refused_with_its_line(value: str) -> None:
    for type, default in (("int", value), (f"Literal[1, {value}]", "1")):
        with pytest.raises(InputErrors) as refused:
            tools_from_source({"tools/a.py": TOOL.format(type=type, default=default)})
        (only,) = refused.value.errors
        assert only.where == "tools/a.py line 3"
        assert "cannot be written as JSON. Use texts, numbers of up to 4300 digits" in str(only)


@pytest.mark.parametrize("value", ["9" * 4300, "None", "1.5", "'é'", "[1, ('a', None)]", "{'a': True, 1: {}}"])
def test_a_value_that_json_holds_is_taken(value: str) -> None:
    (tool,) = tools_from_source({"tools/a.py": TOOL.format(type="int", default=value)})
    assert tool.model_dump_json()
