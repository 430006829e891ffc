"""Judges -> Scores -> Reward, outcome and culprit.

The reward is the mean over the judges that could measure something, each judge counting once (a judge with
several scores counts their mean, the rubric its weighted overall score). What could not be measured is left out,
and a reward of nothing is None. A lost end state is measured only where the reference still gives its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from engine import plugins
from engine.dialogue.questions import asks, wants_confirmation
from engine.dialogue.requests import spans
from engine.dialogue.withheld import may_be_told, tells, withheld
from engine.judging.steadiness import UNSTEADY
from engine.protocols import AskingJudge, Judge
from engine.types import Culprit, ModelCall, Outcome, Score, Span, Task, Trajectory

_TOOL_FAULTS = ("tool_crash", "timeout", "limit")
_AGAINST_THE_REFERENCE = ("state", "fact")

Doubt = Callable[[Trajectory], Awaitable[str | None]]


async def score(trajectory: Trajectory, judges: Mapping[str, Judge], doubt: Doubt | None = None) -> Trajectory:
    """Return the trajectory with scores, reward, outcome and culprit.

    Judges that ask a model are asked only when no other judge failed the trajectory, and what they
    took is added; those that are not asked leave their scores unmeasured, with that reason. `doubt` is asked when the
    end state was lost, and says why the reference does not hold (engine/judging/steadiness.py): what was lost against
    it is then unmeasured, and unless something else failed, the tools are at fault.
    """
    scores: list[Score] = []
    calls: list[ModelCall] = []
    for judge in (judge for judge in judges.values() if judge.asks is None):
        scores += await judge.score(trajectory)
    void = await doubt(trajectory) if doubt is not None and _lost_the_state(scores) else None
    if void is not None:
        scores = [_unmeasured(entry, void) for entry in scores]
    for name, judge in ((name, judge) for name, judge in judges.items() if judge.asks is not None):
        if void is not None or (failed := _failed(scores)):
            told = "the reference does not hold" if void is not None else f"{' and '.join(failed)} failed"
            scores += _unasked(name, judge, f"Not asked: {told}.")
            continue
        scores += await judge.score(trajectory)
        calls += getattr(judge, "calls", ())
    found = {"scores": tuple(scores), "reward": reward(scores), "calls": (*trajectory.calls, *calls)}
    deciding = {name for name, judge in judges.items() if judge.decides}
    outcome = _outcome(trajectory, scores, deciding)
    return trajectory.model_copy(update=found | _blame(trajectory, outcome, void))


def _blame(trajectory: Trajectory, outcome: Outcome, void: str | None) -> dict[str, object]:
    """Return outcome and culprit, and the proof where it turned out not to hold."""
    if void is None or trajectory.proof is None:
        return {"outcome": outcome, "culprit": _culprit(trajectory) if outcome == "failure" else None}
    proof = trajectory.proof.model_copy(update={"reason": UNSTEADY, "detail": void})
    if outcome == "failure":
        return {"outcome": outcome, "culprit": _culprit(trajectory), "proof": proof}
    return {"outcome": "unmeasured", "culprit": "tool", "proof": proof}


def _lost_the_state(scores: Sequence[Score]) -> bool:
    return any(entry.method == "state" and entry.passed is False for entry in scores)


def _unmeasured(entry: Score, reason: str) -> Score:
    """Return a score that was lost against a reference that does not hold, as not measured."""
    if entry.method not in _AGAINST_THE_REFERENCE or entry.passed is not False:
        return entry
    return entry.model_copy(update={"value": None, "passed": None, "reason": reason})


def _failed(scores: Sequence[Score]) -> list[str]:
    """Return the judges that failed the trajectory."""
    return list(dict.fromkeys(entry.source for entry in scores if entry.passed is False))


def _unasked(name: str, judge: Judge, reason: str) -> Sequence[Score]:
    """Return what the judge would have measured, as None."""
    if isinstance(judge, AskingJudge):
        return judge.unmeasured(reason)
    return [Score(name=name, value=None, reason=reason, source=name, method="model")]


def reward(scores: Sequence[Score]) -> float | None:
    """Return the mean over judges of what each measured, rounded to 6 digits, or None."""
    by_source: dict[str, list[float]] = {}
    for entry in scores:
        if entry.value is not None and not _overall_stands_beside(entry, scores):
            by_source.setdefault(entry.source, []).append(entry.value)
    if not by_source:
        return None
    means = [sum(values) / len(values) for values in by_source.values()]
    return round(sum(means) / len(means), 6)


def _overall_stands_beside(entry: Score, scores: Sequence[Score]) -> bool:
    """A judge's score named after itself is its overall; its other scores then only explain it."""
    return entry.name != entry.source and any(s.name == s.source == entry.source for s in scores)


