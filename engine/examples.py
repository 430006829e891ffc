"""The types of a plug-in file's `EXAMPLE`, from which the conformance suite of its kind learns how to try it.

Judges, teachers, users, modes and exporters need none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.types import ToolCall


@dataclass(frozen=True)
class ToolExample:
    """Calls that a tool source can execute in a sandbox with an empty workspace.

    call: one that succeeds.
    leaves: the files that it adds to the workspace, by path.
    holds: what `probe` of the source returns after it.
    failing: calls whose result is the tool's own failure, which the model sees.
    files: the pack's files that the source reads.
    """

    call: ToolCall
    leaves: Mapping[str, bytes] = field(default_factory=dict)
    holds: Mapping[str, Any] = field(default_factory=dict)
    failing: Sequence[ToolCall] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelExample:
    """How a test makes a model path give the replies that it wants.

    model: a model name for which it talks to an OpenAI-compatible server at `api_base`.
    options: with these it retries a failed call without delay.
    script: the name of the option that takes the list of replies; None for a path that talks to a server.
    """

    model: str = "test-model"
    options: Mapping[str, Any] = field(default_factory=dict)
    script: str | None = None


@dataclass(frozen=True)
class SandboxExample:
    """left_by: given the process name of an engine (engine/liveness.py), the names of everything that its sandboxes
    occupy on this machine now (folders, containers)."""

    left_by: Callable[[str], Collection[str]]


@dataclass(frozen=True)
class ImportExample:
    """rows: JSON objects as other programs write them, one for each spelling that the importer reads."""

    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class TargetExample:
    """trained: given a row, the messages (or texts) that the trainer computes a loss on, each with the keys that the
    trainer reads. Follows the trainer's own code, not ours.
    whole: False where a row holds only a part of a dialogue."""

    trained: Callable[[Mapping[str, Any]], Iterable[Any]]
    whole: bool = True
