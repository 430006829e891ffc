"""Attacks on the tool server itself: its memory, signals, limits and priority, and what it keeps."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from pathlib import Path

import pytest

from engine.protocols import SandboxPool
from engine.sandboxes._remote import RemoteSandbox
from tests.conformance._sandboxes import BUBBLEWRAP, EVERY, ISOLATED, environment, server_of_namespaces
from tests.sandboxes.attacks._attacks import ROOMY, pool, pools, python, sandbox

__all__ = ["pool", "pools", "sandbox"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")

_REACHES = """
import ctypes, json, os, resource, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
target = os.getppid() if sys.argv[1] == "parent" else int(sys.argv[1])
if target == 0:  # the parent is in another process namespace, so no call can name it
    print(json.dumps({"reached": [], "ways": []}), flush=True)
    sys.exit()
def traced():
    if libc.ptrace(16, target, 0, 0):  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(target, 0x40000000)
    libc.ptrace(17, target, 0, 0)  # PTRACE_DETACH
ways = {
    "memory": lambda: os.close(os.open(f"/proc/{target}/mem", os.O_RDWR)),
    "map": lambda: open(f"/proc/{target}/maps").read(),
    "environment": lambda: open(f"/proc/{target}/environ").read(),
    "descriptors": lambda: os.listdir(f"/proc/{target}/fd"),
    "folder": lambda: os.listdir(f"/proc/{target}/cwd"),
    "ptrace": traced,
    "limits": lambda: resource.prlimit(target, resource.RLIMIT_NOFILE, (64, 64)),
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, target, max(7, os.getpriority(os.PRIO_PROCESS, 0))),
    "scheduling": lambda: os.sched_setscheduler(target, os.SCHED_IDLE, os.sched_param(0)),
    "affinity": lambda: os.sched_setaffinity(target, {0}),
    "memory's end": lambda: open(f"/proc/{target}/oom_score_adj", "w").write("900"),
    "stop": lambda: os.kill(target, signal.SIGSTOP),
    "kill": lambda: os.kill(target, signal.SIGKILL),
}
reached = []
for name, way in ways.items():
    try:
        way()
        reached.append(name)
    except (OSError, ValueError):
        pass
print(json.dumps({"reached": reached, "ways": list(ways)}))
"""
_TWIN = """
import subprocess, sys
child = subprocess.Popen(["sleep", "60"])
sys.argv[1] = str(child.pid)
"""


_IN_VAIN = {"limits", "priority", "scheduling", "affinity", "stop", "kill"}
"""What the kernel grants towards the first process of namespaces that has the tools' user. It takes no signal from
there, only waits, and is another one in the next lease."""


@ISOLATED
async def test_no_way_leads_from_a_command_to_the_server(sandbox: RemoteSandbox) -> None:
    twin = await python(sandbox, _TWIN + _REACHES, "own child")
    assert twin["reached"] == twin["ways"]
    parent = await python(sandbox, _REACHES, "parent")
    assert parent["reached"] == []
    assert (parent["ways"] == []) is (sandbox.name == "bubblewrap")
    first = set((await python(sandbox, _REACHES, "1"))["reached"])
    assert first <= (_IN_VAIN if sandbox.name == "bubblewrap" else set())
    assert (await sandbox.call("say", {"text": "fine"})).content == "fine"
    assert (await sandbox.diff()).empty


@ISOLATED
async def test_no_way_leads_from_a_program_to_its_keeper(sandbox: RemoteSandbox) -> None:
    await sandbox.write("reach.py", _REACHES.encode())
    process = await sandbox.open_process(["python3", "reach.py", "parent"])
    assert json.loads(await process.readline(timeout=20))["reached"] == []
    assert await process.read(timeout=20) == b""
    assert process.status == 0
    await process.aclose()
    await sandbox.reset()


_RIGHTS = """
import ctypes, json, os, signal
def of(process):
    lines = open(f"/proc/{process}/status").read().splitlines()
    return {line.split(":")[0]: line.split(":")[1].split() for line in lines}
def allowed(act):
    try:
        act()
        return True
    except OSError:
        return False
