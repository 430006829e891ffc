"""Every process below the tool server: starting, waiting with a bound, and killing all of them.

Runs inside the sandbox, standard library only. In a container everything but the init process and the server
is killed at once; elsewhere the server is made the reaper of orphans, so that no descendant gets away.
"""

import ctypes
import os
import select
import signal
import time

_PDEATHSIG, _SUBREAPER = 1, 36


def _prctl():
    try:
        return ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None


PRCTL = _prctl()


class Family:
    """All descendants of this process. `alone` says that nobody else lives in this process namespace."""

    def __init__(self, alone):
        self.alone = alone
        self.groups = set()
        if PRCTL is not None:
            PRCTL(_SUBREAPER, 1, 0, 0, 0)

    def fork(self):
        """Fork a child in a process group of its own that dies with the server. Returns 0 in the child.

        It stays in the server's session: Linux shares processor time among sessions first, by priority only then.
        """
        server = os.getpid()
        child = os.fork()
        if child:
            self.groups.add(child)
            return child
        os.setpgid(0, 0)
        if PRCTL is not None:
            PRCTL(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != server:
                os._exit(0)
        return 0

    def kill(self):
        """Kill and reap every descendant. Returns when none is left."""
        if self.alone:
            _signal(os.kill, -1)
        for group in self.groups:
            _signal(os.killpg, group)
            _signal(os.kill, group)  # a child that was forked a moment ago does not lead its group yet
        for group in self.groups:
            self._await(group)
        self.groups.clear()
        while self._await(-1, os.WNOHANG):
            for child in self._children():
                _signal(os.kill, -1 if self.alone else child)
            self._await(-1)

    def _await(self, child, how=0):
        """Reap; False when there is no such child."""
        try:
            os.waitpid(child, how)
        except ChildProcessError:
            return False
        return True

    def _children(self):
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                return [int(word) for word in file.read().split()]
        except OSError:
            return []

    def reap(self, child):
        """Wait for one child that is known to have ended; returns its wait status, or None when it is unknown."""
        self.groups.discard(child)
        try:
            return os.waitpid(child, 0)[1]
        except ChildProcessError:
            return None

    def reap_orphans(self):
        """Collect ended orphans, so that they do not count as processes. Never waits."""
        try:
            while child := os.waitpid(-1, os.WNOHANG)[0]:
                self.groups.discard(child)
        except ChildProcessError:
            return


def _signal(send, target):
    try:
        send(target, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


class Hangup(Exception):
    """The engine closed the stream: the server must end."""


class Exchange:
    """One request line to a worker and its answer line, over a non-blocking channel."""

    def __init__(self, channel, line, most):
        self.channel, self.most = channel, most
        self.unsent = memoryview(line)
        self.received = b""

    def send(self):
        """Send what fits. Raises EOFError when the worker is dead."""
        try:
            self.unsent = self.unsent[os.write(self.channel, self.unsent) :]
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            raise EOFError from None

    def receive(self):
        """Take what is there and say whether the answer is whole. Raises EOFError, OverflowError."""
        try:
            part = os.read(self.channel, 1 << 18)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            raise EOFError from None
        if not part:
            raise EOFError
        self.received += part
        if len(self.received) > self.most:
            raise OverflowError
        return part.endswith(b"\n")


def exchange(channel, line, deadline, most, owner):
    """Send one line to a worker and return its answer line; None when time ran out.

    Raises EOFError when the worker died, OverflowError when it answered more than `most` bytes, and Hangup
    when the stream `owner` was closed meanwhile.
    """
    talk = Exchange(channel, line, most)
    talk.send()
    poller = select.poll()
    poller.register(owner, 0)
    poller.register(channel, select.POLLIN | (select.POLLOUT if talk.unsent else 0))
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        for descriptor, event in poller.poll(left * 1000):
            if descriptor == owner:
                raise Hangup
            if event & ~select.POLLOUT:
                if talk.receive():
                    return talk.received
            else:
                talk.send()
                poller.register(channel, select.POLLIN | (select.POLLOUT if talk.unsent else 0))
