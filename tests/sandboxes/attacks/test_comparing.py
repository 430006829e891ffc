"""Files that a tool makes so that comparing them fails, hangs or takes all memory."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest

from engine.errors import InputError
from engine.protocols import SandboxPool
from engine.sandboxes._remote import RemoteSandbox
from engine.types import Change, Limits
from tests.conformance._sandboxes import EVERY, ISOLATED, environment
from tests.sandboxes.attacks._attacks import pool, pools, python, sandbox
from tests.sandboxes.test_workbooks import BOMB, book, changed

__all__ = ["pool", "pools", "sandbox"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _compared(sandbox: RemoteSandbox, within: float = 30.0) -> dict[str, Change]:
    """Return the changes by path, found in bounded time by a server that goes on."""
    server = await sandbox.ping()
    began = time.monotonic()
    diff = await sandbox.diff()
    assert time.monotonic() - began < within
    assert await sandbox.ping() == server
    assert (await sandbox.call("say", {"text": "fine"})).content == "fine"
    return {change.path: change for change in diff.changes}


async def _clean(sandbox: RemoteSandbox) -> bool:
    await sandbox.reset()
    return (await sandbox.diff()).empty


def _nested(depth: int, leaf: str = "1") -> bytes:
    return b'{"a": ' * depth + leaf.encode() + b"}" * depth


@EVERY
@pytest.mark.parametrize("name", ["orders.json", "new.json", "new.jsonl"])
async def test_deep_json(sandbox: RemoteSandbox, name: str) -> None:
    await sandbox.write(name, _nested(60))
    assert (await _compared(sandbox))[name].format == "json"
    for depth in (101, 600, 5000):
        for deep in (_nested(depth), b"[" * depth + b"]" * depth):
            await sandbox.write(name, deep)
            change = (await _compared(sandbox))[name]
            assert change.format == "text"
            await sandbox.write(name, deep.replace(b"1", b"2").replace(b"[]", b"[3]"))
            assert (await _compared(sandbox))[name].after_digest != change.after_digest
    assert await _clean(sandbox)


@EVERY
async def test_deep_folders(sandbox: RemoteSandbox) -> None:
    dig = "import os, sys\nfor _ in range(int(sys.argv[1])): os.mkdir(sys.argv[2]); os.chdir(sys.argv[2])\n"
    dig += "open('leaf', 'w').write('x'); print(1)"
    await python(sandbox, dig, "20", "d")
    assert list(await _compared(sandbox)) == ["d/" * 20 + "leaf"]
    assert await _clean(sandbox)
    for depth, name in (("300", "d"), ("300", "n" * 250), ("3000", "d")):
        await python(sandbox, dig, depth, name)
        assert [change.format for change in (await _compared(sandbox)).values()] == ["binary"]
        assert await _clean(sandbox)


def _generated(tmp_path: Path) -> bytes:
    """Return a small database whose computed columns have 300 MB each."""
    connection = sqlite3.connect(tmp_path / "bomb.db")
    connection.execute("PRAGMA page_size = 1024")
    columns = ", ".join(f"c{n} AS (hex(zeroblob(1 + id))) VIRTUAL" for n in range(8))
    connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns})")
    connection.execute("INSERT INTO t (id) VALUES (1), (2), (3)")
    connection.execute("PRAGMA writable_schema = ON")  # writing a row computes the columns, so they grow later
    connection.execute("UPDATE sqlite_master SET sql = replace(sql, '(1 +', '(150000000 +')")
    connection.commit()
    connection.close()
    return (tmp_path / "bomb.db").read_bytes()


@EVERY
@pytest.mark.parametrize("name", ["shop.db", "new.db"])
async def test_a_small_database_of_huge_columns(sandbox: RemoteSandbox, name: str, tmp_path: Path) -> None:
    plain = sqlite3.connect(":memory:")
    plain.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    await sandbox.write(name, plain.serialize())
    assert (await _compared(sandbox))[name].format == "sqlite"
    bomb = _generated(tmp_path)
    assert len(bomb) < 9000
    await sandbox.write(name, bomb)
    found = (await _compared(sandbox))[name]
    assert found.format == "sqlite"
    rows = {leaf.pointer: leaf.after for leaf in found.leaves if leaf.pointer.startswith("t/")}
    assert rows == {f"t/{n}": {"id": n} for n in (1, 2, 3)}, "what is worked out is not read"
    assert await _clean(sandbox)


@EVERY
async def test_a_database_whose_pages_are_damaged(sandbox: RemoteSandbox) -> None:
    rows = sqlite3.connect(":memory:")
    rows.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    rows.executemany("INSERT INTO t (name) VALUES (?)", [("x" * 100,)] * 5000)
    whole = rows.serialize()
    await sandbox.write("new.db", whole)
    assert (await _compared(sandbox))["new.db"].format == "sqlite"
    image = bytearray(whole)
    root = next(n for n in range(len(image) // 4096) if image[n * 4096] == 5) * 4096  # the interior page of the table
    cells = int.from_bytes(image[root + 3 : root + 5])
    first = int.from_bytes(image[root + 12 : root + 14])
    for cell in range(1, cells):  # all children are the first one, so its rows come again and again
        at = int.from_bytes(image[root + 12 + 2 * cell : root + 14 + 2 * cell])
        image[root + at : root + at + 4] = image[root + first : root + first + 4]
    await sandbox.write("new.db", bytes(image))
    assert "new.db" in await _compared(sandbox)
    assert await _clean(sandbox)


@EVERY
async def test_what_is_no_file(sandbox: RemoteSandbox) -> None:
    await sandbox.exec(["sh", "-c", "echo x >> shop.db; mkdir shop.db-wal"])
    assert list(await _compared(sandbox)) == ["shop.db"]
    assert await _clean(sandbox)
    script = "rm orders.json shop.db; mkfifo orders.json shop.db new.json one.db-wal; ln -s /dev/zero zero.json; "
    script += "ln -s orders.json loop.json; touch one.db; python3 -c 'import socket; socket.socket(1).bind(\"s.json\")'"
    assert (await sandbox.exec(["sh", "-c", script])).status == 0
    changes = await _compared(sandbox)
    assert set(changes) == {"loop.json", "new.json", "one.db", "orders.json", "s.json", "shop.db", "zero.json"}
    assert await _clean(sandbox)
    await python(sandbox, "import sqlite3; sqlite3.connect('shop.db').execute('PRAGMA journal_mode = WAL'); print(1)")
    await sandbox.exec(["sh", "-c", "rm -f shop.db-wal shop.db-shm; mkfifo shop.db-wal shop.db-shm shop.db-journal"])
    assert list(await _compared(sandbox)) == ["shop.db"]
    assert await _clean(sandbox)


@EVERY
async def test_sparse_files(pool: SandboxPool) -> None:
    """A sparse file has a size that nothing fills: 60 of them are larger than the machine's memory."""
    limits = Limits(call_seconds=10.0, memory_bytes=128 << 20, disk_bytes=1 << 30, processes=24)
    async with pool.lease(environment(limits=limits, key="sparse")) as sandbox:
        await python(sandbox, "open('small.txt', 'w').truncate(4096); print(1)")
        assert (await _compared(sandbox))["small.txt"].format == "binary"
        hole = "for n in range(60): open(f'hole{n:02}.json', 'w').truncate(1 << 30)\nprint(1)"
        await python(sandbox, hole)
        before = await _compared(sandbox, 60)
        assert len(before) == 61
        assert len({change.after_digest for change in before.values() if change.path != "small.txt"}) == 2
        await python(sandbox, "open('hole59.json', 'a').truncate((1 << 30) - 1); print(1)")
        assert (await _compared(sandbox, 60))["hole59.json"] != before["hole59.json"]
        assert await sandbox.read("small.txt") == bytes(4096)
        with pytest.raises(InputError, match="more than 16 MB"):
            await sandbox.read("hole00.json")


