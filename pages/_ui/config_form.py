"""A form drawn from a plug-in's Config: choices, switches, numbers, texts, lists, JSON; the defaults are filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

import streamlit as st
from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from engine.errors import InputError
from engine.types import LINES
from pages._ui.badges import words
from pages._ui.text import literal


def config_form(
    config: type[BaseModel],
    *,
    key: str,
    values: dict[str, Any] | None = None,
    allowed: Mapping[str, Sequence[Any]] | None = None,
    keep: bool = False,
) -> dict[str, Any]:
    """Draw one control per field of `config` and return what differs from the defaults, as JSON values.

    The help of a field is the docstring under it (`Options` in engine/types). `key` starts the keys. A field that
    `allowed` names offers these values only, with the first as its default; one that is left with a single value is
    not drawn. With `keep` what is typed stays in the browser session while other pages are visited. Raises InputError,
    after everything is drawn, when a field holds a value of the wrong type.
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
                value = _control(name, field, given.get(name, default), _Keyed(f"{key}_{name}", keep), among)
            except ValueError as error:
                refused = refused or InputError(words(name), f"{error}.", "Correct it.")
                continue
            if value != default:
                found[name] = value
    if refused:
        raise refused
    return found


class _Keyed(NamedTuple):
    """The key of a control, and whether its value is kept while other pages are visited."""

    key: str
    keep: bool

    def start(self, value: Any, name: str = "value") -> dict[str, Any]:
        """Return the keyword arguments that give a widget its key and first value; `name` is the parameter for the
        value."""
        if not self.keep:
            return {"key": self.key, name: value}
        st.session_state.setdefault(self.key, value)
        return {"key": self.key, "persist_state": "session"}


def _control(name: str, field: FieldInfo, start: Any, keyed: _Keyed, among: Sequence[Any] | None = None) -> Any:
    kind, label = _plain(field.annotation), field.title or words(name)
    help = literal(" ".join(field.description.split())) if field.description else None
    if choices := list(among if among and _choices(kind) else _choices(kind)):
        first = start if start in choices else choices[0]
        options = keyed.start(first) if keyed.keep else {"key": keyed.key, "index": choices.index(first)}
        return st.selectbox(label, choices, format_func=lambda c: words(str(c)), help=help, **options)
    if kind is bool:
        return st.toggle(label, help=help, **keyed.start(bool(start)))
    if kind in (int, float):
        return _number(label, kind, field, start, keyed, help)
    if kind is str:
        draw = st.text_area if field.json_schema_extra == LINES else st.text_input
        return draw(label, help=help, **keyed.start(start or ""))
    if get_origin(kind) in (list, tuple) and (entry := _entry(kind)) is not None:
        return _listed(label, entry, start, keyed, help)
    return _json(label, start, keyed, help)


def _choices(kind: Any) -> Sequence[Any]:
    """Return the values of a Literal or an Enum."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return [member.value for member in kind] if isinstance(kind, type) and issubclass(kind, Enum) else ()


def _entry(kind: Any) -> Any:
    """Return the type of a list's entries where a person can write one as a word; None for other lists."""
    parts = [part for part in get_args(kind) if part is not Ellipsis]
    entry = _plain(parts[0]) if len(parts) == 1 else None
    words = _choices(entry)
    return entry if entry in (str, int, float) or (words and all(isinstance(w, str) for w in words)) else None


def _listed(label: str, entry: Any, start: Any, keyed: _Keyed, help: str | None) -> list[Any]:
    """Draw a list whose entries are chosen, or typed one after the other."""
    choices = [str(choice) for choice in _choices(entry)]
    given = [str(one) for one in start or ()]
    found = st.multiselect(
        label,
        list(dict.fromkeys([*choices, *given, *st.session_state.get(keyed.key, ())])),
        accept_new_options=not choices,
        placeholder="Choose" if choices else "Type one and press Enter",
        help=help,
        **keyed.start(given, "default"),
    )
    try:
        return [entry(one) if entry in (int, float) else one for one in found]
    except ValueError as error:
        raise ValueError("holds an entry that is no number") from error


def _number(label: str, kind: type, field: FieldInfo, start: Any, keyed: _Keyed, help: str | None) -> Any:
    bounds = [*field.metadata, *(m for part in get_args(field.annotation) for m in getattr(part, "__metadata__", ()))]
    rules = {type(rule): rule for bound in bounds for rule in (bound, *getattr(bound, "metadata", ()))}
    low, high = rules.get(Ge), rules.get(Le)
    return st.number_input(
        label,
        kind(low.ge) if low else None,
        kind(high.le) if high else None,
        help=help,
        placeholder="Not set",
        format=None if kind is int else "%g",
        **keyed.start(None if start is None else kind(start)),
    )


def _json(label: str, start: Any, keyed: _Keyed, help: str | None) -> Any:
    shown = json.dumps(start, ensure_ascii=False)
    text = st.text_area(f"{label} :gray[as JSON]", help=help, height=80, **keyed.start(shown))
    try:
        return json.loads(text or "null")
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from error


def _plain(annotation: Any) -> Any:
    """Return the type without `| None` and without its bounds."""
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if get_origin(annotation) is not Literal and NoneType in get_args(annotation):
        annotation = parts[0]
    return getattr(annotation, "__origin__", annotation) if hasattr(annotation, "__metadata__") else annotation
