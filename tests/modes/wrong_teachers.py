"""Teachers that go wrong in one request and play the proven task everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from engine import plugins
from engine.dialogue.requests import begun_of
from engine.planning import tasks
from engine.protocols import SandboxPool, Teacher, User
from engine.rolling.rollout import rollout
from engine.running.models import open_llm
from engine.types import (
    Completion,
    Domain,
    Mode,
    ModelCall,
    Persona,
    Proof,
    RolloutSpec,
    Task,
    Tool,
    ToolCall,
    Trajectory,
    Turn,
)
from tests.engines import wired
from tests.samples.batches import batch_of, spec_of
from tests.samples.models import scripted


@dataclass(frozen=True)
class Moment:
    """Where a dialogue is: the request being served, what came since it, and what the reference would say."""

    task: Task
    proof: Proof
    number: int
    since: Sequence[Turn]
    right: Turn

    @property
    def replies(self) -> int:
        return sum(turn.role == "assistant" for turn in self.since)

    @property
    def answer(self) -> str:
        return self.proof.turns[self.number].answer

    def calling(self, *calls: ToolCall) -> Turn:
        named = (call.model_copy(update={"id": f"w{len(self.since)}_{i}"}) for i, call in enumerate(calls))
        return Turn(role="assistant", tool_calls=tuple(named))

    def proven(self) -> list[ToolCall]:
        return [entry.call for group in self.proof.turns[self.number].calls for entry in group]


Play = Callable[[Moment], Turn | None]
Fits = Callable[[Task, int], bool]


class Wrong(Teacher):
    """The reference, but for the request `place`, where it says what `play` gives; None means as the reference."""

    def __init__(self, task: Task, proof: Proof, persona: Persona, place: int, play: Play) -> None:
        plugin = plugins.load("teachers", "reference")
        self._right = plugin.make(plugin.config(), llm=None, task=task, proof=proof, persona=persona, seed=0)
        self._task, self._proof, self._place, self._play = task, proof, place, play
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn], tools: Sequence[Tool]) -> Completion:
        begun = begun_of(self._task, turns)
        told = {turn.hidden for turn in self._task.turns}
        known = [  # what the user said because of a wrong question is nothing that the reference expects
            t for i, t in enumerate(turns) if t.role != "user" or i in begun or t.content in told
        ]
        completion: Completion = await self._right.reply(known, tools)
        if len(begun) - 1 != self._place:
            return completion
        moment = Moment(self._task, self._proof, self._place, turns[begun[-1] + 1 :], completion.turn)
        return completion.model_copy(update={"turn": self._play(moment) or completion.turn})


def task_of(domain: Domain, mode: Mode, place: int, fits: Fits, turns: Sequence[int] = (1, 2, 3)) -> Task:
    """Return a task whose request `place` has the mode."""
    for seed in range(400):
        for number in turns:
            with suppress(tasks.Rejected):
                task = tasks.sample(domain, mode=mode, turns=number, seed=seed)
                if task.modes[place : place + 1] == (mode,) and fits(task, place):
                    return task
    raise AssertionError(f"no task of mode {mode} at {place}")


# ---------------------------------------------------------------- a dialogue with one


async def played(
    domain: Domain,
    persona: Persona,
    pool: SandboxPool,
    task: Task,
    place: int,
    play: Play = lambda moment: None,
    **more: Any,
) -> Trajectory:
    mode = task.modes[place]
    spec = spec_of(domain, persona, task, mode, id=f"{mode}-{place}")
    parts = wired(batch_of(domain), domain, pool)
    parts = replace(parts, teacher=lambda s, proof: Wrong(task, proof, persona, place, play), **more)
    return await rollout(spec, parts)


def failed(found: Trajectory) -> set[str]:
    return {score.name for score in found.scores if score.passed is False}


def passed(found: Trajectory) -> set[str]:
    return {score.name for score in found.scores if score.passed}


def model_user(
    task: Task, persona: Persona, *said: tuple[str, str], insists: bool = False
) -> Callable[[RolloutSpec, Proof], User]:
    """Return what makes a model user that says these texts, each with what it is about, and is then satisfied, also
    when it is told to go on."""
    replies = [{"data": {"message": text, "status": "continue", "about": about}} for text, about in said]
    replies += [{"data": {"message": "", "status": "satisfied", "about": "same_request"}}] * (1 + insists)
    llm, plugin = open_llm(scripted(*replies), "user"), plugins.load("users", "llm")
    return lambda s, proof: plugin.make(plugin.config(), llm=llm, task=task, proof=proof, persona=persona, seed=0)


# ---------------------------------------------------------------- what they do


def says(text: str) -> Play:
    return lambda moment: Turn(role="assistant", content=text)


def knows_without_looking(moment: Moment) -> Turn:
    return Turn(role="assistant", content=moment.answer)


def one_call_then_done(moment: Moment) -> Turn | None:
    return Turn(role="assistant", content=moment.answer) if moment.replies else None


def wrong_account(moment: Moment) -> Turn | None:
    if not moment.replies:
        return moment.calling(ToolCall(id="", name="get_balance", arguments={"account_id": "Z-9"}))
    return Turn(role="assistant", content="It holds 987654.")


def one_after_the_other(moment: Moment) -> Turn | None:
    calls = moment.proven()
    return moment.calling(calls[moment.replies]) if moment.replies < len(calls) else None


def last_call_at_once(moment: Moment) -> Turn:
    if not moment.replies:
        return moment.calling(moment.proven()[-1])
    return Turn(role="assistant", content=moment.answer)


def looks_first(name: str, **arguments: Any) -> Play:
    """Make one more call before doing all as the reference does."""

    def play(moment: Moment) -> Turn | None:
        if not moment.replies:
            return moment.calling(ToolCall(id="", name=name, arguments=arguments))
        done = moment.replies - 1
        calls = moment.proven()
        return moment.calling(calls[done]) if done < len(calls) else Turn(role="assistant", content=moment.answer)

    return play


def guesses(ending: str) -> Play:
    """Take the withheld value as known, rightly, and serve the request; then as the reference."""

    def play(moment: Moment) -> Turn | None:
        calls = moment.proven()
        if moment.replies < len(calls):
            return moment.calling(calls[moment.replies])
        return Turn(role="assistant", content=f"{moment.answer} {ending}".strip())

    return play


def repeats_nothing(moment: Moment) -> Turn:
    """Serve the request rightly, without the calls that the reference made for an earlier one."""
    known = [entry.call for turn in moment.proof.turns[: moment.number] for group in turn.calls for entry in group]
    told = [(call.name, call.arguments) for call in known]
    proven = moment.proof.turns[moment.number].calls
    groups = [[e.call for e in group if (e.call.name, e.call.arguments) not in told] for group in proven]
    left = [group for group in groups if group]
    stopped = [turn.tool_call_id for turn in moment.since if turn.fault == "injected"]
    last = next((turn for turn in reversed(moment.since) if turn.role == "assistant"), None)
    again = [call for call in last.tool_calls if call.id in stopped] if last else []
    if again:
        return moment.calling(*again)
    done = moment.replies - len(stopped)
    return moment.calling(*left[done]) if done < len(left) else Turn(role="assistant", content=moment.answer)


def gives_up(moment: Moment) -> Turn | None:
    stopped = any(turn.fault == "injected" for turn in moment.since)
    return Turn(role="assistant", content="The service is unavailable, sorry.") if stopped else None


def claims_success(moment: Moment) -> Turn | None:
    stopped = any(turn.fault == "injected" for turn in moment.since)
    return Turn(role="assistant", content=moment.answer) if stopped else None


def tries_another_call(moment: Moment) -> Turn | None:
    """After the fault, call the same tool with something else, and claim success."""
    stopped = [turn for turn in moment.since if turn.fault == "injected"]
    if not stopped:
        return None
    if moment.since[-1].fault == "injected" and stopped[0].name == "get_balance":
        other = "A-2" if moment.proven()[0].arguments["account_id"] != "A-2" else "A-1"
        return moment.calling(ToolCall(id="", name="get_balance", arguments={"account_id": other}))
    return Turn(role="assistant", content=moment.answer)


def of(template: str) -> Fits:
    """Tasks whose request opens this template, with no comparison before it (that shows all ids)."""

    def fits(task: Task, place: int) -> bool:
        segments = [turn.segment for turn in task.turns]
        own = task.templates[segments[place]] == template and segments.index(segments[place]) == place
        return own and "compare" not in task.templates[: segments[place]]

    return fits


def has_tool(name: str) -> Fits:
    return lambda task, place: name in {tool.name for tool in task.tools}
