"""The protocols of everything that can be replaced: plug-ins, sandboxes, and what the engine needs of storage.

A plug-in is one file in the folder of its kind: a docstring whose first line is its label, a pydantic `Config`
(extra="forbid"), and one public class in `__all__` which is built with that Config and keeps the protocol of the kind.
engine/plugins.py refuses a class that lacks an abstract method or a `ClassVar` of its protocol.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import (
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from random import Random
from typing import Any, ClassVar, Protocol, runtime_checkable

from engine.types import (
    Batch,
    Claim,
    Completion,
    Converted,
    Domain,
    End,
    Environment,
    ExecResult,
    ExportOutcome,
    Finding,
    Judgement,
    ModelCall,
    ModelRole,
    Origin,
    Profile,
    Progress,
    Pulse,
    Recipe,
    Record,
    Replayed,
    Request,
    Review,
    Sampling,
    SandboxHealth,
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
    Unresolved,
)

# ---------------------------------------------------------------- who talks: models, teachers, users


class LLM(Protocol):
    """A model endpoint, built with (Endpoint, role). Raises ModelError only, after its own retries; its `call` is the
    account of the failed call, with `failed` set.

    complete: the reply to a dialogue. `states` are those of earlier completions, by the index of their turn in
        `messages`; it is given only when there are some, to the endpoint that they came from.
    """

    @abstractmethod
    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool] = (),
        *,
        response_schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
        states: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> Completion: ...

    @abstractmethod
    async def aclose(self) -> None: ...


@runtime_checkable
class TellsOfServer(Protocol):
    """What a model path may tell of its server, beside being an LLM.

    left_out: the parameters that are not sent, each with the reason.
    refused_forms: the forms of asking for JSON that the server refused, each with what it said.
    context_length: how many tokens a dialogue may have; None when unknown. Never raises.
    """

    @property
    def left_out(self) -> Mapping[str, str]: ...
    @property
    def refused_forms(self) -> Mapping[str, str]: ...
    async def context_length(self) -> int | None: ...


class Teacher(Protocol):
    """Plays the assistant.

    asks: the role of the model that it calls; None when it calls none.
    reference: True when it replays the proof, so that no model wrote any of it.
    calls: every model call so far; empty without a model.
    """

    asks: ClassVar[ModelRole | None] = None
    reference: ClassVar[bool] = False
    calls: list[ModelCall]

    @abstractmethod
    async def reply(self, turns: Sequence[Turn], tools: Sequence[Tool]) -> Completion: ...


class User(Protocol):
    """Plays the person. `asks`, `reference` and `calls` are as for a Teacher.

    reply: a user turn, or None when the conversation is over. `turns` holds user and assistant texts only, never the
        teacher's tools, the system prompt or the reference chain. A returned turn with tool calls is not a message: the
        rollout executes the calls with the domain's `user_tools` and asks again, with that turn and one tool turn per
        result appended, until a message comes or the limit of steps is reached. Later replies do not see those turns.
    left: True when it ran out of patience, False when it was satisfied.
    ending: how it ended the dialogue, where it is more than `left` tells; None otherwise.
    fault: what it failed to do as a person, also when it was asked again, in one word; "" usually. Such a dialogue
        shows nothing of the assistant.
    unresolved: the requests that came to nothing in its eyes, numbered from 0, each with the reason.
    cut_unresolved: whether such requests at the end are to be cut from the trajectory, when they changed nothing.
    feedback: asked once the dialogue has ended: {"satisfaction": 0 to 1, "feedback": a sentence}, from the dialogue
        alone; None when it gives none. Raises ModelError.
    refused: told that the last message, `text`, was not taken, and why in a sentence. `reply` is then asked again with
        the same turns; False says that this would be in vain.
    """

    asks: ClassVar[ModelRole | None] = None
    reference: ClassVar[bool] = False
    left: bool
    ending: End | None = None
    fault: str = ""
    cut_unresolved: bool = False
    calls: list[ModelCall]

    @property
    def unresolved(self) -> Mapping[int, Unresolved]:
        return {}

    @abstractmethod
    async def reply(self, turns: Sequence[Turn]) -> Completion | None: ...

    def refused(self, text: str, why: str) -> bool:
        return True

    async def feedback(self, turns: Sequence[Turn]) -> dict[str, Any] | None:
        return None


# ---------------------------------------------------------------- what a request exercises


class Mode(Protocol):
    """What one request of a dialogue exercises: how the request is made from a template's first turn, and what the
    messages that serve it must show. Pure: every choice is drawn from `rng`, so equal seeds give equal tasks.
    `engine/modes/_plain.py` implements all of it for a request without any twist.

    help: a sentence for whoever mixes a batch.
    short: take this request only, not the template's further turns.
    hard: adds one to the difficulty that calls and turns give.
    at_once: its facts must be stated before the next request, because they would change later.
    declines: the assistant must decline, so a refusal in words is no fault of its text.
    serves: whether the mode can transform the template's first turn.
    question: a request in place of the template's, with {"question": its id} as slots; None for most modes.
    drawn: the first turn under this mode; `plain` is that turn with its slots filled in.
    withheld: names of tools that the dialogue does not offer, and that none of its requests may need.
    exercised: whether a teacher that repeats no read of the `earlier` turns still meets what the mode is about. If not,
        the request is moved before them.
    fault: index in the chain of the call whose first try fails, or None; asked once the dialogue is composed.
    offered: the tools that the teacher sees; `needed` are those that the reference calls.
    finding: what the messages of `span` show about request `number`; None when nothing is demanded.
    """

    help: ClassVar[str]
    short: ClassVar[bool]
    hard: ClassVar[bool]
    at_once: ClassVar[bool]
    declines: ClassVar[bool] = False

    @abstractmethod
    def serves(self, domain: Domain, template: TaskTemplate) -> bool: ...
    @abstractmethod
    def question(self, domain: Domain, rng: Random) -> TaskTurn | None: ...
    @abstractmethod
    def drawn(self, domain: Domain, turn: TemplateTurn, plain: TaskTurn, rng: Random) -> TaskTurn: ...
    @abstractmethod
    def withheld(self, domain: Domain, turn: TemplateTurn) -> tuple[str, ...]: ...
    @abstractmethod
    def exercised(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn) -> bool: ...
    @abstractmethod
    def fault(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn, rng: Random) -> int | None: ...
    @abstractmethod
    def offered(
        self, domain: Domain, needed: Collection[str], withheld: Collection[str], rng: Random
    ) -> tuple[Tool, ...]: ...
    @abstractmethod
    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding | None: ...


# ---------------------------------------------------------------- sandboxes and tools


class Process(Protocol):
    """A program that runs in a sandbox while tools are called: its standard input and output as exact bytes, in order.

    All methods raise SandboxError when the sandbox itself is broken. A cancelled `read` loses nothing; how much a
    cancelled `write` has sent is unknown. With 256 KB of unread output the program blocks, as on a full pipe.

    status: None while it runs; then its exit status, or 128 plus the number of the signal that killed it.
    errors: the last 4,096 bytes of its standard error, once it has ended.
    write: send all of `data`; waits while 256 KB are unread by the program. Raises ProcessError when the program has
        ended or closed its standard input.
    read: the bytes that arrived since, at least one; b"" when the program has ended and all was read. Raises
        TimeoutError after `timeout` seconds without any.
    readline: one line with its newline. Raises ProcessError when the program ends before the line does, or the line is
        longer than 16 MB; TimeoutError when it is incomplete after `timeout` seconds (what arrived of it is kept).
    aclose: close its standard input, send SIGTERM after half a second and SIGKILL after another, then kill whatever it
        started. Unsent output is dropped. Never raises.
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
    """One workspace for one rollout. All methods raise SandboxError when the sandbox itself is broken (killed server,
    dead container), and never report that as a tool's result.

    call: run one function of the tool modules in the workspace; a tool's failure is a ToolResult with a fault.
    exec: run a command; a timeout kills it with all its children and gives fault "timeout".
    open_process: start a program in the workspace, with the limits of `exec` except the timeout; at most 8 at once. It
        ends with everything it started, at its `aclose`, at `reset`, at the last `diff` or with the lease. Raises
        ProcessError when it cannot start. Reset leaves no process and no file of it, so the sandbox may be reused; when
        the program runs what a model wrote, `commands` of its tool source must be True.
    read / write: paths are relative to the workspace. Raise InputError for a path that leads out of it,
        FileNotFoundError for a missing file.
    diff: the changes since the last reset, canonical (types.Change). `last` promises that nothing follows in this
        lease: processes end before the comparison, and the workspace is restored after it.
    look_ahead: begin to find out the changes while the engine waits for something else. `diff` then returns them at
        once, unless anything else was requested since or a process could have changed a file.
    reset: kill every process, restore the initial workspace and verify it.
    """

    name: str
    isolated: bool

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolResult: ...
    async def exec(self, argv: Sequence[str], *, timeout: float | None = None, stdin: bytes = b"") -> ExecResult: ...
    async def open_process(self, argv: Sequence[str]) -> Process: ...
    async def read(self, path: str) -> bytes: ...
    async def write(self, path: str, data: bytes) -> None: ...
    def look_ahead(self) -> None: ...
    async def diff(self, *, last: bool = False) -> StateDiff: ...
    async def reset(self) -> None: ...


