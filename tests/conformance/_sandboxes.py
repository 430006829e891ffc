"""Shared by the sandbox tests: the list of backends, the marks that name those a test applies to, a pack, pools."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import docker
import pytest
import pytest_asyncio

from engine import plugins
from engine.errors import SandboxError
from engine.protocols import SandboxPool
from engine.sandboxes._remote import RemoteSandbox
from engine.serving.choice import open_pool
from engine.settings import read
from engine.types import Environment, Limits
from tests.needs import missing

BACKENDS = tuple(plugins.names("sandboxes"))
TIGHT = Limits(call_seconds=3.0, memory_bytes=128 << 20, disk_bytes=8 << 20, processes=24, output_chars=2000, cpus=1.0)

TOOLS = """
import json, os, sqlite3, socket, subprocess, sys, time
import _store

CALLS = []

def say(text: str):
    print("this must not disturb the protocol", flush=True)
    os.write(1, b'{"id": 1, "ok": {}}\\n')
    return text

def order(id: str): return _store.load()["orders"][id]
def lookup(): return {}["missing key"]
def refuse(kind: str): raise {"value": ValueError, "permission": PermissionError}[kind](f"no: {kind}")
def missing(): return open("nowhere.txt").read()
def crash(): return [1, 2, 3][None]
def leave(): sys.exit(3)
def die(): os._exit(9)
def unserialisable(): return object()
def count(): CALLS.append(1); return len(CALLS)
def sleep(seconds: float): time.sleep(seconds); return "awake"
def children_then_sleep():
    for _ in range(3):
        subprocess.Popen(["sh", "-c", "while true; do date +%N > beat; sleep 0.05; done"], start_new_session=True)
    time.sleep(60)
def spawn():
    subprocess.Popen(["sh", "-c", "while true; do date +%N > beat; sleep 0.05; done"], start_new_session=True)
    return "started"
def read(path: str): return open(path).read()
def write(path: str, text: str): open(path, "w").write(text); return "ok"
def remove(path: str): os.remove(path); return "ok"
def link(target: str, path: str): os.symlink(target, path); return "ok"
def close_order(id: str):
    data = _store.load(); data["orders"][id]["status"] = "closed"; data["orders"][id]["paid"] = 25.0
    _store.save(data); return data["orders"][id]
def rewrite():
    data = _store.load(); open("orders.json", "w").write(json.dumps(data, indent=3, sort_keys=True)); return "same"
def query(sql: str):
    db = sqlite3.connect("shop.db"); rows = db.execute(sql).fetchall(); db.commit(); db.close(); return rows
def memory(): return len(bytearray(1 << 30))
def memory_in_child():
    code = "x=[]\\nwhile True: x.append(bytearray(1<<20))"
    return subprocess.run([sys.executable, "-c", code], env={}).returncode
def bomb():
    while True: os.fork()
def fill(size: int):
    with open("big", "wb") as file:
        for _ in range(size >> 16): file.write(b"x" * 65536)
    return "written"
def much(size: int): return "é" * size
def reach(host: str, port: int): socket.create_connection((host, port), timeout=2).close(); return "connected"
def address(): return socket.gethostbyname("example.com")
def environment(): return dict(os.environ)
def who(): return {"uid": os.getuid(), "capabilities": open("/proc/self/status").read().split("CapEff:")[1].split()[0]}
def processes():
    return sum(name.isdigit() for name in os.listdir("/proc"))
def table():
    import openpyxl, pypdf, PIL
    return [openpyxl.__version__, pypdf.__version__, PIL.__version__]
"""
STORE = """
import json
def load():
    with open("orders.json") as file: return json.load(file)
def save(data):
    with open("orders.json", "w") as file: json.dump(data, file)
"""


def database() -> bytes:
    """Return a small SQLite file."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL, image BLOB);"
        "CREATE TABLE tag (item INTEGER, word TEXT, PRIMARY KEY (item, word));"
        "INSERT INTO item VALUES (1, 'lamp', 25.0, x'0001'), (2, 'desk', 120.5, NULL);"
        "INSERT INTO tag VALUES (1, 'light'), (2, 'wood');"
    )
    return connection.serialize()


