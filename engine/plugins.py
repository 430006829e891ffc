"""Finds and imports plug-ins: files of engine/<kind>/, and modules that installed packages offer.

names("judges")            -> ["facts", "rubric", "rules", "state"]
label("judges", "state")   -> "End state equals the reference's, in both directions"
load("judges", "state")    -> Plugin(kind, name, label, config, make, example)

Further folders can be searched too (`also_in`). A package offers modules by entry points of the group
turnwright.<kind>. One that cannot be used, or has the name of a file, is left out, and `broken` says why.
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
    """One loaded plug-in: `config` is its Config model, `make` the class in `__all__`, which is built with a Config,
    and `example` its EXAMPLE (engine/examples.py), or None."""

    kind: str
    name: str
    label: str
    config: type[BaseModel]
    make: Any
    example: Any = None

    @cached_property
    def usual(self) -> Any:
        """One shared instance with default options, for kinds whose class is built with a Config alone."""
        return self.make(self.config())


@dataclass(frozen=True)
class Place:
    """Where a plug-in is: `shown` for the reader, the `module` to import, and its `file`, None in an installed
    package."""

    shown: str
    module: str
    file: Path | None = None

    def __str__(self) -> str:
        return self.shown


def names(kind: str) -> list[str]:
    """Return the plug-in names of one kind, sorted. Left out are those of packages that cannot be used.

    Raises InputError for an unknown kind.
    """
    return sorted(name for name, place in _places(kind).items() if place.file or _fault(kind, name) is None)


def _places(kind: str) -> dict[str, Place]:
    """Return the same as `places`. Raises InputError for an unknown kind."""
    if kind not in KINDS:
        raise InputError("kind", f"there is no kind {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    return places(kind)


def places(kind: str) -> dict[str, Place]:
    """Return the place of each plug-in of a kind by name, whether it can be used or not.

    Of equal names, a file wins over a package, the first folder over later ones, and the package that is found first.
    """
    folders = importlib.import_module(f"engine.{kind}").__path__
    files = [path for folder in reversed(list(folders)) for path in Path(folder).glob("*.py") if path.stem[0] != "_"]
    found = dict(reversed(_offers(kind)))
    return found | {
        path.stem: Place(f"engine/{kind}/{path.name}", f"engine.{kind}.{path.stem}", path) for path in files
    }


def _offers(kind: str) -> list[tuple[str, Place]]:
    """Return the name and place of every plug-in of a kind that installed packages offer, in the order found."""
    return [
        (name, Place(f"{kind}/{name} of {package} ({module})", module))
        for package, group, name, module in _offered()[0]
        if group == f"turnwright.{kind}"
    ]


@lru_cache(maxsize=1)
def _offered() -> tuple[list[tuple[str, str, str, str]], list[str]]:
    """Return (package, group, name, module) of every entry point of a turnwright group, and a sentence for each package
    whose entry points cannot be read. Cached, because reading the files of all packages is slow.

    Each package is read by itself, so that a damaged one does not hide the others; of two with one name the first
    counts.
    """
    found, damaged = [], []
    seen: set[str] = set()
    for package in distributions():
        try:
            name = package.name
            points = [] if name in seen else list(package.entry_points)
        except Exception as error:  # the files of other packages may be broken in any way
            damaged.append(f"The entry points of an installed package cannot be read: {type(error).__name__}: {error}.")
            continue
        seen.add(name)
        found += [(name, one.group, one.name, one.value) for one in points if one.group.startswith("turnwright.")]
    return found, damaged


@contextmanager
def also_in(kind: str, folder: Path) -> Iterator[None]:
    """Search a further folder for plug-ins of a kind, in this process and until the context ends."""
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
    """Clear the caches, after a file or a package came or went while this process runs."""
    importlib.invalidate_caches()
    for cached in (_offered, _module, load, trait):
        cached.cache_clear()


def label(kind: str, name: str) -> str:
    """Return the first line of the plug-in's docstring, or its name when it has none. A file is read, not imported."""
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
    """Import one plug-in; cached. Raises InputError when there is none of that name or its module is not a plug-in."""
    place = _place(kind, name)
    if not name.isidentifier():
        raise InputError(str(place), f"cannot be named {name!r}.", "Use letters, digits and _.")
    module = imported(place)
    public, config = getattr(module, "__all__", []), getattr(module, "Config", None)
    make = getattr(module, public[0], None) if len(public) == 1 else None
    if not _is_options(config) or not isinstance(make, type):
        needs = "It needs a Config, built on Options, and one public class in __all__."
        raise InputError(str(place), "is not a plug-in.", needs)
    if unset := [field for field, info in config.model_fields.items() if info.is_required()]:
        raise InputError(str(place), f"Config has no default for {', '.join(unset)}.", "Give every option one.")
    if lacking := _lacking(CONTRACTS[kind], make):
        move = f"See {CONTRACTS[kind].__name__} in engine/protocols.py."
        raise InputError(str(place), f"{make.__name__} has no {', '.join(lacking)}.", move)
    first_line = _first_line(module.__doc__) or name
    return Plugin(kind, name, first_line, config, make, getattr(module, "EXAMPLE", None))


