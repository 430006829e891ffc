"""What a tool returns becomes JSON, or a fault that says why not."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engine.settings import SANDBOX_ASSETS


class _Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class _Line:
    sku: str
    price: decimal.Decimal


@pytest.fixture(scope="module")
def worker() -> Iterator[ModuleType]:
    before = {name: sys.modules.pop(name, None) for name in ("worker", "lines")}
    sys.path.insert(0, str(SANDBOX_ASSETS))
    try:
        import worker  # type: ignore[import-not-found]

        yield worker
    finally:
        sys.path.remove(str(SANDBOX_ASSETS))
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ({"a": [1, "é", None, 2.5]}, '{"a": [1, "é", null, 2.5]}'),
        ({"d": datetime.datetime(2026, 1, 2)}, '{"d": "2026-01-02T00:00:00"}'),
        (datetime.time(9, 30), '"09:30:00"'),
        (decimal.Decimal("19.90"), '"19.90"'),
        ({10, 2, 3}, "[2, 3, 10]"),
        (frozenset({"b", "a"}), '["a", "b"]'),
        (b"ab", '"ab"'),
        (b"\xff", '"/w=="'),
        (_Line("X", decimal.Decimal("1.0")), '{"sku": "X", "price": "1.0"}'),
        (_Colour.RED, '"red"'),
        (Path("a/b"), '"a/b"'),
    ],
)
def test_a_returned_value_becomes_json(worker: ModuleType, value: Any, content: str) -> None:
    assert worker._content(value) == (content, None)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"v": float("nan")}, "NaN or Infinity"),
        ([float("-inf")], "NaN or Infinity"),
        (decimal.Decimal("NaN"), "NaN or Infinity"),
        ({(1, 2): 3}, "keys must be str"),
        (object(), "a value of type object"),
    ],
)
def test_what_json_cannot_hold_is_a_fault_that_says_so(worker: ModuleType, value: Any, words: str) -> None:
    content, fault = worker._content(value)
    assert fault == "tool_crash"
    assert words in content
    assert "The tool returned" in content


def test_a_missing_key_is_told_from_a_message(worker: ModuleType) -> None:
    assert worker._sentence(KeyError("order")) == "KeyError: 'order'"
