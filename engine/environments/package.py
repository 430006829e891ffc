"""Writes a package: the files of a framework, and in them the product's own code and the proven tasks.

A framework is one file in engine/environments/frameworks. Its docstring's first line is its label, and `files` returns
the whole package by path. What it ships that is not made of data lies in assets/environments/<framework>.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType

from engine.domains import pack_files
from engine.environments.contents import Contents
from engine.environments.shipped_code import code_files, requirements
from engine.errors import InputError
from engine.settings import ROOT

GLUE = ROOT / "assets" / "environments"
_FRAMEWORKS = Path(__file__).parent / "frameworks"
BASE_IMAGE = "turnwright-sandbox:1"
"""The image of assets/sandbox/build.sh, on which packages that hold a Dockerfile are tried."""


@dataclass(frozen=True)
class Making:
    """What the files of a framework are made of."""

    contents: Contents
    name: str
    """A Python identifier for the package."""

    @cached_property
    def code(self) -> Mapping[str, bytes]:
        """The product's files by path below its root, the same for every task."""
        return code_files(self.contents.domain, self.contents.batch)

    @property
    def code_zip(self) -> bytes:
        return pack_files.to_zip(self.code)

    @cached_property
    def requirements(self) -> list[str]:
        return requirements(self.code)

    @property
    def title(self) -> str:
        return self.contents.domain.name

    def runtime(self, under: str) -> dict[str, bytes]:
        """Return the code and the contents as files below a folder, as `episodes.py` expects them beside itself."""
        code = {f"{under}/code/{path}": data for path, data in self.code.items()}
        data = {f"{under}/{path}": data for path, data in self.contents.files().items()}
        return {**code, **data, f"{under}/episodes.py": (GLUE / "episodes.py").read_bytes()}

    def glue(self, framework: str, path: str) -> bytes:
        """Return a shipped file with `@NAME@` and the other marks filled in."""
        text = (GLUE / framework / path).read_text(encoding="utf-8")
        marks = {
            "NAME": self.name,
            "DASHED": self.name.replace("_", "-"),
            "TITLE": re.sub(r'["\\`]', "'", self.title),  # it stands within quotes, in files of several languages
            "TASKS": str(len(self.contents.tasks)),
            "BASE": BASE_IMAGE,
            "DIGEST": self.contents.domain.digest,
            "REQUIREMENTS": '", "'.join(line.replace('"', "'") for line in self.requirements),
            "JUDGES": ", ".join(judge.name for judge in self.contents.batch.judges),
        }
        for mark, value in marks.items():
            text = text.replace(f"@{mark}@", value)
        return text.encode()

    def of_one_task(self, number: int) -> Making:
        """Return the making of a package that holds only the task with this index."""
        one = self.contents.tasks[number]
        made = replace(self, contents=Contents(self.contents.domain, self.contents.batch, [one]))
        made.__dict__["code"] = self.code  # found once for all tasks
        return made


def frameworks() -> list[str]:
    """Return the names of the frameworks that a package can be made for."""
    return sorted(path.stem for path in _FRAMEWORKS.glob("*.py") if path.stem[0] != "_")


def label(name: str) -> str:
    """Return the first line of a framework's docstring. Raises InputError for an unknown one."""
    return (framework(name).__doc__ or name).strip().partition("\n")[0].rstrip(".")


def framework(name: str) -> ModuleType:
    """Return the module of a framework. Raises InputError for an unknown one."""
    if name not in frameworks():
        raise InputError("framework", f"there is no framework {name!r}.", f"Choose {', '.join(frameworks())}.")
    return importlib.import_module(f"engine.environments.frameworks.{name}")


def made(contents: Contents, name: str) -> dict[str, bytes]:
    """Return the files of a package for the framework of this name, by path. Raises InputError."""
    identifier = re.sub(r"\W", "_", f"turnwright_{contents.domain.id}").lower()
    found: dict[str, bytes] = framework(name).files(Making(contents, identifier))
    return found


def imported_file(path: Path) -> ModuleType:
    """Return a Python file of an unpacked package as a module. Raises InputError where it cannot be imported."""
    spec = importlib.util.spec_from_file_location(f"turnwright_package_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(str(path), "is no Python file.", "Make the package again.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