@EVERY
async def test_texts_that_take_long_to_compare(pool: SandboxPool) -> None:
    slow = {f"t{n:02}.txt": b"".join(b"%d\n" % (i % 97) for i in range(1900)) for n in range(40)}
    async with pool.lease(environment(workspace=slow, key="slow")) as sandbox:
        await sandbox.write("t00.txt", b"other\n")
        assert (await _compared(sandbox))["t00.txt"].format == "text"
        reverse = "import glob\nfor path in glob.glob('*.txt'):\n lines = open(path).readlines()\n"
        await python(sandbox, reverse + " open(path, 'w').writelines(lines[::-1] + lines)\nprint(1)")
        assert len(await _compared(sandbox, 125)) == 40


@EVERY
async def test_more_files_than_are_compared(pool: SandboxPool) -> None:
    limits = Limits(call_seconds=60.0, memory_bytes=256 << 20, disk_bytes=64 << 20, processes=24)
    many = "import os, sys\nfor n in range(*map(int, sys.argv[1:])): os.mknod(f'f{n}')\nprint(1)"
    async with pool.lease(environment(limits=limits, key="many")) as sandbox:
        await python(sandbox, many, "6000")
        assert len(await _compared(sandbox)) == 6000
        await python(sandbox, many, "6000", "30000")
        (change,) = (await _compared(sandbox)).values()
        assert (change.path, change.text) == (".", "This workspace cannot be compared: 30000 files differ\n")
        assert await _clean(sandbox)


