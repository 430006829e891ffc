"""Surroundings that a test may break: a disk that fills up, and a Docker engine of its own that goes away."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.settings import read
from tests.needs import missing


class Dockerd:
    """`address` is its DOCKER_HOST, `folder` a disk of its own. Needs root; its image is that of the usual engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder / 'd.sock'}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        folders = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
        places = [f"{option}={self.folder / name}" for option, name in folders.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["dockerd", "-H", self.address, *places, "--bridge=none", "--iptables=false", "--ip6tables=false"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + 30
        while self.docker("version").returncode:
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < end, "the private dockerd does not answer"
            time.sleep(0.1)

    def stop(self) -> None:
        """Take it away, with every container."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()

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
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a disk of this size on the folder. Left out loudly where that is not allowed."""
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True).returncode:
        missing("NO SMALL DISK: mounting one needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk of the folder to the last byte; return the file that does."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    return ballast


@contextmanager
def private_dockerd(folder: Path) -> Iterator[Dockerd]:
    """Give one that runs and has the image; nothing of it is left afterwards. Left out loudly where it cannot be."""
    if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("docker"):
        missing("NO PRIVATE DOCKERD: it needs root and the dockerd program")
    with small_disk(folder, "600m"):
        engine = Dockerd(folder)
        try:
            engine.start()
            engine.copy_image()
            yield engine
        finally:
            engine.stop()
