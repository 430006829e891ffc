"""This machine, without isolation.

A plain subprocess of the same tool server with resource limits, for machines without a Docker engine. It does
not isolate: tools can reach the network and other files of their user. Disk use is bounded per file, the number
of processes only roughly. Commands written by a model are refused unless `allow_commands` is set. Where the engine
runs as root, the tool server and all tools run as an unprivileged user that nobody else is.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from engine.errors import SandboxError
from engine.examples import SandboxExample
from engine.liveness import lives, process_name
from engine.sandboxes import _here
from engine.sandboxes._pool import Pooled, WarmPool
from engine.sandboxes._remote import RemoteSandbox, bundle, command_line
from engine.types import Environment, ExecResult, Options, SandboxHealth, StateDiff, ToolResult

__all__ = ["Local"]

_PREFIX = "turnwright-sandbox-"
_LEAST_FREE = 1 << 20
"""Bytes of free disk space below which the disk counts as full, and a tool's failure as the sandbox's."""
_TOOLS = 65531
"""The user and group of tools where the engine is root. It has no name on a usual machine, and no container and no
other sandbox uses it, so that tools reach nothing of another program."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Config(Options):
    """Processes of this machine."""

    allow_commands: bool = False
    """Whether tools may execute commands here, where nothing isolates them."""
    most: Annotated[int, Field(ge=1, le=1024, title="Sandboxes at once")] = 512
    """How many there are at the most; rollouts beyond it wait for one."""
    warm: Annotated[int, Field(ge=1, le=256, title="Started ahead")] = 8
    """How many are started ahead."""
    folder: str = ""
    """Where workspaces are laid; the system's temporary folder when empty."""


class Local(Pooled):
    """Implements protocols.SandboxPool."""

    name = title = "local"
    isolated = False
    unbounded = ("the memory of all processes together", "processor time", "the disk", "how many processes run")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config
        self._folder = Path(config.folder or tempfile.gettempdir())

    async def start(self) -> None:
        """Check that the folder of the workspaces is writable, then sweep. Raises SandboxError(gone=True)."""
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise SandboxError(f"{self._folder} is not writable. Choose another temporary folder.", gone=True)
        if os.geteuid() == 0:
            await asyncio.to_thread(_check_drop)
        self._pool = self._new_pool()
        await self.sweep()

    def _new_pool(self) -> WarmPool:
        config = self._config
        return WarmPool(self._start_one, lambda _: (), most=config.most, parallel=4, warm=config.warm)

    async def health(self) -> SandboxHealth:
        if _full(self._folder):
            return SandboxHealth(self.name, False, False, str(_no_space(self._folder)))
        return SandboxHealth(
            self.name, True, False, "Ready. It does not isolate: tools can reach this machine's files and network."
        )

    async def left(self) -> list[str]:
        """Return the workspaces of engines that no longer run."""
        return [f"workspace {folder}" for folder in await asyncio.to_thread(self._left)]

    async def sweep(self) -> int:
        """Remove workspaces of engines that no longer run, and return how many."""
        return await asyncio.to_thread(self._sweep)

    # ------------------------------------------------------------ one server

    def _refuse(self, environment: Environment) -> None:
        if environment.commands and not self._config.allow_commands:
            raise SandboxError(
                "The local sandbox does not isolate, so it refuses tools that run commands. "
                "Use Docker or bubblewrap, or allow commands without isolation in the batch's settings."
            )

    async def _start_one(self, environment: Environment) -> RemoteSandbox:
        try:
            root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{process_name()}-", dir=self._folder.resolve()))
        except OSError as error:
            raise self._start_error(error) from error
        first = bundle(
            root=str(root),
            alone=False,
            users=None,
            paths=_here.package_paths(),
            count_processes=True,
            niceness=_here.NICENESS,
            environment={"PATH": os.defpath + ":/usr/local/bin:/usr/bin:/bin"},
            remove=True,
        )
        try:
            started = await asyncio.to_thread(_spawn, root, len(first))
        except OSError as error:
            shutil.rmtree(root, ignore_errors=True)
            raise self._start_error(error) from error

        async def close() -> None:
            await asyncio.to_thread(_end, started, root)

        async def explain(reason: str) -> SandboxError:
            return SandboxError(f"The local sandbox broke: {reason}.")

        stream = await _here.connected(started, first, close, self._start_error)
        return _OnDisk(self.name, self.isolated, stream, (), explain, close, folder=self._folder)

    def _start_error(self, error: Exception, told: str = "") -> SandboxError:
        """Return the error for a server that did not start; for a full disk one that pauses the batch."""
        if getattr(error, "errno", None) in _FULL or _full(self._folder):
            return _no_space(self._folder)
        return SandboxError(f"The local sandbox could not start: {told or error}")

    def _sweep(self) -> int:
        removed = 0
        for folder in self._left():
            shutil.rmtree(folder, ignore_errors=True)
            removed += not folder.exists()
        return removed

    def _left(self) -> list[Path]:
        """Return the workspaces of this user that no engine uses."""
        return [
            folder
            for folder in sorted(self._folder.glob(f"{_PREFIX}*"))
            if lives(folder.name[len(_PREFIX) :].rpartition("-")[0]) is False
            and folder.is_dir()
            and folder.stat().st_uid in _owners()
        ]


