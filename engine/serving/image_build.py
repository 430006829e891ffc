"""The build of the sandbox image beside the running studio, and how it stands.

`make run` asks for it, the studio starts it, and pages say what it means for them. It runs in a process group of its
own. A lock that the build inherits tells whether it is still at work, also when the studio that started it was killed;
a note in the home folder keeps when it began and how it ended. Once the image is there, the engine finds it by itself
(engine/serving/pools.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from engine import settings
from engine.serving.lock import locked

SCRIPT = settings.SANDBOX_ASSETS / "build.sh"
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class BuildState:
    """How the last build stands. `since` is when it began (UTC epoch seconds), `reason` why it failed or ""."""

    building: bool
    since: float
    reason: str = ""


class ImageBuild:
    """The build of one studio, told by files of its home folder. `script` is what builds."""

    def __init__(self, home: Path, script: Path = SCRIPT) -> None:
        self.log = home / "logs" / "sandbox-image.log"
        self._lock, self._note, self._script = home / "sandbox-image.lock", home / "sandbox-image.json", script

    def state(self) -> BuildState | None:
        """Return how the last build stands: None when there was none, it succeeded, or its end was not seen."""
        try:
            noted = BuildState(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        if not noted.building:
            return noted if noted.reason else None
        free = self._take()
        if free is None:
            return noted
        free.close()
        return None

    async def run(self) -> None:
        """Build the image if it is missing or stale. When cancelled, the build is stopped. Never raises for a build
        that fails: `state` tells why."""
        taken = self._take()
        if taken is None:
            return
        began = time.time()
        try:
            with taken:
                self._write(BuildState(True, began))  # first: a studio killed just after the start leaves it noted
                process = await self._start(taken)
            try:
                status = await process.wait()
            finally:
                await asyncio.shield(_stopped(process))
            self._write(BuildState(False, began, self._last_words() if status else ""))
        except OSError as error:
            with contextlib.suppress(OSError):
                self._write(BuildState(False, began, f"The build could not be started: {error.strerror}."))

    async def _start(self, lock: BinaryIO) -> Process:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            return await asyncio.create_subprocess_exec(
                self._script, stdin=DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env=settings.child_environment(PYTHON=sys.executable), pass_fds=(lock.fileno(),),
            )  # fmt: skip

    def _take(self) -> BinaryIO | None:
        """Return the locked file, None while a build holds it."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        return locked(self._lock)

    def _write(self, state: BuildState) -> None:
        part = self._note.with_suffix(".part")
        part.write_text(json.dumps(asdict(state)))
        part.replace(self._note)

    def _last_words(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return (
            lines[-1].removeprefix("sandbox image: ") if lines else f"The build failed without a word; see {self.log}."
        )


async def _stopped(process: Process) -> None:
    """End the process group of a build that is still at work."""
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
            return
