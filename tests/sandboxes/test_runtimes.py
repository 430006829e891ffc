"""What a Docker engine may offer besides: gVisor as the runtime, and a range of users of its own. Both are options of
the machine, so these tests are skipped where it lacks them, also in CI."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from engine.serving.choice import open_pool
from engine.settings import read
from engine.types import Environment

pytestmark = pytest.mark.docker
COUNTING = "def count() -> str:\n    open('a.txt', 'a').write('x')\n    return open('a.txt').read()\n"


def _offered(field: str) -> str:
    """Return a field of `docker info` as JSON, "" where no Docker engine answers."""
    if shutil.which("docker") is None:
        return ""
    line = ["docker", "info", "--format", "{{json ." + field + "}}"]
    return subprocess.run(line, capture_output=True, text=True, timeout=30, check=False).stdout


async def _printed(command: str, **options: str) -> str:
    """Return what a command prints in a sandbox that has executed and undone a tool call before."""
    chosen = {"docker": {"warm": 1, **options}}
    pool = await open_pool("docker", allow_commands=True, image=read().image, options=chosen)
    try:
        async with pool.lease(Environment({"a.txt": b"a"}, {"counting.py": COUNTING}, commands=True)) as sandbox:
            for _ in range(2):
                assert (await sandbox.call("count", {})).content == "ax"
                assert [change.path for change in (await sandbox.diff()).changes] == ["a.txt"]
                await sandbox.reset()
            return (await sandbox.exec(("sh", "-c", command))).stdout.decode()
    finally:
        await pool.aclose()


async def test_gvisor_runs_tools_and_commands() -> None:
    if "runsc" not in json.loads(_offered("Runtimes") or "{}"):
        pytest.skip("The Docker engine has no runtime runsc (gVisor).")
    kernel = (await _printed("uname -r", runtime="runsc")).strip()
    assert kernel
    assert kernel != json.loads(_offered("KernelVersion")), "gVisor is a kernel of its own"


async def test_users_of_a_container_are_none_of_the_machine_where_they_are_remapped() -> None:
    if "name=userns" not in _offered("SecurityOptions"):
        pytest.skip("The Docker engine does not remap users (userns-remap).")
    _, outside, _ = (await _printed("head -n 1 /proc/self/uid_map")).split()
    assert int(outside) > 0
