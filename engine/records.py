"""A trajectory as plain JSON values, called a record: what `Trajectory.model_dump(mode="json")` gives.

Exports read very many stored bodies, and making typed values of each costs more than all the rest. intake checked and
wrote every body, so `read` only looks whether it holds the fields of today: those of a trajectory in their order, and
in each part as many as the part has. A body in any other shape (written by an older version, by hand, or with a number
that orjson would round) is checked in full, so a valid body always gives what `Trajectory.model_validate_json` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import orjson
from pydantic import BaseModel

from engine.types import Trajectory

Record = dict[str, Any]
_Check = Callable[[Any], None]

_DIGITS = bytes(48 if 48 <= byte < 58 else byte for byte in range(256))
_EVERY = 5
_LONG = b"0" * (20 // _EVERY)
_TOO_LONG = b"0" * 20


class _OtherShape(Exception):
    """A part does not hold the fields of today."""


def read(body: str) -> Record:
    """Return the record of one stored body. Raises pydantic.ValidationError when it is no trajectory."""
    data = body.encode("utf-8", "surrogatepass")
    if not _has_long_number(data):
        try:
            record: Record = orjson.loads(data)
            if list(record) == _FIELDS:
                _check(record)
                return record
        except (_OtherShape, ValueError, TypeError, LookupError, AttributeError):
            pass
    return record_of(Trajectory.model_validate_json(body))


def _has_long_number(data: bytes) -> bool:
    """Say whether 20 digits stand in a row: they may pass 64 bits, which orjson reads as a float.

    Every fifth byte is looked at first: 20 digits show there as four.
    """
    return _LONG in data[::_EVERY].translate(_DIGITS) and _TOO_LONG in data.translate(_DIGITS)


def record_of(trajectory: Trajectory) -> Record:
    """Return a trajectory as a record."""
    return trajectory.model_dump(mode="json")


def group_id(record: Mapping[str, Any]) -> str:
    """Return what `Trajectory.group_id` says: all attempts at one task share it."""
    task = record["task"]
    return task["id"] if task else str(record["imported"].get("group_id") or record["id"])


# ---------------------------------------------------------------- shape


def _shape(model: type[BaseModel], known: dict[type[BaseModel], _Check]) -> _Check:
    """Return what raises _OtherShape unless an object has as many fields as the model, down to the last part.

    Where a copy made without a check stored a whole number in a field of floats, it becomes a float.
    """
    if model in known:
        return known[model]
    count = len(model.model_fields)
    parts: list[tuple[str, _Check]] = []
    floats: list[str] = []

    def check(found: Any) -> None:
        if len(found) != count:  # fields of other names are refused, so a valid part that has as many has the same
            raise _OtherShape
        for name in floats:
            if type(found[name]) is int:
                found[name] = float(found[name])
        for name, look in parts:
            part = found[name]
            if part:
                look(part)

    known[model] = check  # before its parts: a turn may hold the turn that it replaced
    for name, field in model.model_fields.items():
        kind = _bare(field.annotation)
        if kind is float:
            floats.append(name)
        elif (look := _part(kind, known)) is not None:
            parts.append((name, look))
    return check


def _part(kind: Any, known: dict[type[BaseModel], _Check]) -> _Check | None:
    """Return the check of a field's value, or None where its type holds no model."""
    if _is_model(kind):
        return _shape(kind, known)
    if get_origin(kind) is not tuple:
        return None
    item = _bare(get_args(kind)[0])
    if _is_model(item) and all(_is_plain(field.annotation) for field in item.model_fields.values()):
        return _counted(len(item.model_fields))
    look = _part(item, known)
    return None if look is None else _each(look)


def _each(look: _Check) -> _Check:
    def each(found: Any) -> None:
        for item in found:
            look(item)

    return each


def _counted(count: int) -> _Check:
    """Return the check of parts that hold no further part and no float, which most are."""

    def counted(found: Any) -> None:
        for item in found:
            if len(item) != count:
                raise _OtherShape

    return counted


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_plain(annotation: Any) -> bool:
    kind = _bare(annotation)
    if get_origin(kind) is tuple:
        return _is_plain(get_args(kind)[0])
    return kind is not float and not _is_model(kind)


def _bare(annotation: Any) -> Any:
    """Return a type without Annotated and without `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return _bare(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


_FIELDS = list(Trajectory.model_fields)
_check = _shape(Trajectory, {})
