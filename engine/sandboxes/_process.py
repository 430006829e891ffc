"""An open process: a program at the other end of a tool server's stream."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from engine.errors import ProcessError, SandboxError
from engine.sandboxes._stream import Broken, Stream

WINDOW = 1 << 18
"""Bytes that may be on the way to the program, and bytes that it may write ahead of whoever reads."""
_PART = 1 << 16
_LONGEST = 16 << 20
"""Bytes of the longest line that is read whole."""
_ENDING = 30.0
"""Seconds in which a process must be gone that was asked to end; then the sandbox counts as broken."""


class RemoteProcess:
    """Implements protocols.Process. The server may send WINDOW bytes and what was granted since; we send at most WINDOW
    bytes more than it says that the program took."""

    def __init__(self, name: str, stream: Stream, explain: Callable[[str], Awaitable[SandboxError]]) -> None:
        self._name, self._stream, self._explain = name, stream, explain
        self._number = stream.listen(self)
        self._status: int | None = None
        self._errors = b""
        self._broken: str | None = None
        self._changed = asyncio.Event()
        self._writing = asyncio.Lock()
        self._came = bytearray()
        self._begun = bytearray()  # of a line that is not whole
        self._owed = 0  # bytes that were taken from what came, and not granted anew
        self._untaken = 0  # bytes that were sent, and that the program has not taken as far as we know
        self._deaf = self._drained = self._gone = False

    @property
    def status(self) -> int | None:
        return self._status

    @property
    def errors(self) -> bytes:
        return self._errors

    @property
    def terms(self) -> dict[str, int]:
        """What the server must know to start it."""
        return {"process": self._number, "window": WINDOW}

    # ------------------------------------------------------------ the stream's side

    def received(self, message: dict[str, Any]) -> None:
        if "data" in message:
            self._came += base64.b64decode(message["data"])
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
        """Listen no longer."""
        self._stream.forget(self._number)

    async def _until(self, ready: Callable[[], bool]) -> None:
        """Wait until something holds. Raises SandboxError when the stream broke before."""
        while not ready():
            if self._broken is not None:
                raise await self._explain(self._broken)
            self._changed.clear()
            await self._changed.wait()

    # ------------------------------------------------------------ protocols.Process

    async def write(self, data: bytes) -> None:
        async with self._writing:
            for start in range(0, len(data), _PART):
                await self._until(lambda: self._over or self._untaken + _PART <= WINDOW)
                if self._over:
                    raise self._error("closed its standard input")
                part = data[start : start + _PART]
                try:
                    self._stream.tell(self._number, data=base64.b64encode(part).decode())
                except Broken as error:
                    raise await self._explain(str(error)) from error
                self._untaken += len(part)

    async def read(self, *, timeout: float | None = None) -> bytes:
        async with asyncio.timeout(timeout):
            await self._until(lambda: self._readable or bool(self._begun))
        self._take(len(self._came))
        data, self._begun = bytes(self._begun), bytearray()
        return data

    async def readline(self, *, timeout: float | None = None) -> bytes:
        async with asyncio.timeout(timeout):
            while not self._begun.endswith(b"\n"):
                if len(self._begun) > _LONGEST:
                    too_long = f"{self._name} wrote a line of more than {_LONGEST >> 20} MB."
                    raise ProcessError(too_long, status=self._status)
                await self._until(lambda: self._readable)
                if not self._came:
                    raise self._error("wrote no whole line")
                self._take(self._came.find(b"\n") + 1 or len(self._came))
        line, self._begun = bytes(self._begun), bytearray()
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
    def _over(self) -> bool:
        """Whether nothing can be written any more."""
        return self._deaf or self._status is not None

    @property
    def _readable(self) -> bool:
        """Whether something came, or nothing will come any more."""
        return bool(self._came) or self._drained or self._gone

    def _take(self, size: int) -> None:
        """Move bytes that came to the line that is begun, and grant the program as many, some at a time."""
        self._begun += self._came[:size]
        del self._came[:size]
        self._owed += size
        if self._owed >= WINDOW // 4:
            with contextlib.suppress(Broken):  # whoever waits next is told
                self._stream.tell(self._number, granted=self._owed)
            self._owed = 0

    def _error(self, otherwise: str) -> ProcessError:
        """Return why it cannot go on: how it ended, or `otherwise` while it runs."""
        if self._status is None:
            return ProcessError(f"{self._name} {otherwise}.")
        errors = self._errors.decode(errors="replace").strip()[-500:]
        wrote = f" Its standard error ends with: {errors}" if errors else ""
        return ProcessError(f"{self._name} ended with status {self._status}.{wrote}", status=self._status)
