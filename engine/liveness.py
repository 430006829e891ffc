"""Names a process, and says whether the process of a name still runs: for claims, requests, sandboxes and the lock.

A name holds the machine (its boot and process namespace), the process number and the start time. A number alone is not
enough: the system reuses it, and two containers of one host may have equal numbers and equal host names. Whether a
process of another machine runs cannot be checked, so its claims end by timeout only.
"""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

_GONE = ("Z", "X")
"""States of a process that has ended and whose parent has not read its status yet (man 5 proc)."""


def process_name() -> str:
    """Return the name of this process: machine, process number, time of its start."""
    return f"{_machine()}-{os.getpid()}-{_start_time(os.getpid())}"


def holder_name() -> str:
    """Return the name of this process with a random part, so that two engines in one process differ."""
    return f"{process_name()}/{uuid.uuid4().hex[:8]}"


def lives(name: str) -> bool | None:
    """Return whether the named process still runs: None when it is on another machine, False for a malformed name."""
    machine, _, start = name.partition("/")[0].rpartition("-")
    machine, _, number = machine.rpartition("-")
    if not number.isdecimal():
        return False
    if machine != _machine():
        return None
    if not Path("/proc").is_dir():
        return _exists(int(number))
    return bool(start) and _start_time(int(number)) == start


def has_ended(holder: str | None) -> bool:
    """Return whether a holder (`holder_name`) was a process of this machine that has ended. False when that is unknown,
    as for the holders of an older Turnwright (host:number:random)."""
    return holder is not None and "/" in holder and lives(holder) is False


def _machine() -> str:
    """Return the scope in which process numbers are unique: this boot and process namespace, else the host."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        space = "0"
    boot = _read("/proc/sys/kernel/random/boot_id").strip()[:13].replace("-", "")
    return f"{boot or socket.gethostname()}-{space}"


def _start_time(number: int) -> str:
    """Return the start time of a process (clock ticks since boot), or "" when it does not run."""
    fields = _read(f"/proc/{number}/stat").rpartition(")")[2].split()
    return fields[19] if fields and fields[0] not in _GONE else ""


def _exists(number: int) -> bool:
    """Return whether a process has this number, on a system without /proc."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _read(path: str) -> str:
    """Return the text of a file, "" when it cannot be read."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""
