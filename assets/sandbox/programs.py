"""Open processes: programs that run while tools are called. Moves their input and output between them and the engine.

Runs inside the sandbox, standard library only. Each program has a keeper (keeper.py) as its parent. Flow control: the
engine grants how many bytes of output it takes, and is told how many bytes of input the program took. No more is
buffered, so a program that writes without end is held up by its full pipe.
"""

import base64
import contextlib
import json
import os
import selectors
import signal
import socket
import struct
import time

import keeper
import processes

_MOST = 8
"""Open processes of one sandbox."""
_PART = 1 << 16
"""Bytes that are read or sent at once."""
_ERRORS = 4096
"""Last bytes of standard error that are kept."""
_KILLED = 128 + signal.SIGKILL
"""The status of a program that was killed before it could end."""


class Unstarted(Exception):
    """A program cannot start; the message says why."""


class Programs:
    """All open processes of a sandbox. `running` holds them by the number that the engine gave them. When `selector` is
    ready, bytes can be moved, which `attend` does."""

    def __init__(self, family, stream):
        self.family, self.stream = family, stream
        self.running = {}
        self.selector = selectors.DefaultSelector()

    def descriptors(self):
        """Return the descriptors that no child may inherit, because its copy would keep a pipe open."""
        return [self.selector.fileno(), *(number for one in self.running.values() for number in one.open)]

    def start(self, request, place):
        """Start a program. Raises Unstarted, Hangup."""
        if len(self.running) >= _MOST:
            raise Unstarted(f"{_MOST} processes are open in this sandbox. Close one first.")
        self.family.reap_orphans()
        pipes = [os.pipe() for _ in range(3)]
        ours, theirs = socket.socketpair()
        inside, outside = [pipes[0][0], pipes[1][1], pipes[2][1]], [pipes[0][1], pipes[1][0], pipes[2][0]]
        try:
            child = self.family.fork(self.family.rights.stay)  # else a tool could kill or stop the keeper
        except OSError:
            child = None
        if child == 0:
            unwanted = (*outside, ours.detach())
            keeper.start(theirs.detach(), request["argv"], inside, place, unwanted, self.family.rights)
        for descriptor in inside:
            os.close(descriptor)
        theirs.close()
        program = Program(request, self, child, (*outside, ours.detach()))
        try:
            status_line = self.begin(program, place)
        except Unstarted:
            program.close()
            if child is not None:
                self.family.reap(child)
            raise
        self.running[program.number] = program
        program.settle()
        if status_line:
            program.status_came(status_line)

    def begin(self, program, place):
        """Have the keeper start its program. Returns the keeper's second line, if the program ended so soon that it
        came with the first. Raises Unstarted, Hangup."""
        if program.keeper is None:
            raise Unstarted("The sandbox allows no further process.")
        self.family.kept.add(program.keeper)
        seconds = place.limits["call_seconds"]
        try:
            lines = processes.exchange(program.channel, b"\n", time.monotonic() + seconds, _PART, self.stream)
        except (EOFError, OverflowError):
            raise Unstarted("The program was killed by a bound of the sandbox.") from None
        if lines is None:
            os.kill(program.keeper, signal.SIGKILL)
            raise Unstarted(f"The program did not start within {seconds:g} seconds.")
        answer, _, further = lines.partition(b"\n")
        if error := json.loads(answer)["error"]:
            raise Unstarted(f"The program cannot start: {error}.")
        return further

    def received(self, message):
        """Pass a message of the engine to its process; ignore it when that has ended."""
        program = self.running.get(message["process"])
        if program is not None:
            program.received(message)

    def attend(self):
        """Move the bytes that can be moved now."""
        for key, _ in self.selector.select(0):
            if self.selector.get_map().get(key.fd) is key:  # an earlier step may have closed it
                key.data()

    def end(self):
        """Forget all programs, which were killed before, and tell the engine."""
        for program in list(self.running.values()):
            program.gone()