class _OnDisk(RemoteSandbox):
    """A sandbox that shares its disk with the machine. After a failure, and before a diff, it checks for a full disk
    and then raises SandboxError(gone=True), so that a full disk pauses the batch and is never a tool's fault."""

    def __init__(self, *parts: Any, folder: Path) -> None:
        super().__init__(*parts)
        self._folder = folder

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult:
        result = await super().call(tool, arguments)
        if result.fault is not None:
            self._check()
        return result

    async def exec(self, argv: Sequence[str], *, timeout: float | None = None, stdin: bytes = b"") -> ExecResult:
        done = await super().exec(argv, timeout=timeout, stdin=stdin)
        if done.status != 0:
            self._check()
        return done

    async def diff(self, *, last: bool = False) -> StateDiff:
        self._check()
        found = await super().diff(last=last)
        self._check()
        return found

    async def _ask(self, message: dict[str, Any], seconds: float, *, ahead: bool = False) -> dict[str, Any]:
        try:
            return await super()._ask(message, seconds, ahead=ahead)
        except SandboxError as error:
            if _full(self._folder) or any(f"[Errno {number}]" in str(error) for number in _FULL):
                raise _no_space(self._folder) from error
            raise

    def _check(self) -> None:
        if _full(self._folder):
            self._stream.abandoned = True
            raise _no_space(self._folder)


def _full(folder: Path) -> bool:
    """Return whether the disk of a folder has no room for a workspace; False when that cannot be found out."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _LEAST_FREE or (disk.f_files > 0 and disk.f_favail == 0)


def _no_space(folder: Path) -> SandboxError:
    return SandboxError(
        f"The disk that holds the workspaces ({folder}) is full. Free some space there, or set TMPDIR to a folder on "
        "another disk and start the engine again.",
        gone=True,
    )


def _owners() -> tuple[int, ...]:
    """Return the users whose workspaces this engine may remove."""
    return (0, _TOOLS) if os.geteuid() == 0 else (os.getuid(),)


def _spawn(root: Path, size: int) -> _here.Started:
    """Start the tool server of a workspace; as root for an unprivileged user. Raises OSError."""
    if os.geteuid() != 0:
        return _here.spawn(command_line(sys.executable, size), root)
    os.chown(root, _TOOLS, _TOOLS)
    command = command_line(_here.interpreter(), size)
    return _here.spawn(_here.dropped(command, _TOOLS, str(root), writable=[str(root)]))


@cache
def _check_drop() -> None:
    """Check that tools of this engine, which is root, can be given another user; once it was so, that is not checked
    again. Raises SandboxError(gone=True)."""
    _here.check_readable()
    command = _here.dropped([_here.interpreter(), "-S", "-c", "import json"], _TOOLS, "/")
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise SandboxError(
            f"Tools must not run as root, and no other user can run this Python here ({done.stderr.strip()[-300:]}). "
            "Start the engine as an ordinary user, or install Python and Turnwright where every user can read them.",
            gone=True,
        )


def _end(started: _here.Started, root: Path) -> None:
    """End the server, then remove its folder."""
    started.close()
    shutil.rmtree(root, ignore_errors=True)


def _left_by(engine: str) -> set[str]:
    """Return the names of the workspaces of the engine with this process name."""
    return {folder.name for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}{engine}-*")}


EXAMPLE = SandboxExample(left_by=_left_by)
