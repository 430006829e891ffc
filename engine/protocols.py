"""The seams, on one screen. Each variant is one file in the folder named after its kind.

Kinds: llms, teachers, users, modes, tools, sandboxes, judges, exporters, importers. A plug-in file has a docstring
whose first line is its label, a pydantic `Config` (extra="forbid"), and one public class in `__all__` which is built
with that Config. engine/plugins.py refuses a class that lacks an abstract method or a `ClassVar` of its protocol.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import (
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from engine.types import (
    Batch,
    Completion,
    Domain,
    Endpoint,
    Limits,
    ModelCall,
    ModelRole,
    Persona,
    Progress,
    Recipe,
    Record,
    Review,
    Sampling,
    Score,
    Span,
    Stage,
    StateDiff,
    TaskTemplate,
    TaskTurn,
    TemplateTurn,
    Tool,
    ToolCall,
    ToolResult,
    Trajectory,
    Turn,
)


class LLM(Protocol):
    """A model endpoint. Built with (Endpoint, role). Raises ModelError only; retries are inside."""

    @abstractmethod
    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool] = (),
        *,
        response_schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
    ) -> Completion: ...

    @abstractmethod
    async def aclose(self) -> None: ...


class Teacher(Protocol):
    """Plays the assistant. `calls` holds what every model call took so far (none for a teacher without one).

    asks: the model role that it speaks through, None for one that needs no model. reference: True where it does what
    the proof did, so that nothing of it was written by a model.
    """

    asks: ClassVar[ModelRole | None] = None
    reference: ClassVar[bool] = False
    calls: list[ModelCall]

    @abstractmethod
    async def reply(self, turns: Sequence[Turn], tools: Sequence[Tool]) -> Completion: ...


class User(Protocol):
    """Plays the person. Returns a user turn, or None when the conversation is over.

    Must not be shown the teacher's tools, the system prompt or the reference chain; gets user and assistant texts only.
    A turn that holds tool calls says nothing: the rollout executes them among the domain's `user_tools` and asks again,
    with that turn and a tool turn for each result behind the others, until it speaks or the bound of steps is reached.
    It is not shown them later. `left` is True when it stopped out of patience rather than satisfied; `asks`,
    `reference` and `calls` as for a Teacher.
    """

    asks: ClassVar[ModelRole | None] = None
    reference: ClassVar[bool] = False
    left: bool
    calls: list[ModelCall]

    @abstractmethod
    async def reply(self, turns: Sequence[Turn]) -> Completion | None: ...


class Finding(NamedTuple):
    """Whether messages show what their mode demands (None: it could not be measured), the reason in a sentence, and the
    indexes of the turns that tell."""

    met: bool | None
    reason: str
    evidence: tuple[int, ...] = ()


class Mode(Protocol):
    """What one request of a dialogue exercises: how it is made of a template's first turn, and what the messages that
    serve it must show. Pure; every choice is drawn from `source`, so that the same seed gives the same task.
    `engine/modes/_plain.py` does all of it as a request without any twist needs it.

    help: a sentence for whoever mixes a batch.
    short: only this request is taken from the template, not the further turns that it has.
    hard: the request counts as one step more difficult than its calls and turns alone.
    at_once: its facts must be stated before the next request, since later they would say something else.
    serves: whether the mode can transform the template's first turn.
    question: a request that stands in place of the template's, with {"question": its id} as slots; None for most modes.
    drawn: the first turn under this mode; `plain` is the same turn with its slots filled in and nothing changed.
    withheld: names of tools that the dialogue does not offer, and that no request of it may need.
    exercised: whether also a teacher that repeats no read of the `earlier` turns comes to what the mode is about; where
        it does not, the request is put before them.
    fault: the place in the chain of the call whose first try fails, else None; asked once the dialogue is composed.
    offered: the tools that the teacher sees; `needed` are those that the reference calls.
    finding: what the messages of `span` show of the request with this number; None where nothing is demanded.
    """

    help: ClassVar[str]
    short: ClassVar[bool]
    hard: ClassVar[bool]
    at_once: ClassVar[bool]

    @abstractmethod
    def serves(self, domain: Domain, template: TaskTemplate) -> bool: ...
    @abstractmethod
    def question(self, domain: Domain, source: Random) -> TaskTurn | None: ...
    @abstractmethod
    def drawn(self, domain: Domain, turn: TemplateTurn, plain: TaskTurn, source: Random) -> TaskTurn: ...
    @abstractmethod
    def withheld(self, domain: Domain, turn: TemplateTurn) -> tuple[str, ...]: ...
    @abstractmethod
    def exercised(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn) -> bool: ...
    @abstractmethod
    def fault(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn, source: Random) -> int | None: ...
    @abstractmethod
    def offered(
        self, domain: Domain, needed: Collection[str], withheld: Collection[str], source: Random
    ) -> tuple[Tool, ...]: ...
    @abstractmethod
    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding | None: ...


@dataclass(frozen=True)
class Environment:
    """What a sandbox is opened with. `key` is equal exactly when a warm sandbox may be reused after a reset.

    `commands` is True when the offered tools run commands (bash, interpreter); such a sandbox is thrown
    away after one rollout.
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
    """Exit status (None when killed by a bound), output cut at the limit, and which bound if any."""

    status: int | None
    stdout: bytes
    stderr: bytes
    fault: str | None = None
    truncated: bool = False
    seconds: float = 0.0


