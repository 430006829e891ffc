"""Namespaces of this machine, isolated, without a container engine.

Debian's package bubblewrap makes them, also for an ordinary user. No network, nothing of this machine but its programs,
read-only, and a writable folder of bounded size in memory. The tools are in process and mount namespaces of their own,
which the tool server stands outside of (assets/sandbox/spaces.py), and hold no capability. The number of processes is
bounded, and the memory of each of them. Without cgroups nothing bounds the memory of all processes together, nor their
share of the processors. Where the engine is root, everything runs as an unprivileged user that nobody else is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from engine.errors import SandboxError, TurnwrightError
from engine.examples import SandboxExample
from engine.liveness import lives, process_name
from engine.sandboxes import _here
from engine.sandboxes._pool import Pooled, WarmPool
from engine.sandboxes._remote import RemoteSandbox, bundle, command_line
from engine.types import Environment, Options, SandboxHealth

__all__ = ["Bubblewrap"]

_ROOT = "/sandbox"
_PACKAGES = "/opt/packages"
_USER = 65530
"""The user and group where the engine is root. It has no name on a usual machine, and no container and no other sandbox
uses it."""
_NOBODY = 65534
"""The user and group that tools see themselves as."""
_LABEL = "TURNWRIGHT_ENGINE"
"""The variable in bubblewrap's arguments that names the engine."""
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache")
"""What of this machine tools see, as far as it exists: programs and libraries."""
_DEVICES = ("null", "zero", "full", "random", "urandom")
_ACCOUNTS = {
    "/etc/passwd": f"root:x:0:0:root:/:/bin/sh\nnobody:x:{_NOBODY}:{_NOBODY}:nobody:{_ROOT}/tmp:/bin/sh\n",
    "/etc/group": f"root:x:0:\nnogroup:x:{_NOBODY}:\n",
}
OLDEST_KERNEL = (5, 14)
"""From here on Linux counts the processes of a user in each user namespace apart."""


class Config(Options):
    """Namespaces of this machine."""

    most: Annotated[int, Field(ge=1, le=1024, title="Sandboxes at once")] = 256
    """How many there are at the most; rollouts beyond it wait for one."""
    warm: Annotated[int, Field(ge=1, le=256, title="Started ahead")] = 8
    """How many are started ahead."""


class Bubblewrap(Pooled):
    """Implements protocols.SandboxPool."""

    name = title = "bubblewrap"
    isolated = True
    unbounded = ("the memory of all processes together", "processor time")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config

    async def start(self) -> None:
        """Check that a sandbox can be made here, then sweep. Raises SandboxError(gone=True) with the next move."""
        await self._try()
        config = self._config
        self._pool = WarmPool(self._start_one, _shape, most=config.most, parallel=4, warm=config.warm)
        await self.sweep()

    async def health(self) -> SandboxHealth:
        if self._pool is None:  # an engine asks every two seconds, so a started pool tries nothing
            try:
                await self._try()
            except SandboxError as error:
                return SandboxHealth(self.name, False, True, str(error))
        return SandboxHealth(self.name, True, True, f"Ready. It does not bound {' and '.join(self.unbounded)}.")

    async def left(self) -> list[str]:
        """Return the sandboxes of engines that no longer run."""
        return [f"process {process}" for process, _ in await asyncio.to_thread(lambda: list(_left()))]

    async def sweep(self) -> int:
        """End the sandboxes of engines that no longer run, and return how many."""
        return await asyncio.to_thread(_sweep)

    # ------------------------------------------------------------ one server

    def _refuse(self, environment: Environment) -> None:
        if environment.network:
            raise SandboxError(
                "The bubblewrap sandbox has no network, which this domain asks for. Use Docker, or take `network` out "
                "of the domain."
            )

    async def _try(self) -> None:
        """Make a sandbox and run a command in it. Raises SandboxError(gone=True)."""
        if _program() is None:
            raise SandboxError(
                "There is no command bwrap. Install it (on Debian: apt-get install bubblewrap), or choose another "
                "sandbox.",
                gone=True,
            )
        if _kernel() < OLDEST_KERNEL:
            raise SandboxError(
                f"This kernel is older than {'.'.join(map(str, OLDEST_KERNEL))}, so processes cannot be bounded for "
                "each sandbox. Choose another sandbox.",
                gone=True,
            )
        if os.geteuid() == 0:
            await asyncio.to_thread(_here.check_readable)
        environment = Environment({}, {}, commands=True)
        sandbox: RemoteSandbox | None = None
        try:
            sandbox = await self._start_one(environment)
            await sandbox.open(environment, "tried")
            done = await sandbox.exec(["true"])
            if done.status != 0:
                raise SandboxError(done.stderr.decode(errors="replace").strip() or "a command failed")
        except TurnwrightError as error:
            raise SandboxError(
                f"bubblewrap can make no sandbox here: {error} Allow user namespaces to ordinary users (sysctl "
                "user.max_user_namespaces, kernel.unprivileged_userns_clone and, on Ubuntu, "
                "kernel.apparmor_restrict_unprivileged_userns), or choose another sandbox.",
                gone=True,
            ) from error
        finally:
            if sandbox is not None:
                await sandbox.aclose()

    async def _start_one(self, environment: Environment) -> RemoteSandbox:
        packages = _here.package_paths()
        first = bundle(
            root=_ROOT,
            alone=True,
            users=None,
            space=environment.limits.disk_bytes,
            paths=list(_places(packages)),
            count_processes=True,
            niceness=_here.NICENESS,
            environment={},
            remove=False,
        )
        try:
            started = await asyncio.to_thread(_spawn, packages, len(first))
        except OSError as error:
            raise SandboxError(f"The bubblewrap sandbox could not start: {error}") from error

        async def close() -> None:
            await asyncio.to_thread(started.close)

        async def explain(reason: str) -> SandboxError:
            return SandboxError(f"The bubblewrap sandbox broke: {reason}.")

        def failure(error: Exception, told: str) -> SandboxError:
            return SandboxError(f"The bubblewrap sandbox could not start: {told or error}.")

        stream = await _here.connected(started, first, close, failure)
        return RemoteSandbox(self.name, self.isolated, stream, _shape(environment), explain, close)