@ISOLATED
async def test_no_room_for_files_processes_and_patch(pool: SandboxPool) -> None:
    limits = Limits(call_seconds=20.0, memory_bytes=256 << 20, disk_bytes=16 << 20, processes=24)
    full = environment(limits=limits, git=True, key="full")
    fill = "cat /dev/urandom > noise; cat /dev/urandom > /tmp/noise; true"
    fork = "import os, time\ntry:\n while os.fork(): pass\n time.sleep(60)\nexcept OSError: print(1)"
    async with pool.lease(full) as sandbox:
        await sandbox.write("orders.json", b"{}")
        assert "orders.json" in ((await sandbox.diff()).patch or "")
        await sandbox.exec(["sh", "-c", fill], timeout=20)
        await python(sandbox, fork)
        diff = await sandbox.diff()
        assert {change.path for change in diff.changes} == {"noise", "orders.json"}
        assert (diff.patch or "").startswith("# There is no patch: ")
        diff = await sandbox.diff(last=True)
        assert {change.path for change in diff.changes} == {"noise", "orders.json"}
        assert await _clean(sandbox)
        assert (await sandbox.diff()).patch == ""


@EVERY
async def test_what_git_cannot_add(pool: SandboxPool) -> None:
    async with pool.lease(environment(git=True, key="nested repository")) as sandbox:
        await sandbox.exec(["mkdir", "sub"])
        await sandbox.write("sub/a", b"x")
        assert "sub/a" in ((await sandbox.diff()).patch or "")
        await sandbox.exec(["git", "init", "-q", "sub"])
        diff = await sandbox.diff()
        assert "sub/a" in [change.path for change in diff.changes]
        assert (diff.patch or "").startswith("# There is no patch: git add failed")
        assert await _clean(sandbox)


@EVERY
async def test_huge_values_of_a_small_json(sandbox: RemoteSandbox) -> None:
    await sandbox.write("new.json", json.dumps([1] * 1000).encode())
    assert (await _compared(sandbox))["new.json"].format == "json"
    await sandbox.write("new.json", b"[" + b"[]," * 320_000 + b"1]")
    await sandbox.write("other.json", b'{"a": ' + b"9" * 400_000 + b"}")
    assert set(await _compared(sandbox)) == {"new.json", "other.json"}
    assert await _clean(sandbox)


@EVERY
async def test_workbooks_that_hold_more_than_they_show(sandbox: RemoteSandbox) -> None:
    await sandbox.write("plain.xlsx", book({"A1": 1}))
    assert (await _compared(sandbox))["plain.xlsx"].format == "json"
    deep = b"<worksheet>" + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</worksheet>"
    for name, sheet in (("entities", BOMB), ("large", b" " * (65 << 20)), ("deep", deep)):
        await sandbox.write(f"{name}.xlsx", changed(book({"A1": 1}), sheet1_xml=sheet))
        assert name + ".xlsx" in await _compared(sandbox)
    assert await _clean(sandbox)