class SandboxPool(Protocol):
    """A sandbox backend.

    isolated: whether tools can reach neither the machine nor the tool server.
    unbounded: what of a tool's use of the machine it cannot bound, each in a few words.
    start: raises SandboxError(gone=True) with the next move when the backend cannot be used.
    prepare: a hint that `width` leases will be open at once, so that sandboxes start ahead of need.
    lease: raises SandboxError. Leaving the context resets or discards the sandbox, whatever happened inside.
    left: what earlier, killed engines left behind, each thing in a few words. Works before `start`.
    sweep: remove all that and return how many things. Works before `start`.
    """

    name: ClassVar[str]
    isolated: ClassVar[bool]
    unbounded: ClassVar[Sequence[str]] = ()

    @abstractmethod
    async def start(self) -> None: ...
    @abstractmethod
    async def prepare(self, environment: Environment, width: int) -> None: ...
    @abstractmethod
    def lease(self, environment: Environment) -> AbstractAsyncContextManager[Sandbox]: ...
    @abstractmethod
    async def health(self) -> SandboxHealth: ...
    @abstractmethod
    async def left(self) -> Sequence[str]: ...
    @abstractmethod
    async def sweep(self) -> int: ...
    @abstractmethod
    async def aclose(self) -> None: ...


class ToolSource(Protocol):
    """Where tools come from and how a call reaches them. Made with the options that domain.yaml gives.

    commands: whether its tools run what the model writes.
    holds_state: whether it has state outside the workspace.
    reads_shared: whether it makes tools from the shared files of a pack.
    open: the tools that it finds in the pack's files; called once, before any `call`. A coroutine runs in an event loop
        of its own, so it must keep nothing bound to that loop. Raises InputError naming file and line.
    named: the names of the tools that the files define, although some cannot be read; None when that is unknown.
    user_tools: the tools for the simulated person, read as `open` reads the teacher's.
    call: execute a call of one of the tools. Raises SandboxError; the tool's own failure is in the result.
    probe: its present state outside the workspace, as JSON values by name, so that end states compare it too. Called
        when a sandbox is opened and at the end, with `holds_state` only.
    result_schema: the JSON Schema of a tool's results; None when it promises nothing.
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


@runtime_checkable
class ModelPanel(Protocol):
    """An LLM that stands for several."""

    members: Sequence[LLM]


# ---------------------------------------------------------------- judges


class Judge(Protocol):
    """Scores a finished trajectory (task, proof, turns and diff are set). Never raises for a bad trajectory: what it
    cannot measure is a Score with value None and the reason. The `source` of its scores is its own name.

    asks: the role of the model that it calls; None when it calls none.
    decides: whether a pass of it can make the outcome a success; otherwise it can only make it a failure.
    stage: the stage at which a trajectory that it fails is lost.
    reads_rubric: whether it asks the questions of the batch's rubric, which the form then shows.
    reason: the short code for a trajectory lost by this score.
    measures: in one sentence, what a score of it measures; "" where its name and the judge's label say all. The
        scored trajectory is given where it is at hand.
    makes: the kinds of attachments that it notes, none of which any other part of the product makes.

    wants_replay: whether a stored trajectory that is judged again should have its calls replayed and its hidden tests
        run, since what it reads of them may be out of date.
    replay: what that gave; None where it was not done. A judge that measures nothing by it leaves the outcome open.

    A judge that finds something at a place within a turn may also have `notes: list[Attachment]`, filled by `score`.
    """

    asks: ClassVar[ModelRole | None] = None
    decides: ClassVar[bool] = False
    stage: ClassVar[Stage] = "judged"
    reads_rubric: ClassVar[bool] = False
    makes: ClassVar[frozenset[str]] = frozenset()
    replay: Replayed | None = None

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        return f"low_{score.name}"

    @classmethod
    def measures(cls, score: Score, trajectory: Trajectory | None = None) -> str:
        return ""

    def wants_replay(self, trajectory: Trajectory) -> bool:
        return False

    @abstractmethod
    async def score(self, trajectory: Trajectory) -> Sequence[Score]: ...


@runtime_checkable
class AskingJudge(Judge, Protocol):
    """A judge that calls a model. Built with `llm` beside its Config, and with `rubric` (the batch's, or None) when it
    `reads_rubric`.

    calls: every model call so far.
    unmeasured: its scores, all None with this reason, for a trajectory that it is not asked about.
    """

    calls: list[ModelCall]

    def unmeasured(self, reason: str, trajectory: Trajectory | None = None) -> Sequence[Score]: ...


# ---------------------------------------------------------------- exports and imports


class Exporter(Protocol):
    """Converts records into rows of one training format. Pure and deterministic: the result depends on the record
    alone, and each record gives rows or a reason why not. Parts of a record inside a row are written as JSON objects.

    suffix: of the data files.
    never_carried: what the format has no place for.
    whole: True (absent: False) where a row holds what is known of the whole dialogue, so that none is cut to
        a length or has its tools renamed.
    convert: the rows of one record, with what the report counts.
    extra_files: files beside the data (dataset_info.json), given {split: data file}.

    One that writes tables has the class attribute `columns` besides (engine/exporting/table.py); `suffix` is then .csv
    or .parquet.
    """

    suffix: str

    @property
    def never_carried(self) -> tuple[str, ...]: ...
    @abstractmethod
    def convert(self, record: Record) -> Converted: ...
    @abstractmethod
    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]: ...


class GroupingExporter(Exporter, Protocol):
    """An exporter that may need all attempts at one task together, as pairs do.

    grouped: whether it does, with its options.
    convert_group: what each of the attempts gives, in their order. One that stands in a row of another gives an empty
        `Converted` that is not dropped.
    """

    grouped: bool

    @abstractmethod
    def convert_group(self, records: Sequence[Record]) -> list[Converted]: ...


class ImportReport(Protocol):
    """Counts what an importer reads (engine/importing/report.py).

    record: a context with the notes on one record; an InputError raised inside sets the record aside.
    refuse: set aside a record that was never begun.
    """

    def record(self, line: int, where: str) -> AbstractContextManager[Any]: ...
    def refuse(self, line: int, error: Any) -> None: ...


class Importer(Protocol):
    """Reads a training format, one line in memory at a time. The report sets a bad line aside with its reason and the
    others are read; without a report a bad line raises InputError naming file and line."""

    @abstractmethod
    def trajectories(
        self, lines: Iterable[bytes], name: str, report: ImportReport | None = None
    ) -> Iterator[Trajectory]: ...


# ---------------------------------------------------------------- storage


class Store(Protocol):
    """Batches as the engine needs them. Synchronous and short; the runner calls it in a thread.

    claim: take the oldest queued batch (or a running one whose heartbeat is older than `stale` seconds) by a
        conditional update, and set it running; None when there is none. `most` leaves out batches with more rollouts
        left, `only` all batches but one.
    pin: record the sandbox that the batch uses from now on, unless it has one or the claim is lost.
    done_ids: ids of the rollouts that are stored.
    save: append finished trajectories and update counters in one transaction; return how many were new. One that is
        stored already is skipped, so saving again after a crash changes nothing. Raises StorageError.
    count_dropped: add what model calls took that are in no stored trajectory to the counters of the batch; does nothing
        when the batch is gone. Raises StorageError.
    heartbeat: renew the claim and publish how many rollouts are running; return the command for the batch: "pause",
        "cancel", "lost" (another engine holds it now) or None.
    note: publish what the user should know while the batch runs, in place of what was published before; does nothing
        when the claim is lost.
    release: give the batch back with a final or paused status and the reason for the reader.
    spent: (tokens, cost in US dollars or None, seconds) so far, over all claims of the batch.
    waiting_judgements: numbers of the trajectories that a batch which judges again has left, in their order; the batch
        then plans no more than these and what it has judged, since trajectories may have been deleted.
    stored_trajectory: a trajectory by its number; None when it was deleted.
    origin: where such a trajectory comes from, with the domain version of this digest.
    save_judgements: store what judging again found, by the trajectory's number, and count it in one transaction;
        numbers without a judgement are no longer planned. Raises StorageError.
    """

    def claim(
        self, holder: str, now: float, stale: float, *, most: int | None = None, only: int | None = None
    ) -> Claim | None: ...
    def pin(self, batch_id: int, holder: str, sandbox: str) -> None: ...
    def done_ids(self, batch_id: int) -> set[str]: ...
    def save(self, batch_id: int, trajectories: Sequence[Trajectory]) -> int: ...
    def count_dropped(self, batch_id: int, calls: Sequence[ModelCall]) -> None: ...
    def heartbeat(self, batch_id: int, holder: str, now: float, running: int) -> str | None: ...
    def note(self, batch_id: int, holder: str, text: str) -> None: ...
    def release(self, batch_id: int, holder: str, status: str, reason: str) -> None: ...
    def progress(self, batch_id: int) -> Progress: ...
    def spent(self, batch_id: int) -> tuple[int, float | None, float]: ...
    def waiting_judgements(self, batch_id: int) -> list[int]: ...
    def stored_trajectory(self, number: int) -> Trajectory | None: ...
    def origin(self, number: int, digest: str) -> Origin: ...
    def save_judgements(self, batch_id: int, judgements: Mapping[int, Judgement | None]) -> None: ...


class Library(Protocol):
    """What the engine reads and writes besides batches. Raises InputError for what does not exist.

    claim_request: take the oldest open request; None when there is none.
    finish_request: store its result, or the error for the reader.
    domain_files: a pack's files {path: bytes} at a version; None means the newest.
    trajectory: one record, with the files of the domain version that it was rolled out in.
    environment: what a runnable environment of a batch, or of newly planned tasks of a domain, is made from
        (engine/environments/make.py).
    needs_isolation: whether the pack with this digest came from outside and no user let it run without isolation.
    export: the recipe, and a stream of (id, body, reviews).
    licence: the licence of a domain version by digest; None when it states none or is not stored.
    batches: the batches of these fingerprints as they can be launched again, without those that are not stored or were
        imported.
    sandbox_options: the options set in the studio, by the sandbox's name.
    save_profile: store a profile with the saved endpoints that it was made for; without any nothing is stored.
    fail_export: store why nothing was written.
    beat, leave: store this engine's heartbeat, and that it has ended.
    """

    def claim_request(self, holder: str, now: float) -> Request | None: ...
    def finish_request(self, request_id: int, result: Mapping[str, Any] | None, error: str | None) -> None: ...
    def domain_files(self, domain_id: str, version: int | None) -> Mapping[str, bytes]: ...
    def trajectory(self, trajectory_id: int) -> tuple[Trajectory, Mapping[str, bytes]]: ...
    def needs_isolation(self, digest: str) -> bool: ...
    def export(self, export_id: int) -> tuple[Recipe, Iterator[tuple[int, bytes, Sequence[Review]]]]: ...
    def environment(self, *, batch: int | None, domain: str | None, tasks: int, seed: int) -> Any: ...
    def licence(self, digest: str) -> str | None: ...
    def batches(self, fingerprints: Collection[str]) -> Mapping[str, Batch]: ...
    def sandbox_options(self) -> Mapping[str, Mapping[str, Any]]: ...
    def save_profile(self, profile: Profile) -> None: ...
    def finish_export(self, export_id: int, outcome: ExportOutcome) -> None: ...
    def fail_export(self, export_id: int, error: str) -> None: ...
    def beat(self, pulse: Pulse) -> None: ...
    def leave(self, holder: str) -> None: ...
