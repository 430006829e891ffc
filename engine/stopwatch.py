"""Where the time of one try at a rollout goes, and which model calls were given up in the middle.

A try runs inside its Stopwatch (`with stopwatch:`). A model call finds that one by itself, so plug-ins need not hand it
on. A call that is made outside of any rollout, such as a test call, has only its own times.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Literal

from engine.errors import ModelError
from engine.types import ModelCall, ModelRole

Place = Literal["tools", "the sandbox"]
_PLACES: tuple[Place, ...] = ("tools", "the sandbox")
_LEAST, _LEAST_SHARE = 0.05, 0.01
"""Seconds below which a part is not named, and the share of the whole below which what is left over is not."""

_current: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)


class OpenCall:
    """The times of one model call, in seconds, from its making on. `number` counts the calls of its role in the try
    from 1, None outside of a try. Each attempt runs inside `with call.attempt():`; then `close` or `give_up` ends the
    call. `account` is what a call that was given up has taken."""

    def __init__(self, role: ModelRole, model: str, attempts: int) -> None:
        self.role, self.model, self.tries, self._most = role, model, 0, attempts
        self.account: ModelCall | None = None
        self._began, self._ended = time.perf_counter(), 0.0
        self._in_attempts, self._attempt_began = 0.0, 0.0
        self._cut_short = False
        self._stopwatch = _current.get()
        self.number = self._stopwatch.count(self) if self._stopwatch is not None else None

    @property
    def seconds(self) -> float:
        """How long the call has taken, up to its end."""
        return (self._ended or time.perf_counter()) - self._began

    @property
    def in_attempts(self) -> float:
        return self._in_attempts

    @property
    def between_attempts(self) -> float:
        return max(0.0, self.seconds - self._in_attempts)

    def attempt(self) -> OpenCall:
        return self

    def __enter__(self) -> None:
        self.tries += 1
        self._attempt_began = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._in_attempts += time.perf_counter() - self._attempt_began
        self._cut_short = error is not None and not isinstance(error, ModelError)
        if isinstance(error, ModelError) and error.kind == "rate_limit":
            self._most += 1  # it is waited out and takes none of the attempts

    def allow(self, attempts: int) -> None:
        """Let so many attempts more be made, from now on."""
        self._most = self.tries + attempts

    def close(self) -> None:
        """End the call, which gave a reply or a ModelError."""
        self._ended = time.perf_counter()
        if self._stopwatch is not None:
            self._stopwatch.closed.append(self)

    def give_up(self, account: ModelCall) -> None:
        """End the call, which was broken off: its rollout ran out of time or was dropped, or the engine failed."""
        self._ended, self.account = time.perf_counter(), account
        if self._stopwatch is not None:
            self._stopwatch.given_up.append(self)

    def sentence(self) -> str:
        """Return which call it was and where its time went."""
        which = f"call {self.number}" if self.number is not None else "a call"
        waits = f", {in_seconds(self.between_attempts)} in waits between them" if self.tries > 1 else ""
        attempts = "1 attempt" if self.tries == 1 else f"{self.tries} attempts"
        return f"It was {which} of the {self.role}: {in_seconds(self.in_attempts)} in {attempts}{waits}."

    def whereabouts(self) -> str:
        """Return how far a call had come that was given up."""
        doing = "at" if self._cut_short else "waiting for"
        return f"{doing} attempt {self.tries + (not self._cut_short)} of {self._most}"


class Stopwatch:
    """The times of one try at a rollout. `closed` and `given_up` are its model calls, in the order of their ends."""

    def __init__(self) -> None:
        self.closed: list[OpenCall] = []
        self.given_up: list[OpenCall] = []
        self._numbers: Counter[ModelRole] = Counter()
        self._places: dict[Place, float] = dict.fromkeys(_PLACES, 0.0)
        self._began = self._ended = 0.0
        self._token: Token[Stopwatch | None] | None = None

    def __enter__(self) -> None:
        self._token, self._began = _current.set(self), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._ended = time.perf_counter()
        if self._token is not None:
            _current.reset(self._token)

    @contextmanager
    def at(self, place: Place) -> Iterator[None]:
        """Count the time inside as spent at this place, where no model call is made."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._places[place] += time.perf_counter() - began

    def given_up_accounts(self) -> list[ModelCall]:
        """Return what the calls that were given up have taken; each is returned once."""
        found = [call.account for call in self.given_up if call.account is not None]
        self.given_up.clear()
        return found

    def count(self, call: OpenCall) -> int:
        """Return the number of a call that begins, among those of its role."""
        self._numbers[call.role] += 1
        return self._numbers[call.role]

    def account(self) -> str:
        """Return where the time went, as a list in words; the parts do not overlap. To be read after the end."""
        waits = sum(call.between_attempts for call in (*self.closed, *self.given_up))
        others = [*self._finished(), (waits, "waits between attempts")]
        others += [(self._places[place], place) for place in _PLACES]
        broken_off = [(call.in_attempts, _broken_off(call)) for call in self.given_up]
        whole = (self._ended or time.perf_counter()) - self._began
        rest = whole - sum(seconds for seconds, _ in (*others, *broken_off))
        named = [*broken_off, *(part for part in others if part[0] >= _LEAST)]
        named += [(rest, "all else")] if rest >= _LEAST_SHARE * whole else []
        return ", ".join(f"{in_seconds(seconds)} in {what}" for seconds, what in named)

    def _finished(self) -> Iterator[tuple[float, str]]:
        """Yield (seconds, what) for the calls of each model that gave a reply or an error."""
        ended: dict[tuple[ModelRole, str], list[float]] = {}
        for call in self.closed:
            ended.setdefault((call.role, call.model), []).append(call.in_attempts)
        for (role, model), times in ended.items():
            calls = "1 call" if len(times) == 1 else f"{len(times)} calls"
            yield sum(times), f"{calls} of the {role} {model}"


def _broken_off(call: OpenCall) -> str:
    return f"call {call.number} of the {call.role} {call.model} ({call.whereabouts()})"


def in_seconds(seconds: float) -> str:
    """Return a time in words: "0.3 s", "412 s"."""
    return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"
