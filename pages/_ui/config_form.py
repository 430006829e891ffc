"""A form drawn from a plug-in's Config: choices, switches, numbers, texts and JSON, with the defaults filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from engine.errors import InputError
from pages._ui.badges import words
from pages._ui.text import literal


def config_form(
    config: type[BaseModel],
    *,
    key: str,
    values: dict[str, Any] | None = None,
    allowed: Mapping[str, Sequence[Any]] | None = None,
) -> dict[str, Any]:
    """Draw one control per field of `config` and return what differs from the defaults, as JSON values.

    The help of a field is the docstring under it (`Options` in engine/types). `key` starts the keys. A field that
    `allowed` names offers these values only, with the first as its default; one that is left with a single value is
    not drawn. Raises InputError, after everything is drawn, when a field that takes JSON holds none.
    """
    given, narrow = values or {}, allowed or {}
    found: dict[str, Any] = {}
    refused: InputError | None = None
    with st.grid(3, min_column_width=180):
        for name, field in config.model_fields.items():
            default = to_jsonable_python(field.get_default(call_default_factory=True))
            among = narrow.get(name)
            if among is not None:
                default = among[0]
                if len(among) == 1:
                    continue
            try:
                value = _control(name, field, given.get(name, default), f"{key}_{name}", among)
            except ValueError as error:
                refused = refused or InputError(words(name), f"is no JSON: {error}.", "Correct it.")
                continue
            if value != default:
                found[name] = value
    if refused:
        raise refused
    return found


def _control(name: str, field: FieldInfo, start: Any, key: str, among: Sequence[Any] | None = None) -> Any:
    kind, label = _plain(field.annotation), words(name)
    help = literal(" ".join(field.description.split())) if field.description else None
    if get_origin(kind) is Literal:
        choices = list(get_args(kind) if among is None else among)
        place = choices.index(start) if start in choices else 0
        return st.selectbox(label, choices, place, key=key, format_func=lambda c: words(str(c)), help=help)
    if kind is bool:
        return st.toggle(label, bool(start), key=key, help=help)
    if kind in (int, float):
        return _number(label, kind, field, start, key, help)
    if kind is str:
        return st.text_input(label, start or "", key=key, help=help)
    return _json(label, start, key, help)


def _number(label: str, kind: type, field: FieldInfo, start: Any, key: str, help: str | None) -> Any:
    bounds = [*field.metadata, *(m for part in get_args(field.annotation) for m in getattr(part, "__metadata__", ()))]
    rules = {type(rule): rule for bound in bounds for rule in (bound, *getattr(bound, "metadata", ()))}
    low, high = rules.get(Ge), rules.get(Le)
    return st.number_input(
        label, kind(low.ge) if low else None, kind(high.le) if high else None,
        value=None if start is None else kind(start), key=key, help=help, placeholder="Not set",
        format=None if kind is int else "%g",
    )  # fmt: skip


def _json(label: str, start: Any, key: str, help: str | None) -> Any:
    shown = json.dumps(start, ensure_ascii=False)
    return json.loads(st.text_area(f"{label} :gray[as JSON]", shown, key=key, help=help, height=80) or "null")


def _plain(annotation: Any) -> Any:
    """Return the type without `| None` and without its bounds."""
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if get_origin(annotation) is not Literal and NoneType in get_args(annotation):
        annotation = parts[0]
    return getattr(annotation, "__origin__", annotation) if hasattr(annotation, "__metadata__") else annotation
