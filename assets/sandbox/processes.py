"""The processes below the tool server: starts them, exchanges lines with them in bounded time, and kills all of them.

Runs inside the sandbox, standard library only. In a container everything but the init process and the server is killed
at once. With namespaces for the children (spaces.py) those end with their first process. Elsewhere the server becomes
the parent of all orphans below it, so that no descendant escapes.
"""

import contextlib
import ctypes
import os
import select
import signal
import time

from lines import PART

_PDEATHSIG, _SUBREAPER = 1, 36
_PATIENCE = 3.0
"""Seconds in which descendants are killed one by one, before all are killed at once."""


def _prctl():
    try:
        return ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None


PRCTL = _prctl()


class Family:
    """All descendants of this process. `alone`: this process namespace holds no other processes. `rights` says which
    user the children become, `space` the namespaces that they are put into, None where they stay in those of this
    process. `groups` are the process groups of the children, `kept` the children that `kill_others` spares with all
    below them, `apart` a child that counts as part of this process (`fork_apart`)."""

    def __init__(self, alone, rights, space=None):
        self.alone, self.rights, self.space = alone, rights, space
        self.groups = set()
        self.kept = set()
        self.apart = None
        self.private = tuple  # returns the descriptors that no child may hold
        if PRCTL is not None:
            PRCTL(_SUBREAPER, 1, 0, 0, 0)

    def fork(self, become=None, inside=True, closing=()):
        """Fork a child in a process group of its own that dies with this process. Returns 0 in the child.

        It holds neither the descriptors `closing` nor those that `private` names. They are closed first of all: once
        the child is a tool, other tools may take a descriptor out of it.

        The child becomes the user of the tools, or what `become`, another method of the rights, makes of it. A child
        that cannot do so ends. It is put into the space of the children unless `inside` is False. It stays in this
        session, because Linux first shares processor time among sessions and compares priorities only within one.
        """
        server = os.getpid()
        child = os.fork() if self.space is None else self.space.fork(inside)
        if child:
            self.groups.add(child)
            return child
        self.settle(server, become, (*closing, *self.private()))
        return 0

    def settle(self, server, become=None, closing=()):
        """Do in a forked process what `fork` says, which is a child of the process `server`."""
        try:
            for descriptor in closing:
                os.close(descriptor)
            os.setpgid(0, 0)
            (become or self.rights.become_tool)()
            _die_with(server)  # after the change of user, which clears it
        except BaseException:
            os._exit(70)

    def fork_apart(self, serve, closing=()):
        """Fork the child that runs `serve` and dies with this process. No method but `end_apart` ends it, waits for it
        or counts it."""
        server = os.getpid()
        child = os.fork()
        if child:
            self.apart = child
            return
        try:
            for descriptor in (*closing, *self.private()):
                os.close(descriptor)
            _die_with(server)
            serve()
        finally:
            os._exit(70)

    def end_apart(self):
        """Kill and reap the child apart, if there is one."""
        if self.apart is not None:
            _signal(os.kill, self.apart)
            self._await(self.apart)
            self.apart = None

    def kill(self):
        """Kill and reap every descendant. Returns when none is left."""
        if self.alone:
            _signal(os.kill, -1)
        if self.space is not None:
            self.space.close()
        self._kill_groups(self.groups)
        self.groups.clear()
        self.kept.clear()
        while self._await(-1, os.WNOHANG):
            children = self._children(os.getpid())
            if self.apart is not None and children == [self.apart]:
                return
            if self.apart not in children:
                self.end_apart()  # the children cannot be listed: with it, waiting for them would not end
            for child in children:
                if child != self.apart:
                    _signal(os.kill, -1 if self.alone else child)
            self._await(-1)

    def kill_others(self):
        """Kill and reap every descendant that is not kept; all of them when new ones start faster than they are
        killed."""
        if not self.kept:
            self.kill()
            return
        deadline = time.monotonic() + _PATIENCE
        self._kill_groups(self.groups - self.kept)
        self.groups &= self.kept
        while others := self._others():
            if time.monotonic() > deadline:
                self.kill()
                return
            for child in others:
                _signal(os.kill, child)
            for child in others:
                self._await_killed(child)

    def _others(self):
        """Return the children and orphans that are not kept."""
        return self._below(self._children) - self.kept

    def _below(self, children):
        """Return what `children`, a function from a process to its children, gives for this process, with the orphans
        that became children of the space's first process in its place."""
        first = None if self.space is None else self.space.first
        found = set(children(os.getpid())) - {self.apart}
        return found if first is None else found - {first} | set(children(first))

    @contextlib.contextmanager
    def frozen(self):
        """Stop all descendants meanwhile, so that they cannot change what is read; only where this process namespace
        holds no other processes. Those that are forked meanwhile run."""
        if self.alone:
            _signal(os.kill, -1, signal.SIGSTOP)
        try:
            yield
        finally:
            if self.alone:
                _signal(os.kill, -1, signal.SIGCONT)

    def _kill_groups(self, groups):
        for group in groups:
            _signal(os.killpg, group)
            _signal(os.kill, group)  # a child that was forked a moment ago does not lead its group yet
        for group in groups:
            self._await_killed(group)

    def _await_killed(self, child):
        """Reap a killed child. It cannot be reaped as long as another process traces it, so this does not wait for
        ever: what is left is met again among the children."""
        await_end(child, _PATIENCE)
        self._await(child, os.WNOHANG)

    def _await(self, child, how=0):
        """Reap a child (-1: any); return False when there is none."""
        try:
            if os.waitpid(child, how)[0] == self.apart:
                self.apart = None
        except ChildProcessError:
            return False
        return True

    def only_waiting(self, expected):
        """Return whether no process lives below this one but the `expected` children, each in one thread and without
        children of its own. False where that cannot be found out."""
        try:
            found = self._below(_children_of)
            alone = all(os.listdir(f"/proc/{child}/task") == [str(child)] for child in found)
            return found <= set(expected) and alone and not any(_children_of(child) for child in found)
        except OSError:
            return False

    def _children(self, process):
        try:
            return _children_of(process)
        except OSError:
            return []

    def reap(self, child):
        """Reap a child that is known to have ended, and return its wait status; None when it was reaped already."""
        self._forget(child)
        try:
            return os.waitpid(child, 0)[1]
        except ChildProcessError:
            return None

    def reap_orphans(self):
        """Reap ended orphans, so that they do not count as processes. Never waits."""
        try:
            while child := os.waitpid(-1, os.WNOHANG)[0]:
                self._forget(child)
        except ChildProcessError:
            return

    def _forget(self, child):
        if child == self.apart:
            self.apart = None
        self.groups.discard(child)
        self.kept.discard(child)


