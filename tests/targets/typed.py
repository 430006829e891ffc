"""Hold a JSON value against the TypedDicts that a client library publishes, strictly: no key may be unknown.

`pydantic` alone lets unknown keys of a TypedDict pass, and reads the `Iterable` of these libraries lazily.
"""

from __future__ import annotations

import collections.abc
import types
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict


def misfits(value: Any, kind: Any, *, besides: Collection[str] = (), at: str = "") -> list[str]:
    """Return where a value does not fit a type, [] where it does. `besides` are keys that any object may have too."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind in (Any, object):
        return []
    if origin in (Required, NotRequired, Annotated):
        return misfits(value, parts[0], besides=besides, at=at)
    if origin is Literal:
        return [] if value in parts else [f"{at}: {value!r} is none of {parts}"]
    if origin in (Union, types.UnionType):
        found = [misfits(value, part, besides=besides, at=at) for part in parts]
        return [] if [] in found else min(found, key=len)
    if is_typeddict(kind):
        return _object_misfits(value, kind, besides, at)
    if origin in (dict, collections.abc.Mapping):
        return [] if isinstance(value, dict) else [f"{at}: {value!r} is no object"]
    if origin is not None:  # a kind of list, of which the libraries have their own
        if not isinstance(value, list):
            return [f"{at}: {value!r} is no list"]
        return [
            one for n, item in enumerate(value) for one in misfits(item, parts[0], besides=besides, at=f"{at}[{n}]")
        ]
    if kind in (None, type(None)):
        return [] if value is None else [f"{at}: {value!r} is not null"]
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return [] if fits else [f"{at}: {value!r} is no {kind.__name__}"]


def _object_misfits(value: Any, kind: Any, besides: Collection[str], at: str) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{at}: {value!r} is no object"]
    hints = get_type_hints(kind, include_extras=True)
    found = [f"{at}: lacks {name}" for name in kind.__required_keys__ if name not in value]
    found += [f"{at}: has {name}" for name in value if name not in hints and name not in besides]
    for name, part in value.items():
        if name in hints:
            found += misfits(part, hints[name], besides=besides, at=f"{at}.{name}")
    return found