def _shape(environment: Environment) -> tuple[Any, ...]:
    """Return what a sandbox is made with and cannot change later."""
    return (environment.limits.disk_bytes,)


def _program() -> str | None:
    return shutil.which("bwrap") or shutil.which("bwrap", path=_here.PATH)


def _kernel() -> tuple[int, int]:
    """Return the version of the kernel; (0, 0) where it is in no known form."""
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _places(packages: Sequence[str]) -> Iterator[str]:
    """Yield where each folder of packages lies in the sandbox: at a path that says nothing about this machine."""
    for number in range(len(packages)):
        yield f"{_PACKAGES}/{number}/site-packages"


def _spawn(packages: Sequence[str], size: int) -> _here.Started:
    """Start bubblewrap with a tool server in it. Raises OSError."""
    accounts: dict[str, int] = {}
    try:
        for path, text in _ACCOUNTS.items():
            accounts[path] = os.memfd_create("accounts")
            os.write(accounts[path], text.encode())
            os.lseek(accounts[path], 0, os.SEEK_SET)
        command = [*_arguments(packages, accounts), *command_line(_here.interpreter(), size)]
        if os.geteuid() == 0:
            command = _here.dropped(command, _USER, "/")
        return _here.spawn(command, Path("/"), list(accounts.values()))
    finally:
        for descriptor in accounts.values():
            os.close(descriptor)


def _arguments(packages: Sequence[str], accounts: dict[str, int]) -> list[str]:
    """Return bubblewrap's command line up to the command that runs in it; `accounts` are descriptors of files by path.

    The tool server starts with all capabilities of the sandbox's own user namespace, and gives up what it does not need
    itself. `--dev` is not used, because with it bubblewrap puts the server into a second user namespace, in which it
    could not mount.
    """
    found = [_program() or "bwrap", "--unshare-all", "--as-pid-1", "--die-with-parent", "--cap-add", "ALL"]
    found += ["--uid", str(_NOBODY), "--gid", str(_NOBODY), "--setenv", _LABEL, process_name()]
    interpreter = _here.interpreter_paths()
    found += ["--setenv", "PATH", ":".join([*(f"{prefix}/bin" for prefix in interpreter), _here.PATH])]
    for path in _PROGRAMS:
        if Path(path).is_symlink():
            found += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).exists():
            found += ["--ro-bind", path, path]
    for path in interpreter:
        if not Path(path).is_relative_to("/usr"):
            found += ["--ro-bind", path, path]
    for source, place in zip(packages, _places(packages), strict=True):
        found += ["--ro-bind", source, place]
    for path, descriptor in accounts.items():
        found += ["--ro-bind-data", str(descriptor), path]
    found += ["--proc", "/proc", "--tmpfs", "/dev"]
    for name in _DEVICES:
        found += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        found += ["--symlink", f"/proc/self/{target}", f"/dev/{name}"]
    found += ["--mqueue", "/dev/mqueue", "--dir", _ROOT, "--dir", "/var"]
    found += ["--symlink", f"{_ROOT}/tmp", "/tmp", "--symlink", f"{_ROOT}/tmp", "/var/tmp"]
    return [*found, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"]


# ------------------------------------------------------------ what engines that ended left


def _labelled() -> Iterator[tuple[int, str]]:
    """Yield (process id, name of the engine) of every bubblewrap process that a Turnwright engine started."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"bwrap") and _LABEL.encode() in words:
                yield int(entry.name), words[words.index(_LABEL.encode()) + 1].decode(errors="replace")


def _left() -> Iterator[tuple[int, str]]:
    """Yield (process id, name of the engine) of those whose engine has ended."""
    return ((process, engine) for process, engine in _labelled() if lives(engine) is False)


def _sweep() -> int:
    ended = 0
    for process, _ in _left():
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)
            ended += 1
    return ended


def _left_by(engine: str) -> set[str]:
    """Return the processes of the engine with this process name."""
    return {f"process {process}" for process, name in _labelled() if name == engine}


EXAMPLE = SandboxExample(left_by=_left_by)
