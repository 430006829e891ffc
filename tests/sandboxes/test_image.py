"""The script behind `make sandbox-image`."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.settings import SANDBOX_ASSETS, read
from tests.conformance._sandboxes import opened

SCRIPT = SANDBOX_ASSETS / "build.sh"


@pytest.mark.docker
async def test_a_second_build_returns_at_once() -> None:
    await (await opened("docker")).aclose()
    began = time.monotonic()
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TURNWRIGHT_IMAGE": read().image}
    environment["PYTHON"] = sys.executable
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stdout or "is ready" in done.stdout
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=True)
    assert "up to date" in done.stdout
    assert time.monotonic() - began < 600


def test_without_docker_it_names_the_next_move(tmp_path: Path) -> None:
    for name in ("bash", "dirname", "env"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run([SCRIPT], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no docker command. Install Docker, or use the local sandbox." in done.stderr
