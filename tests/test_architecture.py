"""The rules of ARCHITECTURE.md, read from the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [ROOT / "app.py", *(p for d in ("engine", "storage", "pages") for p in (ROOT / d).rglob("*.py"))]
ONLY_IN = {
    "streamlit": ("app.py", "pages/"),
    "sqlmodel": ("storage/",),
    "sqlalchemy": ("storage/",),
    "alembic": ("storage/",),
    "litellm": ("engine/llms/litellm.py",),
    "docker": ("engine/sandboxes/docker.py", "engine/sandboxes/_docker"),
}


def imports(path: Path, *, top_only: bool = False) -> Iterator[str]:
    """Yield the modules that a file imports, absolute; with `top_only` only those at module level."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_each_library_stays_in_its_place(library: str) -> None:
    allowed = ONLY_IN[library]
    found = [
        name_of(path)
        for path in SOURCES
        if any(module.split(".")[0] == library for module in imports(path)) and not name_of(path).startswith(allowed)
    ]
    assert found == []


def test_the_engine_knows_no_storage_and_no_screen() -> None:
    outside = {"storage", "pages", "streamlit", "sqlmodel"}
    found = {
        name_of(path): sorted(bad)
        for path in SOURCES
        if name_of(path).startswith("engine/") and name_of(path) != "engine/__main__.py"
        if (bad := {module.split(".")[0] for module in imports(path)} & outside)
    }
    assert found == {}


def test_storage_knows_no_screen() -> None:
    found = [
        name_of(p)
        for p in SOURCES
        if name_of(p).startswith("storage/") and any(m.split(".")[0] in ("pages", "streamlit") for m in imports(p))
    ]
    assert found == []


def test_the_environment_is_read_in_settings_only() -> None:
    readers = [
        name_of(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv")
    ]
    assert set(readers) == {"engine/settings.py"}


def test_types_and_protocols_import_only_what_they_may() -> None:
    ours = {m for m in imports(ROOT / "engine/types.py") if m.split(".")[0] in ("engine", "storage", "pages")}
    assert ours == set()
    seams = {m for m in imports(ROOT / "engine/protocols.py") if m.startswith("engine")}
    assert {m.split(".")[1] for m in seams if "." in m} == {"types"}


def test_no_import_cycles() -> None:
    modules = {name_of(p)[:-3].replace("/", ".").removesuffix(".__init__"): p for p in SOURCES}
    edges = {name: {m for m in imports(path, top_only=True) if m in modules} - {name} for name, path in modules.items()}
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert state.get(name) != 1, f"import cycle: {' -> '.join((*trail, name))}"
        if name in state:
            return
        state[name] = 1
        for following in sorted(edges[name]):
            visit(following, (*trail, name))
        state[name] = 2

    for name in sorted(modules):
        visit(name, ())


def test_every_plugin_file_is_a_plugin() -> None:
    from engine import plugins

    for kind in plugins.KINDS:
        for name in plugins.names(kind):
            plugin = plugins.load(kind, name)
            assert plugin.config.model_config.get("extra") == "forbid", f"{kind}/{name}"
            assert plugin.label, f"{kind}/{name}"
