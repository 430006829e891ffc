"""Syntax trees are built one at a time, whoever asks for one."""

from __future__ import annotations

import ast
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine import plugins
from engine.domains.signature import tools_from_source
from engine.errors import InputError
from engine.reading.python_source import literal, parsed

ROOT = Path(__file__).resolve().parents[2]


def test_threads_that_parse_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    real, inside, most = ast.parse, 0, 0
    counting = threading.Lock()

    def slow(*args: Any, **options: Any) -> ast.AST:
        nonlocal inside, most
        with counting:
            inside += 1
            most = max(most, inside)
        time.sleep(0.02)
        try:
            return real(*args, **options)
        finally:
            with counting:
                inside -= 1

    monkeypatch.setattr(ast, "parse", slow)
    plugins._label_of_file.cache_clear()
    work = [
        lambda: parsed("a = 1"),
        lambda: tools_from_source({"m.py": "X = 1"}),
        lambda: plugins.label("judges", "state"),
        lambda: plugins.label("modes", "single"),
    ]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda one: one(), work * 3))
    assert most == 1


def test_no_other_file_builds_a_tree() -> None:
    found = [
        str(path.relative_to(ROOT))
        for room in ("engine", "storage", "pages", "cli")
        for path in (ROOT / room).rglob("*.py")
        if "ast.parse(" in path.read_text()
    ]
    assert found == ["engine/reading/python_source.py"]


@pytest.mark.parametrize("nested", ["(" * 150 + "1", "-" * 100_000 + "1", "a." * 100_000 + "b"])
def test_what_is_nested_too_deep_is_an_error_of_the_source(nested: str) -> None:
    source = f"a = {nested}"
    with pytest.raises(SyntaxError):
        parsed(source)
    with pytest.raises(ValueError, match="no Python"):
        literal(source)
    with pytest.raises(InputError, match=r"tools/t\.py"):
        tools_from_source({"tools/t.py": source})
