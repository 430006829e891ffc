"""A child process that converts chunks of an export, fed through its standard input and output with pickles.

It exits when its standard input closes, so it outlives neither the export nor the parent, even if that is killed. If
the child dies first, its open chunks get no results: the parent converts them itself, and meets the error, if any.
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

from engine.settings import ROOT, child_environment

_MAIN = "import sys; sys.path.insert(0, sys.argv[1]); from engine.exporting.convert import serve; serve()"
_PIPE_BYTES = 1 << 20
_MOST_PENDING = 4
"""Chunks sent to a child and not yet answered: one in work, the others queued so that the child never waits."""
_LENGTH_BYTES = 8


@dataclass(slots=True, eq=False)
class Chunk:
    """Some stored trajectories, and the results of converting them, in the same order; None until there are any."""

    entries: list[Any]
    results: list[Any] | None = None


class ConverterProcess:
    """One child process, seen from the parent. No method blocks on it."""

    def __init__(self, start: Any, restore: Callable[[Any], Any]) -> None:
        """Start the child and send it `start`, from which it builds its converter.

        `restore` turns each pickled result into what `Chunk.results` holds. Raises OSError when it cannot be started.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            pipesize=_PIPE_BYTES,
            env=child_environment(),
            start_new_session=True,  # so that Ctrl-C reaches the parent alone
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        os.set_blocking(self._to.fileno(), False)
        os.set_blocking(self._from.fileno(), False)
        self._unsent, self._received = deque([memoryview(pickle.dumps(start))]), bytearray()
        self._restore = restore
        self._pending: deque[Chunk] = deque([Chunk([])])  # its empty answer says that the child has started
        self._has_started = self._has_ended = False

    def has_room(self) -> bool:
        """Return whether the child runs and can be sent a chunk now."""
        self._transfer()
        return self._has_started and not self._has_ended and len(self._pending) < _MOST_PENDING

    def send(self, chunk: Chunk) -> None:
        """Send a chunk; a later `has_room` or `send` fills in its results."""
        self._pending.append(chunk)
        self._unsent.append(memoryview(pickle.dumps(chunk.entries, protocol=pickle.HIGHEST_PROTOCOL)))
        self._transfer()

    def close(self) -> None:
        """Kill the child and close its pipes."""
        self._has_ended = True
        self._process.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    def _transfer(self) -> None:
        """Write and read as many bytes as the pipes take and hold now, and fill in the results that are complete."""
        try:
            while self._unsent and not self._has_ended and (sent := self._to.write(self._unsent[0])):
                self._unsent[0] = self._unsent[0][sent:]
                if not self._unsent[0]:
                    self._unsent.popleft()
            while not self._has_ended and (data := self._from.read(_PIPE_BYTES)) is not None:
                self._received += data
                self._has_ended = not data
        except BrokenPipeError:
            self._has_ended = True
        while (length := len(self._received) - _LENGTH_BYTES) >= 0:
            if length < (expected := int.from_bytes(self._received[:_LENGTH_BYTES], "big")):
                return
            with memoryview(self._received) as view:
                results = pickle.loads(view[_LENGTH_BYTES : _LENGTH_BYTES + expected])
            self._pending.popleft().results = list(map(self._restore, results))
            del self._received[: _LENGTH_BYTES + expected]
            self._has_started = True


def serve_chunks(make_converter: Callable[[Any], Callable[[Any], Any]]) -> None:
    """Run the child: build a converter from the first pickle, then answer each chunk with its converted entries."""
    to, sys.stdout = os.fdopen(os.dup(1), "wb"), sys.stderr  # so that the print of a plug-in corrupts no answer
    convert = make_converter(pickle.load(sys.stdin.buffer))
    entries: list[Any] = []
    while True:
        results = pickle.dumps([convert(entry) for entry in entries], protocol=pickle.HIGHEST_PROTOCOL)
        to.write(len(results).to_bytes(_LENGTH_BYTES, "big") + results)
        to.flush()
        try:
            entries = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
