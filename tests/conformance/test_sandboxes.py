"""One suite for every sandbox backend: each test names the backends that promise what it checks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from engine import plugins
from engine.errors import InputError, ProcessError, SandboxError
from engine.examples import SandboxExample
from engine.judging.state import differences
from engine.protocols import Process, Sandbox, SandboxPool
from engine.sandboxes._remote import RemoteSandbox
from engine.serving.choice import open_pool
from engine.types import ABSENT, Limits
from tests.conformance._sandboxes import (
    BACKENDS,
    DOCKER,
    EVERY,
    ISOLATED,
    ISOLATED_SLOW,
    TIGHT,
    environment,
    killer,
    opened,
    pool,
    pools,
    server_of_namespaces,
    workspace,
)
from tests.needs import missing

__all__ = ["pool", "pools"]  # fixtures
ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(pool: SandboxPool) -> AsyncIterator[RemoteSandbox]:
    async with pool.lease(environment()) as found:
        yield found


@EVERY
async def test_every_backend_shows_what_it_occupies(backend: str) -> None:
    await (await opened(backend)).aclose()
    assert not await asyncio.to_thread(_leftovers, backend, "nobody")


# ---------------------------------------------------------------- calls


@EVERY
async def test_a_string_is_returned_as_it_is_and_prints_do_not_disturb(sandbox: RemoteSandbox) -> None:
    for text in ("plain", "two\nlines", 'quote " and \\', "Zürich 東京 🙂", ""):
        result = await sandbox.call("say", {"text": text})
        assert (result.content, result.fault, result.truncated) == (text, None, False)
        assert result.seconds is not None


@EVERY
async def test_other_values_are_dumped_as_json_with_key_order_kept(sandbox: RemoteSandbox) -> None:
    result = await sandbox.call("order", {"id": "1"})
    assert result.content == '{"status": "open", "paid": 1, "lines": [{"sku": "a"}, {"sku": "b"}]}'


@EVERY
@pytest.mark.parametrize(
    ("tool", "arguments", "fault", "message"),
    [
        ("refuse", {"kind": "value"}, "tool_error", "no: value"),
        ("refuse", {"kind": "permission"}, "tool_error", "no: permission"),
        ("lookup", {}, "tool_error", "KeyError: 'missing key'"),
        ("missing", {}, "tool_error", "[Errno 2] No such file or directory: 'nowhere.txt'"),
        ("crash", {}, "tool_crash", "TypeError: list indices must be integers or slices, not NoneType"),
        ("leave", {}, "tool_crash", "SystemExit: 3"),
        ("unserialisable", {}, "tool_crash", "The tool returned what JSON cannot hold: a value of type object."),
        ("die", {}, "tool_crash", "The tool ended its own process with status 9."),
        ("nonesuch", {}, "unknown_tool", "There is no tool nonesuch."),
        ("_private", {}, "unknown_tool", "There is no tool _private."),
    ],
)
async def test_failures_are_typed(
    sandbox: RemoteSandbox, tool: str, arguments: dict[str, str], fault: str, message: str
) -> None:
    result = await sandbox.call(tool, arguments)
    assert (result.fault, json.loads(result.content)) == (fault, {"error": message})
    assert (await sandbox.call("say", {"text": "still there"})).content == "still there"


@EVERY
async def test_a_broken_module_is_a_crash_of_the_tool(pool: SandboxPool) -> None:
    broken = environment(
        modules={
            "bad.py": "def f(:\n",
            "deep.py": f"def d(): return {'-' * 100_000}1",
            "late.py": "import nothing_like_this\ndef g(): return 1",
        },
        key="b",
    )
    async with pool.lease(broken) as sandbox:
        for tool, word in (("f", "SyntaxError"), ("d", "Error"), ("g", "ModuleNotFoundError")):
            result = await sandbox.call(tool, {})
            assert result.fault == "tool_crash"
            assert word in result.content


@EVERY
async def test_the_pinned_packages_are_there(pool: SandboxPool) -> None:
    pins = dict(
        line.split("==") for line in (ROOT / "assets/sandbox/requirements.txt").read_text().split() if "==" in line
    )
    roomy = environment(limits=Limits(), key="roomy")
    async with pool.lease(roomy) as sandbox:
        assert json.loads((await sandbox.call("table", {})).content) == [
            pins["openpyxl"],
            pins["pypdf"],
            pins["pillow"],
        ]


# ---------------------------------------------------------------- bounds


async def _beats(sandbox: RemoteSandbox) -> bool:
    """Say whether a background process still rewrites the file `beat`."""
    seen = {await sandbox.read("beat")}
    for _ in range(6):
        await asyncio.sleep(0.1)
        seen.add(await sandbox.read("beat"))
    return len(seen) > 1


@EVERY
async def test_a_timeout_kills_the_tool_and_its_children_and_keeps_the_files(pool: SandboxPool) -> None:
    limits = TIGHT.model_copy(update={"call_seconds": 1.0})
    async with pool.lease(environment(limits=limits, key="quick")) as sandbox:
        await sandbox.call("write", {"path": "kept.txt", "text": "kept"})
        result = await sandbox.call("children_then_sleep", {})
        assert result.fault == "timeout"
        assert json.loads(result.content) == {"error": "The tool did not finish within 1 seconds."}
        assert not await _beats(sandbox)
        assert (await sandbox.call("read", {"path": "kept.txt"})).content == "kept"


@ISOLATED
async def test_a_fork_bomb_is_stopped(sandbox: RemoteSandbox) -> None:
    result = await sandbox.call("bomb", {})
    assert result.fault in ("limit", "timeout")
    await sandbox.reset()
    assert (await sandbox.call("say", {"text": "fine"})).content == "fine"
    assert int((await sandbox.call("processes", {})).content) <= 3


@EVERY
async def test_a_memory_bomb_is_a_limit(sandbox: RemoteSandbox) -> None:
    assert (await sandbox.call("memory", {})).fault == "limit"
    child = await sandbox.call("memory_in_child", {})
    assert child.fault == "limit" or child.content != "0"
    assert (await sandbox.call("say", {"text": "fine"})).content == "fine"


@EVERY
async def test_filling_the_disk_is_a_limit(sandbox: RemoteSandbox) -> None:
    result = await sandbox.call("fill", {"size": TIGHT.disk_bytes * 4})
    assert result.fault == "limit"
    await sandbox.reset()
    assert (await sandbox.diff()).empty


@EVERY
async def test_huge_output_is_cut_with_a_mark(sandbox: RemoteSandbox) -> None:
    result = await sandbox.call("much", {"size": 1_000_000})
    assert result.truncated
    assert result.fault is None
    assert result.content == "é" * 2000 + "\n[cut: 1000000 characters in all, 2000 shown]"
    done = await sandbox.exec(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"], timeout=20)
    assert (done.status, len(done.stdout), done.truncated) == (0, 2000, True)


# ---------------------------------------------------------------- commands


@EVERY
async def test_exec_gives_status_streams_and_input(sandbox: RemoteSandbox) -> None:
    done = await sandbox.exec(["sh", "-c", "cat; echo out; echo err >&2; exit 7"], stdin=b"in\n")
    assert (done.status, done.stdout, done.stderr, done.fault) == (7, b"in\nout\n", b"err\n", None)
    large = os.urandom(300_000)
    done = await sandbox.exec(["sh", "-c", "cat > copy; wc -c < copy"], stdin=large)
    assert done.stdout.split() == [b"300000"]
    assert await sandbox.read("copy") == large
    assert (await sandbox.exec(["no-such-command"])).status == 127
    assert (await sandbox.exec(["sh", "-c", "kill -TERM $$"])).status == 128 + signal.SIGTERM


@EVERY
async def test_exec_timeout_kills_everything(sandbox: RemoteSandbox) -> None:
    began = time.monotonic()
    command = "(while true; do date +%N > beat; sleep 0.05; done) & setsid sleep 60 & echo here; sleep 60"
    done = await sandbox.exec(["sh", "-c", command], timeout=0.7)
    assert (done.fault, done.status, done.stdout) == ("timeout", None, b"here\n")
    assert time.monotonic() - began < 10
    assert not await _beats(sandbox)


@EVERY
async def test_exec_returns_although_a_child_keeps_the_output_open(sandbox: RemoteSandbox) -> None:
    began = time.monotonic()
    done = await sandbox.exec(["sh", "-c", "sleep 30 & echo done"], timeout=20)
    assert (done.status, done.stdout) == (0, b"done\n")
    assert time.monotonic() - began < 10


# ---------------------------------------------------------------- open processes

_ECHO = ("sed", "-u", "s/^/> /")
_STAYS = """setsid sh -c 'tail -f "$0"; :' "$TMPDIR/$0" >/dev/null 2>&1 &"""
_FAMILY = f': > "$TMPDIR/$0"; ({_STAYS}); {_STAYS} echo ready; cat; sleep 300'
"""A program with a child and an orphan in sessions of their own, with a child each. The name that is given behind it
stands among the arguments of all five."""
_NAMED = """
import pathlib, sys
name = sys.stdin.buffer.read()
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try: print(path) if name in path.read_bytes() else None
    except OSError: pass