own, server = of("self"), of(os.getppid() or "self")  # no parent: it is in another process namespace
kinds = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
print(json.dumps({
    "parent": os.getppid(),
    "tools": [int(own[kind][0], 16) for kind in kinds],
    "server": [int(server[kind][0], 16) for kind in kinds],
    "ids": own["Uid"] + own["Gid"] + own["Groups"],
    "shared": sorted(set(own["Uid"][:1]) & set(server["Uid"][:3])),
    "no new privileges": own["NoNewPrivs"] + server["NoNewPrivs"],
    "other user": [allowed(lambda u=u: os.setuid(u)) for u in (0, 65533, 65532)],
    "given away": allowed(lambda: os.chown("orders.json", 65533, -1)),
}))
"""


@ISOLATED
async def test_tools_have_no_capability_and_the_server_those_that_it_needs(sandbox: RemoteSandbox) -> None:
    found = await python(sandbox, _RIGHTS)
    assert found["tools"] == [0, 0, 0, 0, 0]
    assert set(found["ids"]) == {"65534"}
    if sandbox.name == "bubblewrap":
        needed = 1 << 18 | 1 << 21  # CAP_SYS_CHROOT, CAP_SYS_ADMIN, both of the sandbox's own user namespace
        assert found["parent"] == 0
        assert await _capabilities_of(await server_of_namespaces(sandbox)) == [0, needed, needed, 0, 0]
    else:
        needed = 1 << 5 | 1 << 6 | 1 << 7  # CAP_KILL, CAP_SETGID, CAP_SETUID
        assert found["server"] == [0, needed, needed, 0, 0]
        assert found["shared"] == []
    assert found["no new privileges"] == ["1", "1"]
    assert found["other user"] == [False, False, False]
    assert not found["given away"]
    program = await sandbox.open_process(["sh", "-c", "grep -E 'Cap|Uid|NoNew' /proc/self/status"])
    told = b""
    while part := await program.read(timeout=20):
        told += part
    assert told == (await sandbox.exec(["sh", "-c", "grep -E 'Cap|Uid|NoNew' /proc/self/status"])).stdout


async def _capabilities_of(process: int) -> list[int]:
    """Return the sets of a process of this machine: inheritable, permitted, effective, bounding, ambient."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return [int(line.split()[1], 16) for line in lines if line.startswith("Cap")]


@BUBBLEWRAP
async def test_tools_and_server_share_neither_processes_nor_mounts_nor_can_tools_make_namespaces(
    sandbox: RemoteSandbox,
) -> None:
    inside = (await sandbox.exec(["sh", "-c", "readlink /proc/self/ns/pid /proc/self/ns/mnt"])).stdout.decode().split()
    server = Path(f"/proc/{await server_of_namespaces(sandbox)}/ns")
    assert [(server / kind).readlink().as_posix() == inside[n] for n, kind in enumerate(("pid", "mnt"))] == [False] * 2
    assert (await sandbox.exec(["python3", "-c", "print(1)"])).status == 0
    made = "import ctypes; libc = ctypes.CDLL(None); print([libc.unshare(kind) for kind in (0x10000000, 0x20000)])"
    assert await python(sandbox, made) == [-1, -1]


@BUBBLEWRAP
async def test_what_forked_twice_ends_with_its_lease_on_this_machine(pool: SandboxPool) -> None:
    name = f"twice-{uuid.uuid4().hex}"
    fork = "import os, sys, time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(60)"
    async with pool.lease(environment(limits=ROOMY, key="forked twice")) as sandbox:
        await sandbox.exec(["python3", "-c", fork, name])
        assert await _comes_to(name, True)
    assert await _comes_to(name, False)


async def _comes_to(word: str, there: bool) -> bool:
    """Wait until processes of this machine with this argument are there, or are not; return whether it came to that.
    One look can miss a process that was forked during it."""
    for _ in range(50):
        if bool(_with_argument(word)) is there:
            return True
        await asyncio.sleep(0.1)
    return False


