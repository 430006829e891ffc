"""Plug-ins are files, here or in installed packages. names() lists them, label() reads a first line, load() imports.

names("judges")            -> ["facts", "rubric", "rules", "state"]
label("judges", "state")   -> "End state equals the reference's, in both directions"
load("judges", "state")    -> Plugin(name, label, Config, make, example)

The files of a kind lie in the folders of the package engine.<kind>: its own, and further ones (`also_in`). A package
offers modules of its own by entry points of the group turnwright.<kind>. What a package offers wrongly, or under a name
that a file has, is left out, and `broken` says why.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeGuard, get_args, get_origin

from pydantic import BaseModel, ValidationError

from engine import protocols
from engine.errors import InputError, InputErrors
from engine.reading.places import Path as FieldPath
from engine.reading.places import Source
from engine.reading.python_source import parsed
from engine.types import Choice

CONTRACTS: Mapping[str, Any] = {
    "llms": protocols.LLM,
    "teachers": protocols.Teacher,
    "users": protocols.User,
    "modes": protocols.Mode,
    "tools": protocols.ToolSource,
    "sandboxes": protocols.SandboxPool,
    "judges": protocols.Judge,
    "exporters": protocols.Exporter,
    "importers": protocols.Importer,
}
"""The protocol that the class of a plug-in keeps, by kind."""
KINDS = tuple(CONTRACTS)


@dataclass(frozen=True)
class Plugin:
    """One loaded plug-in: its Config model, in `make` the class in `__all__`, and in `example` its EXAMPLE
    (engine/examples.py), None where it shows none."""

    kind: str
    name: str
    label: str
    config: type[BaseModel]
    make: Any
    example: Any = None

    @cached_property
    def usual(self) -> Any:
        """The plug-in with its default options, made once; for kinds whose class needs nothing else."""
        return self.make(self.config())


@dataclass(frozen=True)
class Place:
    """Where a plug-in is written, as a reader is told: the module to import, and its file; no file where an installed
    package offers it."""

    told: str
    module: str
    file: Path | None = None

    def __str__(self) -> str:
        return self.told


def names(kind: str) -> list[str]:
    """Return the plug-in names of one kind, sorted, without what a package offers that cannot be used.

    Raises InputError for an unknown kind.
    """
    return sorted(name for name, place in _places(kind).items() if place.file or _fault(kind, name) is None)


def _places(kind: str) -> dict[str, Place]:
    if kind not in KINDS:
        raise InputError("kind", f"there is no kind {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    return places(kind)


def places(kind: str) -> dict[str, Place]:
    """Return where each plug-in of a kind is written, by name, whether it can be used or not.

    Where two folders have a name, the first folder's file is imported; a file goes before what a package offers, and
    of two packages the one that is found first.
    """
    folders = importlib.import_module(f"engine.{kind}").__path__
    files = [path for folder in reversed(list(folders)) for path in Path(folder).glob("*.py") if path.stem[0] != "_"]
    found = dict(reversed(_offers(kind)))
    return found | {
        path.stem: Place(f"engine/{kind}/{path.name}", f"engine.{kind}.{path.stem}", path) for path in files
    }


def _offers(kind: str) -> list[tuple[str, Place]]:
    """Return name and place of all that installed packages offer."""
    return [
        (name, Place(f"{kind}/{name} of {package} ({module})", module))
        for package, group, name, module in _offered()[0]
        if group == f"turnwright.{kind}"
    ]


@lru_cache(maxsize=1)
def _offered() -> tuple[list[tuple[str, str, str, str]], list[str]]:
    """Return (package, group, name, module) of all entry points that may be ours, and a sentence for each package whose
    entry points cannot be read. Remembered, as the files of all packages take a while to read.

    Package by package, since one that is damaged must not hide the others; of two of one name the first counts.
    """
    found, damaged = [], []
    seen: set[str] = set()
    for package in distributions():
        try:
            name = package.name
            points = [] if name in seen else list(package.entry_points)
        except Exception as error:  # whatever is wrong with a stranger's files
            damaged.append(f"The entry points of an installed package cannot be read: {type(error).__name__}: {error}.")
            continue
        seen.add(name)
        found += [(name, one.group, one.name, one.value) for one in points if one.group.startswith("turnwright.")]
    return found, damaged


@contextmanager
def also_in(kind: str, folder: Path) -> Iterator[None]:
    """Find the plug-ins of a kind in a further folder too, in this process and until the context ends."""
    path = importlib.import_module(f"engine.{kind}").__path__
    path.append(str(folder))
    forget()
    try:
        yield
    finally:
        path.remove(str(folder))
        for file in folder.glob("*.py"):
            sys.modules.pop(f"engine.{kind}.{file.stem}", None)
        forget()


def forget() -> None:
    """Look for plug-ins anew, after a file or a package came or went while this process lives."""
    importlib.invalidate_caches()
    for remembered in (_offered, _module, load, trait):
        remembered.cache_clear()


def label(kind: str, name: str) -> str:
    """Return the first line of the plug-in's docstring, of a file without importing it; else its name."""
    place = _place(kind, name)
    if place.file is None:
        return load(kind, name).label
    return _label_of_file(place.file, place.file.stat().st_mtime_ns) or name