"""
_STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
_BOMB = """
import os
while True:
    try: os.fork(), os.setsid()
    except OSError: pass
"""


async def _named(sandbox: Sandbox, name: str) -> int:
    """Return how many processes have `name` among their arguments, in the process table that the sandbox sees."""
    done = await sandbox.exec(["python3", "-c", _NAMED], stdin=name.encode(), timeout=20)
    assert done.status == 0, done.stderr
    return len(done.stdout.split())


async def _family(sandbox: Sandbox) -> tuple[Process, str]:
    """Open the program above, and return it with the name of its five processes."""
    name = f"family-{uuid.uuid4().hex}"
    process = await sandbox.open_process(["sh", "-c", _FAMILY, name])
    assert await process.readline(timeout=20) == b"ready\n"
    for _ in range(50):
        if await _named(sandbox, name) >= 5:
            return process, name
    raise AssertionError("five processes did not start")


async def _read(process: Process, size: int) -> bytes:
    """Read `size` bytes or, where the last piece holds more, all of that piece."""
    parts: list[bytes] = []
    while sum(map(len, parts)) < size:
        parts.append(await process.read(timeout=20))
        assert parts[-1]
    return b"".join(parts)


@EVERY
async def test_a_process_answers_lines_while_all_else_goes_on(sandbox: RemoteSandbox) -> None:
    process = await sandbox.open_process(_ECHO)
    for number in range(3):
        await process.write(b"line %d\n" % number)
        assert (await sandbox.call("say", {"text": "tool"})).content == "tool"
        assert (await sandbox.exec(["cat"], stdin=b"command")).stdout == b"command"
        await sandbox.write("noted.txt", b"%d" % number)
        assert await sandbox.read("noted.txt") == b"%d" % number
        assert [change.path for change in (await sandbox.diff()).changes] == ["noted.txt"]
        assert await process.readline(timeout=20) == b"> line %d\n" % number
    assert process.status is None
    await process.aclose()
    assert process.status == 0
    assert await process.read(timeout=20) == b""


@EVERY
async def test_a_process_is_bounded_as_a_command_is(sandbox: RemoteSandbox) -> None:
    ask = ["sh", "-c", "pwd; env | sort; ulimit -a; id; nice; grep -E 'Cap|NoNewPrivs|SigIgn' /proc/self/status"]
    process = await sandbox.open_process(ask)
    told = b""
    while part := await process.read(timeout=20):
        told += part
    assert b"PYTHONHASHSEED=0" in told
    assert told == (await sandbox.exec(ask)).stdout
    holds = await sandbox.open_process(["python3", "-c", "bytearray(1 << 30)"])
    assert await holds.read(timeout=20) == b""
    assert holds.status != 0


@EVERY
async def test_megabytes_go_both_ways_while_tools_are_called(sandbox: RemoteSandbox) -> None:
    process = await sandbox.open_process(["cat"])
    data = os.urandom(5 << 20)
    writing = asyncio.create_task(process.write(data))
    found = b""
    for until in range(1 << 20, len(data) + 1, 1 << 20):
        more, said = await asyncio.gather(_read(process, until - len(found)), sandbox.call("say", {"text": "tool"}))
        assert said.content == "tool"
        found += more
    assert found == data
    await writing


@EVERY
async def test_a_process_is_heard_and_answered_during_a_call(sandbox: RemoteSandbox) -> None:
    process = await sandbox.open_process(_ECHO)
    for long in (sandbox.call("sleep", {"seconds": 2.0}), sandbox.exec(["sleep", "2"])):
        waiting = asyncio.create_task(long)
        await asyncio.sleep(0.2)
        for number in range(5):
            await process.write(b"%d\n" % number)
            assert await process.readline(timeout=20) == b"> %d\n" % number
        assert not waiting.done()
        assert getattr(await waiting, "fault", "none") is None


@EVERY
async def test_processes_end_with_reset_and_the_last_diff(sandbox: RemoteSandbox) -> None:
    for end in (sandbox.reset, lambda: sandbox.diff(last=True)):
        process, name = await _family(sandbox)
        pending = asyncio.create_task(process.read(timeout=20))
        await asyncio.sleep(0.1)
        await end()
        assert await pending == b""
        assert process.status == 128 + signal.SIGKILL
        assert await _named(sandbox, name) == 0
        with pytest.raises(ProcessError, match="ended with status 137"):
            await process.write(b"x")
        await process.aclose()


@EVERY
async def test_changes_found_ahead_are_those_of_the_end(backend: str) -> None:
    pool = await opened(backend)
    try:
        async with pool.lease(environment()) as sandbox:
            assert isinstance(sandbox, RemoteSandbox)
            assert (await sandbox.call("say", {"text": "a worker lives"})).fault is None
            await sandbox.write("early.txt", b"1")
            sandbox.look_ahead()
            await asyncio.sleep(0.3)
            answered = sandbox.worked
            assert [change.path for change in (await sandbox.diff(last=True)).changes] == ["early.txt"]
            assert sandbox.worked == answered, "it was not asked again"
        async with pool.lease(environment()) as another:
            assert another is sandbox
            assert (await another.diff()).empty, "the next lease begins anew"
            another.look_ahead()  # and ends while it looks
        async with pool.lease(environment()) as third:
            assert third is sandbox
            assert (await third.call("say", {"text": "still there"})).content == "still there"
    finally:
        await pool.aclose()


@EVERY
async def test_what_happens_after_a_look_ahead_counts(sandbox: RemoteSandbox) -> None:
    sandbox.look_ahead()
    await sandbox.write("later.txt", b"1")
    assert [change.path for change in (await sandbox.diff()).changes] == ["later.txt"]
    await sandbox.exec(["sh", "-c", "(sleep 1; echo 2 > last.txt) > /dev/null 2>&1 &"])
    sandbox.look_ahead()
    await asyncio.sleep(2)
    found = await sandbox.diff(last=True)
    assert [change.path for change in found.changes] == ["last.txt", "later.txt"], "a command that lives on can write"


@EVERY
async def test_processes_end_with_the_lease_and_the_sandbox_is_used_again(backend: str) -> None:
    pool = await opened(backend)
    try:
        async with pool.lease(environment()) as sandbox:
            process, name = await _family(sandbox)
        await asyncio.sleep(0.5)
        async with pool.lease(environment()) as another:
            assert another is sandbox
            assert await _named(another, name) == 0
            assert await process.read(timeout=20) == b""
            with pytest.raises(ProcessError):
                await process.write(b"for the lease before")
            assert (await another.diff()).empty
    finally:
        await pool.aclose()


@EVERY
async def test_closing_one_process_ends_all_that_it_started_and_nothing_else(sandbox: RemoteSandbox) -> None:
    first, name = await _family(sandbox)
    second, other = await _family(sandbox)
    left = f"left-{uuid.uuid4().hex}"
    await sandbox.exec(["sh", "-c", f': > "$TMPDIR/$0"; {_STAYS}', left])
    await first.aclose()
    assert first.status is not None
    assert [await _named(sandbox, found) > 0 for found in (name, other, left)] == [False, True, True]
    await second.write(b"here\n")
    assert await second.readline(timeout=20) == b"here\n"
    await second.aclose()
    assert [await _named(sandbox, found) > 0 for found in (other, left)] == [False, True]


@EVERY
async def test_a_process_outlives_tools_and_commands_that_are_stopped(pool: SandboxPool) -> None:
    limits = TIGHT.model_copy(update={"call_seconds": 2.0})
    async with pool.lease(environment(limits=limits, key="patient")) as sandbox:
        process, name = await _family(sandbox)
        assert (await sandbox.call("children_then_sleep", {})).fault == "timeout"
        assert not await _beats(sandbox)
        assert (await sandbox.call("die", {})).fault == "tool_crash"
        beating = "setsid sh -c 'while :; do date +%N > beat; sleep 0.05; done' & sleep 60"
        assert (await sandbox.exec(["sh", "-c", beating], timeout=0.5)).fault == "timeout"
        assert not await _beats(sandbox)
        await process.write(b"here\n")
        assert await process.readline(timeout=20) == b"here\n"
        assert await _named(sandbox, name) >= 5
        await process.aclose()
        echo = await sandbox.open_process(["cat"])
        assert (await sandbox.call("die", {})).fault == "tool_crash"
        assert (await sandbox.call("say", {"text": "a new worker"})).content == "a new worker"
        await echo.write(b"still\n")  # it runs, so it ends by itself as soon as its input does
        assert await echo.readline(timeout=20) == b"still\n"
        await echo.aclose()
        assert echo.status == 0


@ISOLATED_SLOW
async def test_what_multiplies_faster_than_it_is_killed_takes_processes_with_it(sandbox: RemoteSandbox) -> None:
    process = await sandbox.open_process(["cat"])
    done = await sandbox.exec(["python3", "-c", _BOMB], timeout=1.0)
    assert done.fault == "timeout"
    assert (await sandbox.call("say", {"text": "tool"})).content == "tool"
    assert int((await sandbox.call("processes", {})).content) <= 5
    await process.aclose()
    assert process.status is not None


@EVERY
async def test_a_process_that_ends_by_itself_can_be_read_to_its_end(sandbox: RemoteSandbox) -> None:
    script = "head -c 700000 /dev/zero | tr '\\0' x; head -c 100000 /dev/zero | tr '\\0' y >&2; "
    process = await sandbox.open_process(["sh", "-c", script + "echo last words >&2; exit 7"])
    assert await _read(process, 700_000) == b"x" * 700_000
    assert await process.read(timeout=20) == b""
    assert process.status == 7
    assert process.errors == b"y" * (4096 - 11) + b"last words\n"
    with pytest.raises(ProcessError, match=r"^sh ended with status 7\. .*last words$") as caught:
        await process.write(b"x")
    assert caught.value.status == 7
    with pytest.raises(ProcessError, match="ended with status 7"):
        await process.readline(timeout=20)
    await process.aclose()
    killed = await sandbox.open_process(["sh", "-c", "printf half; kill -TERM $$"])
    with pytest.raises(ProcessError, match="ended with status 143"):
        await killed.readline(timeout=20)
    assert await killed.read(timeout=20) == b"half"


@EVERY
async def test_a_program_that_cannot_start_is_told_and_takes_no_place(sandbox: RemoteSandbox) -> None:
    for _ in range(5):
        with pytest.raises(ProcessError, match="cannot start: no-such-command: No such file"):
            await sandbox.open_process(["no-such-command", "--help"])
        with pytest.raises(ProcessError, match=r"cannot start: \./picture\.bin: Permission denied"):
            await sandbox.open_process(["./picture.bin"])
    for _ in range(8):
        await sandbox.open_process(["cat"])
    with pytest.raises(ProcessError, match="8 processes are open"):
        await sandbox.open_process(["cat"])
    await sandbox.reset()
    assert await (await sandbox.open_process(["echo", "fine"])).read(timeout=20) == b"fine\n"


async def _server_bytes(sandbox: RemoteSandbox) -> int:
    """Return the memory of the tool server, which is the parent of a command where commands can see it."""
    if sandbox.name == "bubblewrap":
        status = Path(f"/proc/{await server_of_namespaces(sandbox)}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) << 10
    done = await sandbox.exec(["sh", "-c", "grep VmRSS /proc/$PPID/status"])
    return int(done.stdout.split()[1]) << 10


@EVERY
@pytest.mark.parametrize("where", ["1", "2"])
async def test_a_program_that_writes_without_end_holds_up_nobody(sandbox: RemoteSandbox, where: str) -> None:
    before = await _server_bytes(sandbox)
    process = await sandbox.open_process(["sh", "-c", f"yes 0123456789 >&{where}"])
    await asyncio.sleep(1.0)
    began = time.monotonic()
    for _ in range(20):
        assert (await sandbox.call("say", {"text": "tool"})).content == "tool"
    assert time.monotonic() - began < 10
    assert await _server_bytes(sandbox) < before + (8 << 20)
    if where == "1":
        came = await process.read(timeout=20)
        assert 100_000 < len(came) <= 1 << 18
        came += await _read(process, 2_000_000)
        assert came == (b"0123456789\n" * (len(came) // 11 + 1))[: len(came)]
    await process.aclose()
    assert process.status is not None


@EVERY
async def test_a_program_that_reads_nothing_holds_up_its_writer_alone(sandbox: RemoteSandbox) -> None:
    before = await _server_bytes(sandbox)
    process = await sandbox.open_process(["sleep", "60"])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await process.write(bytes(20 << 20))
    assert (await sandbox.call("say", {"text": "tool"})).content == "tool"
    assert await _server_bytes(sandbox) < before + (8 << 20)
    writing = asyncio.create_task(process.write(b"x"))
    await asyncio.sleep(0.1)
    await process.aclose()
    with pytest.raises(ProcessError, match="ended"):
        await writing
    deaf = await sandbox.open_process(["sh", "-c", "exec <&-; echo ready; sleep 60"])
    assert await deaf.readline(timeout=20) == b"ready\n"
    await deaf.write(b"x")
    await asyncio.sleep(0.5)
    with pytest.raises(ProcessError, match="closed its standard input"):
        await deaf.write(b"x")


@EVERY
async def test_a_program_that_ignores_every_word_is_killed(sandbox: RemoteSandbox) -> None:
    process = await sandbox.open_process(["python3", "-c", _STUBBORN])
    assert await process.readline(timeout=20) == b"ready\n"
    began = time.monotonic()
    await process.aclose()
    assert time.monotonic() - began < 10
    assert process.status == 128 + signal.SIGKILL
    assert (await sandbox.call("say", {"text": "tool"})).content == "tool"


@EVERY
async def test_a_read_that_is_cancelled_or_overdue_loses_nothing(sandbox: RemoteSandbox) -> None:
    process = await sandbox.open_process(["cat"])
    for read in (process.read, process.readline):
        waiting = asyncio.create_task(read())
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(TimeoutError):
            await read(timeout=0.1)
    await process.write(b"half")
    with pytest.raises(TimeoutError):
        await process.readline(timeout=0.5)
    await process.write(b" a line\nand more")
    assert await process.readline(timeout=20) == b"half a line\n"
    assert await process.read(timeout=20) == b"and more"
    assert sandbox.usable
    await sandbox.reset()
    assert (await sandbox.call("say", {"text": "fine"})).content == "fine"


@EVERY
async def test_a_killed_tool_server_breaks_its_processes_and_leaves_none(backend: str, pool: SandboxPool) -> None:
    async with pool.lease(environment()) as sandbox:
        process, name = await _family(sandbox)
        pending = asyncio.create_task(process.read())
        await asyncio.sleep(0.1)
        await asyncio.to_thread(await killer(backend, sandbox))
        for use in (pending, process.write(b"x"), process.readline(), sandbox.open_process(["cat"])):
            with pytest.raises(SandboxError):
                await asyncio.wait_for(use, 20)
        await process.aclose()
        assert not sandbox.usable
    async with pool.lease(environment()) as sandbox:
        for _ in range(50):
            if not (left := await _named(sandbox, name)):
                break
            await asyncio.sleep(0.1)
        assert left == 0


# ---------------------------------------------------------------- files


@EVERY
async def test_binary_files_survive(sandbox: RemoteSandbox) -> None:
    data = bytes(range(256)) * 1000
    await sandbox.write("new/deep/blob.bin", data)
    assert await sandbox.read("new/deep/blob.bin") == data
    assert await sandbox.read("picture.bin") == workspace()["picture.bin"]
    change = (await sandbox.diff()).changes[0]
    assert (change.path, change.kind, change.format) == ("new/deep/blob.bin", "added", "binary")


@EVERY
@pytest.mark.parametrize("path", ["../up", "/etc/passwd", "notes/../../x", "", ".", "notes//x", "notes"])
async def test_paths_that_lead_out_are_refused(sandbox: RemoteSandbox, path: str) -> None:
    with pytest.raises(InputError):
        await sandbox.read(path)
    with pytest.raises(InputError):
        await sandbox.write(path, b"x")


@EVERY
async def test_links_are_not_followed(sandbox: RemoteSandbox) -> None:
    await sandbox.call("link", {"target": "/etc", "path": "out"})
    await sandbox.call("link", {"target": "/etc/passwd", "path": "secret"})
    await sandbox.exec(["mkfifo", "pipe"])
    for path in ("out/passwd", "secret", "pipe"):
        with pytest.raises(InputError):
            await sandbox.read(path)
        with pytest.raises(InputError):
            await sandbox.write(path, b"x")
    changes = {change.path: change for change in (await sandbox.diff()).changes}
    assert set(changes) == {"out", "secret", "pipe"}
    assert changes["secret"].text == "link to /etc/passwd\n"
    await sandbox.reset()
    assert (await sandbox.diff()).empty


@EVERY
async def test_a_missing_file_is_file_not_found(sandbox: RemoteSandbox) -> None:
    with pytest.raises(FileNotFoundError):
        await sandbox.read("notes/none.txt")


# ---------------------------------------------------------------- isolation


@ISOLATED
async def test_there_is_no_network(sandbox: RemoteSandbox) -> None:
    for host, port in (("1.1.1.1", 53), ("172.17.0.1", 22)):
        result = await sandbox.call("reach", {"host": host, "port": port})
        assert result.fault == "tool_crash"
        assert "unreachable" in result.content
    assert (await sandbox.call("address", {})).fault == "tool_crash"


@EVERY
async def test_the_hosts_environment_does_not_leak(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNWRIGHT_TEST_KEY", "sk-secret")
    pool = await opened(backend)
    try:
        async with pool.lease(environment()) as sandbox:
            shown = (await sandbox.call("environment", {})).content
            shown += (await sandbox.exec(["env"])).stdout.decode()
            assert "sk-secret" not in shown
    finally:
        await pool.aclose()


@ISOLATED
async def test_the_container_is_bare(sandbox: RemoteSandbox) -> None:
    who = json.loads((await sandbox.call("who", {})).content)
    assert who["uid"] != 0
    assert int(who["capabilities"], 16) == 0
    for path in ("/x", "/etc/x", "/dev/shm/x", "/opt/x", "/usr/x"):
        assert (await sandbox.call("write", {"path": path, "text": "x"})).fault is not None
    assert (await sandbox.call("write", {"path": "/tmp/x", "text": "x"})).fault is None
    assert (await sandbox.exec(["ls", str(ROOT)])).status != 0
    await sandbox.reset()
    assert (await sandbox.call("read", {"path": "/tmp/x"})).fault == "tool_error"


@EVERY
async def test_commands_are_refused_without_isolation_unless_allowed(backend: str) -> None:
    pool = await open_pool(backend)
    try:
        wanted = environment(commands=True)
        if pool.isolated:
            async with pool.lease(wanted) as sandbox:
                assert (await sandbox.exec(["true"])).status == 0
        else:
            with pytest.raises(SandboxError, match="does not isolate"):
                pool.lease(wanted)
    finally:
        await pool.aclose()


# ---------------------------------------------------------------- faults of ours


@EVERY
async def test_a_killed_tool_server_is_a_sandbox_error_and_the_pool_goes_on(backend: str, pool: SandboxPool) -> None:
    async with pool.lease(environment()) as sandbox:
        kill = await killer(backend, sandbox)
        call = asyncio.create_task(sandbox.call("sleep", {"seconds": 2.5}))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(kill)
        with pytest.raises(SandboxError) as caught:
            await call
        assert not caught.value.gone
        with pytest.raises(SandboxError):
            await sandbox.diff()
    async with pool.lease(environment()) as sandbox:
        assert (await sandbox.call("say", {"text": "fine"})).content == "fine"


_CHILD = """
import asyncio, sys
from engine import plugins
from engine.errors import SandboxError
from engine.liveness import process_name
from tests.conformance._sandboxes import environment, opened

