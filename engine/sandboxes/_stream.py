"""The stream of JSON lines between the engine and a tool server, on the event loop and without a thread."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol, cast

import orjson

from engine.errors import SandboxError
from engine.loop import turn
from engine.reading.json_value import loads


class Broken(Exception):
    """The stream ended, or the server did not keep to the protocol; the message says how."""


class Listener(Protocol):
    """Receives the server's messages about one open process, or the reason when the stream breaks."""

    def received(self, message: dict[str, Any]) -> None: ...
    def broke(self, reason: str) -> None: ...


class Stream(asyncio.Protocol):
    """One attached tool server. `request` sends a line and waits for the line with the same id. Lines about an open
    process go to its listener.

    After a request that was cancelled or overdue nobody knows what the server is doing, so `abandoned` becomes True and
    the sandbox must not be used again.
    """

    def __init__(self) -> None:
        self.abandoned = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._buffer = bytearray()
        self._next = 1
        self._listeners: dict[int, Listener] = {}
        self.errors = b""
        self.ready: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[0] = self.ready

    # ------------------------------------------------------------ called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.feed(data)

    def feed(self, data: bytes) -> None:
        """Take bytes of the server's standard output and handle each complete line."""
        if not self._buffer and data.endswith(b"\n") and data.count(b"\n") == 1:
            self._line(data)
            return
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._line(line)

    def _line(self, line: bytes) -> None:
        try:
            answer = loads(line)
            if "process" in answer:
                if (listener := self._listeners.get(answer["process"])) is not None:
                    listener.received(answer)
                return
            future = self._waiting.pop(answer["id"], None)
        except (ValueError, TypeError, KeyError):
            self._fail(f"the tool server wrote a line that is no answer: {line[:200]!r}")
            return
        if future is not None and not future.done():
            future.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(str(exc) if exc else "the stream to the tool server ended")
        if not self.closed.done():
            self.closed.set_result(None)

    def _fail(self, reason: str) -> None:
        self.abandoned = True
        if self.errors:
            reason += f" (it wrote: {self.errors.decode(errors='replace').strip()[-500:]})"
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(Broken(reason))
                future.exception()  # marks it as retrieved, so that asyncio logs nothing when nobody awaits it
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            listener.broke(reason)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    # ------------------------------------------------------------ called by the sandbox

    @property
    def usable(self) -> bool:
        return not self.abandoned and self._transport is not None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send bytes as they are, such as the bundle before the first request. Raises Broken."""
        if self._transport is None or self._transport.is_closing():
            raise Broken("the stream to the tool server is closed")
        self._transport.write(data)

    def listen(self, listener: Listener) -> int:
        """Return the number of a new open process, whose messages go to `listener` until `forget`."""
        number = self._next
        self._next += 1
        self._listeners[number] = listener
        return number

    def forget(self, number: int) -> None:
        self._listeners.pop(number, None)

    def tell(self, number: int, **fields: Any) -> None:
        """Send a message about an open process; there is no answer. Raises Broken."""
        self.write(_encoded({"op": "tell", "process": number, **fields}))

    async def request(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the server's answer to `message`. Raises Broken when the stream breaks or no answer comes within
        `seconds`."""
        number = self._next
        self._next += 1
        message["id"] = number
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[number] = future
        try:
            self.write(_encoded(message))
            answer: dict[str, Any] = await self._within(future, seconds)
        except BaseException:
            self.abandoned = True
            raise
        finally:
            self._waiting.pop(number, None)
        await turn()
        return answer

    async def _within(self, future: asyncio.Future[Any], seconds: float) -> Any:
        overdue = self._loop.call_later(seconds, self._overdue, future, seconds)
        try:
            return await future
        finally:
            overdue.cancel()

    def _overdue(self, future: asyncio.Future[Any], seconds: float) -> None:
        if not future.done():
            future.set_exception(Broken(f"the tool server gave no answer within {seconds:g} s"))

    async def wait_ready(self, seconds: float) -> None:
        """Wait for the server's first line, which says that it has started. Raises Broken."""
        await self._within(self.ready, seconds)

    async def aclose(self) -> None:
        """Close the engine's end of the stream; the server then ends by itself."""
        self.abandoned = True
        if self._transport is not None:
            self._transport.close()
        if not self.ready.done():
            self.ready.cancel()


def _encoded(message: dict[str, Any]) -> bytes:
    """Return a message as a line. Raises SandboxError when it cannot be written as JSON."""
    try:
        return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # orjson refuses integers beyond 64 bits and lone surrogates, which a model's arguments may hold
        try:
            return json.dumps(message).encode() + b"\n"
        except (TypeError, ValueError) as error:
            raise SandboxError(f"The call cannot be sent to the sandbox: {error}") from error