class Process(Protocol):
    """A program that runs in a sandbox while tools are called: its standard input and output as exact bytes, in order.

    All methods raise SandboxError when the sandbox itself is broken. Each may be cancelled: nothing that came is lost,
    but how much a cancelled `write` has sent is unknown. Once 256 KB of output wait for a reader, the program is held
    up as by a full pipe.

    status: None while it runs; then its exit status, or 128 and the number of the signal that killed it.
    errors: the end of its standard error (at most 4,096 bytes), once it has ended.
    write: send all of `data`; waits while the program leaves 256 KB unread. Raises ProcessError when it has ended or
        closed its standard input.
    read: what came since, at least one byte; b"" when the program has ended and all was read. Raises TimeoutError when
        nothing came for `timeout` seconds.
    readline: one line with its newline. Raises ProcessError when the program ended before the line did, or the line is
        longer than 16 MB; TimeoutError when it is not whole after `timeout` seconds (its beginning is kept).
    aclose: close its standard input, send SIGTERM after half a second and SIGKILL after another, then kill whatever it
        started. Output that was not sent before is dropped. Never raises.
    """

    @property
    def status(self) -> int | None: ...
    @property
    def errors(self) -> bytes: ...
    async def write(self, data: bytes) -> None: ...
    async def read(self, *, timeout: float | None = None) -> bytes: ...
    async def readline(self, *, timeout: float | None = None) -> bytes: ...
    async def aclose(self) -> None: ...


class Sandbox(Protocol):
    """One workspace for one rollout. All methods raise SandboxError when the sandbox itself is broken
    (killed server, dead container), and never report that as a tool's answer.

    call: run one function of the tool modules in the workspace; a tool's failure is a ToolResult with a fault.
    exec: run a command; a timeout kills the command and all its children and gives fault "timeout".
    open_process: start a program in the workspace, bounded as a command of `exec` is but in time. At most 8 are open at
        once. It ends, with everything it started, at its `aclose`, at `reset`, at the last `diff` and with the lease.
        Raises ProcessError when it cannot start. The sandbox may be reused, as after a pack's functions: reset leaves
        no process and no file. Where the program runs what a model wrote, the tools' `commands` must be True.
    read / write: paths are relative to the workspace; a path that leads out of it raises InputError;
        a missing file raises FileNotFoundError.
    diff: what changed since the last reset; canonical (see types.Change). `last` promises that nothing more is asked
        in this lease: processes end before the comparison, and the workspace is laid anew behind it.
    reset: kill every process, wipe and lay the workspace anew, verify it.
    """

    name: str
    isolated: bool

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult: ...
    async def exec(self, argv: Sequence[str], *, timeout: float | None = None, stdin: bytes = b"") -> ExecResult: ...
    async def open_process(self, argv: Sequence[str]) -> Process: ...
    async def read(self, path: str) -> bytes: ...
    async def write(self, path: str, data: bytes) -> None: ...
    async def diff(self, *, last: bool = False) -> StateDiff: ...
    async def reset(self) -> None: ...


@dataclass(frozen=True)
class SandboxHealth:
    """Whether a backend can be used now, in one sentence for the reader."""

    name: str
    ok: bool
    isolated: bool
    detail: str


class SandboxPool(Protocol):
    """A backend: hands out sandboxes, reuses them where allowed, cleans up after a crash.

    start raises SandboxError(gone=True) with the next move when the backend cannot be used.
    prepare hints how many leases will be open at once, so that starts are hidden.
    lease raises SandboxError; leaving the context resets or discards the sandbox, whatever happened inside.
    sweep removes what an earlier, killed engine left behind and returns how many.
    """

    name: ClassVar[str]
    isolated: ClassVar[bool]

    @abstractmethod
    async def start(self) -> None: ...
    @abstractmethod
    async def prepare(self, environment: Environment, width: int) -> None: ...
    @abstractmethod
    def lease(self, environment: Environment) -> AbstractAsyncContextManager[Sandbox]: ...
    @abstractmethod
    async def health(self) -> SandboxHealth: ...
    @abstractmethod
    async def sweep(self) -> int: ...
    @abstractmethod
    async def aclose(self) -> None: ...


