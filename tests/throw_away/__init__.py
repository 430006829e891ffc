"""One small plug-in of each kind, as somebody else's package holds it; tests copy these files into such a package.

The judge is the example of CONTRIBUTING.md, the mode that of tests/modes/read_only.py.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine import plugins
from tests.modes.read_only import FILE as MODE

HERE = Path(__file__).parent
KINDS = (*plugins.KINDS, "targets")
NAMES = {kind: "brevity" if kind == "judges" else "throwaway" for kind in KINDS}
"""The name of the plug-in of each kind; that of the judge is also what its scores say that they come from."""


def source(kind: str) -> str:
    """Return the text of the plug-in of a kind."""
    if kind == "modes":
        return MODE
    if kind == "judges":
        example = re.search(r"```python\n(.*?)```", (HERE.parents[1] / "CONTRIBUTING.md").read_text(), re.DOTALL)
        assert example
        return example.group(1)
    return (HERE / f"{kind}.py").read_text()


Offers = Mapping[tuple[str, str], str]
"""What a package offers: (kind, name) -> the module that an entry point names."""


def write_package(folder: Path, package: str, modules: Mapping[str, str], offers: Offers) -> None:
    """Write a package of these modules into a folder, as an installer does, with what it offers by entry points."""
    (folder / package).mkdir(parents=True)
    for name, text in {"__init__": "", **modules}.items():
        (folder / package / f"{name}.py").write_text(text)
    told = folder / f"{package}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"[turnwright.{kind}]\n{name} = {module}\n" for (kind, name), module in offers.items()]
    (told / "entry_points.txt").write_text("".join(_grouped(lines)))


def _grouped(sections: list[str]) -> list[str]:
    """Return sections with those of one head put together, as the file may have a head once only."""
    found: dict[str, str] = {}
    for section in sections:
        head, _, line = section.partition("\n")
        found[head] = found.get(head, "") + line
    return [f"{head}\n{lines}" for head, lines in found.items()]


def write_all(folder: Path) -> None:
    """Write a package with a plug-in of each kind, and a second exporter, which no importer reads back."""
    offers = {(kind, name): f"throw_away_plugins.{kind}" for kind, name in NAMES.items()}
    offers["exporters", "throwaway_alone"] = "throw_away_plugins.exporters"
    write_package(folder, "throw_away_plugins", {kind: source(kind) for kind in KINDS}, offers)


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """Have the packages of a folder found in this process until the context ends."""
    sys.path.insert(0, str(folder))
    plugins.forget()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        packages = {path.name for path in folder.iterdir()}
        for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
            del sys.modules[name]
        plugins.forget()
