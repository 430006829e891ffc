"""What must be as it was at the start before a sandbox is lent again, apart from the workspace.

Runs inside the sandbox, standard library only. Where tools are another user than the server they cannot change most of
this; elsewhere a tool can limit, slow down or confine the server, and all later tools would inherit it.
"""

import os
import resource

_LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
_UNLISTED = ("proc", "sysfs", "devpts", "cgroup", "cgroup2")
"""Kinds of file systems whose entries come and go by themselves, or that no tool can add to."""
_SHARED = ("/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg")


class Start:
    """The state of the server and, with `alone`, of a container that holds nothing else. `laid` are the folders that
    are laid anew for every rollout."""

    def __init__(self, alone, laid=()):
        self.alone = alone
        self.folders = [folder for folder in _writable_folders() if folder not in laid] if alone else ()
        self.was = self.now()

    def now(self):
        """Return {what: its state}."""
        umask = os.umask(0o022)
        os.umask(umask)
        found = {
            "limits": [resource.getrlimit(kind) for kind in _LIMITS],
            "priority": os.getpriority(os.PRIO_PROCESS, 0),
            "umask": umask,
        }
        if hasattr(os, "sched_getaffinity"):
            found["scheduling"] = (os.sched_getscheduler(0), os.sched_getaffinity(0), _read("/proc/self/oom_score_adj"))
        if self.alone:
            found["shared memory, semaphores and message queues"] = [_read(path) for path in _SHARED]
            found["processes"] = sorted(name for name in os.listdir("/proc") if name.isdigit())
            for folder in self.folders:
                found[f"files in {folder}"] = sorted(os.listdir(folder))
        return found

    def changed(self):
        """Return what differs from the start, as a text; an empty one when nothing does."""
        now = self.now()
        return "" if now == self.was else ", ".join(what for what in now if now[what] != self.was[what])


def _read(path):
    """Return a file of the kernel as bytes; None when there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _writable_folders():
    """Return the folders at which something is mounted that can be written to."""
    found = set()
    for line in (_read("/proc/self/mounts") or b"").decode("utf-8", "replace").splitlines():
        _, place, kind, options = line.split()[:4]
        if kind not in _UNLISTED and "rw" in options.split(",") and os.path.isdir(place):
            found.add(place)
    return sorted(found)
