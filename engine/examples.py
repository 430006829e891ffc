"""What a plug-in file shows in its `EXAMPLE`, so that the conformance suite of its kind can try it.

Suites that can tell everything from a class need none: judges, teachers, users, modes and exporters show nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.types import ToolCall


@dataclass(frozen=True)
class ToolExample:
    """Calls of tools that a source finds in a pack; they are made in a sandbox whose workspace is empty.

    call: one that succeeds. leaves: the files that it adds to the workspace, by path. holds: what the source then
    tells of a state of its own (`probe`). failing: calls that fail by themselves, in a way that the model may see.
    files: what the source reads of the pack.
    """

    call: ToolCall
    leaves: Mapping[str, bytes] = field(default_factory=dict)
    holds: Mapping[str, Any] = field(default_factory=dict)
    failing: Sequence[ToolCall] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelExample:
    """How a model path is brought to give the replies that a test wants.

    model: a name under which it talks to a server of the OpenAI protocol, whose address stands in `api_base`.
    options: under which a failed call is tried again at once. script: the option that takes the replies themselves,
    as a list, for a path that talks to no server.
    """

    model: str = "test-model"
    options: Mapping[str, Any] = field(default_factory=dict)
    script: str | None = None


@dataclass(frozen=True)
class SandboxExample:
    """left_by: the names of all that sandboxes of one engine occupy on this machine now (folders, containers), given
    the name of its process (engine/liveness.py)."""

    left_by: Callable[[str], Collection[str]]


@dataclass(frozen=True)
class ImportExample:
    """rows: objects as other programs write them, one for each way of writing that the importer reads."""

    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class TargetExample:
    """trained: the messages of a row that the trainer trains, each with the keys that it reads; by the rule of the
    trainer's own code, not of ours."""

    trained: Callable[[Mapping[str, Any]], Iterable[Mapping[str, Any]]]
