"""A trajectory as plain JSON values, called a record: what `Trajectory.model_dump(mode="json")` gives.

Exports read very many stored bodies, and making typed values of each costs more than all the rest. intake checked and
wrote every body, so `read` only looks whether it holds exactly the fields of today, in their order. A body in any other
shape (written by an older version, by hand, or with a number that orjson would round) is checked in full, so a record
always equals that of `Trajectory.model_validate_json`.
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
_TOO_LONG = b"0" * 20


class _OtherShape(Exception):
    """A part does not hold exactly the fields of today, in their order."""


def read(body: bytes) -> Record:
    """Return the record of one stored body. Raises pydantic.ValidationError when it is no trajectory."""
    if _TOO_LONG not in body.translate(_DIGITS):  # 20 digits may pass 64 bits, which orjson reads as a float
        try:
            record: Record = orjson.loads(body)
            _check(record)
            return record
        except (_OtherShape, ValueError, TypeError, LookupError, AttributeError):
            pass
    return record_of(Trajectory.model_validate_json(body))


def record_of(trajectory: Trajectory) -> Record:
    """Return a trajectory as a record."""
    return trajectory.model_dump(mode="json")


def group_id(record: Mapping[str, Any]) -> str:
    """Return what `Trajectory.group_id` says: all attempts at one task share it."""
    task = record["task"]
    return task["id"] if task else str(record["imported"].get("group_id") or record["id"])


# ---------------------------------------------------------------- shape


def _shape(model: type[BaseModel], known: dict[type[BaseModel], _Check]) -> _Check:
    """Return what raises _OtherShape unless an object holds exactly the model's fields, down to the last part.

    Where a copy made without a check stored a whole number in a field of floats, it becomes a float.
    """
    if model in known:
        return known[model]
    names = list(model.model_fields)
    parts: list[tuple[str, _Check]] = []
    floats: list[str] = []

    def check(found: Any) -> None:
        if list(found) != names:
            raise _OtherShape
        for name in floats:
            if type(found[name]) is int:
                found[name] = float(found[name])
        for name, look in parts:
            if found[name]:
                look(found[name])

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
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _shape(kind, known)
    look = _part(_bare(get_args(kind)[0]), known) if get_origin(kind) is tuple else None
    if look is None:
        return None
    inner = look

    def each(found: Any) -> None:
        for item in found:
            inner(item)

    return each


def _bare(annotation: Any) -> Any:
    """Return a type without Annotated and without `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return _bare(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


_check = _shape(Trajectory, {})
