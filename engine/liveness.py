"""Whether the process behind a name still lives: one rule for claims, requests, sandboxes and the engine's lock.

A name says on which machine the process is (its boot, and its process namespace), its number there, and when it began.
A number alone is not enough: it is given again after a while, and two containers of one host count theirs apart while
their host names may be the same. What is on another machine cannot be known; it is given its full time.
"""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

_GONE = ("Z", "X")
"""States of a process that has ended and is not collected yet (man 5 proc)."""


def process_name() -> str:
    """Return the name of this process: machine, process number, time of its start."""
    return f"{_machine()}-{os.getpid()}-{_began(os.getpid())}"


def holder_name() -> str:
    """Return a name for this process that no other engine shares: that of the process, and a random part."""
    return f"{process_name()}/{uuid.uuid4().hex[:8]}"


def lives(name: str) -> bool | None:
    """Say whether the named process still runs: None when it is on another machine, False for what is no name."""
    machine, _, began = name.partition("/")[0].rpartition("-")
    machine, _, number = machine.rpartition("-")
    if not number.isdecimal():
        return False
    if machine != _machine():
        return None
    if not Path("/proc").is_dir():
        return _answers(int(number))
    return bool(began) and _began(int(number)) == began


def has_ended(holder: str | None) -> bool:
    """Whether a holder was a process of this machine that is no more. False for all that cannot be known, such as the
    holders of an older Turnwright (host:number:random)."""
    return holder is not None and "/" in holder and lives(holder) is False


def _machine() -> str:
    """Return what a process number is unique within: this boot and this process namespace, else the host."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        space = "0"
    boot = _read("/proc/sys/kernel/random/boot_id").strip()[:13].replace("-", "")
    return f"{boot or socket.gethostname()}-{space}"


def _began(number: int) -> str:
    """Return when a process began (clock ticks since boot), or "" when there is none that still runs."""
    fields = _read(f"/proc/{number}/stat").rpartition(")")[2].split()
    return fields[19] if fields and fields[0] not in _GONE else ""


def _answers(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
