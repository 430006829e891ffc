"""The local sandbox alone: its folders, and which of them belong to dead engines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import SandboxError
from engine.liveness import lives, process_name
from engine.plugins import load
from engine.types import Environment


def test_an_owner_lives_until_its_process_ends() -> None:
    assert lives(process_name()) is True
    code = "from engine.liveness import process_name; print(process_name())"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert lives(dead) is False
    machine, _, _ = process_name().rpartition("-")[0].rpartition("-")
    assert lives(f"{machine}-{os.getpid()}-1") is False
    assert lives(f"othermachine-1-{os.getpid()}-1") is None
    assert lives("nonsense") is False


async def test_sweep_removes_folders_of_the_dead_only(tmp_path: Path) -> None:
    plugin = load("sandboxes", "local")
    pool = plugin.make(plugin.config(folder=str(tmp_path)))
    dead = tmp_path / f"turnwright-sandbox-{process_name().rpartition('-')[0]}-1-abc"
    alive = tmp_path / f"turnwright-sandbox-{process_name()}-abc"
    for folder in (dead, alive, tmp_path / "other"):
        folder.mkdir()
        (folder / "file").write_text("x")
    assert await pool.left() == [f"workspace {dead}"]
    assert await pool.sweep() == 1
    assert await pool.left() == []
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([alive.name, "other"])


async def test_closing_leaves_no_folder_and_no_process(tmp_path: Path) -> None:
    plugin = load("sandboxes", "local")
    pool = plugin.make(plugin.config(folder=str(tmp_path)))
    await pool.start()
    async with pool.lease(Environment({"a": b"1"}, {})) as sandbox:
        server = await sandbox.ping()
        assert Path(f"/proc/{server}").exists()
        assert len(list(tmp_path.iterdir())) == 1
    await pool.aclose()
    assert list(tmp_path.iterdir()) == []
    assert not Path(f"/proc/{server}").exists()
    with pytest.raises(SandboxError, match="not started"):
        pool.lease(Environment({}, {}))


async def test_an_unwritable_folder_is_refused(tmp_path: Path) -> None:
    plugin = load("sandboxes", "local")
    with pytest.raises(SandboxError, match="not writable"):
        await plugin.make(plugin.config(folder=str(tmp_path / "none"))).start()
