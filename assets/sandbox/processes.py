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
_PATIENCE = 3.0
"""Seconds in which descendants must be killed one by one before all are killed at once."""


def _prctl():
    try:
        return ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None


PRCTL = _prctl()


class Family:
    """All descendants of this process. `alone` says that nobody else lives in this process namespace.

    `kept` are children that `kill_others` lets live, with all below them.
    """

    def __init__(self, alone):
        self.alone = alone
        self.groups = set()
        self.kept = set()
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
        self._kill_groups(self.groups)
        self.groups.clear()
        self.kept.clear()
        while self._await(-1, os.WNOHANG):
            for child in self._children():
                _signal(os.kill, -1 if self.alone else child)
            self._await(-1)

    def kill_others(self):
        """Kill and reap every descendant that is not kept; all of them when these come faster than they are killed."""
        if not self.kept:
            self.kill()
            return
        deadline = time.monotonic() + _PATIENCE
        self._kill_groups(self.groups - self.kept)
        self.groups &= self.kept
        while others := set(self._children()) - self.kept:
            if time.monotonic() > deadline:
                self.kill()
                return
            for child in others:
                _signal(os.kill, child)
            for child in others:
                self._await(child)

    def _kill_groups(self, groups):
        for group in groups:
            _signal(os.killpg, group)
            _signal(os.kill, group)  # a child that was forked a moment ago does not lead its group yet
        for group in groups:
            self._await(group)

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
        self._forget(child)
        try:
            return os.waitpid(child, 0)[1]
        except ChildProcessError:
            return None

    def reap_orphans(self):
        """Collect ended orphans, so that they do not count as processes. Never waits."""
        try:
            while child := os.waitpid(-1, os.WNOHANG)[0]:
                self._forget(child)
        except ChildProcessError:
            return

    def _forget(self, child):
        self.groups.discard(child)
        self.kept.discard(child)


def outlive_parent():
    """Undo for this process that it dies with the one that forked it."""
    if PRCTL is not None:
        PRCTL(_PDEATHSIG, 0, 0, 0, 0)


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


def exchange(channel, line, deadline, most, stream):
    """Send one line to a worker and return its answer line; None when time ran out.

    Raises EOFError when the worker died, OverflowError when it answered more than `most` bytes, and Hangup
    when the engine closed its `stream` meanwhile.
    """
    talk = Exchange(channel, line, most)
    talk.send()
    poller = select.poll()
    stream.register(poller)
    poller.register(channel, select.POLLIN | (select.POLLOUT if talk.unsent else 0))
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        for descriptor, event in poller.poll(left * 1000):
            if descriptor != channel:
                stream.attend(descriptor)
            elif event & ~select.POLLOUT:
                if talk.receive():
                    return talk.received
            else:
                talk.send()
                poller.register(channel, select.POLLIN | (select.POLLOUT if talk.unsent else 0))
