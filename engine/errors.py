"""One exception per boundary crossed.

    TurnwrightError
    ├── InputError        a file, form, config or argument that we refuse; names the place and the next move
    ├── ModelError        a model endpoint; `kind` says how it failed, `retryable` whether trying again can help
    ├── SandboxError      our sandbox failed (engine gone, container killed); never a tool's own answer
    ├── ProcessError      a program in a sandbox cannot start, or ended; for its tool source to handle
    ├── StorageError      the database or the disk
    │   └── Conflict      somebody else saved the thing in between
    └── BudgetReached     a batch reached one of its bounds; it pauses

A tool's own failure is no exception: it is a ToolResult with a fault.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from engine.types import Culprit, ModelCall

ModelFault = Literal[
    "auth", "not_found", "bad_request", "rate_limit", "server", "timeout", "connection", "malformed", "empty"
]
RETRYABLE: frozenset[ModelFault] = frozenset({"rate_limit", "server", "timeout", "connection", "malformed", "empty"})


class TurnwrightError(Exception):
    """Base of all our errors. The message tells the reader the next move."""

    culprit: Culprit = "infrastructure"


class InputError(TurnwrightError):
    """Refused input. `where` is a file, line or field; `next_move` what to do about it.

    `file` and `line` (from 1) tell a program the same where there are such. `source` is the text, the
    query or the step of a template that was refused, for whoever knows which file it stands in
    (`engine/reading/places.py`).
    """

    def __init__(
        self,
        where: str,
        problem: str,
        next_move: str = "",
        *,
        file: str = "",
        line: int | None = None,
        source: object = None,
    ) -> None:
        self.where, self.problem, self.next_move = where, problem, next_move
        self.file, self.line, self.source = file, line, source
        super().__init__(f"{where}: {problem}" + (f" {next_move}" if next_move else ""))


class InputErrors(InputError):
    """Several refusals at once; `errors` lists them all."""

    def __init__(self, errors: list[InputError]) -> None:
        self.errors = errors
        first = errors[0]
        super().__init__(first.where, first.problem, first.next_move, file=first.file, line=first.line)
        self.args = ("\n".join(str(e) for e in errors),)


def each(error: InputError) -> tuple[InputError, ...]:
    """Return the refusals that an error holds, one per place."""
    return tuple(error.errors) if isinstance(error, InputErrors) else (error,)


class ModelError(TurnwrightError):
    """A model call that gave no usable turn. `call` is what its replies took all the same, where a server told."""

    def __init__(self, kind: ModelFault, message: str, *, retry_after: float | None = None) -> None:
        self.kind, self.retry_after = kind, retry_after
        self.call: ModelCall | None = None
        super().__init__(message)

    @property
    def retryable(self) -> bool:
        return self.kind in RETRYABLE

    @property
    def fatal(self) -> bool:
        """True when no call of the batch can succeed until a setting is mended."""
        return self.kind in ("auth", "not_found")


class SandboxError(TurnwrightError):
    """Our sandbox failed. `gone` means that the backend as a whole is unreachable, so the batch pauses."""

    def __init__(self, message: str, *, gone: bool = False) -> None:
        self.gone = gone
        super().__init__(message)


class ProcessError(TurnwrightError):
    """A program that was opened in a sandbox cannot start, has ended, or does not keep to what is read from it. The
    sandbox itself is well. `status` is as in protocols.Process; None while it runs and when it never started."""

    culprit: Culprit = "tool"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class StorageError(TurnwrightError):
    """The database or the disk failed; `full` means that space ran out, so the batch pauses."""

    def __init__(self, message: str, *, full: bool = False) -> None:
        self.full = full
        super().__init__(message)


class Conflict(StorageError):
    """The row changed since it was read."""


class BudgetReached(TurnwrightError):
    """A bound of the batch was reached; the message names it."""


@contextmanager
def boundary(what: str) -> Iterator[None]:
    """Classify what crosses an edge of ours: our errors pass, an OSError becomes StorageError or SandboxError."""
    try:
        yield
    except TurnwrightError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"{what}: the disk is full. Free some space, then resume.", full=True) from error
        raise SandboxError(f"{what}: {error}") from error
