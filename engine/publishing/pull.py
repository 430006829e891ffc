"""Pull a data set: from the hub or from a store into a folder, and find in it what an importer can read."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from engine import plugins
from engine.errors import InputError
from engine.publishing import hub, stores
from engine.publishing.places import HUB_TOKEN, HubPlace, place_of, token_in

_BESIDE = frozenset({"recipe.json", "report.json", "croissant.json", "dataset_info.json"})


def pull(address: str, folder: Path, *, variable: str = HUB_TOKEN) -> None:
    """Fetch a data set into a folder; what a pull that broke off has left there whole is not fetched again. Raises
    InputError when something is refused, StorageError when the place cannot be reached."""
    place = place_of(address)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(place, HubPlace):
        hub.pull(place, folder, token=token_in(variable), variable=variable)
    else:
        stores.pull(place, folder)


def data_files(folder: Path) -> list[Path]:
    """Return the files of JSON lines in a pulled folder: those that its card names, else all. Raises InputError when
    there are none."""
    named = [path for name in _named(folder) for path in _matching(folder, name)]
    inside = [path for path in named if path.resolve().is_relative_to(folder.resolve()) and _is_lines(path)]
    anywhere = [path for path in sorted(folder.rglob("*.json*")) if not _is_hidden(path.relative_to(folder))]
    found = list(dict.fromkeys(inside)) or [path for path in anywhere if _is_lines(path)]
    if not found:
        raise InputError(folder.name, "holds no file of JSON lines.", "Importers read JSON lines; convert it by hand.")
    return found


def format_of(folder: Path) -> str | None:
    """Return the format of the recipe in a pulled folder, where an importer reads it."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        format = json.loads((folder / "recipe.json").read_bytes())["format"]
        return str(format) if format in plugins.names("importers") else None
    return None


def _matching(folder: Path, name: str) -> list[Path]:
    """Return the files that a card names by their path or by a pattern, such as that of shards."""
    try:
        return sorted(folder.glob(name))
    except (ValueError, NotImplementedError, OSError):  # an empty or absolute path, or one that no file can have
        return []


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _is_lines(path: Path) -> bool:
    return path.is_file() and path.suffix in (".jsonl", ".json") and path.name not in _BESIDE


def _named(folder: Path) -> list[str]:
    """Return the data files that the front matter of the card names."""
    with suppress(OSError, ValueError, yaml.YAMLError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        front: Any = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)[1])
        paths = [file["path"] for config in front["configs"] for file in config["data_files"]]
        names = [name for path in paths for name in ([path] if isinstance(path, str) else path)]
        return [name for name in names if isinstance(name, str)]
    return []