def _with_argument(word: str) -> list[str]:
    """Return the processes of this machine that have a word among their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [path.parent.name] if word.encode() in path.read_bytes() else []
    return found


@ISOLATED
async def test_a_tool_function_has_the_rights_of_a_command(pool: SandboxPool) -> None:
    show = "def rights(): return [line for line in open('/proc/self/status') if line[:3] in ('Cap', 'Uid', 'NoN')]"
    async with pool.lease(environment(modules={"show.py": show}, limits=ROOMY, key="rights")) as sandbox:
        told = "".join(json.loads((await sandbox.call("rights", {})).content)).encode()
        assert b"CapBnd:\t0000000000000000" in told
        assert told == (await sandbox.exec(["sh", "-c", "grep -E '^(Cap|Uid|NoNew)' /proc/self/status"])).stdout


_FORGE = """
import os, sys
target, old, new = os.getppid(), sys.argv[1].encode(), sys.argv[2].encode()
found = 0
memory = os.open(f"/proc/{target}/mem", os.O_RDWR)
for line in open(f"/proc/{target}/maps"):
    span, rights = line.split()[:2]
    if "rw" not in rights or "[v" in line:
        continue
    low, high = (int(end, 16) for end in span.split("-"))
    try:
        data = os.pread(memory, high - low, low)
    except OSError:
        continue
    at = data.find(old)
    while at >= 0:
        os.pwrite(memory, new, low + at)
        found += 1
        at = data.find(old, at + 1)
print(found)
"""


@ISOLATED
async def test_a_changed_record_cannot_be_hidden_in_the_servers_memory(pool: SandboxPool) -> None:
    files = {"store.json": b'{"order": {"A1": {"status": "PENDING__", "total": 10}}}'}
    async with pool.lease(environment(workspace=files, limits=ROOMY, key="forged")) as sandbox:
        assert (await sandbox.diff()).empty
        assert (await sandbox.exec(["sed", "-i", "s/PENDING__/CANCELLED/", "store.json"])).status == 0
        before = await sandbox.diff()
        done = await sandbox.exec(["python3", "-", "PENDING__", "CANCELLED"], stdin=_FORGE.encode(), timeout=30)
        assert done.status != 0
        assert b"Permission denied" in done.stderr or b"No such file or directory: '/proc/0/mem'" in done.stderr
        assert [change.path for change in before.changes] == ["store.json"]
        assert await sandbox.diff() == before


@ISOLATED
async def test_files_that_shut_others_out_are_read_and_compared_and_removed(sandbox: RemoteSandbox) -> None:
    await sandbox.exec(["sh", "-c", "mkdir -p a/b && echo x > a/b/open"])
    assert [change.path for change in (await sandbox.diff()).changes] == ["a/b/open"]
    await sandbox.reset()
    shut = "mkdir -p a/b t && echo x > a/b/shut && echo y > t/z && chmod 0 a/b/shut orders.json"
    shut += " && chmod 0 a/b && chmod 0 a && chmod 1500 t && chmod 0 ."
    for use in (sandbox.diff, lambda: sandbox.read("a/b/shut"), lambda: sandbox.write("a/b/shut", b"x\n")):
        assert (await sandbox.exec(["sh", "-c", shut])).status == 0
        await use()
        assert [change.path for change in (await sandbox.diff()).changes] == ["a/b/shut", "t/z"]
        assert await sandbox.read("a/b/shut") == b"x\n"
        await sandbox.exec(["sh", "-c", shut])
        await sandbox.reset()
        assert (await sandbox.diff()).empty
        assert (await sandbox.call("order", {"id": "1"})).fault is None


_TRACED = """
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(0x59616d61, -1, 0, 0, 0)  # PR_SET_PTRACER: anyone
traced = os.getpid()
if os.fork() == 0:
    os.setsid()
    assert libc.ptrace(0x4206, traced, 0, 0) == 0  # PTRACE_SEIZE
    open("traced", "w").write("x")
    while True:
        time.sleep(1)  # it never collects what it traces, so nobody else can
time.sleep(60)
"""


@EVERY
@pytest.mark.parametrize("beside_a_program", [False, True])
async def test_a_traced_process_does_not_hold_up_the_server(sandbox: RemoteSandbox, beside_a_program: bool) -> None:
    if beside_a_program:
        await sandbox.open_process(["cat"])
    for program in ("open('traced', 'w').write('x')\nimport time; time.sleep(60)", _TRACED):
        began = time.monotonic()
        done = await sandbox.exec(["python3", "-c", program], timeout=3)
        assert done.fault == "timeout"
        assert (await sandbox.call("say", {"text": "fine"})).content == "fine"
        assert time.monotonic() - began < 12
        assert await sandbox.read("traced") == b"x"
        await sandbox.call("remove", {"path": "traced"})
    await sandbox.reset()
    assert (await sandbox.call("say", {"text": "fine"})).content == "fine"
