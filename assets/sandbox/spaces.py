"""Tools in process and mount namespaces of their own, where tools and the tool server have one user between them.

Runs inside the sandbox, standard library only. The server stands in the outer namespaces, those that bubblewrap made.
All tools, commands and programs are in inner ones: their process table does not hold the server, and they hold no
capability, so no number, path or right leads from them to it. The inner namespaces end with their first process, and
the kernel ends everything in them with it, whatever it forked.
"""

import contextlib
import ctypes
import os
import signal
import socket

import rights

CAP_SYS_CHROOT, CAP_SYS_ADMIN = 18, 21
KEPT = (CAP_SYS_CHROOT, CAP_SYS_ADMIN)
"""To put a child into the inner namespaces. They hold in the user namespace of the sandbox only."""
OWN_PROCESSES = 6
"""Processes of the server and the inner namespaces on top of those of the tools: two, and two a program."""
_NEWNS, _NEWPID = 0x20000, 0x20000000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND = 1, 2, 4, 8, 32, 4096
_PDEATHSIG = 1
_FILES = 65536
"""Files and folders that fit into the workspace and the temporary folder together, as in a container."""


class OneUser(rights.Rights):
    """The rights of a server that is alone in its user namespace with the tools. `disk` is the size of the workspace
    and the temporary folder together, in bytes."""

    def __init__(self, disk):
        super().__init__(None)
        self.disk = disk
        self._prepare(KEPT)

    def take(self, folders):
        """Mount the file system of bounded size that holds `folders`, and give up what `KEPT` does not hold. Nobody in
        the sandbox can make a user namespace from here on, nor look into the server. Raises OSError."""
        self.mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)  # the one of bubblewrap cannot be written to
        with open("/proc/sys/user/max_user_namespaces", "w") as file:
            file.write("0")
        root = os.path.dirname(folders[0])
        self.mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, f"size={self.disk},nr_inodes={_FILES},mode=0755")
        for folder in folders:
            os.mkdir(folder, 0o755)
            self.mount(folder, folder, None, _BIND)
        self.mount(None, root, None, _BIND | _REMOUNT | _RDONLY | _NOSUID | _NODEV)  # tools own it, too
        self._give_up_new_privileges()
        self._set(self.kept)
        self._prctl(rights.DUMPABLE, 0)

    def become_tool(self):
        """Take every capability from this forked process. Raises OSError."""
        self._set(self.none)
        self._prctl(rights.DUMPABLE, 1)

    def become_comparison(self):
        """Take every capability from this forked process, which stays outside the inner namespaces. Raises OSError."""
        self._be_killed_first()
        self._set(self.none)

    def be_first(self):
        """Take every capability from the first process of the inner namespaces. Raises OSError."""
        self._set(self.none)
        self._prctl(_PDEATHSIG, signal.SIGKILL)

    def _be_killed_first(self):
        self._prctl(rights.DUMPABLE, 1)  # else its files below /proc belong to root
        super()._be_killed_first()
        self._prctl(rights.DUMPABLE, 0)

    def mount(self, source, target, kind, flags, options=None):
        words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
        options = None if options is None else options.encode()
        self.called(self.libc.mount(*words, flags, options), f"a mount at {target}")

    def called(self, result, what):
        if result != 0:
            raise OSError(ctypes.get_errno(), f"{what} was refused")


class Space:
    """The inner namespaces of one process's children. They are made for the first child and again after `close`.

    `first` is their first process, None while there are none. It only waits, and reaps orphans.
    """

    def __init__(self, rights):
        self.rights, self.libc = rights, rights.libc
        self.first = None
        self.mounts = self.inner = -1
        self.outer = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def descriptors(self):
        """Return the descriptors that no tool may inherit."""
        return [number for number in (self.outer, self.mounts, self.inner) if number >= 0]

    def fork(self, inside):
        """Fork a child in the inner namespaces, or outside them. Returns as os.fork does. Raises OSError."""
        if not inside:
            return self._fork_outside()
        if self.first is None:
            self._open()
        child = os.fork()
        if child == 0:
            try:
                self._join(self.mounts, _NEWNS)
                for descriptor in self.descriptors():
                    os.close(descriptor)
            except BaseException:
                os._exit(70)
        return child

    def close(self):
        """Kill the first process, and with it all others inside. The caller reaps its children."""
        if self.first is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it may have been killed and reaped before
            os.kill(self.first, signal.SIGKILL)
        self._forget()

    def _fork_outside(self):
        if self.first is None:
            return os.fork()
        self._join(self.outer, _NEWPID)
        try:
            child = os.fork()
        finally:
            self._join(self.inner, _NEWPID)
        return child

    def _open(self):
        ours, theirs = socket.socketpair()
        try:
            self.rights.called(self.libc.unshare(_NEWPID), "a process namespace")
            try:
                self.first = os.fork()
                if self.first == 0:
                    self._be_first(theirs)
                self.inner = os.open("/proc/self/ns/pid_for_children", os.O_RDONLY | os.O_CLOEXEC)
                theirs.close()
                _, received, _, _ = socket.recv_fds(ours, 1, 1)
                if not received:
                    raise OSError("the namespaces of the tools could not be made")
                self.mounts = received[0]
                os.set_inheritable(self.mounts, False)
            except BaseException:
                self.close()
                self._forget()
                raise
        finally:
            ours.close()
            theirs.close()

    def _be_first(self, channel):
        """Turn this forked process into the first one of the inner namespaces. Never returns."""
        try:
            os.setpgid(0, 0)
            self.rights.called(self.libc.unshare(_NEWNS), "a mount namespace")
            self.rights.mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
            mounts = os.open("/proc/self/ns/mnt", os.O_RDONLY)
            self.rights.be_first()
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so the kernel reaps orphans
            socket.send_fds(channel, [b"x"], [mounts])
            os.closerange(3, 1 << 16)
            while True:
                signal.pause()
        except BaseException:
            os._exit(70)

    def _forget(self):
        self.first = None
        for descriptor in (self.mounts, self.inner):
            if descriptor >= 0:
                os.close(descriptor)
        self.mounts = self.inner = -1
        self._join(self.outer, _NEWPID)

    def _join(self, descriptor, kind):
        self.rights.called(self.libc.setns(descriptor, kind), "entering a namespace")
