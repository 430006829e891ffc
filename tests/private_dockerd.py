"""A Docker engine of a test's own, on its own socket and folders, that the test may take away and bring back."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.settings import read


class Dockerd:
    """`address` is its DOCKER_HOST. Needs root; the image is copied from the engine that there is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = f"unix://{folder / 'd.sock'}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        folders = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
        places = [f"{option}={self._folder / name}" for option, name in folders.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["dockerd", "-H", self.address, *places, "--bridge=none", "--iptables=false", "--ip6tables=false"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + 30
        while self.docker("version").returncode:
            assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
            assert time.monotonic() < end, "the private dockerd does not answer"
            time.sleep(0.1)

    def stop(self) -> None:
        """Take it away, with every container."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(30)

    def docker(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "DOCKER_HOST": self.address}
        return subprocess.run(["docker", *arguments], env=environment, capture_output=True, timeout=60)

    def copy_image(self) -> None:
        """Give it the sandbox image of the usual engine."""
        saving = subprocess.Popen(["docker", "save", read().image or "turnwright-sandbox:1"], stdout=subprocess.PIPE)
        environment = {**os.environ, "DOCKER_HOST": self.address}
        subprocess.run(["docker", "load"], env=environment, stdin=saving.stdout, check=True, timeout=120)
        assert saving.wait(10) == 0


@contextmanager
def private_dockerd(folder: Path) -> Iterator[Dockerd]:
    """Give one that runs and has the image; nothing of it is left afterwards. Skips loudly where it cannot be."""
    if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("docker"):
        pytest.skip("NO PRIVATE DOCKERD: it needs root and the dockerd program")
    engine = Dockerd(folder)
    try:
        engine.start()
        engine.copy_image()
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(folder / "data", ignore_errors=True)
