"""Another process that converts chunks of an export for this one, over two pipes of pickles.

It ends when its pipe does, so it outlives neither the export nor this process, whatever ends that. Should it end first,
what it was given and has not sent back never comes, and is for this process to convert; that is also how a failure of
its own comes to light.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.settings import ROOT

_BEGIN = "import sys; sys.path.insert(0, sys.argv[1]); from engine.exporting.convert import serve; serve()"
_PIPE = 1 << 20
_GIVEN = 4
"""Chunks that it has at most: one in work and the others in the pipe, so that it need not wait for us."""
_LENGTH = 8


@dataclass(slots=True, eq=False)
class Chunk:
    """Some stored trajectories, and in `made` what they give once they are converted."""

    entries: list[Any]
    made: list[Any] | None = None


class Converter:
    """One other process."""

    def __init__(self, start: Any, restore: Callable[[Any], Any]) -> None:
        """Start it and send what it needs to know. Nothing here waits for it.

        `restore` is called with what it made of each entry and returns what a chunk holds then.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BEGIN, str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            pipesize=_PIPE,
            start_new_session=True,  # Ctrl-C is ours to answer
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        os.set_blocking(self._to.fileno(), False)
        os.set_blocking(self._from.fileno(), False)
        self._leaving, self._arrived = deque([memoryview(pickle.dumps(start))]), bytearray()
        self._restore = restore
        self._given: deque[Chunk] = deque([Chunk([])])  # it answers that when it has started
        self._has_started = self._has_ended = False

    def takes(self) -> bool:
        """Say whether it can be given a chunk now."""
        self._exchange()
        return self._has_started and not self._has_ended and len(self._given) < _GIVEN

    def give(self, chunk: Chunk) -> None:
        """Have a chunk converted; its `made` is there after some later call."""
        self._given.append(chunk)
        self._leaving.append(memoryview(pickle.dumps(chunk.entries, protocol=pickle.HIGHEST_PROTOCOL)))
        self._exchange()

    def end(self) -> None:
        """End it."""
        self._has_ended = True
        self._process.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    def _exchange(self) -> None:
        """Let bytes pass both ways, as many as do now."""
        try:
            while self._leaving and not self._has_ended and (sent := self._to.write(self._leaving[0])):
                self._leaving[0] = self._leaving[0][sent:]
                if not self._leaving[0]:
                    self._leaving.popleft()
            while not self._has_ended and (data := self._from.read(_PIPE)) is not None:
                self._arrived += data
                self._has_ended = not data
        except BrokenPipeError:
            self._has_ended = True
        while (length := len(self._arrived) - _LENGTH) >= 0:
            if length < (expected := int.from_bytes(self._arrived[:_LENGTH], "big")):
                return
            with memoryview(self._arrived) as view:
                made = pickle.loads(view[_LENGTH : _LENGTH + expected])
            self._given.popleft().made = list(map(self._restore, made))
            del self._arrived[: _LENGTH + expected]
            self._has_started = True


def answer(prepare: Callable[[Any], Callable[[Any], Any]]) -> None:
    """Be the other process: prepare with what was sent first, then make something of each entry of each chunk."""
    to, sys.stdout = os.fdopen(os.dup(1), "wb"), sys.stderr  # what a plug-in prints is no answer
    make = prepare(pickle.load(sys.stdin.buffer))
    entries: list[Any] = []
    while True:
        made = pickle.dumps([make(entry) for entry in entries], protocol=pickle.HIGHEST_PROTOCOL)
        to.write(len(made).to_bytes(_LENGTH, "big") + made)
        to.flush()
        try:
            entries = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
