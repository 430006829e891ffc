"""A program that runs in a sandbox, reached over its tool server's stream."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from engine.errors import ProcessError, SandboxError
from engine.sandboxes._stream import Broken, Stream

WINDOW = 1 << 18
"""Bytes of input that may be on their way to the program, and bytes of output that it may write ahead of the reader."""
_PART = 1 << 16
"""Bytes of input in one message."""
_LONGEST = 16 << 20
"""Bytes of the longest line that `readline` returns."""
_ENDING = 30.0
"""Seconds that a process may take to be gone after it was told to end; then the sandbox counts as broken."""


class RemoteProcess:
    """Implements protocols.Process.

    Flow control: the server may send WINDOW bytes of output and as many more as were granted since. The engine sends at
    most WINDOW bytes of input more than the server reports as taken by the program.
    """

    def __init__(self, name: str, stream: Stream, explain: Callable[[str], Awaitable[SandboxError]]) -> None:
        self._name, self._stream, self._explain = name, stream, explain
        self._number = stream.listen(self)
        self._status: int | None = None
        self._errors = b""
        self._broken: str | None = None
        self._changed = asyncio.Event()
        self._writing = asyncio.Lock()
        self._output = bytearray()  # output that nobody has read
        self._line = bytearray()  # the beginning of a line that is not complete yet
        self._ungranted = 0  # bytes of output that were read and not granted again so far
        self._untaken = 0  # bytes of input that were sent and not reported as taken so far
        self._deaf = False  # the program closed its standard input
        self._drained = False  # all of its output came
        self._gone = False  # it and all that it started have ended

    @property
    def status(self) -> int | None:
        return self._status

    @property
    def errors(self) -> bytes:
        return self._errors

    @property
    def terms(self) -> dict[str, int]:
        """Fields of the request that starts the process."""
        return {"process": self._number, "window": WINDOW}

    # ------------------------------------------------------------ the stream's side

    def received(self, message: dict[str, Any]) -> None:
        if "data" in message:
            self._output += base64.b64decode(message["data"])
        self._untaken -= message.get("taken", 0)
        if "status" in message:
            self._status, self._errors = message["status"], base64.b64decode(message["errors"])
        self._deaf = self._deaf or "deaf" in message
        self._drained = self._drained or "drained" in message
        if "gone" in message:
            self._gone = True
            self.forget()
        self._changed.set()

    def broke(self, reason: str) -> None:
        self._broken = reason
        self._changed.set()

    def forget(self) -> None:
        """Take no further messages of the stream."""
        self._stream.forget(self._number)

    async def _until(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready` returns True. Raises SandboxError when the stream breaks before."""
        while not ready():
            if self._broken is not None:
                raise await self._explain(self._broken)
            self._changed.clear()
            await self._changed.wait()

    # ------------------------------------------------------------ protocols.Process

    async def write(self, data: bytes) -> None:
        async with self._writing:
            for start in range(0, len(data), _PART):
                await self._until(lambda: self._input_closed or self._untaken + _PART <= WINDOW)
                if self._input_closed:
                    raise self._process_error("closed its standard input")
                part = data[start : start + _PART]
                try:
                    self._stream.tell(self._number, data=base64.b64encode(part).decode())
                except Broken as error:
                    raise await self._explain(str(error)) from error
                self._untaken += len(part)

    async def read(self, *, timeout: float | None = None) -> bytes:
        async with asyncio.timeout(timeout):
            await self._until(lambda: self._readable or bool(self._line))
        self._take(len(self._output))
        data, self._line = bytes(self._line), bytearray()
        return data

    async def readline(self, *, timeout: float | None = None) -> bytes:
        async with asyncio.timeout(timeout):
            while not self._line.endswith(b"\n"):
                if len(self._line) > _LONGEST:
                    too_long = f"{self._name} wrote a line of more than {_LONGEST >> 20} MB."
                    raise ProcessError(too_long, status=self._status)
                await self._until(lambda: self._readable)
                if not self._output:
                    raise self._process_error("wrote no whole line")
                self._take(self._output.find(b"\n") + 1 or len(self._output))
        line, self._line = bytes(self._line), bytearray()
        return line

    async def aclose(self) -> None:
        if self._gone or self._broken is not None:
            return
        try:
            self._stream.tell(self._number, end=True)
            async with asyncio.timeout(_ENDING):
                await self._until(lambda: self._gone)
        except TimeoutError:
            self._stream.abandoned = True
        except (Broken, SandboxError):
            return

    # ------------------------------------------------------------

    @property
    def _input_closed(self) -> bool:
        """Whether the program takes no more input."""
        return self._deaf or self._status is not None

    @property
    def _readable(self) -> bool:
        """Whether there is unread output, or no more will come."""
        return bool(self._output) or self._drained or self._gone

    def _take(self, size: int) -> None:
        """Move bytes of the output to the line, and grant the program as many more. Grants are sent a quarter of the
        window at a time, so that small reads do not cost a message each."""
        self._line += self._output[:size]
        del self._output[:size]
        self._ungranted += size
        if self._ungranted >= WINDOW // 4:
            with contextlib.suppress(Broken):  # the next wait raises for the broken stream
                self._stream.tell(self._number, granted=self._ungranted)
            self._ungranted = 0

    def _process_error(self, fault: str) -> ProcessError:
        """Return the error to raise: that the program has ended and how, or `fault` while it runs."""
        if self._status is None:
            return ProcessError(f"{self._name} {fault}.")
        errors = self._errors.decode(errors="replace").strip()[-500:]
        wrote = f" Its standard error ends with: {errors}" if errors else ""
        return ProcessError(f"{self._name} ended with status {self._status}.{wrote}", status=self._status)