def _outcome(trajectory: Trajectory, scores: Sequence[Score], deciding: Collection[str]) -> Outcome:
    """Return the outcome; only a judge that decides can call it a success."""
    if trajectory.end in ("error", "timeout", "not_started"):
        return "unmeasured"
    if any(entry.passed is False for entry in scores):
        return "failure"
    measured = any(entry.passed and entry.source in deciding for entry in scores)
    return "success" if measured else "unmeasured"


def _culprit(trajectory: Trajectory) -> Culprit:
    """Say whose fault a failed dialogue is: a tool's that crashed or hung and never answered after it, the user's
    who left or ended before telling what the task needs or did not do its own part, else the agent's."""
    if _broken_tools(trajectory):
        return "tool"
    if _left_its_part_undone(trajectory):
        return "user"
    task = trajectory.task
    by_model = not plugins.trait("users", trajectory.user, "reference", False)
    if by_model and task is not None and trajectory.end in ("done", "user_left"):
        made = spans(trajectory)
        if len(made) < len(task.turns) and not _complained(trajectory, made):
            return "user"
        if any(turn.hidden and _asked_in_vain(trajectory, task, at, made) for at, turn in enumerate(task.turns)):
            return "user"
    return "agent"


def _broken_tools(trajectory: Trajectory) -> bool:
    """Whether a tool was left broken. A command that breaks is the agent's own."""
    commands = {tool.name for tool in trajectory.tools if plugins.trait("tools", tool.source, "commands", False)}
    last = {turn.name: turn.fault for turn in trajectory.turns if turn.role == "tool" and turn.name not in commands}
    return any(fault in _TOOL_FAULTS for fault in last.values())


def _left_its_part_undone(trajectory: Trajectory) -> bool:
    """Whether the user never managed a call of a tool of its own that its part in the requests made so far takes, or
    used its tools and never came to speak."""
    made = len(spans(trajectory))
    if not made:
        return bool(trajectory.user_calls())
    proven = trajectory.proof.turns[:made] if trajectory.proof else ()
    needed = {one.call.name for turn in proven for one in turn.user_calls}
    return bool(needed) and not needed <= {call.name for call in trajectory.user_calls() if call.fault is None}


def _complained(trajectory: Trajectory, made: Sequence[Span]) -> bool:
    """Whether the user wrote again without a question to answer: who leaves after that was not served well."""
    begun = {span.start for span in made}
    last = ""
    for index, turn in enumerate(trajectory.turns):
        if turn.role == "user" and index not in begun and not (asks(last) or wants_confirmation(last)):
            return True
        last = turn.content if turn.role == "assistant" else last
    return False


def _asked_in_vain(trajectory: Trajectory, task: Task, number: int, made: Sequence[Span]) -> bool:
    """Whether the assistant asked for what a request held back and the user did not tell."""
    if number >= len(made):
        return False
    request, span = task.turns[number], made[number]
    later = trajectory.turns[span.start + 1 : span.end]
    texts = [turn.content for turn in later if turn.role == "assistant" and not turn.tool_calls]
    replies = [turn.content for turn in later if turn.role == "user"]
    told = any(tells(request, reply) for reply in replies) if withheld(request, request.say) else bool(replies)
    return may_be_told(task, number, texts) and not told