def imported(place: Place) -> ModuleType:
    """Return the module of a plug-in. Raises InputError with the reason when it cannot be imported."""
    found = _module(place)
    if isinstance(found, str):
        raise InputError(str(place), f"cannot be imported: {found}.", "Mend it, or take it away, and start again.")
    return found


@lru_cache(maxsize=256)
def _module(place: Place) -> ModuleType | str:
    """Return the imported module, or why the import failed. Cached, so that no page repeats a failing import."""
    try:
        return importlib.import_module(place.module)
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"


def _is_options(config: Any) -> TypeGuard[type[BaseModel]]:
    """Return whether this is a pydantic model that refuses unknown options."""
    return isinstance(config, type) and issubclass(config, BaseModel) and config.model_config.get("extra") == "forbid"


def _lacking(contract: Any, make: type) -> list[str]:
    """Return the names of the class variables and abstract methods of a protocol that a class does not define."""
    class_variables = [name for name, kind in contract.__annotations__.items() if kind.startswith("ClassVar")]
    abstract: Collection[str] = getattr(make, "__abstractmethods__", ())
    needed = (*class_variables, *sorted(contract.__abstractmethods__))
    return [name for name in needed if name in abstract or not hasattr(make, name)]


def _fault(kind: str, name: str) -> str | None:
    """Return why a plug-in cannot be loaded, or None."""
    try:
        load(kind, name)
    except Exception as error:
        known = isinstance(error, InputError)
        return str(error) if known else f"{_place(kind, name)}: {type(error).__name__}: {error}."
    return None


def absent(kind: str, name: str, noun: str = "plug-in") -> str:
    """Return a sentence on why a name is not among `names`: what is wrong with the plug-in, or that there is none."""
    return (_fault(kind, name) if name in _places(kind) else None) or f"there is no {noun} {name!r}."


def broken() -> list[str]:
    """Return a sentence with the reason for each plug-in that exists and cannot be used. Imports all plug-ins."""
    found = list(_offered()[1])
    for kind in KINDS:
        found += [*hidden(kind), *filter(None, (_fault(kind, name) for name in places(kind)))]
    return found


def hidden(kind: str) -> list[str]:
    """Return a sentence for each plug-in of a package that is left out because another one has its name."""
    first = places(kind)
    return [
        f"{place}: is left out, as {first[name]} is also named {name}. Name it otherwise."
        for name, place in _offers(kind)
        if place != first[name]
    ]


@lru_cache(maxsize=256)
def trait(kind: str, name: str, attribute: str, absent: Any) -> Any:
    """Return a class attribute of a plug-in, or `absent` when this machine has no such plug-in, as may be for an
    imported record. Cached."""
    return getattr(load(kind, name).make, attribute) if name in names(kind) else absent


def configure(kind: str, name: str, values: dict[str, Any] | None = None) -> BaseModel:
    """Return the plug-in's Config built from `values`. Raises InputError naming the field."""
    plugin, given = load(kind, name), values or {}
    try:
        return plugin.config.model_validate(given)
    except ValidationError as error:
        raise InputErrors(Source(f"{kind}/{name}").refusals(error, given)) from error


def refused_options(kind: str, choice: Choice, source: Source, path: FieldPath) -> list[InputError]:
    """Return a refusal for every option that a plug-in does not take, with its field below `path` in the source."""
    try:
        load(kind, choice.name).config.model_validate(choice.options)
    except ValidationError as error:
        return source.refusals(error, choice.options, (*path, choice.name))
    return []


def options(kind: str, name: str) -> list[str]:
    """Return the options of a plug-in as one writes them, with their defaults: "tools=string|list (string)"."""
    found = []
    for field, info in load(kind, name).config.model_fields.items():
        choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
        kinds = "true|false" if info.annotation is bool else "|".join(map(str, choices)) or "value"
        default = str(info.get_default(call_default_factory=True)).lower() if kinds == "true|false" else info.default
        found.append(f"{field}={kinds} ({default})")
    return found


def _place(kind: str, name: str) -> Place:
    """Return the place of a plug-in. Raises InputError when there is none of that name."""
    if (place := _places(kind).get(name)) is None:
        raise InputError(kind, f"there is no plug-in {name!r}.", f"Choose one of: {', '.join(names(kind))}.")
    return place
