"""Read stored trajectories as records (engine/types/records.py), the fast form that exporters take.

Validating a `Trajectory` costs more than the rest of an export, and stored bodies were validated before they were
stored. So `read` has msgspec check the names and types of all fields, but not the ranges of numbers, and fill in plain
defaults for fields that an older version did not write. The leaves of a state diff stay plain objects. A body that
msgspec refuses is validated in full, so a valid body always gives what `Trajectory.model_validate_json` gives, except
that a record holds no attachments of kinds in NEVER_LEAVE: so no format can write them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Literal, NotRequired, TypedDict, TypeVar, Union, get_args, get_origin, overload

import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.exporting.json import dump_bytes
from engine.types import (
    NEVER_LEAVE,
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
    without_kinds,
)

_TOOLS_KNOWN, _SETS_KNOWN = 1_024, 1_024
_Part = TypeVar("_Part", bound=RecordPart)
_RecordTypes = dict[type[BaseModel], Any]
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
    """Return a tool as records hold it; equal tools give the same cached object."""
    return _tool(dump_bytes(tool.model_dump(mode="json")))


@overload
def record_part(part: Turn) -> RecordTurn: ...
@overload
def record_part(part: Score) -> RecordScore: ...
@overload
def record_part(part: Remark) -> RecordRemark: ...
def record_part(part: BaseModel) -> Any:
    """Return a turn, score or remark as records hold it."""
    return msgspec.json.decode(dump_bytes(part.model_dump(mode="json")), type=_record_types[type(part)])


def changed(part: _Part, **changes: Any) -> _Part:
    """Return a copy of a record or of one of its parts with some fields changed."""
    copy: _Part = _replaced(part, **changes)
    return copy


def _read(body: bytes) -> Record:
    found = _decode(body)
    found.tools = _tools(bytes(found.tools))
    found.attachments = without_kinds(found.attachments, NEVER_LEAVE)
    record: Record = found
    return record


@lru_cache(_SETS_KNOWN)
def _tools(written: bytes) -> tuple[RecordTool, ...]:
    return tuple([_tool(bytes(one)) for one in msgspec.json.decode(written, type=list[msgspec.Raw])])


@lru_cache(_TOOLS_KNOWN)
def _tool(written: bytes) -> RecordTool:
    """Return the tool of a JSON text; cached, since trajectories share a few tools."""
    made: RecordTool = msgspec.json.decode(written, type=_record_types[Tool])
    return made


# ---------------------------------------------------------------- record types made from the domain types


class _Leaf(TypedDict):
    """A leaf as it was written: `nulls` is absent where it would be empty."""

    pointer: str
    before: Any
    after: Any
    nulls: NotRequired[tuple[Literal["before", "after"], ...]]


def _record_type(model: type[BaseModel], types: _RecordTypes, **replaced_types: Any) -> Any:
    """Return a msgspec type with the fields and properties of a pydantic model; made once, then found in `types`.

    Instances compare by identity. A field in `replaced_types` has that type, and makes the instances mutable.
    """
    if model not in types:
        placeholder = types[model] = f"_{model.__name__}"  # a forward reference: a Turn may hold a Turn
        kinds = {
            name: replaced_types.get(name) or _field_type(f.annotation, types) for name, f in model.model_fields.items()
        }
        fields = [(name, kind, *_plain_default(model.model_fields[name])) for name, kind in kinds.items()]
        later = getattr(model, "LATER", ())
        fields = [_optional_field(*field) if field[0] in later else field for field in fields]
        properties = {n: value for n, value in vars(model).items() if n == "LATER" or isinstance(value, property)}
        types[model] = msgspec.defstruct(
            model.__name__,
            fields,
            namespace=properties,
            frozen=not replaced_types,
            eq=False,
            gc=False,
            kw_only=True,  # fields without a default may follow some with one
            forbid_unknown_fields=True,
        )
        setattr(types[model], placeholder, types[model])
    return types[model]


def _optional_field(name: str, kind: Any, _: Any) -> tuple[Any, ...]:
    """Return (name, type, default) of a field that stays unset when it was not read, and is then not written."""
    return name, Union[kind, msgspec.UnsetType], msgspec.UNSET  # noqa: UP007  # not every kind has `|`


def _plain_default(field: FieldInfo) -> tuple[Any, ...]:
    """Return (default,) where that is a plain or empty value, and () for a required field."""
    value = field.default
    return (value,) if value is None or value in ((), {}) or isinstance(value, str | int | float) else ()


def _field_type(annotation: Any, types: _RecordTypes) -> Any:
    """Return an annotation with record types in place of models and without bounds."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _record_type(annotation, types)
    if origin is Annotated:
        return _field_type(parts[0], types)
    if origin in (Union, UnionType):
        return Union[tuple(_field_type(part, types) for part in parts)]  # noqa: UP007  # `|` takes no tuple
    if origin in (tuple, dict):
        return origin[tuple(_field_type(part, types) for part in parts)]
    return annotation


_record_types: _RecordTypes = {Leaf: _Leaf}
_record_type(Tool, _record_types)
_record_type(Trajectory, _record_types, tools=msgspec.Raw)
_decode: Callable[[bytes], Any] = msgspec.json.Decoder(_record_types[Trajectory]).decode
