"""Judges -> Scores -> Reward, outcome and culprit.

The reward is the mean over the judges that could measure something, each judge counting once (a judge with
several scores counts their mean, the rubric its weighted overall score). What could not be measured is left out;
when nothing could be, the reward is None. A judge that was asked and whose model gave no usable answer leaves outcome
and reward open, unless another judge has failed the trajectory: what the others found is only a part of it. A wrong
end state counts only while the reference proves steady (steadiness.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from engine import plugins
from engine.dialogue.questions import asks, wants_confirmation
from engine.dialogue.requests import spans
from engine.dialogue.withheld import may_be_told, tells, withheld
from engine.judging.steadiness import UNSTEADY
from engine.protocols import AskingJudge, Judge
from engine.types import ANSWERED_ENDS, Attachment, Culprit, ModelCall, Outcome, Score, Span, Task, Trajectory

_TOOL_FAULTS = ("tool_crash", "timeout", "limit")
_ENDS_OF_THE_USER = ("done", "transferred", "impossible", "clarifications_used_up", "out_of_patience", "user_left")
_REFERENCE_METHODS = ("state", "fact")
"""Methods of scores that compare with the reference."""

UnsteadyReason = Callable[[Trajectory], Awaitable[str | None]]
"""Returns why a trajectory's reference is unsteady, None when it is steady (engine/judging/steadiness.py)."""


async def with_scores(
    trajectory: Trajectory,
    judges: Mapping[str, Judge],
    unsteady_reason: UnsteadyReason | None = None,
    *,
    standing: Sequence[Score] = (),
) -> Trajectory:
    """Return the trajectory with scores, reward, outcome and culprit.

    Judges that ask a model cost money, so they are asked only when no judge before them failed it; their model
    calls are added to the trajectory's. The scores of a judge that was not asked are None, with that reason. What a
    judge notes beside single turns is added to the trajectory's attachments.

    `unsteady_reason` is awaited when the end state is wrong. If it gives a reason, no model is asked, reference scores
    below 1 become None and, unless another failed, the outcome is unmeasured with culprit tool. `standing` are scores
    that judges which are not asked now gave before; they count as if given now.
    """
    scores: list[Score] = [*standing]
    calls: list[ModelCall] = []
    notes: list[Attachment] = []
    silent: list[Judge] = []
    for judge in (judge for judge in judges.values() if judge.asks is None):
        given = await judge.score(trajectory)
        silent += [judge] if judge.replay is not None and overall_value(given) is None else []
        scores += given
        notes += getattr(judge, "notes", ())
    unsteady = await unsteady_reason(trajectory) if unsteady_reason is not None and _state_differs(scores) else None
    if unsteady is not None:
        scores = [_without_reference(entry, unsteady) for entry in scores]
    for name, judge in ((name, judge) for name, judge in judges.items() if judge.asks is not None):
        if unsteady is not None or (failed := _failing_judges(scores)):
            why = "the reference does not hold" if unsteady is not None else f"{' and '.join(failed)} failed"
            scores += _unasked_scores(name, judge, f"Not asked: {why}.", trajectory)
            continue
        given = await judge.score(trajectory)
        silent += [judge] if given and overall_value(given) is None else []
        scores += given
        calls += getattr(judge, "calls", ())
    open_verdict = bool(silent) and not _failing_judges(scores)
    found = {
        "scores": tuple(scores),
        "reward": None if open_verdict else reward(scores),
        "calls": (*trajectory.calls, *calls),
        "attachments": (*trajectory.attachments, *notes),
    }
    deciding = {name for name, judge in judges.items() if judge.decides}
    deciding |= {one.source for one in standing if plugins.trait("judges", one.source, "decides", False)}
    outcome: Outcome = "unmeasured" if open_verdict else _outcome(trajectory, scores, deciding)
    fields = _outcome_fields(trajectory, scores, outcome, unsteady)
    if open_verdict:
        fields["culprit"] = "infrastructure"
    return trajectory.model_copy(update=found | fields)


