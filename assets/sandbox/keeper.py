"""The parent of one open process: starts its program, tells how it ended, and kills whatever is left of it.

Runs inside the sandbox, standard library only. What the program orphans becomes a child of its keeper. So everything
that it started can be found, and is not confused with what calls and commands left running.
"""

import json
import os
import select
import signal
import time

import command
import processes

_PATIENCE = 0.5
"""Seconds in which a program may end by itself when its input is closed, and again after SIGTERM."""


def start(channel, argv, streams, place, unwanted):
    """Turn this freshly forked process into a keeper, without the descriptors `unwanted`. Never returns.

    `channel` leads to the server: a byte asks to begin, a line answers, a second line tells the program's status, and a
    second byte asks for the end. A channel that closes means that the server is gone.
    """
    try:
        for descriptor in unwanted:
            os.close(descriptor)
        processes.outlive_parent()
        Keeper(channel).keep(argv, streams, place)
    except BaseException:
        os._exit(70)


class Keeper:
    """Has one program below it. `child` is its process id while it runs."""

    def __init__(self, channel):
        self.channel = channel
        self.family = processes.Family(alone=False)
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
        """Do what the server asks until it asks for the end or is gone. Never returns."""
        os.read(self.channel, 1)
        error = self.begin(argv, streams, place)
        self.say({"error": error})
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
        """Reap children until the server says something; with `seconds`, until they are over or the program ended."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while deadline is None or (self.child and time.monotonic() < deadline):
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            for descriptor, _ in self.poller.poll(left):
                if descriptor == self.channel:
                    return
                self.reap()

    def reap(self):
        try:
            os.read(self.ended, 512)
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self.child:
                    self.family.groups.discard(self.child)
                    self.child = None
                    self.say({"status": command.exit_code(found[1])})
        except ChildProcessError:
            return

    def say(self, value):
        os.write(self.channel, json.dumps(value).encode() + b"\n")

    def end_gently(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.wait(_PATIENCE)
            if self.child:
                os.killpg(self.child, number)