def _children_of(process):
    """Return the children of a process with one thread. Raises OSError."""
    with open(f"/proc/{process}/task/{process}/children") as file:
        return [int(word) for word in file.read().split()]


def await_end(child, seconds):
    """Return whether a child ended within so many seconds, or is none any more; it stays to be reaped."""
    deadline = time.monotonic() + seconds
    try:
        watched = os.pidfd_open(child)
    except ProcessLookupError:
        return True
    except (AttributeError, OSError):
        watched = None  # this kernel has no such call
    try:
        while True:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if watched is None:
                time.sleep(min(left, 0.001))
                continue
            poller = select.poll()
            poller.register(watched, select.POLLIN)
            if poller.poll(left * 1000):
                return bool(os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT))
    except ChildProcessError:
        return True
    finally:
        if watched is not None:
            os.close(watched)


def _die_with(server):
    """Have the kernel kill this process when the process `server`, its parent, dies."""
    if PRCTL is not None:
        PRCTL(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() not in (server, 0):  # it died before; a parent in another namespace shows as 0
            os._exit(0)


def outlive_parent():
    """Let this process live on when the one that forked it dies (see `Family.fork`)."""
    if PRCTL is not None:
        PRCTL(_PDEATHSIG, 0, 0, 0, 0)


def _signal(send, target, number=signal.SIGKILL):
    try:
        send(target, number)
    except (ProcessLookupError, PermissionError):
        return


class Hangup(Exception):
    """The engine closed the stream: the server must end."""


class Slow(Exception):
    """`brief` took too long."""


@contextlib.contextmanager
def brief(seconds):
    """Raise Slow in what is done meanwhile when it has taken so many seconds of processor time."""

    def interrupt(number, frame):
        raise Slow(f"it takes more than {seconds:g} seconds")

    before = signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class Exchange:
    """One request line to a worker and its answer line, over a non-blocking channel."""

    def __init__(self, channel, line, most):
        self.channel, self.most = channel, most
        self.unsent = memoryview(line)
        self.received = b""

    def send(self):
        """Send as much as the channel takes. Raises EOFError when the worker is dead."""
        try:
            self.unsent = self.unsent[os.write(self.channel, self.unsent) :]
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            raise EOFError from None

    def receive(self):
        """Read what has come and return whether the answer is complete. Raises EOFError, OverflowError."""
        try:
            part = os.read(self.channel, PART)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            raise EOFError from None
        if not part:
            raise EOFError
        self.received += part
        if len(self.received) > self.most:
            raise OverflowError
        return b"\n" in part


def exchange(channel, line, deadline, most, stream):
    """Send one line to a worker and return its answer line; None when it did not come before `deadline`.

    Serves the engine's `stream` meanwhile. Raises EOFError when the worker died, OverflowError when it answered more
    than `most` bytes, and Hangup when the engine closed the stream.
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