@lru_cache(maxsize=256)
def _label_of_file(path: Path, changed: int) -> str:
    try:
        return _first_line(ast.get_docstring(parsed(path.read_text())))
    except (SyntaxError, ValueError):
        return ""


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0].rstrip(".")


@lru_cache(maxsize=256)
def load(kind: str, name: str) -> Plugin:
    """Import one plug-in. Raises InputError when there is none of that name or its module is not a plug-in."""
    place = _place(kind, name)
    if not name.isidentifier():
        raise InputError(str(place), f"cannot be named {name!r}.", "Use letters, digits and _.")
    module = imported(place)
    public, config = getattr(module, "__all__", []), getattr(module, "Config", None)
    make = getattr(module, public[0], None) if len(public) == 1 else None
    if not _is_options(config) or not isinstance(make, type):
        needs = "It needs a Config, built on Options, and one public class in __all__."
        raise InputError(str(place), "is not a plug-in.", needs)
    if unset := [field for field, said in config.model_fields.items() if said.is_required()]:
        raise InputError(str(place), f"Config has no default for {', '.join(unset)}.", "Give every option one.")
    if lacking := _lacking(CONTRACTS[kind], make):
        move = f"See {CONTRACTS[kind].__name__} in engine/protocols.py."
        raise InputError(str(place), f"{make.__name__} has no {', '.join(lacking)}.", move)
    said = _first_line(module.__doc__) or name
    return Plugin(kind, name, said, config, make, getattr(module, "EXAMPLE", None))


def imported(place: Place) -> ModuleType:
    """Return the module of a plug-in. Raises InputError when it cannot be imported, with the reason."""
    found = _module(place)
    if isinstance(found, str):
        raise InputError(str(place), f"cannot be imported: {found}.", "Mend it, or take it away, and start again.")
    return found


@lru_cache(maxsize=256)
def _module(place: Place) -> ModuleType | str:
    """Import a module; return the reason where that fails, remembered so that no page tries it again and again."""
    try:
        return importlib.import_module(place.module)
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"


def _is_options(config: Any) -> TypeGuard[type[BaseModel]]:
    """Return whether this is a model of options that refuses those that it does not know."""
    return isinstance(config, type) and issubclass(config, BaseModel) and config.model_config.get("extra") == "forbid"


def _lacking(contract: Any, make: type) -> list[str]:
    """Return the attributes that a class does not have of its own, although its protocol asks for them."""
    said = [name for name, kind in contract.__annotations__.items() if kind.startswith("ClassVar")]
    bare: Collection[str] = getattr(make, "__abstractmethods__", ())
    return [name for name in (*said, *sorted(contract.__abstractmethods__)) if name in bare or not hasattr(make, name)]


def _fault(kind: str, name: str) -> str | None:
    """Return why a plug-in cannot be loaded, or None."""
    try:
        load(kind, name)
    except Exception as error:
        known = isinstance(error, InputError)
        return str(error) if known else f"{_place(kind, name)}: {type(error).__name__}: {error}."
    return None


def absent(kind: str, name: str, noun: str = "plug-in") -> str:
    """Return why a name is not among `names`: what is wrong with the plug-in, or that there is none."""
    return (_fault(kind, name) if name in _places(kind) else None) or f"there is no {noun} {name!r}."


def broken() -> list[str]:
    """Return a sentence for each plug-in that is there and cannot be used, with the reason. Imports them all."""
    told = [told for kind in KINDS for told in (*hidden(kind), *filter(None, (_fault(kind, n) for n in places(kind))))]
    return [*_offered()[1], *told]


def hidden(kind: str) -> list[str]:
    """Return a sentence for each plug-in of a package that stands behind another of the same name."""
    first = places(kind)
    return [
        f"{place}: is left out, as {first[name]} is also named {name}. Name it otherwise."
        for name, place in _offers(kind)
        if place != first[name]
    ]


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


def _place(kind: str, name: str) -> Place:
    if (place := _places(kind).get(name)) is None:
        raise InputError(kind, f"there is no plug-in {name!r}.", f"Choose one of: {', '.join(names(kind))}.")
    return place
