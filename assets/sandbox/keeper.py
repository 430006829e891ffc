"""The parent process of one open program: starts it, reports how it ended, and kills all that it started.

Runs inside the sandbox, standard library only. Orphans of the program become children of its keeper. So all that the
program started can be found, apart from what tool calls and commands left running. The keeper has the server's user and
rights, so that no tool can stop it or speak for it. Where that user is the tools' too (spaces.py), a tool can stop it,
which ends the program, but not speak for it; and the program has namespaces of its own, which end with it.
"""

import json
import os
import select
import signal
import time

import command
import processes
import spaces

_PATIENCE = 0.5
"""Seconds in which a program may end by itself when its input is closed, and again after SIGTERM."""


def start(channel, argv, streams, place, unwanted, rights):
    """Turn this newly forked process into a keeper, after closing the descriptors `unwanted`. Never returns.

    `channel` is a socket to the server. The server sends a byte to start the program; the keeper answers with a line
    {"error"}, and sends a line {"status"} when the program has ended. A second byte of the server ends everything. When
    the channel closes, the server has died.
    """
    try:
        for descriptor in unwanted:
            os.close(descriptor)
        processes.outlive_parent()
        Keeper(channel, rights).keep(argv, streams, place)
    except BaseException:
        os._exit(70)


class Keeper:
    """Keeps one program. `child` is its process id while it runs."""

    def __init__(self, channel, rights):
        self.channel = channel
        space = spaces.Space(rights) if isinstance(rights, spaces.OneUser) else None
        self.family = processes.Family(False, rights, space)
        self.family.private = lambda: (channel,)
        self.child = None
        self.poller = select.poll()
        self.poller.register(channel, select.POLLIN)
        self.ended, wake = os.pipe()
        self.poller.register(self.ended, select.POLLIN)
        for descriptor in (self.ended, wake):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def keep(self, argv, streams, place):
        """Start the program and keep it until the server ends it or dies. Never returns."""
        os.read(self.channel, 1)
        error = self.begin(argv, streams, place)
        self.send({"error": error})
        if not error:
            self.wait()
            if os.read(self.channel, 1):
                self.end_gently()
        self.family.kill()
        os._exit(0)

    def begin(self, argv, streams, place):
        """Start the program; return why it could not start, or an empty text."""
        failed, report = os.pipe()
        try:
            child = self.family.fork()
        except OSError:
            return "the sandbox allows no further process"
        if child == 0:
            command.become(argv, streams, place, report)
        for descriptor in (*streams, report):
            os.close(descriptor)
        error = os.read(failed, 4096)  # empty once the program runs
        os.close(failed)
        self.child = child
        return error.decode("utf-8", "replace").strip()

    def wait(self, seconds=None):
        """Reap children until the server sends something; with `seconds` at most that long, and not after the program
        ended."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while deadline is None or (self.child and time.monotonic() < deadline):
            milliseconds = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            for descriptor, _ in self.poller.poll(milliseconds):
                if descriptor == self.channel:
                    return
                self.reap()

    def reap(self):
        """Collect ended children; report the program's status when it is among them."""
        try:
            os.read(self.ended, 512)
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self.child:
                    self.family.groups.discard(self.child)
                    self.child = None
                    self.send({"status": command.exit_code(found[1])})
        except ChildProcessError:
            return

    def send(self, value):
        os.write(self.channel, json.dumps(value).encode() + b"\n")

    def end_gently(self):
        """Let the program end by itself for a moment, then send SIGTERM, then SIGKILL."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.wait(_PATIENCE)
            if self.child:
                os.killpg(self.child, number)
