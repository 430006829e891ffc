"""What a sandbox is opened with, and what it and its backend answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.types.domains import Limits


@dataclass(frozen=True)
class Environment:
    """What a sandbox is opened with: the workspace {path: bytes} and the tool modules {file: source}.

    A warm sandbox may be reused after a reset exactly when its `key` is equal. With `commands` the offered tools run
    commands (bash, an interpreter); such a sandbox is thrown away after one rollout.
    """

    workspace: Mapping[str, bytes]
    modules: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)
    git: bool = False
    network: bool = False
    commands: bool = False
    key: str = ""


@dataclass(frozen=True)
class ExecResult:
    """The outcome of a command. `status` is None when a limit killed it, and `fault` then names the limit; `truncated`
    when output was cut."""

    status: int | None
    stdout: bytes
    stderr: bytes
    fault: str | None = None
    truncated: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class SandboxHealth:
    """Whether a backend can be used now; `detail` says so in one sentence for the reader."""

    name: str
    ok: bool
    isolated: bool
    detail: str
