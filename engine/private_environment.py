"""Keeps API keys out of every environment that a tool can read. Standard library only.

Linux shows the environment that a process began with to other processes of its user, in /proc/PID/environ. So the
engine executes itself anew with the harmless part of it and reads the rest from a pipe; what the studio starts gets the
harmless part at once. `close_to_others` then has the kernel refuse this process's memory and environment to other
processes of its user. What other programs of the user show, such as the shell that the studio was started in, is theirs
(SECURITY.md).
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_HANDED = "TURNWRIGHT_HANDED"
"""Names the descriptor from which a new process reads the rest of its environment."""
_HARMLESS = re.compile(
    r"(?:PATH|HOME|USER|LOGNAME|SHELL|PWD|LANG|LANGUAGE|LC_\w+|TZ|TERM|TMPDIR|TEMP|TMP|CI|COLUMNS|LINES|NO_COLOR|"
    r"LD_\w+|PYTHON\w*|VIRTUAL_ENV|XDG_\w+|SSL_CERT_\w+|DOCKER_\w+|STREAMLIT_\w+|PIP_\w+|UV_\w+|"
    r"TURNWRIGHT_(?!SECRET\b|TOKEN\b)\w+)"
)
"""Names of variables whose values are no secret, or are needed before the rest can be read."""
_PIPE_BYTES = 1 << 20
_NOT_DUMPABLE = (4, 0)
"""prctl(PR_SET_DUMPABLE, 0)"""


def harmless() -> dict[str, str]:
    """Return the part of this process's environment that others may see."""
    return {name: value for name, value in os.environ.items() if _HARMLESS.fullmatch(name)}


@contextmanager
def handed_over() -> Iterator[tuple[dict[str, str], int]]:
    """Yield (environment, descriptor to pass on) for a new process that calls `hide`: it will have this process's whole
    environment, and show the harmless part. Raises OSError when a pipe cannot hold the rest."""
    shown = harmless()
    rest = {name: value for name, value in os.environ.items() if name not in shown}
    data = json.dumps(rest).encode()
    read, write = os.pipe()
    try:
        with suppress(OSError, AttributeError):
            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(write, False)
        if os.write(write, data) < len(data):
            raise OSError("The environment is larger than a pipe. Unset what the engine does not need.")
        os.close(write)
        write = -1
        yield {**shown, _HANDED: str(read)}, read
    finally:
        os.close(read)
        if write >= 0:
            os.close(write)


def hide() -> None:
    """Take in what was handed over; else execute this program anew, so that its environment shows no key."""
    if (handed := os.environ.pop(_HANDED, None)) is not None:
        _take_in(handed)
    elif sys.platform == "linux" and harmless().keys() != os.environ.keys():
        with handed_over() as (shown, read):
            os.set_inheritable(read, True)
            os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], shown)
    close_to_others()


def _take_in(handed: str) -> None:
    with suppress(OSError, ValueError), os.fdopen(int(handed), "rb") as pipe:
        os.environ.update(json.loads(pipe.read()))


def close_to_others() -> None:
    """Have the kernel refuse this process's memory, environment and descriptors to other processes of its user."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(*_NOT_DUMPABLE, 0, 0, 0)
