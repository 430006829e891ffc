"""What one rollout may try to leave for the next one that uses its sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine import plugins
from engine.errors import SandboxError
from engine.protocols import SandboxPool
from engine.sandboxes._remote import RemoteSandbox
from tests.conformance._sandboxes import BACKENDS, EVERY, ISOLATED, ISOLATED_SLOW, environment, promised_by
from tests.sandboxes.attacks._attacks import ROOMY, pool, pools, python

__all__ = ["pool", "pools"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHARED_USER = promised_by(*(name for name in BACKENDS if not plugins.load("sandboxes", name).make.isolated))
"""Sandboxes whose tools are the server's user, and so can change the server."""
_ENVIRONMENT = environment(limits=ROOMY, key="lent twice")


@pytest_asyncio.fixture(loop_scope="module")
async def used(pool: SandboxPool) -> AsyncIterator[RemoteSandbox]:
    """A sandbox that was lent again after a harmless rollout."""
    async with pool.lease(_ENVIRONMENT) as sandbox:
        await sandbox.call("close_order", {"id": "2"})
        await python(sandbox, "open('stray', 'w').write('x'); print(1)")
    async with pool.lease(_ENVIRONMENT) as again:
        assert again is sandbox
        yield again


async def _another(pool: SandboxPool, sandbox: RemoteSandbox) -> bool:
    """Return whether the next lease gets another sandbox, once the last one was given back."""
    await asyncio.sleep(0.5)
    async with pool.lease(_ENVIRONMENT) as following:
        return following is not sandbox


_LIBC = "import ctypes, os, resource\nlibc = ctypes.CDLL(None, use_errno=True)\n"


@SHARED_USER
@pytest.mark.parametrize(
    "attack",
    [
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (200, 200))",
        "resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (10, 10))",
        "os.sched_setscheduler(os.getppid(), os.SCHED_IDLE, os.sched_param(0))",
        "os.sched_setaffinity(os.getppid(), {min(os.sched_getaffinity(0))})",
        "open(f'/proc/{os.getppid()}/oom_score_adj', 'w').write('900')",
    ],
)
async def test_a_server_that_a_tool_changed_is_thrown_away(
    pool: SandboxPool, used: RemoteSandbox, attack: str, backend: str
) -> None:
    sandbox = used
    await python(sandbox, f"{_LIBC}{attack}\nprint(1)")
    await sandbox.reset()
    assert not sandbox.usable
    assert (await sandbox.call("say", {"text": "goes on"})).content == "goes on"
    with pytest.raises(SandboxError, match="an earlier rollout changed: "):
        await sandbox.open(_ENVIRONMENT, "another")


@ISOLATED_SLOW
@pytest.mark.parametrize(
    "attack",
    [
        "assert libc.shmget(77, 4096, 0o1666) >= 0",
        "assert libc.semget(77, 1, 0o1666) >= 0",
        "assert libc.msgget(77, 0o1666) >= 0",
        "assert libc.mq_open(b'/left', os.O_CREAT | os.O_RDWR, 0o666, None) >= 0",
    ],
)
async def test_what_outlives_its_process_costs_the_container(
    pool: SandboxPool, used: RemoteSandbox, attack: str
) -> None:
    sandbox = used
    await python(sandbox, f"{_LIBC}{attack}\nprint(1)")
    await sandbox.reset()
    assert not sandbox.usable
    assert (await sandbox.call("say", {"text": "goes on"})).content == "goes on"
    with pytest.raises(SandboxError, match="an earlier rollout changed: "):
        await sandbox.open(_ENVIRONMENT, "another")


@ISOLATED_SLOW
async def test_a_lease_after_an_attack_gets_another_container(pool: SandboxPool) -> None:
    async with pool.lease(_ENVIRONMENT) as sandbox:
        await sandbox.call("close_order", {"id": "2"})
    assert not await _another(pool, sandbox)
    async with pool.lease(_ENVIRONMENT) as sandbox:
        await python(sandbox, f"{_LIBC}assert libc.shmget(77, 4096, 0o1666) >= 0\nprint(1)")
        await sandbox.diff(last=True)
    assert await _another(pool, sandbox)


_WRITABLE = """
import json, os, stat
found = []
for folder, names, files in os.walk("/"):
    names[:] = [name for name in names if os.path.join(folder, name) not in ("/proc", "/sys")]
    if folder.startswith(("/sandbox/work", "/sandbox/tmp")):
        continue
    if os.access(folder, os.W_OK):
        found.append(folder)
    for name in files:
        full = os.path.join(folder, name)
        if os.access(full, os.W_OK) and stat.S_ISREG(os.stat(full).st_mode):
            found.append(full)
print(json.dumps(sorted(found)))
"""


@ISOLATED
async def test_nothing_outside_the_workspace_can_be_written_but_what_a_reset_checks(pool: SandboxPool) -> None:
    async with pool.lease(_ENVIRONMENT) as sandbox:
        assert set(await python(sandbox, _WRITABLE)) <= {"/dev/mqueue"}


_MARK = """
import json, os, sys
kept = ("." , "notes", "notes/today.txt", os.environ["TMPDIR"])
if sys.argv[1] == "set":
    for path in kept:
        try: os.setxattr(path, "user.left", b"x")
        except OSError: pass
    os.chmod(os.environ["TMPDIR"], 0o700)
def marks(path):
    try: return os.listxattr(path)
    except OSError: return []
print(json.dumps([[marks(path), os.stat(path).st_mode] for path in kept]))
"""


@EVERY
async def test_marks_and_modes_of_what_stays_are_taken_away(pool: SandboxPool) -> None:
    async with pool.lease(_ENVIRONMENT) as sandbox:
        before = await python(sandbox, _MARK, "look")
        await python(sandbox, _MARK, "set")
        await sandbox.reset()
        assert await python(sandbox, _MARK, "look") == before


_FAMILY = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open("left-running", "w").write("x")
            time.sleep(60)
        os._exit(0)
print(1)
"""


@ISOLATED
async def test_no_process_stays(used: RemoteSandbox) -> None:
    sandbox = used
    before = int((await sandbox.call("processes", {})).content)
    await python(sandbox, _FAMILY)
    assert int((await sandbox.call("processes", {})).content) > before
    await sandbox.reset()
    assert int((await sandbox.call("processes", {})).content) == before