class Program:
    """One open process as the server sees it: the descriptors of its three streams and its keeper's channel. Each is
    watched while there is something to do for it."""

    def __init__(self, request, programs, child, descriptors):
        self.number, self.credit = request["process"], request["window"]  # bytes of output that may still be sent
        self.report_after = request["window"] // 4  # bytes of input taken, after which the engine is told
        self.programs, self.selector, self.keeper = programs, programs.selector, child
        self.stdin, self.stdout, self.stderr, self.channel = descriptors
        self.open = set(descriptors)
        for descriptor in descriptors:
            os.set_blocking(descriptor, False)
        self.input, self.taken = bytearray(), 0  # input to be written; bytes written and not reported
        self.errors = b""
        self.status = None
        self.unsent = None  # bytes of output in the pipe, known once the program ended

    def settle(self):
        """Watch the descriptors that can be served now. Once the program ended and all its output was sent, say so."""
        if self.status is not None and self.stdout in self.open and self.unsent <= 0:
            self.close(self.stdout)
            self.send(drained=True)
        self.watch(self.stdin, selectors.EVENT_WRITE, self.feed, self.input)
        self.watch(self.stdout, selectors.EVENT_READ, self.forward, self.credit > 0)
        self.watch(self.stderr, selectors.EVENT_READ, self.keep_errors, True)
        self.watch(self.channel, selectors.EVENT_READ, self.listen, True)

    def watch(self, descriptor, event, serve, wanted):
        """Have `attend` call `serve` when the descriptor is ready, or no longer if it is not `wanted`."""
        if descriptor not in self.open:
            return
        known = descriptor in self.selector.get_map()
        if wanted and not known:
            self.selector.register(descriptor, event, serve)
        elif known and not wanted:
            self.selector.unregister(descriptor)

    def close(self, *descriptors):
        """Close these descriptors; without any all of them."""
        for descriptor in self.open.intersection(descriptors or self.open):
            if descriptor in self.selector.get_map():
                self.selector.unregister(descriptor)
            os.close(descriptor)
            self.open.discard(descriptor)

    def send(self, **fields):
        """Send a message about this process to the engine."""
        self.programs.stream.send({"process": self.number, **fields})

    # ------------------------------------------------------------ messages of the engine

    def received(self, message):
        """Take a message: `granted` output bytes, input `data`, or `end`."""
        self.credit += message.get("granted", 0)
        if "data" in message and self.stdin in self.open:
            self.input += base64.b64decode(message["data"])
            self.feed()
        if "end" in message:
            self.close(self.stdin)
            with contextlib.suppress(OSError):  # the keeper has ended, which `listen` will notice
                os.write(self.channel, b"\n")
        self.settle()

    # ------------------------------------------------------------ events of the program

    def feed(self):
        """Write as much input as the program's pipe takes."""
        try:
            written = os.write(self.stdin, self.input)
        except BlockingIOError:
            written = 0
        except BrokenPipeError:
            self.close(self.stdin)
            self.send(deaf=True)
            return
        del self.input[:written]
        self.taken += written
        if self.taken >= self.report_after:
            self.send(taken=self.taken)
            self.taken = 0
        self.settle()

    def forward(self):
        """Send output of the program to the engine, as much as it granted."""
        part = os.read(self.stdout, min(_PART, self.credit, _PART if self.unsent is None else self.unsent))
        if part:
            self.send(data=base64.b64encode(part).decode())
            self.credit -= len(part)
            self.unsent = None if self.unsent is None else self.unsent - len(part)
        elif self.status is None:
            self.close(self.stdout)
        else:
            self.unsent = 0
        self.settle()

    def keep_errors(self):
        """Read standard error and keep its last bytes."""
        part = os.read(self.stderr, _PART)
        self.errors = (self.errors + part)[-_ERRORS:]
        if not part:
            self.close(self.stderr)

    def listen(self):
        """Read the keeper's channel: a line with the program's status, or its end when the keeper has ended."""
        try:
            line = os.read(self.channel, _PART)
        except ConnectionResetError:
            line = b""
        if line:
            self.status_came(line)
        else:
            self.gone()

    def status_came(self, line):
        self.ended(json.loads(line)["status"])

    def ended(self, status):
        """Send the status to the engine. Of the output only what is in the pipe now follows, as a child of the program
        may keep the pipe open."""
        self.status = status
        if self.stderr in self.open and _unread(self.stderr):
            self.keep_errors()
        self.send(status=status, errors=base64.b64encode(self.errors).decode())
        self.close(self.stdin, self.stderr)
        if self.stdout in self.open:
            self.unsent = _unread(self.stdout)
        else:
            self.send(drained=True)
        self.settle()

    def gone(self):
        """Forget the process, which has ended with all that it started, and tell the engine."""
        if self.status is None:
            self.ended(_KILLED)
        self.close()
        self.send(gone=True)
        del self.programs.running[self.number]
        self.programs.family.reap(self.keeper)


def _unread(pipe):
    """Return how many bytes wait in a pipe."""
    import fcntl  # not at the top: each fork of a server without open processes would pay for these
    import termios

    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]