def workspace() -> dict[str, bytes]:
    orders = {str(n): {"status": "open", "paid": n, "lines": [{"sku": "a"}, {"sku": "b"}]} for n in range(1, 6)}
    return {
        "orders.json": json.dumps({"orders": orders, "open": True}).encode(),
        "shop.db": database(),
        "notes/today.txt": b"first\nsecond\nthird\n",
        "picture.bin": bytes(range(256)) * 16,
    }


def environment(**changes: Any) -> Environment:
    """Return the test pack's environment; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "workspace": workspace(),
        "modules": {"shop.py": TOOLS, "_store.py": STORE},
        "limits": TIGHT,
        "key": "shop",
    }
    return Environment(**{**fields, **changes})


def promised_by(*backends: str, long: tuple[str, ...] = ()) -> Callable[[Any], Any]:
    """Enrol a test for the backends that promise what it checks; for those named `long` in the long suite only."""
    marks = {name: [pytest.mark.docker] if name == "docker" else [] for name in backends}
    for name in long:
        marks[name].append(pytest.mark.long)
    return pytest.mark.parametrize("backend", [pytest.param(name, marks=marks[name]) for name in backends])


EVERY = promised_by(*BACKENDS, long=("bubblewrap",))
"""Bubblewrap takes part in the long suite here: it shares the tool server with the others, and what is its own is
checked by the tests for what isolates."""
_ISOLATED = tuple(name for name in BACKENDS if plugins.load("sandboxes", name).make.isolated)
ISOLATED = promised_by(*_ISOLATED)
ISOLATED_SLOW = promised_by(*_ISOLATED, long=("bubblewrap",))
"""The same for tests that take seconds each."""
DOCKER = promised_by("docker")
BUBBLEWRAP = promised_by("bubblewrap")


async def killer(backend: str, sandbox: RemoteSandbox) -> Callable[[], None]:
    """Return a function that kills a sandbox's tool server from outside, as root of its container or as its user on
    this machine."""
    server = await sandbox.ping()
    if backend == "bubblewrap":
        server = await server_of_namespaces(sandbox)
    if backend != "docker":
        return lambda: os.kill(server, signal.SIGKILL)
    container = (await sandbox.exec(["hostname"])).stdout.decode().strip()
    return lambda: _in_container(container, f"kill -9 {server}")


async def server_of_namespaces(sandbox: RemoteSandbox) -> int:
    """Return the process id on this machine of a bubblewrap sandbox's tool server: it has the message queues of the
    tools and is one process namespace above them."""
    shared = (await sandbox.exec(["readlink", "/proc/self/ns/ipc"])).stdout.decode().strip()
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            numbers = (path / "status").read_text().split("NSpid:")[1].splitlines()[0].split()
            if len(numbers) == 2 and (path / "ns/ipc").readlink().as_posix() == shared:
                return int(path.name)
    raise AssertionError("the tool server was not found")


def _in_container(container: str, command: str) -> None:
    client = docker.from_env()
    try:
        made = client.api.exec_create(container, ["sh", "-c", command], user="0")
        client.api.exec_start(made["Id"])
    finally:
        client.close()


async def opened(backend: str) -> SandboxPool:
    """Return a started pool; where what isolates, such as a Docker engine, is missing, skip loudly, and fail in CI."""
    try:
        return await open_pool(backend, allow_commands=True, image=read().image)
    except SandboxError as error:
        if plugins.load("sandboxes", backend).make.isolated:
            missing(f"NO {backend.upper()}: {error}")
        raise


# ---------------------------------------------------------------- fixtures


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pools() -> AsyncIterator[dict[str, SandboxPool]]:
    """One pool per backend for the whole file, so that every test also meets what earlier ones left."""
    found: dict[str, SandboxPool] = {}
    yield found
    for pool in found.values():
        await pool.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def pool(backend: str, pools: dict[str, SandboxPool]) -> SandboxPool:
    if backend not in pools:
        pools[backend] = await opened(backend)
    return pools[backend]
