"""Open processes: programs that run while tools are called, and their bytes on the way to and from the engine.

Runs inside the sandbox, standard library only. Each has a keeper (keeper.py) as its parent. The engine grants how many
bytes of output it takes, and hears how many bytes of input the program took. Neither side holds more than that, so a
program that writes without end is stopped by its full pipe.
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
_ERRORS = 4096
"""Bytes of standard error that are kept: the last ones."""
_KILLED = 128 + signal.SIGKILL


class Unstarted(Exception):
    """A program cannot start; the message says why."""


class Programs:
    """All open processes of a sandbox, in `running` by the number that the engine gave them.

    `selector` is ready when bytes can be moved; `attend` moves them.
    """

    def __init__(self, family, stream):
        self.family, self.stream = family, stream
        self.running = {}
        self.selector = selectors.DefaultSelector()

    def descriptors(self):
        """Return what no child may hold: a copy of a pipe's end would keep it open."""
        return [self.selector.fileno(), *(number for one in self.running.values() for number in one.open)]

    def start(self, request, place, private):
        """Start a program; its keeper closes the descriptors `private`. Raises Unstarted, Hangup."""
        if len(self.running) >= _MOST:
            raise Unstarted(f"{_MOST} processes are open in this sandbox. Close one first.")
        self.family.reap_orphans()
        pipes = [os.pipe() for _ in range(3)]
        ours, theirs = socket.socketpair()
        inside, outside = [pipes[0][0], pipes[1][1], pipes[2][1]], [pipes[0][1], pipes[1][0], pipes[2][0]]
        try:
            child = self.family.fork()
        except OSError:
            child = None
        if child == 0:
            keeper.start(theirs.detach(), request["argv"], inside, place, (*outside, ours.detach(), *private))
        for descriptor in inside:
            os.close(descriptor)
        theirs.close()
        program = Program(request, self, child, (*outside, ours.detach()))
        try:
            said = self.begin(program, place)
        except Unstarted:
            program.close()
            if child is not None:
                self.family.reap(child)
            raise
        self.running[program.number] = program
        program.settle()
        if said:
            program.heard(said)

    def begin(self, program, place):
        """Have the keeper start its program; return what it says beyond that. Raises Unstarted, Hangup."""
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
        """Do what the engine asks of one process; nothing when it is gone."""
        program = self.running.get(message["process"])
        if program is not None:
            program.received(message)

    def attend(self):
        for key, _ in self.selector.select(0):
            if self.selector.get_map().get(key.fd) is key:
                key.data()

    def end(self):
        """Forget all of them, which have been killed, and tell the engine."""
        for program in list(self.running.values()):
            program.gone()


class Program:
    """One open process, as the server sees it: four descriptors, of which each is watched while it can be served."""

    def __init__(self, request, programs, child, descriptors):
        self.number, self.credit = request["process"], request["window"]
        self.often = request["window"] // 4  # bytes of input taken, after which the engine is told
        self.programs, self.selector, self.keeper = programs, programs.selector, child
        self.stdin, self.stdout, self.stderr, self.channel = descriptors
        self.open = set(descriptors)
        for descriptor in descriptors:
            os.set_blocking(descriptor, False)
        self.input, self.taken = bytearray(), 0
        self.errors = b""
        self.status = None
        self.left = None  # bytes of output still to be sent, known once the program ended

    def settle(self):
        """Watch what can be served now. Once the program ended and its output was sent, tell the engine."""
        if self.status is not None and self.stdout in self.open and self.left <= 0:
            self.close(self.stdout)
            self.send(drained=True)
        self.watch(self.stdin, selectors.EVENT_WRITE, self.feed, self.input)
        self.watch(self.stdout, selectors.EVENT_READ, self.forward, self.credit > 0)
        self.watch(self.stderr, selectors.EVENT_READ, self.note, True)
        self.watch(self.channel, selectors.EVENT_READ, self.listen, True)

    def watch(self, descriptor, event, serve, wanted):
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

    def send(self, **said):
        self.programs.stream.send({"process": self.number, **said})

    # ------------------------------------------------------------ what the engine says

    def received(self, message):
        self.credit += message.get("granted", 0)
        if "data" in message and self.stdin in self.open:
            self.input += base64.b64decode(message["data"])
            self.feed()
        if "end" in message:
            self.close(self.stdin)
            with contextlib.suppress(OSError):  # the keeper is gone, which `listen` will notice
                os.write(self.channel, b"\n")
        self.settle()

    # ------------------------------------------------------------ what the program does

    def feed(self):
        """Write input as far as the program takes it."""
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
        if self.taken >= self.often:
            self.send(taken=self.taken)
            self.taken = 0
        self.settle()

    def forward(self):
        """Send output as far as the engine takes it."""
        part = os.read(self.stdout, min(_PART, self.credit, _PART if self.left is None else self.left))
        if part:
            self.send(data=base64.b64encode(part).decode())
            self.credit -= len(part)
            self.left = None if self.left is None else self.left - len(part)
        elif self.status is None:
            self.close(self.stdout)
        else:
            self.left = 0
        self.settle()

    def note(self):
        """Keep the end of what the program writes to standard error."""
        part = os.read(self.stderr, _PART)
        self.errors = (self.errors + part)[-_ERRORS:]
        if not part:
            self.close(self.stderr)

    def listen(self):
        """Take what the keeper says: the program's status, and nothing any more at its own end."""
        try:
            line = os.read(self.channel, _PART)
        except ConnectionResetError:
            line = b""
        if line:
            self.heard(line)
        else:
            self.gone()

    def heard(self, line):
        self.ended(json.loads(line)["status"])

    def ended(self, status):
        """Tell the engine the status; what the pipe still holds of the output follows."""
        self.status = status
        if self.stderr in self.open and _unread(self.stderr):
            self.note()
        self.send(status=status, errors=base64.b64encode(self.errors).decode())
        self.close(self.stdin, self.stderr)
        if self.stdout in self.open:
            self.left = _unread(self.stdout)
        else:
            self.send(drained=True)
        self.settle()

    def gone(self):
        """Forget the process: it was killed with all that it started."""
        if self.status is None:
            self.ended(_KILLED)
        self.close()
        self.send(gone=True)
        del self.programs.running[self.number]
        self.programs.family.reap(self.keeper)


def _unread(pipe):
    """Return how many bytes wait in a pipe."""
    import fcntl  # libraries that each fork of a server without open processes would pay for
    import termios

    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]