class ToolSource(Protocol):
    """Where tools come from and how a call reaches them. Made with the options that domain.yaml gives, once per domain.

    commands: whether its tools run what the model writes. holds_state: whether it has a state beside the workspace.
    reads_shared: whether it makes tools of the shared files that a pack holds.
    open: read the pack's files and return the tools; asked once, before any call. It may be a coroutine, which runs in
        a loop of its own, so what it keeps must not belong to one. Raises InputError naming file and line.
    named: the names of the tools that files define which cannot all be read; None when they cannot be told.
    call: make a call of one of the tools in a sandbox. Raises SandboxError; the tool's own failure is in the result.
    user_tools: what it gives the simulated person to use, read as `open` reads the teacher's.
    probe: the state that it holds beside the workspace now, as JSON values by name, so that end states compare by it
        too. Asked when a sandbox is opened and at the end, where `holds_state` is set.
    result_schema: the JSON Schema of what a tool returns; None when it promises nothing.
    """

    commands: ClassVar[bool] = False
    holds_state: ClassVar[bool] = False
    reads_shared: ClassVar[bool] = False

    @abstractmethod
    def open(self, files: Mapping[str, bytes]) -> Sequence[Tool] | Coroutine[Any, Any, Sequence[Tool]]: ...
    @abstractmethod
    async def call(self, tool: Tool, call: ToolCall, sandbox: Sandbox) -> ToolResult: ...

    def named(self, files: Mapping[str, bytes]) -> Collection[str] | None:
        return None

    def user_tools(self, files: Mapping[str, bytes]) -> Sequence[Tool]:
        return ()

    async def probe(self, sandbox: Sandbox) -> Mapping[str, Any]:
        return {}

    def result_schema(self, tool: str) -> dict[str, Any] | None:
        return None


class Judge(Protocol):
    """Measures a rolled out trajectory (task, proof, turns and diff are set). Never raises for a bad
    trajectory: what it cannot measure is a Score with value None and the reason. The `source` of its scores is its
    own name.

    asks: the model role that it asks, None for one that asks none. decides: whether the outcome can be a success by
    its word; one that does not decide can only make it a failure. stage: the gate at which what it fails is lost.
    reason: the short code under which a trajectory is lost that failed this score. reads_rubric: whether it asks the
    questions of the batch's rubric, which the form then shows.
    """

    asks: ClassVar[ModelRole | None] = None
    decides: ClassVar[bool] = False
    stage: ClassVar[Stage] = "judged"
    reads_rubric: ClassVar[bool] = False

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        return f"low_{score.name}"

    @abstractmethod
    async def score(self, trajectory: Trajectory) -> Sequence[Score]: ...


@runtime_checkable
class AskingJudge(Judge, Protocol):
    """A judge that asks a model, built with `llm` beside its Config, and with `rubric` (the batch's, or None) where it
    `reads_rubric`. `calls` holds what each call took. `unmeasured` gives the scores that it measures, all None with
    this reason, for a trajectory that it is not asked about.
    """

    calls: list[ModelCall]

    def unmeasured(self, reason: str) -> Sequence[Score]: ...


class Converted(NamedTuple):
    """What a format makes of one trajectory: rows, or in `dropped` the reason why there is none.

    `ids` name the content of each row, so that what two trajectories say alike leaves once; a format that keeps
    duplicates gives none. `lost` and `changed` name what the report counts once the trajectory leaves.
    """

    rows: Sequence[Any] = ()
    ids: Sequence[int] = ()
    dropped: str | None = None
    lost: Collection[str] = ()
    changed: Collection[str] = ()


class Exporter(Protocol):
    """Turns records into rows of one training format. Pure and deterministic; total: every record becomes rows or a
    reason why there is none. One gives the same whatever was converted before it. Parts of a record that a row holds
    are written as JSON objects.

    suffix: of the data files. never_carried: what the format has no place for. convert: one record's rows, with
    what the report counts. extra_files: what stands beside the data (dataset_info.json), given the split files
    that were written.
    """

    suffix: str

    @property
    def never_carried(self) -> tuple[str, ...]: ...
    @abstractmethod
    def convert(self, record: Record) -> Converted: ...
    @abstractmethod
    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]: ...


class ImportReport(Protocol):
    """Counts what an importer reads (engine/importing/report.py): `record` gives the notes of one record and sets it
    aside when what is done inside raises InputError; `refuse` sets a record aside that was never begun."""

    def record(self, line: int, where: str) -> AbstractContextManager[Any]: ...
    def refuse(self, line: int, error: Any) -> None: ...


