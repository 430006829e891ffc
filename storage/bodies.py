"""Stored body -> Trajectory, for reading very many without checking each anew.

intake checked and wrote every body, so its parts are put in place as they are. A body in any other shape (written by
an older version, by hand, or with a number that orjson would round) is checked in full, so the result always equals
that of `Trajectory.model_validate_json`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel

from engine.types import Execution, ModelCall, Proof, Score, StateDiff, Task, Tool, ToolCall, Trajectory, Turn

_Model = TypeVar("_Model", bound=BaseModel)
_DIGITS = bytes(48 if 48 <= byte < 58 else byte for byte in range(256))
_TOO_LONG = b"0" * 20
_TOOLS_KEPT = 1_024
_RARE: tuple[tuple[str, type[BaseModel]], ...] = (("task", Task), ("proof", Proof), ("diff", StateDiff))


class _OtherShape(Exception):
    """A part does not hold exactly the fields of today, in their order."""


class Bodies:
    """Reads bodies; a tool that was written alike in several is one object, so what is made of it can be remembered."""

    def __init__(self) -> None:
        self._tools: dict[bytes, Tool] = {}

    def read(self, body: str) -> Trajectory:
        """Return the trajectory of one body. Raises pydantic.ValidationError when it is none."""
        data = body.encode("utf-8", "surrogatepass")
        if _TOO_LONG not in data.translate(_DIGITS):  # 20 digits may pass 64 bits, which orjson reads as a float
            try:
                return self._trajectory(orjson.loads(data))
            except (_OtherShape, ValueError, TypeError, LookupError, AttributeError):
                pass
        return Trajectory.model_validate_json(body)

    def _trajectory(self, found: dict[str, Any]) -> Trajectory:
        made = _place_trajectory(found)
        found["tools"] = tuple([self._tool(tool) for tool in found["tools"]])
        found["turns"] = tuple([_turn(turn) for turn in found["turns"]])
        found["begun"] = tuple(found["begun"])
        found["scores"] = tuple([_score(score) for score in found["scores"]])
        found["calls"] = tuple([ModelCall.model_validate(call) for call in found["calls"]])
        found["reward"] = _float(found["reward"])
        found["execution"] = Execution.model_validate(found["execution"])
        for name, model in _RARE:
            if found[name] is not None:
                found[name] = model.model_validate(found[name])
        return made

    def _tool(self, found: dict[str, Any]) -> Tool:
        written = orjson.dumps(found)  # not the value: {"a": 1, "b": True} equals {"b": 1.0, "a": 1}
        known = self._tools.get(written)
        if known is None:
            if len(self._tools) >= _TOOLS_KEPT:
                self._tools.clear()
            known = self._tools[written] = Tool.model_validate(found)
        return known


def _placing(model: type[_Model]) -> Callable[[dict[str, Any]], _Model]:
    """Return what puts fields into a model as model_construct would, without looking for defaults."""
    names, given = list(model.model_fields), set(model.model_fields)
    new, put = model.__new__, object.__setattr__

    def place(fields: dict[str, Any]) -> _Model:
        if list(fields) != names:
            raise _OtherShape
        made = new(model)
        put(made, "__dict__", fields)
        put(made, "__pydantic_fields_set__", given)  # shared: a frozen model never changes its own
        put(made, "__pydantic_extra__", None)
        put(made, "__pydantic_private__", None)
        return made

    return place


_place_trajectory, _place_turn = _placing(Trajectory), _placing(Turn)
_place_call, _place_score = _placing(ToolCall), _placing(Score)


def _turn(found: dict[str, Any]) -> Turn:
    calls = found["tool_calls"]
    found["tool_calls"] = tuple([_place_call(call) for call in calls]) if calls else ()
    if found["original"] is not None:
        found["original"] = _turn(found["original"])
    return _place_turn(found)


def _score(found: dict[str, Any]) -> Score:
    found["value"], found["evidence"] = _float(found["value"]), tuple(found["evidence"])
    return _place_score(found)


def _float(value: float | None) -> float | None:
    """A copy made without a check may have stored a whole number."""
    return None if value is None else float(value)
