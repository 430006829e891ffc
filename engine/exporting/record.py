"""Stored bodies -> records (engine/types/records.py): the fields of a `Trajectory`, checked only as far as need be.

Exports read very many stored bodies, and making a `Trajectory` of each costs more than all the rest. intake checked
and wrote every body, so `read` lets msgspec look at names and types of all fields down to the last part, but not at
the ranges of numbers, and fills in a plain default where an older version wrote no field. The leaves of a state diff
stay plain objects. A body in any other shape (written by hand) is checked in full, so a valid body always gives what
`Trajectory.model_validate_json` gives.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, NotRequired, TypedDict, TypeVar, Union, get_args, get_origin, overload

import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.exporting.json import dump_bytes, part_fields
from engine.types import (
    Leaf,
    Record,
    RecordPart,
    RecordRemark,
    RecordScore,
    RecordTool,
    RecordTurn,
    Remark,
    Score,
    Tool,
    Trajectory,
    Turn,
)

_TOOLS_KNOWN, _SETS_KNOWN = 1_024, 1_024
_Part = TypeVar("_Part", bound=RecordPart)
_Mirrors = dict[type[BaseModel], Any]
_replaced: Callable[..., Any] = msgspec.structs.replace


def read(body: bytes) -> Record:
    """Return the record of one stored body. Raises pydantic.ValidationError when it is no trajectory."""
    try:
        return _read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return record_of(Trajectory.model_validate_json(body))


def record_of(trajectory: Trajectory) -> Record:
    """Return a trajectory as a record."""
    return _read(dump_bytes(trajectory.model_dump(mode="json")))


def tool_of(tool: Tool) -> RecordTool:
    """Return a tool as records hold it: the same one for all that are written alike."""
    return _tool(dump_bytes(tool.model_dump(mode="json")))


@overload
def mirrored(part: Turn) -> RecordTurn: ...
@overload
def mirrored(part: Score) -> RecordScore: ...
@overload
def mirrored(part: Remark) -> RecordRemark: ...
def mirrored(part: BaseModel) -> Any:
    """Return a part of a trajectory as records hold it."""
    return msgspec.json.decode(dump_bytes(part.model_dump(mode="json")), type=_mirrors[type(part)])


def fields(part: RecordPart) -> dict[str, Any]:
    """Return the fields of a record or of one of its parts, in their order."""
    return part_fields(part)


def changed(part: _Part, **changes: Any) -> _Part:
    """Return a copy of a record or of one of its parts with some fields changed."""
    copy: _Part = _replaced(part, **changes)
    return copy


def _read(body: bytes) -> Record:
    found = _decode(body)
    found.tools = _tools(bytes(found.tools))
    record: Record = found
    return record


@lru_cache(_SETS_KNOWN)
def _tools(written: bytes) -> tuple[RecordTool, ...]:
    return tuple([_tool(bytes(one)) for one in msgspec.json.decode(written, type=list[msgspec.Raw])])


@lru_cache(_TOOLS_KNOWN)
def _tool(written: bytes) -> RecordTool:
    """Return a tool; remembered, for the trajectories of a set share a few tools."""
    made: RecordTool = msgspec.json.decode(written, type=_mirrors[Tool])
    return made


# ---------------------------------------------------------------- mirrors of the domain types


class _Leaf(TypedDict):
    """A leaf stays an object as it was written: `nulls` stands in it only where there is one."""

    pointer: str
    before: Any
    after: Any
    nulls: NotRequired[tuple[Literal["before", "after"], ...]]


def _mirror(model: type[BaseModel], known: _Mirrors, **instead: Any) -> Any:
    """Return a type with the fields and properties of a model and of its parts, whose values cost little.

    Two of its values are never equal; a field named in `instead` has that type and may be set.
    """
    if model not in known:
        own = known[model] = f"_{model.__name__}"  # while it is made: a turn may hold the turn that it replaced
        kinds = {name: instead.get(name) or _kind(f.annotation, known) for name, f in model.model_fields.items()}
        fields = [(name, kind, *_default(model.model_fields[name])) for name, kind in kinds.items()]
        later = getattr(model, "LATER", ())
        fields = [_later(*field) if field[0] in later else field for field in fields]
        properties = {n: value for n, value in vars(model).items() if n == "LATER" or isinstance(value, property)}
        known[model] = msgspec.defstruct(
            model.__name__,
            fields,
            namespace=properties,
            frozen=not instead,
            eq=False,
            gc=False,
            kw_only=True,  # fields without a default come behind some with one
            forbid_unknown_fields=True,
        )
        setattr(known[model], own, known[model])
    return known[model]


def _later(name: str, kind: Any, _: Any) -> tuple[Any, ...]:
    """Return a field that is written only where it was read."""
    return name, Union[kind, msgspec.UnsetType], msgspec.UNSET  # noqa: UP007  # not every kind has `|`


def _default(field: FieldInfo) -> tuple[Any, ...]:
    """Return (default,) where it is a plain value or empty, and () where the field must be there."""
    value = field.default
    return (value,) if value is None or value in ((), {}) or isinstance(value, str | int | float) else ()


def _kind(annotation: Any, known: _Mirrors) -> Any:
    """Return a type with mirrors in place of models and without bounds."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _mirror(annotation, known)
    if origin is Annotated:
        return _kind(parts[0], known)
    if origin in (Union, UnionType):
        return Union[tuple(_kind(part, known) for part in parts)]  # noqa: UP007  # so many as there are
    if origin in (tuple, dict):
        return origin[tuple(_kind(part, known) for part in parts)]
    return annotation


_mirrors: _Mirrors = {Leaf: _Leaf}
_mirror(Tool, _mirrors)
_mirror(Trajectory, _mirrors, tools=msgspec.Raw)
_decode: Callable[[bytes], Any] = msgspec.json.Decoder(_mirrors[Trajectory]).decode
