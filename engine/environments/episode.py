"""An episode: a rollout whose assistant is whoever replies. Read this file first.

Nothing of a rollout is done anew here. `rollout` runs in a task of its own and asks a teacher for each message of the
assistant; that teacher waits until someone replies. So tools, the user's messages, injected faults, limits and judges
are those of a batch, and so is the reward.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from engine import plugins
from engine.domains.sources import sources_of
from engine.environments.contents import Contents, PackagedTask, Reply
from engine.errors import TurnwrightError
from engine.judging.keep import decide
from engine.protocols import Judge, SandboxPool, Teacher, ToolSource, User
from engine.rolling.parts import Parts
from engine.rolling.proofs import Proofs, Prove
from engine.rolling.rollout import rollout
from engine.types import Batch, Completion, ModelCall, Proof, RolloutSpec, Task, Tool, Trajectory, Turn


class EpisodeError(TurnwrightError):
    """An episode that shows nothing of the assistant: a sandbox broke, or the reference itself does not hold. It has no
    reward, not even 0."""


@dataclass(frozen=True)
class Result:
    """How an episode ended: the reward (0 to 1), whether a batch would keep the dialogue, and why not."""

    reward: float
    trajectory: Trajectory | None
    """The record of the dialogue; None where the assistant gave no further reply."""

    @property
    def kept(self) -> bool:
        return self.trajectory is not None and self.trajectory.status == "kept"

    def as_json(self) -> dict[str, Any]:
        """Return {"reward", "kept", "end", "reason", "detail", "scores": {name: value}, "reasons": {name: sentence}};
        scores that could not be measured are left out of `scores`."""
        found = self.trajectory
        if found is None:
            why = {"end": "given_up", "reason": "given_up", "detail": "The assistant gave no further reply."}
            return {"reward": self.reward, "kept": False, **why, "scores": {}, "reasons": {}}
        return {
            "reward": self.reward,
            "kept": self.kept,
            "end": found.end,
            "reason": found.reason,
            "detail": found.detail,
            "scores": {one.name: one.value for one in found.scores if one.value is not None},
            "reasons": {one.name: one.reason for one in found.scores},
        }


@dataclass(frozen=True)
class Observation:
    """What an episode says next: the messages since the last reply (results of calls, messages of the user; at first
    the system prompt too). `result` is set when the episode is over."""

    messages: tuple[Turn, ...]
    result: Result | None = None


class Episode:
    """One dialogue over one packaged task. Use it in an `async with`, which ends whatever is still going on."""

    def __init__(self, packaged: PackagedTask, parts: Parts) -> None:
        self.task = packaged.task
        self._spec = packaged.spec
        self._asked: asyncio.Queue[tuple[Turn, ...]] = asyncio.Queue()
        self._given: asyncio.Queue[Completion] = asyncio.Queue()
        self._parts = parts
        self._seen = 0
        self._rollout: asyncio.Task[Trajectory] | None = None

    async def __aenter__(self) -> Episode:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._rollout is not None:
            self._rollout.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._rollout

    async def start(self) -> Observation:
        """Open the sandbox and return the first messages. Raises EpisodeError."""
        parts = replace(self._parts, teacher=lambda spec, proof: _WhoeverReplies(self._asked, self._given))
        self._rollout = asyncio.create_task(rollout(self._spec, parts))
        return await self._next()

    async def reply(self, reply: Reply) -> Observation:
        """Take the assistant's next message and return what comes of it. Raises EpisodeError."""
        if self._rollout is None or self._rollout.done():
            raise EpisodeError("The episode is over, or was never started.")
        call = ModelCall(role="teacher", model="policy", finish=reply.finish)
        self._given.put_nowait(Completion(turn=reply.turn, call=call))
        return await self._next()

    async def _next(self) -> Observation:
        assert self._rollout is not None
        asked = asyncio.create_task(self._asked.get())
        try:
            await asyncio.wait({asked, self._rollout}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return Observation(self._news(asked.result()))
        finally:
            asked.cancel()
        trajectory = await self._rollout
        return Observation(self._news(trajectory.turns), Result(_reward(trajectory), trajectory))

    def _news(self, turns: Sequence[Turn]) -> tuple[Turn, ...]:
        found = tuple(turn for turn in turns[self._seen :] if turn.role != "assistant")
        self._seen = len(turns)
        return found


class _WhoeverReplies(Teacher):
    """A teacher that waits for a reply. It counts as a model, so that its texts are cleaned and checked like one's; but
    where a model is asked once more for a text that cannot be data, the same reply is given again: an episode has one
    reply at each place."""

    asks = "teacher"

    def __init__(self, asked: asyncio.Queue[tuple[Turn, ...]], given: asyncio.Queue[Completion]) -> None:
        self._asked, self._given = asked, given
        self._last: tuple[int, Completion] | None = None
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn], tools: Sequence[Tool]) -> Completion:
        if self._last is not None and self._last[0] == len(turns):
            return self._last[1]
        self._asked.put_nowait(tuple(turns))
        given = await self._given.get()
        self._last = (len(turns), given)
        return given