def _outcome_fields(
    trajectory: Trajectory, scores: Sequence[Score], outcome: Outcome, unsteady: str | None
) -> dict[str, object]:
    """Return the fields `outcome` and `culprit`, and `proof` marked as unsteady where it is."""
    if unsteady is None or trajectory.proof is None:
        return {"outcome": outcome, "culprit": _culprit(trajectory, scores) if outcome == "failure" else None}
    proof = trajectory.proof.model_copy(update={"reason": UNSTEADY, "detail": unsteady})
    if outcome == "failure":
        return {"outcome": outcome, "culprit": _culprit(trajectory, scores), "proof": proof}
    return {"outcome": "unmeasured", "culprit": "tool", "proof": proof}


def _state_differs(scores: Sequence[Score]) -> bool:
    """Return whether the end state is another one, also where partial credit lets that pass."""
    return any(entry.method == "state" and entry.value is not None and entry.value < 1 for entry in scores)


def _without_reference(entry: Score, reason: str) -> Score:
    """Return a score that compares with the reference and is below 1 as not measured, any other score as it is."""
    if entry.method not in _REFERENCE_METHODS or entry.value is None or entry.value == 1:
        return entry
    return entry.model_copy(update={"value": None, "passed": None, "reason": reason})


def _failing_judges(scores: Sequence[Score]) -> list[str]:
    """Return the names of the judges that failed the trajectory."""
    return list(dict.fromkeys(entry.source for entry in scores if entry.passed is False))


def _unasked_scores(name: str, judge: Judge, reason: str, trajectory: Trajectory) -> Sequence[Score]:
    """Return the scores that the judge would have given, each with value None and this reason."""
    if isinstance(judge, AskingJudge):
        return judge.unmeasured(reason, trajectory)
    return [Score(name=name, value=None, reason=reason, source=name, method="model")]


def reward(scores: Sequence[Score]) -> float | None:
    """Return the mean over judges of each one's mean score, rounded to 6 digits; None when nothing was measured.

    Beside an overall score of its judge, which is the one named like the judge, others of that judge only explain it.
    """
    overall = {entry.source for entry in scores if entry.name == entry.source}
    by_source: dict[str, list[float]] = {}
    for entry in scores:
        if entry.value is not None and (entry.name == entry.source or entry.source not in overall):
            by_source.setdefault(entry.source, []).append(entry.value)
    if not by_source:
        return None
    means = [sum(values) / len(values) for values in by_source.values()]
    return round(sum(means) / len(means), 6)


def overall_value(scores: Sequence[Score]) -> float | None:
    """Return what one judge's scores amount to: the value of the score that is named like the judge, else the mean of
    those that were measured; None where there is none."""
    overall = [entry for entry in scores if entry.name == entry.source]
    found = [entry.value for entry in overall or scores if entry.value is not None]
    return sum(found) / len(found) if found else None


def _outcome(trajectory: Trajectory, scores: Sequence[Score], deciding: Collection[str]) -> Outcome:
    """Return the outcome; only a judge that decides can call it a success."""
    if trajectory.end in ("error", "timeout", "not_started"):
        return "unmeasured"
    if any(entry.passed is False for entry in scores):
        return "failure"
    measured = any(entry.passed and entry.source in deciding for entry in scores)
    return "success" if measured else "unmeasured"