async def half():
    pool = await opened(sys.argv[1])
    try:
        async with pool.lease(environment(workspace={"a": b"x", "a/b": b"y"}, key="unfit")):
            print("leased an unfit environment", flush=True)
    except SandboxError:
        print(process_name(), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await pool.aclose()

async def unstartable():
    plugin = plugins.load("sandboxes", sys.argv[1])
    pool = plugin.make(plugin.config(runtime="no-such-runtime"))
    await pool.start()
    try:
        async with pool.lease(environment()):
            print("leased what cannot start", flush=True)
    except SandboxError:
        print(process_name(), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await pool.aclose()

async def whole():
    pool = await opened(sys.argv[1])
    async with pool.lease(environment()) as sandbox:
        await sandbox.call("spawn", {})
        print(process_name(), flush=True)
        await asyncio.sleep(60)

asyncio.run(globals()[sys.argv[2]]())
"""


def _engine(backend: str, part: str) -> subprocess.Popen[bytes]:
    """Start another engine process, which prints the name it labels its sandboxes with."""
    command = [sys.executable, "-c", _CHILD, backend, part]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _leftovers(backend: str, owner: str) -> set[str]:
    """Return the containers, or the workspaces, of one engine that exist now."""
    example = plugins.load("sandboxes", backend).example
    if example is None:
        missing(f"NOT TRIED: give the sandbox {backend} an EXAMPLE.")
    assert isinstance(example, SandboxExample)
    return set(example.left_by(owner))


async def _nothing_left(backend: str, owner: str) -> bool:
    for _ in range(100):
        if not await asyncio.to_thread(_leftovers, backend, owner):
            return True
        await asyncio.sleep(0.1)
    return False


async def _leaves_nothing_while_open(backend: str, part: str) -> None:
    """Let another engine fail to lease, and look for what is left while its pool is still open."""
    child = _engine(backend, part)
    try:
        assert child.stdout is not None
        owner = (await asyncio.to_thread(child.stdout.readline)).decode().strip()
        assert owner.count("-") >= 3
        assert await _nothing_left(backend, owner)
        assert child.poll() is None
    finally:
        await asyncio.to_thread(child.communicate)
    assert child.returncode == 0


@EVERY
async def test_a_half_failed_start_leaves_nothing(backend: str) -> None:
    await (await opened(backend)).aclose()
    await _leaves_nothing_while_open(backend, "half")


@DOCKER
async def test_a_container_that_cannot_start_leaves_nothing(backend: str) -> None:
    await (await opened(backend)).aclose()
    await _leaves_nothing_while_open(backend, "unstartable")


async def _relay(inbound: asyncio.StreamReader, outbound: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await inbound.read(1 << 16):
            outbound.write(data)
            await outbound.drain()
    with contextlib.suppress(OSError, RuntimeError):
        outbound.write_eof() if outbound.can_write_eof() else outbound.close()


@DOCKER
async def test_an_engine_that_goes_away_is_told_as_gone(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ends: list[asyncio.StreamWriter] = []
    relays: set[asyncio.Task[None]] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection("/var/run/docker.sock")
        open_ends.extend((writer, far_writer))
        relays.update(
            {asyncio.create_task(_relay(reader, far_writer)), asyncio.create_task(_relay(far_reader, writer))}
        )

    server = await asyncio.start_unix_server(forward, str(tmp_path / "engine.sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    pool = await opened(backend)
    try:
        async with pool.lease(environment()) as sandbox:
            assert (await sandbox.call("say", {"text": "fine"})).content == "fine"
            server.close()
            (tmp_path / "engine.sock").unlink(missing_ok=True)
            for end in open_ends:
                end.transport.abort()
            with pytest.raises(SandboxError, match="engine is gone") as caught:
                await sandbox.call("say", {"text": "lost"})
            assert caught.value.gone
        with pytest.raises(SandboxError, match="engine is gone") as caught:
            async with pool.lease(environment()):
                pass
        assert caught.value.gone
        health = await pool.health()
        assert (health.ok, "No Docker engine answers" in health.detail) == (False, True)
    finally:
        await pool.aclose()


@DOCKER
async def test_a_missing_image_names_the_next_move(backend: str) -> None:
    await (await opened(backend)).aclose()
    with pytest.raises(SandboxError, match="make sandbox-image") as caught:
        await open_pool("docker", image="turnwright-sandbox:nonesuch")
    assert caught.value.gone
    assert (await open_pool("auto", image="turnwright-sandbox:nonesuch")).name in ("bubblewrap", "local")


@EVERY
async def test_nothing_stays_after_the_engine_is_killed(backend: str) -> None:
    pool = await opened(backend)
    try:
        child = _engine(backend, "whole")
        assert child.stdout is not None
        owner = (await asyncio.to_thread(child.stdout.readline)).decode().strip()
        assert await asyncio.to_thread(_leftovers, backend, owner)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        await pool.sweep()
        assert await _nothing_left(backend, owner)
    finally:
        await pool.aclose()


# ---------------------------------------------------------------- reset and reuse


@EVERY
async def test_reset_brings_back_files_processes_and_module_state(sandbox: RemoteSandbox) -> None:
    await sandbox.call("count", {})
    assert (await sandbox.call("count", {})).content == "2"
    await sandbox.call("spawn", {})
    await sandbox.call("close_order", {"id": "2"})
    await sandbox.call("remove", {"path": "picture.bin"})
    await sandbox.call("write", {"path": "notes/extra.txt", "text": "x"})
    await sandbox.exec(
        ["sh", "-c", "mkdir -p a/b && touch a/b/c && chmod 0 a && chmod 600 notes/today.txt && rm -r notes"]
    )
    await sandbox.reset()
    assert (await sandbox.diff()).empty
    assert (await sandbox.call("count", {})).content == "1"
    for path, data in workspace().items():
        assert await sandbox.read(path) == data
    await asyncio.sleep(0.2)
    with pytest.raises(FileNotFoundError):
        await sandbox.read("beat")
    assert (await sandbox.exec(["ls", "-A"])).stdout.split() == [b"notes", b"orders.json", b"picture.bin", b"shop.db"]


@EVERY
async def test_a_same_sized_edit_within_one_clock_tick_is_reset(sandbox: RemoteSandbox) -> None:
    for _ in range(20):
        await sandbox.write("notes/today.txt", b"FIRST\nsecond\nthird\n")
        await sandbox.reset()
        assert await sandbox.read("notes/today.txt") == b"first\nsecond\nthird\n"


@EVERY
async def test_the_pool_reuses_and_discards(backend: str) -> None:
    pool = await opened(backend)
    try:
        seen = []
        for _ in range(4):
            async with pool.lease(environment()) as sandbox:
                assert (await sandbox.call("count", {})).content == "1"
                await sandbox.call("write", {"path": "mark", "text": "x"})
                seen.append(sandbox)
            await asyncio.sleep(0.2)
        assert len(set(map(id, seen))) == 1
        other = environment(workspace={"only.txt": b"1"}, key="other")
        async with pool.lease(other) as sandbox:
            assert sandbox is seen[0]
            assert (await sandbox.exec(["ls"])).stdout == b"only.txt\n"
        await asyncio.sleep(0.2)
        async with pool.lease(environment(commands=True)) as sandbox:
            assert sandbox is seen[0]
        async with pool.lease(environment()) as sandbox:
            assert sandbox is not seen[0]
    finally:
        await pool.aclose()


@EVERY
async def test_thirty_two_leases_at_once(pool: SandboxPool) -> None:
    async def one(number: int) -> str:
        async with pool.lease(environment()) as sandbox:
            await sandbox.call("write", {"path": "mine", "text": str(number)})
            await asyncio.sleep(0.05)
            found = await sandbox.call("read", {"path": "mine"})
            diff = await sandbox.diff()
            assert [change.path for change in diff.changes] == ["mine"]
            return found.content

    await pool.prepare(environment(), 32)
    assert await asyncio.gather(*(one(n) for n in range(32))) == [str(n) for n in range(32)]


@EVERY
async def test_a_cancelled_call_does_not_reach_the_next_lease(pool: SandboxPool) -> None:
    async def stuck() -> None:
        async with pool.lease(environment()) as sandbox:
            await sandbox.call("sleep", {"seconds": 2.0})

    task = asyncio.create_task(stuck())
    await asyncio.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with pool.lease(environment()) as sandbox:
        assert (await sandbox.call("say", {"text": "mine"})).content == "mine"


# ---------------------------------------------------------------- state


@EVERY
async def test_json_is_compared_by_value(sandbox: RemoteSandbox) -> None:
    await sandbox.call("rewrite", {})
    assert (await sandbox.diff()).empty
    await sandbox.call("close_order", {"id": "2"})
    (change,) = (await sandbox.diff()).changes
    assert (change.path, change.kind, change.format, change.truncated) == ("orders.json", "modified", "json", False)
    leaves = [(leaf.pointer, leaf.before, leaf.after) for leaf in change.leaves]
    assert leaves == [("/orders/2/paid", 2, 25), ("/orders/2/status", "open", "closed")]


@EVERY
@pytest.mark.parametrize(
    ("path", "one", "other", "alike"),
    [
        ("orders.json", b'{"v": true}', b'{"v": 1}', False),
        ("orders.json", b'{"v": false}', b'{"v": 0}', False),
        ("orders.json", b'{"v": null}', b"{}", False),
        ("orders.json", b'{"v": null}', b'{"v": 0}', False),
        ("orders.json", b'{"v": 100}', b'{ "v" : 1e2 }', True),
        ("orders.json", b'{"v": 12345678901234567890123}', b'{"v": 12345678901234567890124}', False),
        ("orders.json", b'{"v": 12345678901234567890123}', b'{"v": 12345678901234567890123.0}', True),
        ("orders.json", b'{"v": ' + b"7" * 5000 + b"}", b'{"v": ' + b"7" * 4999 + b"8}", False),
        ("orders.json", b'{"v": ' + b"7" * 5000 + b"}", b'{"v": ' + b"7" * 5000 + b".0}", True),
        ("log.jsonl", b'{"a": 1, "b": true}\n', b'{"b": true, "a": 1.0}\n', True),
        ("log.jsonl", b'{"a": 1, "b": true}\n', b'{"a": 1, "b": 1}\n', False),
    ],
)
async def test_end_states_compare_by_kind_and_value(
    sandbox: RemoteSandbox, path: str, one: bytes, other: bytes, alike: bool
) -> None:
    ends = []
    for data in (one, other):
        await sandbox.write(path, data)
        ends.append(await sandbox.diff())
        await sandbox.reset()
    assert (differences(*ends) == []) is alike
    assert (differences(*reversed(ends)) == []) is alike


@EVERY
async def test_whole_numbers_come_back_with_every_digit(sandbox: RemoteSandbox) -> None:
    number = 12345678901234567890123
    await sandbox.write("orders.json", json.dumps({"orders": number, "more": [number, None]}).encode())
    (change,) = (await sandbox.diff()).changes
    became = {leaf.pointer: leaf.became for leaf in change.leaves}
    assert became["/orders"] == became["/more/0"] == number
    assert became["/more/1"] is None
    assert became["/open"] is ABSENT
    assert (await sandbox.call("say", {"text": number})).content == str(number)


@EVERY
async def test_sqlite_is_compared_by_rows_also_in_wal_mode(sandbox: RemoteSandbox) -> None:
    await sandbox.call("query", {"sql": "PRAGMA journal_mode = WAL"})
    await sandbox.call("query", {"sql": "VACUUM"})
    assert (await sandbox.diff()).empty
    await sandbox.call("query", {"sql": "UPDATE item SET price = 30 WHERE id = 1"})
    await sandbox.call("query", {"sql": "DELETE FROM tag WHERE item = 2"})
    (change,) = (await sandbox.diff()).changes
    assert (change.path, change.kind, change.format) == ("shop.db", "modified", "sqlite")
    leaves = {leaf.pointer: (leaf.before, leaf.after) for leaf in change.leaves}
    assert set(leaves) == {"item/1", "tag/2,wood"}
    assert (leaves["item/1"][0]["price"], leaves["item/1"][1]["price"]) == (25.0, 30.0)
    assert leaves["tag/2,wood"] == ({"item": 2, "word": "wood"}, None)


@EVERY
async def test_text_is_compared_by_lines(sandbox: RemoteSandbox) -> None:
    await sandbox.write("notes/today.txt", b"first\nSECOND\nthird\n")
    (change,) = (await sandbox.diff()).changes
    assert (change.format, change.leaves) == ("text", ())
    assert change.text == "@@ -1,3 +1,3 @@\n first\n-second\n+SECOND\n third\n"


_EDITS = {
    "orders.json": json.dumps({"orders": {"1": {"status": "gone"}}, "open": 1, "new": [1, {"a": None}]}).encode(),
    "notes/today.txt": b"other\n",
    "notes/new.md": "neu: ü".encode(),
    "picture.bin": b"\x00\x01",
    "list.json": b"[1, 2.50, NaN]",
    "big.txt": b"line\n" * 40_000,
    "many.json": json.dumps(list(range(2000))).encode(),
    "__pycache__/x.pyc": b"ignored",
}


async def _state_of(backend: str, git: bool) -> str:
    pool = await opened(backend)
    try:
        async with pool.lease(environment(git=git, key=f"git {git}")) as sandbox:
            for path, data in _EDITS.items():
                await sandbox.write(path, data)
            await sandbox.call("query", {"sql": "INSERT INTO item VALUES (3, 'rug', 1e400, x'ff')"})
            await sandbox.call("query", {"sql": "CREATE TABLE t (a, b)"})
            await sandbox.call("query", {"sql": "INSERT INTO t VALUES (1, 2), (1, 2)"})
            return (await sandbox.diff()).model_dump_json(indent=1)
    finally:
        await pool.aclose()


@pytest.mark.docker
@pytest.mark.parametrize("git", [False, True])
async def test_state_is_byte_identical_on_every_backend(git: bool) -> None:
    states = {backend: await _state_of(backend, git) for backend in BACKENDS}
    assert len(set(states.values())) == 1
    found = {change["path"]: change for change in json.loads(states["local"])["changes"]}
    assert list(found) == sorted(found)
    assert set(found) == {*_EDITS, "shop.db"} - {"__pycache__/x.pyc"}
    assert found["many.json"]["truncated"]
    assert len(found["many.json"]["leaves"]) == 500
    assert found["big.txt"]["truncated"]
    assert found["list.json"]["format"] == "text"
    assert (json.loads(states["local"])["patch"] is not None) is git


@EVERY
async def test_git_patch_holds_staged_committed_and_untracked_changes(pool: SandboxPool) -> None:
    files = {"a.py": b"one\n", "b.py": b"two\n", "run.sh": b"#!/bin/sh\n", ".gitignore": b"*.log\n"}
    async with pool.lease(environment(workspace=files, git=True, key="repo")) as sandbox:
        clean = await sandbox.diff()
        assert (clean.changes, clean.patch) == ((), "")
        named = (await sandbox.exec(["git", "log", "--format=%H %an %s"])).stdout
        assert (await sandbox.exec(["git", "status", "--porcelain"])).stdout == b""
        script = "echo ONE > a.py; git add a.py; git commit -qm x; rm b.py; echo new > c.py; echo l > x.log"
        assert (await sandbox.exec(["sh", "-c", script])).status == 0
        diff = await sandbox.diff()
        assert [c.path for c in diff.changes] == ["a.py", "b.py", "c.py", "x.log"]
        assert diff.patch is not None
        assert [line for line in diff.patch.splitlines() if line.startswith("diff")] == [
            "diff --git a/a.py b/a.py",
            "diff --git a/b.py b/b.py",
            "diff --git a/c.py b/c.py",
        ]
        await sandbox.exec(["rm", "-rf", ".git"])
        assert (await sandbox.diff()).patch == diff.patch
        await sandbox.reset()
        assert (await sandbox.exec(["git", "log", "--format=%H %an %s"])).stdout == named
        assert (await sandbox.exec(["git", "status", "--porcelain"])).stdout == b""
        assert (await sandbox.diff()).patch == ""


@EVERY
async def test_a_crash_in_the_middle_of_a_transaction_leaves_the_committed_rows(pool: SandboxPool) -> None:
    half = (
        "import sqlite3, os\ndef half():\n db = sqlite3.connect('shop.db', isolation_level=None)\n"
        " db.execute('PRAGMA cache_size = 1')\n db.execute('BEGIN')\n"
        " for n in range(2000): db.execute('INSERT INTO tag VALUES (?, ?)', (n + 10, 'x' * 50))\n os._exit(1)\n"
    )
    async with pool.lease(environment(modules={"half.py": half}, key="half")) as sandbox:
        assert (await sandbox.call("half", {})).fault == "tool_crash"
        assert (await sandbox.diff()).empty
        rows = sqlite3.connect(":memory:")
        rows.deserialize(await sandbox.read("shop.db"))
        assert rows.execute("SELECT count(*) FROM tag").fetchone() == (2,)
