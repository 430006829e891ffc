"""After the last diff of a rollout the tool server lays the workspace anew by itself; the engine requests nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from engine.sandboxes._remote import sources
from engine.serving.choice import open_pool
from engine.types import Environment

COUNTING = (
    "seen = []\n\ndef count() -> int:\n    seen.append(1)\n    open('a.txt', 'a').write('x')\n    return len(seen)\n"
)


@pytest.mark.parametrize("backend", ["local", pytest.param("docker", marks=pytest.mark.docker)])
async def test_a_rollout_after_the_last_diff_begins_anew_without_a_request(backend: str) -> None:
    pool = await open_pool(backend)
    try:
        environment = Environment({"a.txt": b"a"}, {"counting.py": COUNTING})
        async with pool.lease(environment) as sandbox:
            asked: list[str] = []
            ask = sandbox._ask  # type: ignore[attr-defined]

            async def noted(message: dict[str, Any], seconds: float) -> Any:
                asked.append(message["op"])
                return await ask(message, seconds)

            sandbox._ask = noted  # type: ignore[attr-defined]
            for _ in range(3):
                assert (await sandbox.call("count", {})).content == "1"
                assert [change.path for change in (await sandbox.diff(last=True)).changes] == ["a.txt"]
                await sandbox.reset()
            assert await sandbox.read("a.txt") == b"a"
            assert asked == ["call", "diff"] * 3 + ["read"]
            await sandbox.write("a.txt", b"b")
            await sandbox.reset()
            assert await sandbox.read("a.txt") == b"a"
            assert asked[-3:] == ["write", "reset", "read"]
    finally:
        await pool.aclose()


@pytest.fixture
def tool_server() -> Iterator[ModuleType]:
    """Execute the modules of the tool server as the bundle does."""
    before = dict(sys.modules)
    for name, source in sources():
        sys.modules[name] = module = ModuleType(name)
        exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    yield sys.modules["tool_server"]
    for name, _ in sources():
        del sys.modules[name]
        if name in before:
            sys.modules[name] = before[name]


def test_a_workspace_that_could_not_be_laid_is_tried_again_and_refused(tool_server: ModuleType) -> None:
    faults, sent = [OSError(28, "No space left on device")] * 2, []

    def lay() -> None:
        if faults:
            raise faults.pop()

    server = tool_server.Server.__new__(tool_server.Server)
    server.workspace = SimpleNamespace(lay=lay, read=lambda path: b"a")
    server.stream = SimpleNamespace(send=sent.append)
    server.modules = SimpleNamespace(tools={})
    server.worker, server.pristine, server.unlaid, server.held = None, False, False, False
    server.lay_ahead()
    assert (server.unlaid, server.pristine) == (True, False)
    request = {"id": 1, "op": "read", "path": "a"}
    server.answer(request, b"")
    assert sent[0]["error"]["kind"] == "broken"
    server.answer(request, b"")
    assert json.loads(sent[1])["ok"] == {"data": "YQ=="}
    assert (server.unlaid, server.pristine) == (False, True)