def _culprit(trajectory: Trajectory, scores: Sequence[Score]) -> Culprit:
    """Return who is to blame for a failed dialogue.

    A tool whose last result is a crash, timeout or limit. The user, when it never managed its own tool calls,
    ended the dialogue before all requests were made or where it was asked for a yes, did not give what it was asked
    for, or left though it was served as the reference would have. Else the agent.
    """
    if _tool_stayed_broken(trajectory):
        return "tool"
    if _user_calls_missing(trajectory):
        return "user"
    task = trajectory.task
    by_model = not plugins.trait("users", trajectory.user, "reference", False)
    if by_model and trajectory.end == "out_of_scope":
        return "user"
    if by_model and task is not None and trajectory.end in _ENDS_OF_THE_USER:
        if trajectory.end in ANSWERED_ENDS and _left_a_question(trajectory):
            return "user"
        made = spans(trajectory)
        waited = trajectory.end == "clarifications_used_up"  # the agent asked and asked, so no request could follow
        if len(made) < len(task.turns) and not waited and not _user_insisted(trajectory, made):
            return "user"
        if any(turn.hidden and _asked_in_vain(trajectory, task, at, made) for at, turn in enumerate(task.turns)):
            return "user"
        if trajectory.end in ("out_of_patience", "user_left") and _is_served(trajectory, scores):
            return "user"
    return "agent"


def _is_served(trajectory: Trajectory, scores: Sequence[Score]) -> bool:
    """Return whether the dialogue failed by its end alone, though the assistant stated all facts of the reference, or
    made its end state where it has no facts."""
    wrong = [entry for entry in scores if entry.passed is False and (entry.source, entry.name) != ("rules", "finished")]
    facts = trajectory.proof is not None and any(turn.facts for turn in trajectory.proof.turns)
    return not wrong and any(entry.passed and entry.method == ("fact" if facts else "state") for entry in scores)


def _left_a_question(trajectory: Trajectory) -> bool:
    """Return whether the user ended the dialogue where the assistant had asked whether to go on."""
    last = trajectory.turns[-1] if trajectory.turns else None
    return last is not None and last.role == "assistant" and not last.tool_calls and wants_confirmation(last.content)


def _tool_stayed_broken(trajectory: Trajectory) -> bool:
    """Return whether the last result of a tool is a crash, timeout or reached limit. Tools that run commands are left
    out: what breaks there, the agent wrote."""
    commands = {tool.name for tool in trajectory.tools if plugins.trait("tools", tool.source, "commands", False)}
    last = {turn.name: turn.fault for turn in trajectory.turns if turn.role == "tool" and turn.name not in commands}
    return any(fault in _TOOL_FAULTS for fault in last.values())


def _user_calls_missing(trajectory: Trajectory) -> bool:
    """Return whether the user, for the requests made so far, has not successfully called each own tool that the proof
    calls; or, when it made no request at all, whether it called tools instead."""
    made = len(spans(trajectory))
    if not made:
        return bool(trajectory.user_calls())
    proven = trajectory.proof.turns[:made] if trajectory.proof else ()
    needed = {one.call.name for turn in proven for one in turn.user_calls}
    return bool(needed) and not needed <= {call.name for call in trajectory.user_calls() if call.fault is None}


def _user_insisted(trajectory: Trajectory, made: Sequence[Span]) -> bool:
    """Return whether the user wrote again within a request though the assistant had not asked anything. A user that
    leaves after that was served badly, so it is not to blame."""
    begun = {span.start for span in made}
    last = ""
    for index, turn in enumerate(trajectory.turns):
        if turn.role == "user" and index not in begun and not (asks(last) or wants_confirmation(last)):
            return True
        last = turn.content if turn.role == "assistant" else last
    return False


def _asked_in_vain(trajectory: Trajectory, task: Task, number: int, made: Sequence[Span]) -> bool:
    """Return whether the assistant asked for the values that request `number` withholds, and the user did not give
    them."""
    if number >= len(made):
        return False
    request, span = task.turns[number], made[number]
    later = trajectory.turns[span.start + 1 : span.end]
    texts = [turn.content for turn in later if turn.role == "assistant" and not turn.tool_calls]
    replies = [turn.content for turn in later if turn.role == "user"]
    given = any(tells(request, reply) for reply in replies) if withheld(request, request.say) else bool(replies)
    return may_be_told(task, number, texts) and not given