class Runtime:
    """Plays the tasks of a package in a sandbox."""

    def __init__(self, contents: Contents, pool: SandboxPool) -> None:
        self.contents = contents
        self._pool = pool
        self._sources: Mapping[str, ToolSource] = sources_of(contents.domain)

    def open(self, id: str) -> Episode:
        """Return a new episode of a task. Raises EpisodeError for an id that the package does not hold."""
        packaged = self.contents.by_id.get(id)
        if packaged is None:
            raise EpisodeError(f"There is no task {id!r} in this package.")
        return Episode(packaged, self._parts(packaged))

    async def result(self, id: str, replies: Sequence[Reply]) -> Result:
        """Return how an episode of a task ends with these replies; those that come after its end are not used. An
        assistant that has no further reply has given up: the reward is 0. Raises EpisodeError."""
        async with self.open(id) as episode:
            found = await episode.start()
            for reply in replies:
                if found.result is not None:
                    break
                found = await episode.reply(reply)
            if found.result is None:
                return Result(0.0, None)
            return found.result

    def _parts(self, packaged: PackagedTask) -> Parts:
        domain, batch = self.contents.domain, self.contents.batch
        digest = packaged.spec.domain_digest
        return Parts(
            batch=batch,
            fingerprint=batch.fingerprint,
            domains={digest: domain},
            pool=self._pool,
            sources={digest: self._sources},
            teacher=_no_teacher,
            user=_reference_user,
            judges=lambda: _judges(batch),
            curate=decide,
            now=time.time,
            proofs=_Stored(packaged.proof),
        )


class _Stored(Proofs):
    """Gives the proof that the package holds in place of making one."""

    def __init__(self, proof: Proof) -> None:
        super().__init__()
        self._proof = proof

    async def of(self, task: Task, prove: Prove) -> Proof:
        return self._proof


def _reference_user(spec: RolloutSpec, proof: Proof) -> User:
    plugin = plugins.load("users", "reference")
    user: User = plugin.make(
        plugin.config(), llm=None, task=spec.task, proof=proof, persona=spec.persona, seed=spec.seed
    )
    return user


def _no_teacher(spec: RolloutSpec, proof: Proof) -> Teacher:
    raise AssertionError("an episode brings its own teacher")


def _judges(batch: Batch) -> dict[str, Judge]:
    return {
        one.name: plugins.load("judges", one.name).make(plugins.configure("judges", one.name, one.options))
        for one in batch.judges
    }


def _reward(trajectory: Trajectory) -> float:
    """Return the reward. A dialogue that ended with a text that cannot be data has no scores; that is the assistant's
    doing, so its reward is 0. Raises EpisodeError where nothing is known of the assistant."""
    if trajectory.reward is not None:
        return trajectory.reward
    if trajectory.outcome == "failure" and trajectory.culprit == "agent":
        return 0.0
    raise EpisodeError(f"The episode could not be measured ({trajectory.reason}): {trajectory.detail}")
