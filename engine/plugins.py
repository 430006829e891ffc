"""Plug-ins are files. names() lists them, label() reads the first docstring line without importing, load() imports.

names("judges")            -> ["facts", "rubric", "rules", "state"]
label("judges", "state")   -> "End state equals the reference's, in both directions"
load("judges", "state")    -> Plugin(name, label, Config, make)

The files of a kind lie in the folders of the package engine.<kind>: its own, and further ones (`also_in`).
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from engine.errors import InputError, InputErrors
from engine.reading.places import Path as FieldPath
from engine.reading.places import Source
from engine.types import Choice

KINDS = ("llms", "teachers", "users", "modes", "tools", "sandboxes", "judges", "executors", "exporters", "importers")


@dataclass(frozen=True)
class Plugin:
    """One loaded plug-in: its Config model, and in `make` the class in `__all__`."""

    kind: str
    name: str
    label: str
    config: type[BaseModel]
    make: Any

    @cached_property
    def usual(self) -> Any:
        """The plug-in with its default options, made once; for kinds whose class needs nothing else."""
        return self.make(self.config())


def names(kind: str) -> list[str]:
    """Return the plug-in names of one kind, sorted. Raises InputError for an unknown kind."""
    return sorted(_files(kind))


def _files(kind: str) -> dict[str, Path]:
    """Return the files of one kind by name; where two folders have a name, the first folder's is imported."""
    if kind not in KINDS:
        raise InputError("kind", f"there is no kind {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    folders = importlib.import_module(f"engine.{kind}").__path__
    found = [path for folder in reversed(list(folders)) for path in Path(folder).glob("*.py")]
    return {path.stem: path for path in found if not path.stem.startswith("_")}


@contextmanager
def also_in(kind: str, folder: Path) -> Iterator[None]:
    """Find the plug-ins of a kind in a further folder too, in this process and until the context ends."""
    path = importlib.import_module(f"engine.{kind}").__path__
    path.append(str(folder))
    importlib.invalidate_caches()
    trait.cache_clear()
    try:
        yield
    finally:
        path.remove(str(folder))
        load.cache_clear()
        trait.cache_clear()
        for file in folder.glob("*.py"):
            sys.modules.pop(f"engine.{kind}.{file.stem}", None)


def label(kind: str, name: str) -> str:
    """Return the first line of the plug-in's docstring, without importing it."""
    path = _path(kind, name)
    return _first_line(path, path.stat().st_mtime_ns) or name


@lru_cache(maxsize=256)
def _first_line(path: Path, changed: int) -> str:
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return text.partition("\n")[0].rstrip(".")


@lru_cache(maxsize=256)
def load(kind: str, name: str) -> Plugin:
    """Import one plug-in. Raises InputError when there is none of that name or its file is not a plug-in."""
    _path(kind, name)
    module = importlib.import_module(f"engine.{kind}.{name}")
    public = getattr(module, "__all__", [])
    config = getattr(module, "Config", None)
    if len(public) != 1 or config is None:
        raise InputError(
            f"engine/{kind}/{name}.py", "is not a plug-in.", "It needs a Config and one public class in __all__."
        )
    return Plugin(kind, name, label(kind, name), config, getattr(module, public[0]))


@lru_cache(maxsize=256)
def trait(kind: str, name: str, attribute: str, absent: Any) -> Any:
    """Return what the class of a plug-in says of itself, or `absent` where there is no such plug-in here, as for a
    record that was made elsewhere."""
    return getattr(load(kind, name).make, attribute) if name in names(kind) else absent


def configure(kind: str, name: str, values: dict[str, Any] | None = None) -> BaseModel:
    """Return the plug-in's Config built from `values`. Raises InputError naming the field."""
    plugin, given = load(kind, name), values or {}
    try:
        return plugin.config.model_validate(given)
    except ValidationError as error:
        raise InputErrors(Source(f"{kind}/{name}").refusals(error, given)) from error


def refused_options(kind: str, choice: Choice, source: Source, path: FieldPath) -> list[InputError]:
    """Return every option that a plug-in does not take, at its field below `path` in the source."""
    try:
        load(kind, choice.name).config.model_validate(choice.options)
    except ValidationError as error:
        return source.refusals(error, choice.options, (*path, choice.name))
    return []


def options(kind: str, name: str) -> list[str]:
    """Return the options of a plug-in as a reader writes them, the default behind: "tools=string|list (string)"."""
    found = []
    for field, said in load(kind, name).config.model_fields.items():
        choices = get_args(said.annotation) if get_origin(said.annotation) is Literal else ()
        kinds = "true|false" if said.annotation is bool else "|".join(map(str, choices)) or "value"
        default = str(said.get_default(call_default_factory=True)).lower() if kinds == "true|false" else said.default
        found.append(f"{field}={kinds} ({default})")
    return found


def _path(kind: str, name: str) -> Path:
    if (path := _files(kind).get(name)) is None:
        raise InputError(kind, f"there is no plug-in {name!r}.", f"Choose one of: {', '.join(names(kind))}.")
    return path
