"""Whom tools run as: an engine that is root drops to an unprivileged user first, an ordinary user can isolate, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import SandboxError
from engine.plugins import load
from engine.sandboxes import _here, local
from engine.serving.choice import open_pool
from engine.settings import SANDBOX_ASSETS
from engine.types import Environment
from tests.conformance._sandboxes import opened

ROOT = Path(__file__).resolve().parents[2]
DROP = str(Path(SANDBOX_ASSETS) / "drop.py")
ORDINARY = 65529
"""A user that owns nothing."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

_TOOLS = """
import os

def who():
    return [os.getuid(), os.getgid(), os.getgroups()]

def powers():
    lines = open("/proc/self/status").read().splitlines()
    return [line.split()[1] for line in lines if line.startswith("Cap")]

def set_kernel():
    open("/proc/sys/vm/swappiness", "w").write("60")
"""


@as_root
@pytest.mark.parametrize("backend", ["local", "bubblewrap"])
async def test_no_tool_is_root_where_the_engine_is(backend: str) -> None:
    pool = await opened(backend)
    try:
        async with pool.lease(Environment({"a": b"1"}, {"who.py": _TOOLS}, commands=True)) as sandbox:
            user, group, groups = json.loads((await sandbox.call("who", {})).content)
            assert user != 0
            assert group != 0
            assert 0 not in groups
            assert set(json.loads((await sandbox.call("powers", {})).content)[1:3]) == {"0" * 16}
            assert (await sandbox.call("set_kernel", {})).fault == "tool_error"
            assert (await sandbox.exec(["sh", "-c", "id -u; stat -c %u a"])).stdout == f"{user}\n{user}\n".encode()
            assert (await sandbox.exec(["sh", "-c", "echo 60 > /proc/sys/vm/swappiness"])).status != 0
    finally:
        await pool.aclose()


@as_root
def test_what_a_shut_home_holds_is_bound_into_it_read_only_and_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for folder in ("python", "work", "private"):
        (home / folder).mkdir(parents=True)
        (home / folder / "file").write_text(folder)
        os.chown(home / folder, ORDINARY, ORDINARY)
    home.chmod(0o700)
    script = f"cd {home}; id -u; ls; cat python/file; touch python/x || touch x || touch work/x"
    done = _dropped(["/bin/sh", "-c", script], readable=[home / "python"], writable=[home / "work"])
    assert done.stdout == f"{ORDINARY}\npython\nwork\npython"
    assert done.returncode == 0
    assert sorted(path.name for path in home.rglob("x")) == ["x"]
    assert (home / "work/x").stat().st_uid == ORDINARY


@as_root
def test_without_a_namespace_a_shut_home_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    powerless = ["setpriv", "--bounding-set", "-sys_admin"]
    done = _dropped(["/bin/echo", "ran"], readable=[home], before=powerless)
    assert (done.returncode, done.stdout) == (96, "")
    assert "private mount namespace" in done.stderr
    done = _dropped(["/bin/echo", "ran"], readable=[Path("/usr")], before=powerless)
    assert (done.returncode, done.stdout) == (0, "ran\n")


def _dropped(
    command: list[str], *, readable: list[Path], writable: list[Path] | None = None, before: list[str] | None = None
) -> subprocess.CompletedProcess[str]:
    plan = {
        "user": ORDINARY,
        "readable": [str(path) for path in readable],
        "writable": [str(path) for path in writable or []],
        "folder": "/",
    }
    line = [*(before or []), sys.executable, "-I", "-S", DROP, json.dumps(plan), *command]
    return subprocess.run(line, capture_output=True, text=True, check=False)


_ENGINE = """
import asyncio, os
from engine.serving.choice import open_pool
from engine.types import Environment

async def main():
    pool = await open_pool("bubblewrap")
    async with pool.lease(Environment({"a": b"1"}, {}, commands=True)) as sandbox:
        ask = "id -u; cat a; echo; touch /x 2>/dev/null || echo shut; ls -d /home/* 2>/dev/null"
        done = await sandbox.exec(["sh", "-c", ask])
        print(os.getuid(), done.stdout.decode().split())
        await sandbox.write("a", b"2")
        await sandbox.reset()
        print(await sandbox.read("a"), sandbox.usable)
    await pool.aclose()

asyncio.run(main())
"""