class Importer(Protocol):
    """Reads one training format back, a line at a time: memory holds one record. A bad line is set aside in the report
    with its reason and refuses no other; without a report it raises InputError naming file and line."""

    @abstractmethod
    def trajectories(
        self, lines: Iterable[bytes], name: str, report: ImportReport | None = None
    ) -> Iterator[Trajectory]: ...


@dataclass(frozen=True)
class Claim:
    """A batch that this engine holds, with its frozen snapshot. `sandbox` is the one that its first trajectories were
    made in; empty before any engine opened one."""

    batch_id: int
    batch: Batch
    domains: Mapping[str, Domain]
    personas: Sequence[Persona]
    holder: str
    sandbox: str = ""


SMALL_BATCH = 20
"""Rollouts left up to which a batch is worked on beside another one, so that a first try waits for no large batch."""


class Store(Protocol):
    """What the engine needs of storage. Synchronous and short; the runner calls it in a thread.

    claim: take the oldest queued batch (or a running one whose heartbeat is older than `stale` seconds) by a
        conditional update; None when there is nothing. Sets it running. `most` leaves out batches with more rollouts
        left, `only` all but one.
    save: append finished trajectories and update counters in one transaction; a trajectory that is there
        already is passed over, so a second save after a crash changes nothing. Raises StorageError.
    heartbeat: renew the claim and publish how many rollouts are running; returns the command waiting for
        the batch: "pause", "cancel", "lost" (somebody else holds it now) or None.
    release: give the batch back with a final or paused status and the reason for the reader.
    pin: note the sandbox that the batch is worked on in from now on, unless one is noted; nothing when it is lost.
    spent: (tokens, cost in dollars or None, seconds) so far, over all claims of the batch.
    """

    def claim(
        self, holder: str, now: float, stale: float, *, most: int | None = None, only: int | None = None
    ) -> Claim | None: ...
    def pin(self, batch_id: int, holder: str, sandbox: str) -> None: ...
    def done_ids(self, batch_id: int) -> set[str]: ...
    def save(self, batch_id: int, trajectories: Sequence[Trajectory]) -> int: ...
    def heartbeat(self, batch_id: int, holder: str, now: float, running: int) -> str | None: ...
    def release(self, batch_id: int, holder: str, status: str, reason: str) -> None: ...
    def progress(self, batch_id: int) -> Progress: ...
    def spent(self, batch_id: int) -> tuple[int, float | None, float]: ...


@dataclass(frozen=True)
class Request:
    """Something a page asks of the engine; `kind` names a function of engine/serving/desk.py."""

    id: int
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Pulse:
    """A sign of life of an engine process at `now` (epoch seconds). `sandbox` is what it uses, `isolated` None while
    that is not known, and `detail` a sentence about it for the reader."""

    holder: str
    pid: int
    now: float
    sandbox: str = ""
    isolated: bool | None = None
    detail: str = ""


@dataclass(frozen=True)
class ExportOutcome:
    """What came of an export. `path` is relative to the folder of exports, None for a file elsewhere; size in bytes;
    `rows` are training rows; `trajectories` the ids of those that left."""

    path: str | None
    size: int
    sha256: str
    rows: int
    report: Mapping[str, Any]
    trajectories: Sequence[int] = ()


class Library(Protocol):
    """What the engine reads and writes beside batches: requests, domains, trajectories, exports, its own pulse.

    domain: a domain pack's files at a version (None: the newest). trajectory: one record with the files of
        the domain version it was rolled out in. export: the recipe and a stream of (id, body, reviews).
    All raise InputError when the thing does not exist. licence: what a version of a domain states, by its digest; None
        when it states none or is not there. sandbox_options: those that the studio stored, by the sandbox's name.
        fail_export: note why nothing was written.
    """

    def claim_request(self, holder: str, now: float) -> Request | None: ...
    def finish_request(self, request_id: int, result: Mapping[str, Any] | None, error: str | None) -> None: ...
    def domain_files(self, domain_id: str, version: int | None) -> Mapping[str, bytes]: ...
    def trajectory(self, trajectory_id: int) -> tuple[Trajectory, Mapping[str, bytes]]: ...
    def export(self, export_id: int) -> tuple[Recipe, Iterator[tuple[int, bytes, Sequence[Review]]]]: ...
    def licence(self, digest: str) -> str | None: ...
    def sandbox_options(self) -> Mapping[str, Mapping[str, Any]]: ...
    def finish_export(self, export_id: int, outcome: ExportOutcome) -> None: ...
    def fail_export(self, export_id: int, error: str) -> None: ...
    def beat(self, pulse: Pulse) -> None: ...
    def leave(self, holder: str) -> None: ...


MakeLLM = Callable[[Endpoint, ModelRole], LLM]
