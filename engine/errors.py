"""The exceptions of the product: one class for each boundary at which something can fail.

    TurnwrightError
    ├── InputError        a file, form, config or argument that is refused; names the place and the next move
    │   └── Stopped       what it asked for ran out of time or memory of this machine
    ├── ModelError        a model endpoint failed; `kind` says how, `retryable` whether a retry can help
    ├── SandboxError      our sandbox failed (engine gone, container killed); never a tool's own failure
    ├── ProcessError      a program in a sandbox cannot start, or ended; its tool source handles it
    ├── StorageError      the database or the disk failed
    │   └── Conflict      somebody else saved the row since it was read
    └── BudgetReached     a batch reached one of its limits; it pauses

A tool's own failure is no exception: it is a ToolResult with a fault.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from engine.types import Culprit, ModelCall

ModelFault = Literal[
    "auth", "not_found", "bad_request", "rate_limit", "server", "timeout", "connection", "malformed", "empty",
    "context_length", "max_tokens", "tool_parser", "quota", "moderated",
]  # fmt: skip
"""Why a model call gave no usable turn. The last five are what servers say in the text of a refusal: the dialogue does
not fit the model's context, `max_tokens` is more than the model can write, the server reads no tool calls, the account
has no money left, the prompt or the answer was blocked by a content filter."""
RETRYABLE: frozenset[ModelFault] = frozenset({"rate_limit", "server", "timeout", "connection", "malformed", "empty"})


class TurnwrightError(Exception):
    """Base of all our errors. The message names the next move; `culprit` is whom a rollout that it ends is booked
    on."""

    culprit: Culprit = "infrastructure"


class InputError(TurnwrightError):
    """Refused input. `where` names the file, line or field for a reader; `next_move` says what to do about it.

    `file` and `line` (from 1) say the same to a program, where they are known. `source` is the refused text, query or
    step of a template, by which a caller that knows the pack finds its file (`engine/reading/places.py`).
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


class Stopped(InputError):
    """Work that a pack asked for ran into the clock or the memory of its process. It may be the machine's fault, so no
    task is rejected for it: a batch that meets it fails and can be resumed."""


class InputErrors(InputError):
    """Several refusals at once, listed in `errors`; the other attributes are those of the first."""

    def __init__(self, errors: list[InputError]) -> None:
        self.errors = errors
        first = errors[0]
        super().__init__(first.where, first.problem, first.next_move, file=first.file, line=first.line)
        self.args = ("\n".join(str(e) for e in errors),)


def each(error: InputError) -> tuple[InputError, ...]:
    """Return the single refusals of an error, one per place."""
    return tuple(error.errors) if isinstance(error, InputErrors) else (error,)


class ModelError(TurnwrightError):
    """A model call that gave no usable turn. `call` is its account, with the tokens and cost of its replies where the
    server reported them; None where no call was made. `retry_after` is in seconds. `refused` names the parameter that
    the server does not take, where it said so. `said` is the server's text without the key, for code that reads it; the
    message quotes its beginning."""

    def __init__(self, kind: ModelFault, message: str, *, retry_after: float | None = None) -> None:
        self.kind, self.retry_after = kind, retry_after
        self.call: ModelCall | None = None
        self.refused: str | None = None
        self.said = ""
        super().__init__(message)

    @property
    def retryable(self) -> bool:
        return self.kind in RETRYABLE

    @property
    def fatal(self) -> bool:
        """True when no call of the batch can succeed until a setting is changed."""
        return self.kind in ("auth", "not_found", "max_tokens", "tool_parser", "quota")


class SandboxError(TurnwrightError):
    """Our sandbox failed. With `gone` the whole backend is unreachable, so the batch pauses."""

    def __init__(self, message: str, *, gone: bool = False) -> None:
        self.gone = gone
        super().__init__(message)


class ProcessError(TurnwrightError):
    """A program in a sandbox cannot start, has ended, or breaks the protocol that its reader expects; the sandbox
    itself works. `status` is that of protocols.Process; None while the program runs and when it never started."""

    culprit: Culprit = "tool"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class StorageError(TurnwrightError):
    """The database or the disk failed. With `full` the space ran out, so the batch pauses."""

    def __init__(self, message: str, *, full: bool = False) -> None:
        self.full = full
        super().__init__(message)


class Conflict(StorageError):
    """The row changed since it was read."""


class BudgetReached(TurnwrightError):
    """The batch reached one of its limits; the message names it."""


@contextmanager
def boundary(what: str) -> Iterator[None]:
    """Turn an OSError inside the context into a StorageError (the disk is full) or a SandboxError; let our own errors
    pass. `what` names the step for the reader."""
    try:
        yield
    except TurnwrightError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"{what}: the disk is full. Free some space, then resume.", full=True) from error
        raise SandboxError(f"{what}: {error}") from error
