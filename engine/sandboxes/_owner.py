"""Names the engine process that owns sandboxes, so that a later one can tell whether it still lives."""

from __future__ import annotations

import os
from pathlib import Path

from engine import liveness


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _began(pid: int) -> str:
    """Return when a process began (clock ticks since boot), or "" when there is none."""
    text = _read(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split()[19] if text else ""


def _machine() -> str:
    """Return what a process number is unique within: this boot and this process namespace."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        space = "0"
    return f"{_read('/proc/sys/kernel/random/boot_id').strip()[:13].replace('-', '')}-{space}"


def owner() -> str:
    """Return the name of this process: machine, process number, time of its start."""
    return f"{_machine()}-{os.getpid()}-{_began(os.getpid())}"


def lives(name: str) -> bool | None:
    """Say whether the named owner still runs; None when it lives on another machine and cannot be told."""
    machine, _, rest = name.rpartition("-")
    machine, _, pid = machine.rpartition("-")
    if not pid.isdigit():
        return False
    if machine != _machine():
        return None
    if not Path("/proc").is_dir():
        return liveness.lives(int(pid))
    return bool(rest) and _began(int(pid)) == rest
