"""What the sandboxes share that run on this machine without a container engine: the command that starts one, also where
the engine is root, the packages of tools, and the connection to the tool server."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from engine.errors import SandboxError
from engine.sandboxes._remote import TRUSTED
from engine.sandboxes._stream import Broken, Stream
from engine.settings import SANDBOX_ASSETS

NICENESS = 19
"""The lowest priority: when processors are short the engine must go first, because all tools wait for it. Linux
compares priorities only within a session, so the tool servers stay in the session of the engine."""
PATH = "/usr/local/bin:/usr/bin:/bin"
_START = 30.0
"""Seconds in which a tool server must say that it is ready."""
_LEFT_OF_ERRORS = 500
"""Characters of a failed start's standard error that are shown."""


def interpreter() -> str:
    """Return the Python of this process, as its own installation names it: a virtual environment's link may lie where
    an unprivileged user cannot go."""
    return os.path.realpath(sys.executable)


def package_paths() -> list[str]:
    """Return the folders of the packages that tools may import."""
    found: list[Any] = [importlib.util.find_spec(name) for name in TRUSTED]
    folders = {str(Path(spec.origin).parent.parent.resolve()) for spec in found if spec and spec.origin}
    return sorted(folders)


def check_readable() -> None:
    """Check that an unprivileged user can read the packages that tools may import. Raises SandboxError(gone=True)."""
    for name in TRUSTED:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        package = Path(spec.origin).parent.resolve()
        if (
            shut := next((path for path in (package.parent, *_inside(package)) if not _is_open(path)), None)
        ) is not None:
            raise SandboxError(
                f"Tools must not run as root, and no other user can read the package {name} here ({shut}). Give "
                f"everyone read access (chmod -R go+rX {package.parent}), or start the engine as an ordinary user.",
                gone=True,
            )


def _inside(package: Path) -> Iterator[Path]:
    """Yield a package's folders and what Python imports from them."""
    for folder, _, files in os.walk(package):
        yield Path(folder)
        yield from (Path(folder, file) for file in files if file.endswith((".py", ".so")))


def _is_open(path: Path) -> bool:
    """Whether any user may read a file, or list and enter a folder."""
    mode = path.stat().st_mode
    needed = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
    return mode & needed == needed


def interpreter_paths() -> list[str]:
    """Return the folders that the Python of this process needs to run."""
    return sorted({os.path.realpath(prefix) for prefix in (sys.base_prefix, sys.base_exec_prefix)})


def dropped(command: Sequence[str], user: int, folder: str, *, writable: Sequence[str] = ()) -> list[str]:
    """Return the command that runs `command` as the unprivileged `user`, with `folder` as its working directory, from
    an engine that is root (assets/sandbox/drop.py)."""
    plan = {
        "user": user,
        "readable": [*interpreter_paths(), *package_paths()],
        "writable": [os.path.realpath(path) for path in writable],
        "folder": folder,
    }
    return [sys.executable, "-I", "-S", str(Path(SANDBOX_ASSETS) / "drop.py"), json.dumps(plan), *command]


@dataclass(frozen=True)
class Started:
    """A tool server's outermost process, the engine's end of its stream, and a file with its standard error."""

    process: subprocess.Popen[bytes]
    ours: socket.socket
    errors: IO[bytes]

    def told(self) -> str:
        """Return the end of what the process wrote to its standard error so far."""
        size = os.fstat(self.errors.fileno()).st_size
        end = os.pread(self.errors.fileno(), _LEFT_OF_ERRORS, max(0, size - _LEFT_OF_ERRORS))
        return end.decode(errors="replace").strip()

    def close(self) -> None:
        """Wait for the server to end by itself, as its stream is closed, else kill it. Works again and again."""
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()


def spawn(command: Sequence[str], folder: Path | None = None, descriptors: Sequence[int] = ()) -> Started:
    """Start a tool server by its command, in `folder`; it inherits `descriptors`. Raises OSError."""
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - Started closes it; a pipe would have to be read meanwhile
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(
            command,
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=errors,
            cwd=folder,
            env={"PATH": PATH, "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"},
            process_group=0,
            pass_fds=descriptors,
        )
    except OSError:
        ours.close()
        errors.close()
        raise
    finally:
        theirs.close()
    ours.setblocking(False)
    return Started(process, ours, errors)


async def connected(
    started: Started,
    first: bytes,
    close: Callable[[], Awaitable[None]],
    failure: Callable[[Exception, str], SandboxError],
) -> Stream:
    """Send the bundle `first` and return the stream once the server is ready. When that fails, `close` ends it and
    `failure` makes the error to raise, out of the exception and of what the process wrote."""
    stream: Stream | None = None
    try:
        _, stream = await asyncio.get_running_loop().create_connection(Stream, sock=started.ours)
        stream.write(first)
        await stream.wait_ready(_START)
    except (OSError, Broken, asyncio.CancelledError) as error:
        if stream is not None:
            await stream.aclose()
        started.ours.close()
        told = started.told()
        await asyncio.shield(close())
        if isinstance(error, asyncio.CancelledError):
            raise
        raise failure(error, told) from error
    return stream
