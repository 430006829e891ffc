"""Runs one command in the workspace with bounds on time and output.

Runs inside the sandbox, standard library only.
"""

import collections
import os
import select
import signal
import time

import worker

Place = collections.namedtuple("Place", "folder environment limits process_cap")
"""Where a command runs: its folder and environment variables, the limits, and the RLIMIT_NPROC to set or None."""


class Output:
    """Collects a stream up to `limit` bytes. Further bytes are read and dropped, so that the command never blocks."""

    def __init__(self, descriptor, limit):
        self.descriptor, self.limit = descriptor, limit
        self.data = b""
        self.cut = False

    def take(self, part):
        room = self.limit - len(self.data)
        self.data += part[:room]
        self.cut = self.cut or len(part) > room


def execute(family, request, place, stream):
    """Run a command and return {"status", "stdout", "stderr", "fault", "truncated", "seconds"} with outputs as bytes.

    Returns when the command itself ends; processes that it started in the background live until the next reset or
    timeout. A timeout kills every process of the sandbox but the open ones (programs.py).
    """
    began = time.monotonic()
    read_out, write_out = os.pipe()
    read_err, write_err = os.pipe()
    read_in, write_in = os.pipe()
    try:
        child = family.fork()
    except OSError as error:
        for descriptor in (read_out, write_out, read_err, write_err, read_in, write_in):
            os.close(descriptor)
        return _answer(None, b"", f"The command could not start: {error.strerror}.".encode(), "limit", False, began)
    if child == 0:
        become(request["argv"], (read_in, write_out, write_err), place, 2)
    for descriptor in (read_in, write_out, write_err):
        os.close(descriptor)
    out, err = (Output(descriptor, place.limits["output_chars"]) for descriptor in (read_out, read_err))
    os.set_blocking(write_in, False)
    pump = _Pump(child, (out, err), write_in, request["stdin"])
    try:
        ended = pump.until(began + request["timeout"], stream)
        if ended:
            status = family.reap(child)
            family.reap_orphans()
        else:
            family.kill_others()
            status = None
        _take_rest(out, err)
    finally:
        pump.close()
        os.close(read_out)
        os.close(read_err)
    cut = out.cut or err.cut
    if not ended:
        return _answer(None, out.data, err.data, "timeout", cut, began)
    if status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
        return _answer(None, out.data, err.data, "limit", cut, began)
    return _answer(exit_code(status), out.data, err.data, None, cut, began)


def exit_code(status):
    """Return the exit code of a wait status; 128 plus the signal's number when a signal ended the process."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _answer(status, stdout, stderr, fault, truncated, began):
    seconds = round(time.monotonic() - began, 6)
    return {
        "status": status,
        "stdout": stdout,
        "stderr": stderr,
        "fault": fault,
        "truncated": truncated,
        "seconds": seconds,
    }


def become(argv, streams, place, report):
    """Turn this forked child into the command. Never returns; if the command cannot start, writes why to the descriptor
    `report`."""
    try:
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        os.chdir(place.folder)
        worker.bound(place.limits, place.process_cap)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvpe(argv[0], argv, place.environment)
    except BaseException as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        os.write(report, f"{''.join(argv[:1])}: {reason}\n".encode("utf-8", "replace"))
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


class _Pump:
    """Moves bytes between a command and the server until it ends or time is up."""

    def __init__(self, child, streams, stdin, data):
        self.child = child
        self.streams = {stream.descriptor: stream for stream in streams}
        self.stdin, self.unsent = stdin, memoryview(data)
        self.poller = select.poll()
        for descriptor in self.streams:
            self.poller.register(descriptor, select.POLLIN)
        self.poller.register(stdin, select.POLLOUT)
        try:
            self.ending = os.pidfd_open(child)
            self.poller.register(self.ending, select.POLLIN)
        except (AttributeError, OSError):
            self.ending = -1  # this kernel has no such call: `until` then looks every 20 milliseconds

    def close(self):
        for descriptor in (self.stdin, self.ending):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)

    def until(self, deadline, stream):
        """Return True when the command ended, False when time was up. Serves the engine's `stream` meanwhile. Raises
        Hangup."""
        stream.register(self.poller)
        while (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in self.poller.poll(left * 1000 if self.ending >= 0 else min(left * 1000, 20)):
                if descriptor == self.ending:
                    return True
                if descriptor == self.stdin or descriptor in self.streams:
                    self._move(descriptor)
                else:
                    stream.attend(descriptor)
            if self.ending < 0 and os.waitid(os.P_PID, self.child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return True
        return False

    def _move(self, descriptor):
        if descriptor != self.stdin:
            if not _receive(self.streams[descriptor]):
                self.poller.unregister(descriptor)
            return
        self.unsent = _feed(self.stdin, self.unsent)
        if not self.unsent:
            self.poller.unregister(self.stdin)
            os.close(self.stdin)
            self.stdin = None


def _feed(stdin, unsent):
    try:
        return unsent[os.write(stdin, unsent[:65536]) :] if unsent else unsent
    except BlockingIOError:
        return unsent
    except BrokenPipeError:
        return unsent[len(unsent) :]


def _receive(stream):
    part = os.read(stream.descriptor, 1 << 16)
    stream.take(part)
    return bool(part)


def _take_rest(*streams):
    """Read what the pipes hold now, and not to their end: a background process may keep them open for ever."""
    for stream in streams:
        os.set_blocking(stream.descriptor, False)
        try:
            for _ in range(64):
                if not _receive(stream):
                    break
        except BlockingIOError:
            continue
