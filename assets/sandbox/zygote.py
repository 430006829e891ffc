"""A small process that forks the workers in place of the tool server.

Runs inside the sandbox, standard library only. After a fork the kernel copies every page of memory that either side
writes to, and the server writes to hundreds of them while it serves a rollout. This process does nothing but fork, so
only what the workers write to is copied. Its children are the server's (CLONE_PARENT): the server waits for them and
ends them as if it had forked them itself.
"""

import ctypes
import os
import platform
import signal
import socket

_CLONE = 56
"""The number of the system call, on the one kind of machine where this is done."""
_PARENT, _SET_TID, _CLEAR_TID = 0x8000, 0x1000000, 0x200000
_GET_TID_ADDRESS = 40
_PATIENCE = 10.0
"""Seconds in which a worker must have been forked."""


class Zygote:
    """The process, as the server sees it. `become` makes a worker of a forked process, given the descriptor of its
    channel, and never returns. Raises OSError."""

    def __init__(self, family, become):
        self.family = family
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(_PATIENCE)
        server, ours = os.getpid(), self.channel.fileno()
        try:
            family.fork_apart(lambda: _serve(theirs, family, server, become), closing=(ours,))
        except OSError:
            self.channel.close()
            raise
        finally:
            theirs.close()

    def fork(self, channel):
        """Have a worker forked that holds the descriptor `channel`, and return its number. Raises OSError when that
        cannot be done."""
        socket.send_fds(self.channel, [b"x"], [channel])
        child = int(self.channel.recv(32) or b"0")
        if child <= 0:
            raise OSError(-child, "no worker could be forked")
        self.family.groups.add(child)
        return child

    def close(self):
        """End the process. Works again and again."""
        self.channel.close()
        self.family.end_apart()


def is_possible(family):
    """Return whether the workers of this family can be forked by another process: the server must be able to tell it
    from them, and they must not be put into other namespaces or become another user first."""
    apart = family.alone or family.space is not None or family.rights.users is not None
    listed = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
    return not apart and platform.machine() == "x86_64" and listed and _tid_address() is not None


def _serve(channel, family, server, become):
    """Fork a worker for each descriptor that comes, until the server closes the channel. Never returns."""
    address = _tid_address()
    while True:
        _, received, _, _ = socket.recv_fds(channel, 1, 1)
        if not received:
            os._exit(0)
        child = _fork_sibling(address)
        if child == 0:
            family.settle(server, closing=(channel.fileno(),))
            become(received[0])
        os.close(received[0])
        channel.sendall(b"%d" % child)


def _fork_sibling(address):
    """Fork a child of this process's parent. Returns 0 in it, and the negative error number when it cannot be made.

    The C library's fork cannot do so. What it does beyond the system call is done here: Python's own preparations, and
    the thread's number, which the library keeps at `address`.
    """
    flags = _PARENT | _SET_TID | _CLEAR_TID | signal.SIGCHLD
    ctypes.pythonapi.PyOS_BeforeFork()
    child = _KERNEL.syscall(_CLONE, flags, None, None, ctypes.c_void_p(address), None)
    if child == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    error = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    return child if child > 0 else -error


def _tid_address():
    """Return where the C library keeps the number of this thread; None where the kernel does not tell."""
    address = ctypes.c_void_p()
    if _KERNEL is None or _KERNEL.prctl(_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0) != 0:
        return None
    return address.value


def _kernel():
    try:
        return ctypes.PyDLL(None, use_errno=True)  # holds the interpreter's lock, which the child must have
    except (OSError, TypeError):
        return None


_KERNEL = _kernel()
