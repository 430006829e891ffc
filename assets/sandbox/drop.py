"""Becomes an unprivileged user and then a command, for an engine that runs as root.

Standard library only; run as root by `python drop.py PLAN COMMAND...`. PLAN is JSON: `user` (user and group number),
`readable` and `writable` (folders that the command needs), `folder` (where it starts). Where one of them lies in a
folder that other users may not enter, such as a home of mode 700, the command gets a private mount namespace in which
an empty folder covers that home, and what is needed is bound into it. Nothing else of the home can be reached then.
"""

import contextlib
import ctypes
import json
import os
import stat
import sys

UNABLE = 96
"""Exit status when the command was not started; standard error says why."""
_NEWNS = 0x20000
_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_NO_NEW_PRIVS = 38
_LIBC = ctypes.CDLL(None, use_errno=True)


def shut_folder(path):
    """Return the topmost folder on the way to `path`, itself included, that other users may not enter; None when there
    is none."""
    parts = path.rstrip("/").split("/")
    for count in range(2, len(parts) + 1):
        folder = "/".join(parts[:count])
        if not stat.S_IMODE(os.stat(folder).st_mode) & stat.S_IXOTH:
            return folder
    return None


def open_up(readable, writable):
    """Make all these folders reachable for other users, in a mount namespace of this process. Raises OSError."""
    shut = {path: shut_folder(path) for path in readable}
    shut |= {path: shut_folder(os.path.dirname(path)) for path in writable}  # they belong to the user, whatever mode
    covers = {folder for folder in shut.values() if folder is not None}
    if not covers:
        return
    _called(_LIBC.unshare(_NEWNS), "a private mount namespace")
    _mount(None, "/", None, _REC | _PRIVATE)
    needed = sorted((path for path, folder in shut.items() if folder is not None), key=len)
    found = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in needed}
    for folder in covers:
        _mount("none", folder, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=0755")
    for path in needed:
        with contextlib.suppress(FileExistsError):
            os.makedirs(path, 0o755)
        _mount(f"/proc/self/fd/{found[path]}", path, None, _BIND | _REC)
        if path in readable:
            _mount(None, path, None, _BIND | _REMOUNT | _RDONLY | _NOSUID)
    for folder in covers - set(needed):
        _mount(None, folder, None, _BIND | _REMOUNT | _RDONLY | _NOSUID | _NODEV)
    for descriptor in found.values():
        os.close(descriptor)


def become(user):
    """Give up root and every privilege, for good. Raises OSError."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _called(_LIBC.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "giving up new privileges")


def _mount(source, target, kind, flags, options=None):
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    _called(_LIBC.mount(*words, flags, None if options is None else options.encode()), f"a mount at {target}")


def _called(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def main(plan, command):
    """Become the user and the command. Never returns."""
    try:
        os.umask(0o022)
        open_up(plan["readable"], plan["writable"])
        become(plan["user"])
        os.chdir(plan["folder"])
        os.execv(command[0], command)
    except OSError as error:
        print(error.strerror, file=sys.stderr)
    os._exit(UNABLE)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
