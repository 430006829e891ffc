"""Runs the hidden tests of a task on the workspace that a rollout left.

Probes are the tests that the code cannot tell what to say. The code that is looked at runs in a process of the sandbox,
which returns values; they are compared here, and what is expected never enters the sandbox. A test command imports the
code into the process that decides, so such code can print the verdict itself; the score says so.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from engine.errors import InputError
from engine.judging.state import paths_outside
from engine.protocols import Sandbox
from engine.reading.json_value import loads, same
from engine.settings import SANDBOX_ASSETS
from engine.types import Domain, HiddenTests, StateDiff
from engine.types.domains import expected_of

_SHOWN = 300
"""Characters of a value in a sentence."""


async def hidden_tests_pass(tests: HiddenTests, domain: Domain, sandbox: Sandbox, diff: StateDiff | None) -> bool:
    """Return whether the hidden tests pass; see `failing_test`."""
    return await failing_test(tests, domain, sandbox, diff) is None


async def failing_test(tests: HiddenTests, domain: Domain, sandbox: Sandbox, diff: StateDiff | None) -> str | None:
    """Return a sentence about the first hidden test that fails, None when all pass. Raises SandboxError.

    `diff` holds the changes so far, None before any. Where the tests name `allowed` globs, the workspace is first reset
    and only the allowed changes are put back, so that nothing else of a rollout can sway the tests. A file that was
    replaced by a link or a folder is not put back, nor one whose place a pristine file or folder takes again. Files of
    the tests are then written into the workspace.
    """
    if diff is not None and tests.allowed:
        await _reset_but_allowed(tests, sandbox, diff)
    for path in tests.probes:
        if (told := await _failing_probe(path, tests, domain, sandbox)) is not None:
            return told
    if not tests.command:
        return None
    for path, source in tests.files.items():
        await sandbox.write(path, domain.files[source])
    done = await sandbox.exec(tests.command, timeout=tests.timeout)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    passed = done.status == 0 and (tests.expects is None or (bool(lines) and lines[-1].strip() == tests.expects))
    return None if passed else f"{' '.join(tests.command)} does not pass."


async def _failing_probe(path: str, tests: HiddenTests, domain: Domain, sandbox: Sandbox) -> str | None:
    """Run the probes of one file in a process of their own and compare what they return with what is expected."""
    mark = secrets.token_hex(16)
    given = {"name": path, "source": domain.files[path].decode("utf-8"), "mark": mark}
    command = ("python3", "-I", "-B", "-c", _runner())
    done = await sandbox.exec(command, timeout=tests.timeout, stdin=json.dumps(given).encode())
    held = loads(domain.files[expected_of(path)])
    found = _returned(done.stdout, mark)
    if found is None:
        return f"{path}: the process of the probes ended (status {done.status}) without their values."
    for name, value in held.items():
        if name not in found or not same(found[name], value):
            gave = _short(found.get(name))
            return f"{path}: {name} gives {gave}, and {expected_of(path)} expects {_short(value)}."
    return None


def _returned(output: bytes, mark: str) -> Mapping[str, Any] | None:
    """Return the values on the last line with the mark, None where there is none."""
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.startswith(mark)]
    with suppress(ValueError, RecursionError):
        found = loads(lines[-1][len(mark) :]) if lines else None
        return found if isinstance(found, dict) else None
    return None


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@lru_cache(maxsize=1)
def _runner() -> str:
    return (SANDBOX_ASSETS / "probe_runner.py").read_text()


async def _reset_but_allowed(tests: HiddenTests, sandbox: Sandbox, diff: StateDiff) -> None:
    forbidden = set(paths_outside(diff, tests.allowed))
    kept: dict[str, bytes | None] = {}
    for change in diff.changes:
        if change.path not in forbidden:
            with suppress(InputError, FileNotFoundError):
                kept[change.path] = None if change.kind == "removed" else await sandbox.read(change.path)
    await sandbox.reset()
    gone = [path for path, data in kept.items() if data is None]
    if gone:
        await sandbox.exec(("rm", "-f", "--", *gone))
    for path, data in kept.items():
        if data is not None:
            with suppress(InputError):  # a pristine file came back where its folder was, or a folder in its place
                await sandbox.write(path, data)
