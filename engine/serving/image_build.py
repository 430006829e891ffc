"""Builds the sandbox image beside the running studio, and tells pages the state of that build.

`make run` requests it and the studio starts it, in a process group of its own. Two files in the home folder tell its
state: a lock file that stays locked while the build runs, because the build inherits it, even when the studio that
started it was killed; and a note of when the build began and how it ended. Once the image is there, the engine finds
it by itself (engine/serving/pools.py).
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
from engine.serving.lock import locked_file

SCRIPT = settings.SANDBOX_ASSETS / "build.sh"
STOP_SECONDS = 10.0
"""How long a build may take to end after SIGTERM, and after SIGKILL."""


@dataclass(frozen=True)
class BuildState:
    """The state of the last build. `since` is when it began (UTC epoch seconds), `reason` why it failed or ""."""

    building: bool
    since: float
    reason: str = ""


class ImageBuild:
    """The build of the studio with this home folder. `script` is the program that builds."""

    def __init__(self, home: Path, script: Path = SCRIPT) -> None:
        self.log = home / "logs" / "sandbox-image.log"
        self._lock, self._note, self._script = home / "sandbox-image.lock", home / "sandbox-image.json", script

    def state(self) -> BuildState | None:
        """Return the state of the last build; None when there was none, it succeeded, or its studio was killed before
        it ended."""
        try:
            noted = BuildState(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        if not noted.building:
            return noted if noted.reason else None
        unlocked = self._lock_file()
        if unlocked is None:
            return noted
        unlocked.close()
        return None

    async def run(self) -> None:
        """Build the image if it is missing or stale; return at once while another build runs.

        When cancelled, the build is stopped. A build that fails raises nothing: `state` says why.
        """
        lock = self._lock_file()
        if lock is None:
            return
        began = time.time()
        try:
            with lock:  # closed here once the build has inherited it, so that it is free when the build ends
                self._write(BuildState(True, began))  # first: a studio killed just after the start leaves it noted
                process = await self._start(lock)
            try:
                status = await process.wait()
            finally:
                await asyncio.shield(_stop(process))
            self._write(BuildState(False, began, self._failure_reason() if status else ""))
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

    def _lock_file(self) -> BinaryIO | None:
        """Return the lock file, locked; None while a build holds it."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        return locked_file(self._lock)

    def _write(self, state: BuildState) -> None:
        """Store the state. The note is replaced as a whole, so that no page reads half of it."""
        part = self._note.with_suffix(".part")
        part.write_text(json.dumps(asdict(state)))
        part.replace(self._note)

    def _failure_reason(self) -> str:
        """Return the last line of the build's log, which says why it failed."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        if not lines:
            return f"The build failed without a word; see {self.log}."
        return lines[-1].removeprefix("sandbox image: ")


async def _stop(process: Process) -> None:
    """End a build that still runs, with its whole process group."""
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
            return
