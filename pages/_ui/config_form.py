"""A form drawn from a plug-in's Config: choices, switches, numbers and texts, with the defaults filled in."""

from __future__ import annotations

from types import NoneType
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pages._ui.badges import words


def config_form(config: type[BaseModel], *, key: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """Draw one control per field of `config` and return what differs from the defaults.

    Fields of other types than choices, bool, int, float and text are left at their default. `key` starts the keys.
    """
    given = values or {}
    found: dict[str, Any] = {}
    with st.grid(3, min_column_width=180):
        for name, field in config.model_fields.items():
            start = given.get(name, field.get_default(call_default_factory=True))
            value = _control(name, field, start, f"{key}_{name}")
            if value != field.get_default(call_default_factory=True):
                found[name] = value
    return found


def _control(name: str, field: FieldInfo, start: Any, key: str) -> Any:
    kind = _plain(field.annotation)
    label = words(name)
    if get_origin(kind) is Literal:
        choices = list(get_args(kind))
        place = choices.index(start) if start in choices else 0
        return st.selectbox(label, choices, place, key=key, format_func=lambda c: words(str(c)))
    if kind is bool:
        return st.toggle(label, bool(start), key=key)
    if kind in (int, float):
        return st.number_input(label, value=start, key=key)
    if kind is str:
        return st.text_input(label, start or "", key=key)
    return start


def _plain(annotation: Any) -> Any:
    """Return the type without `| None`."""
    parts = [part for part in get_args(annotation) if part is not NoneType]
    return parts[0] if get_origin(annotation) is not Literal and NoneType in get_args(annotation) else annotation