@as_root
async def test_an_ordinary_user_has_the_same_isolation_in_bubblewrap() -> None:
    await (await opened("bubblewrap")).aclose()
    paths = [*_here.interpreter_paths(), *_here.package_paths(), str(ROOT)]
    program = f"import sys; sys.path[:0] = {[str(ROOT), *_here.package_paths()]!r}\n{_ENGINE}"
    done = _dropped([_here.interpreter(), "-B", "-c", program], readable=[Path(path) for path in paths])
    assert done.stdout.splitlines() == [f"{ORDINARY} ['65534', '1', 'shut']", "b'1' True"], done.stderr


async def test_bubblewrap_says_what_it_cannot_bound_and_refuses_a_domain_with_network() -> None:
    pool = await opened("bubblewrap")
    try:
        health = await pool.health()
        assert (health.ok, health.isolated) == (True, True)
        assert "does not bound the memory of all processes together and processor time" in health.detail
        with pytest.raises(SandboxError, match=r"has no network, which this domain asks for\. Use Docker"):
            pool.lease(Environment({}, {}, network=True))
    finally:
        await pool.aclose()


async def test_a_machine_without_bubblewrap_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.sandboxes.bubblewrap._program", lambda: None)
    with pytest.raises(SandboxError, match="apt-get install bubblewrap") as caught:
        await open_pool("bubblewrap")
    assert caught.value.gone


async def test_a_sandbox_that_cannot_be_made_is_told_with_the_next_move(monkeypatch: pytest.MonkeyPatch) -> None:
    await (await opened("bubblewrap")).aclose()
    monkeypatch.setattr("engine.sandboxes.bubblewrap._DEVICES", ("no-such-device",))
    with pytest.raises(SandboxError, match=r"no-such-device.*Allow user namespaces") as caught:
        await open_pool("bubblewrap")
    assert caught.value.gone


@pytest.mark.parametrize("release", ["5.10.0-33-amd64", "4.18.0", "strange"])
async def test_a_kernel_that_counts_processes_otherwise_is_told(monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    monkeypatch.setattr("engine.sandboxes.bubblewrap.os.uname", lambda: SimpleNamespace(release=release))
    with pytest.raises(SandboxError, match=r"kernel is older than 5\.14.*another sandbox"):
        await open_pool("bubblewrap")


@pytest.mark.parametrize("shut", ["", "fake/__init__.py", "fake/inner", "fake/inner/part.py"])
def test_packages_that_only_their_owner_can_read_are_refused_with_the_next_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shut: str
) -> None:
    place = tmp_path / "packages"
    (place / "fake/inner").mkdir(parents=True)
    for file in ("fake/__init__.py", "fake/inner/part.py", "fake/secret.txt"):
        (place / file).write_text("")
    (place / "fake/secret.txt").chmod(0o600)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setattr(_here, "TRUSTED", ("fake", "missing"))
    _here.check_readable()
    (place / shut).chmod(0o700 if (place / shut).is_dir() else 0o600)
    with pytest.raises(SandboxError) as refused:
        _here.check_readable()
    assert refused.value.gone
    assert str(place / shut) in str(refused.value)
    assert f"chmod -R go+rX {place}" in str(refused.value)


@as_root
@pytest.mark.parametrize("name", ["local", "bubblewrap"])
async def test_an_engine_that_is_root_looks_at_them_before_it_starts(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise SandboxError("No other user can read the package.", gone=True)

    monkeypatch.setattr(_here, "check_readable", refuse)
    local._check_drop.cache_clear()
    plugin = load("sandboxes", name)
    with pytest.raises(SandboxError, match="can read the package"):
        await plugin.make(plugin.config()).start()
