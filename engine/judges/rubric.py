"""A model answers yes/no questions about the whole dialogue

One model call per trajectory, or one for each vote of a panel (`times`, several models); a second one, which quotes the
error, where an answer cannot be used. Each criterion gives a score `rubric.<id>` with a reason and the turns that show
it. The score `rubric` is the weighted share of yes; it alone passes or fails, at the rubric's threshold. Votes that
cannot be used, or are split, are a score of None. A task may bring rubrics of its domain and templates; then the share
of yes among the questions of each rubric must reach the threshold of that rubric.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from engine import prompting
from engine.errors import ModelError
from engine.hygiene.check import check
from engine.hygiene.findings import Context
from engine.judges._verdicts import Verdict, read_verdicts
from engine.judging.rubric_sets import SETS, QuestionSet
from engine.protocols import LLM, AskingJudge, ModelPanel
from engine.types import (
    ANY_LANGUAGE,
    Completion,
    Criterion,
    ModelCall,
    Options,
    Rubric,
    Score,
    Trajectory,
    Turn,
    digest,
)

__all__ = ["RubricJudge"]


_UNUSABLE = ("leaked_thinking", "cut_off", "special_tokens")


class Config(Options):
    """What is asked, how often, and how much of a dialogue the judge model reads."""

    questions: QuestionSet = "general"
    """The questions where the batch has no rubric of its own: general, the dimensions of tool use, the person's
    request, or the response."""
    pack_questions: Literal["beside", "instead", "none"] = "beside"
    """What becomes of questions that a domain or a template asks about its own dialogues: they are asked beside those
    above, instead of them (where there are any), or not at all."""
    times: Annotated[int, Field(ge=1, le=9)] = 1
    """How often each model is asked; the answer of most counts. An even number of answers may end in a tie, which
    measures nothing."""

    chars_per_turn: Annotated[int, Field(ge=200)] = 4_000
    """Characters after which a long tool result is cut."""
    chars: Annotated[int, Field(ge=2_000)] = 60_000
    """Characters of the whole record, so that it fits the judge's context."""


class RubricJudge(AskingJudge):
    """Asks `llm` the questions of `rubric` (the default one when it is None or has no criteria). `calls` holds the
    model calls made, in order. Raises ModelError only when it is fatal (wrong key, unknown model)."""

    asks = "judge"
    decides = True
    reads_rubric = True

    def __init__(self, config: Config, *, llm: LLM, rubric: Rubric | None = None) -> None:
        self._config = config
        self._rubric = rubric if rubric is not None and rubric.criteria else SETS[config.questions]
        self._members: Sequence[LLM] = llm.members if isinstance(llm, ModelPanel) else (llm,)
        self.calls: list[ModelCall] = []

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        return "low_rubric"

    @classmethod
    def measures(cls, score: Score, trajectory: Trajectory | None = None) -> str:
        """Return the question; of a rubric that is neither of the task nor a set of ours, its name, since scores do not
        hold the question."""
        name = score.version.split("/")[0]
        if score.name == score.source:
            several = name.split("+")
            rubrics = f"rubrics {' and '.join(several)}" if len(several) > 1 else f"rubric {name}"
            return f"The weighted share of yes among the questions of the {rubrics}."
        id = score.name.removeprefix(f"{score.source}.")
        known = (*(trajectory.task.rubrics if trajectory and trajectory.task else ()), *SETS.values())
        asked = (one.question for rubric in known if rubric.id == name for one in rubric.criteria if one.id == id)
        return next(asked, f"The yes/no question {id} of the rubric {name}.")

    async def score(self, trajectory: Trajectory) -> Sequence[Score]:
        """Return one score per criterion, then the overall one."""
        if not any(turn.role == "assistant" for turn in trajectory.turns):
            return self.unmeasured("There is no assistant turn to judge.", trajectory)
        asked = self._asked(trajectory)
        ids = [one.id for rubric in asked for one in rubric.criteria]
        prompt = Turn(role="user", content=self._prompt(trajectory, asked))
        ballots = [await self._ballot(prompt, ids, llm) for llm in self._members for _ in range(self._config.times)]
        cast = [ballot for ballot in ballots if ballot.verdicts]
        model = ", ".join(dict.fromkeys(ballot.model for ballot in ballots if ballot.model)) or None
        if 2 * len(cast) <= len(ballots):
            fault = next(ballot.fault for ballot in ballots if not ballot.verdicts)
            return _unmeasured(asked, fault, model)
        by_rubric = [
            [
                _criterion_score(rubric, one, [ballot.verdicts.get(one.id) for ballot in ballots], trajectory, model)
                for one in rubric.criteria
            ]
            for rubric in asked
        ]
        return [*(score for scores in by_rubric for score in scores), _overall_score(asked, by_rubric, model)]

    def _asked(self, trajectory: Trajectory | None) -> tuple[Rubric, ...]:
        """Return the rubrics whose questions are asked about a trajectory."""
        brought = trajectory.task.rubrics if trajectory is not None and trajectory.task is not None else ()
        if not brought or self._config.pack_questions == "none":
            return (self._rubric,)
        return brought if self._config.pack_questions == "instead" else (self._rubric, *brought)

    async def _ballot(self, prompt: Turn, ids: Sequence[str], llm: LLM) -> _Ballot:
        """Return what one model answers. An answer that cannot be used is asked for once more, with what is wrong."""
        messages = [prompt]
        schema = _schema(ids)
        known: dict[str, Verdict] = {}
        for last in (False, True):
            try:
                completion = await llm.complete(messages, response_schema=schema)
            except ModelError as error:
                if error.fatal:
                    raise
                if error.call is not None:
                    self.calls.append(error.call)
                return _Ballot({}, None, f"The judge gave no answer: {error}")
            read = read_verdicts(completion.data, completion.turn.content, ids)
            fault = _fault(read, completion, [id for id in ids if id not in known | read])
            self.calls.append(completion.call.model_copy(update={"not_taken": fault[0]}) if fault else completion.call)
            if fault is None or fault[0] == "incomplete":
                known |= read
            if fault is None or last:
                break
            messages = [*messages, *self._asked_again(completion, fault[1], ids)]
        return _Ballot(known, completion.call.model, "" if fault is None else fault[1])

    def _asked_again(self, completion: Completion, fault: str, ids: Sequence[str]) -> list[Turn]:
        """Return the messages that ask once more: the reply, cut where it is long, and what was wrong with it."""
        said = _cut(completion.turn.content, self._config.chars_per_turn).strip() or "(empty)"
        again = prompting.render("rubric_again", fault=fault, ids=ids)
        return [Turn(role="assistant", content=said), Turn(role="user", content=again)]

    def unmeasured(self, reason: str, trajectory: Trajectory | None = None) -> list[Score]:
        """Return all scores of the judge with value None and this reason."""
        return _unmeasured(self._asked(trajectory), reason, None)

    def _prompt(self, trajectory: Trajectory, asked: Sequence[Rubric]) -> str:
        record = transcript(trajectory.turns, self._config.chars_per_turn, self._config.chars)
        return prompting.render(
            "rubric",
            fence=f"===== record {digest(record, 12)} =====",
            transcript=record,
            goal=trajectory.task.goal if trajectory.task else "",
            criteria=[_anchored(criterion) for rubric in asked for criterion in rubric.criteria],
        )


@dataclass(frozen=True)
class _Ballot:
    """What one model answered: the verdicts that could be read, the model (None where it gave no answer), and what was
    wrong, "" where nothing was."""

    verdicts: Mapping[str, Verdict]
    model: str | None
    fault: str


def _unmeasured(asked: Sequence[Rubric], reason: str, model: str | None) -> list[Score]:
    """Return the scores of all questions, and the overall one, with value None and this reason."""
    scores = [
        _new_score([rubric], f"rubric.{one.id}", None, reason, model) for rubric in asked for one in rubric.criteria
    ]
    return [*scores, _new_score(asked, "rubric", None, reason, model)]


def _criterion_score(
    rubric: Rubric,
    criterion: Criterion,
    votes: Sequence[Verdict | None],
    trajectory: Trajectory,
    model: str | None,
) -> Score:
    """Return what most votes say, with the reason of the first of them; None for a tie and where half of them or fewer
    say anything."""
    name, given = f"rubric.{criterion.id}", [vote for vote in votes if vote is not None]
    yes = sum(vote.yes for vote in given)
    if 2 * len(given) <= len(votes) or 2 * yes == len(given):
        told = "The judge gave no readable answer to it." if len(votes) == 1 else _split(yes, given, votes)
        return _new_score([rubric], name, None, told, model)
    won = [vote for vote in given if vote.yes is (2 * yes > len(given))]
    evidence = {index for vote in won for index in vote.evidence if 0 <= index < len(trajectory.turns)}
    reason = next((vote.reason for vote in won if vote.reason), "The judge gave no reason.")
    if len(votes) > 1:
        reason = f"{len(won)} of {len(given)} say {'yes' if won[0].yes else 'no'}. {reason}"
    agreement = len(won) / len(given) if len(votes) > 1 else None
    score = _new_score([rubric], name, float(won[0].yes), reason, model, tuple(sorted(evidence)))
    return score if agreement is None else score.model_copy(update={"agreement": agreement})


def _overall_score(asked: Sequence[Rubric], by_rubric: Sequence[Sequence[Score]], model: str | None) -> Score:
    """Return the weighted share of yes among all questions; None when one has no value, as the share would mean less
    then. It passes where the questions of each rubric reach its threshold."""
    scores = [score for found in by_rubric for score in found]
    unread = [score.name for score in scores if score.value is None]
    if unread:
        return _new_score(asked, "rubric", None, f"Not measured: {', '.join(unread)}.", model)
    shares = [_share([rubric], found) for rubric, found in zip(asked, by_rubric, strict=True)]
    short = [(one, share) for one, share in zip(asked, shares, strict=True) if share < one.threshold]
    no = [score.name.removeprefix("rubric.") for score in scores if not score.value]
    reason = f"No to: {', '.join(no)}." if no else f"Yes to all {len(scores)} questions."
    if len(asked) > 1:
        told = (f" The questions of {one.id} reach {share:.2g}, and {one.threshold:g} passes." for one, share in short)
        reason += "".join(told)
    overall = _new_score(asked, "rubric", _share(asked, scores), reason, model, passed=not short)
    agreed = [score.agreement for score in scores if score.agreement is not None]
    return overall.model_copy(update={"agreement": sum(agreed) / len(agreed)}) if agreed else overall


def _share(asked: Sequence[Rubric], scores: Sequence[Score]) -> float:
    """Return the weighted share of yes among the questions of these rubrics, whose scores are given in their order."""
    weights = [criterion.weight for rubric in asked for criterion in rubric.criteria]
    return sum(w * (s.value or 0.0) for w, s in zip(weights, scores, strict=True)) / sum(weights)


def _new_score(
    asked: Sequence[Rubric],
    name: str,
    value: float | None,
    reason: str,
    model: str | None,
    evidence: tuple[int, ...] = (),
    passed: bool | None = None,
) -> Score:
    """Return a score whose version names the rubrics and their versions, joined by "+", and the prompt."""
    names, versions = "+".join(one.id for one in asked), "+".join(str(one.version) for one in asked)
    return Score(
        name=name,
        value=value,
        passed=passed,
        reason=reason,
        source="rubric",
        method="model",
        model=model,
        version=f"{names}/{versions}/{prompting.version('rubric')}",
        evidence=evidence,
    )


def _anchored(criterion: Criterion) -> Criterion:
    """Return the criterion with what counts as yes, and an example of no, behind its question."""
    yes = f" Yes means: {criterion.counts_as_yes}" if criterion.counts_as_yes else ""
    no = f" A no, for example: {criterion.example_of_no}" if criterion.example_of_no else ""
    return criterion.model_copy(update={"question": f"{criterion.question}{yes}{no}"})


def _split(yes: int, given: Sequence[Verdict], votes: Sequence[object]) -> str:
    if not given:
        return "None of the panel gave a readable answer to it."
    return f"The panel is split: {yes} yes, {len(given) - yes} no, {len(votes) - len(given)} unreadable."


def _fault(verdicts: Mapping[str, Verdict], completion: Completion, missing: Sequence[str]) -> tuple[str, str] | None:
    """Return (short name, sentence) of what makes an answer unusable or incomplete (`missing` criteria), None when all
    of it can be used. Reasons quote the dialogue, so only that is looked for in them which no quotation explains."""
    if not verdicts:
        return "unreadable", _unreadable_reason(completion)
    said = "\n\n".join(verdict.reason for verdict in verdicts.values())
    found = check(said, Context(role="judge", finish=completion.call.finish, language=ANY_LANGUAGE))
    wrong = next((one for one in found if one.reason in _UNUSABLE), None)
    if wrong is None and missing:
        return "incomplete", f"The judge gave no readable answer to: {', '.join(missing)}."
    if wrong is None:
        return None
    return wrong.reason, f"The judge's answer was not taken ({wrong.reason.replace('_', ' ')}: {wrong.quote!r})."


def _unreadable_reason(completion: Completion) -> str:
    if completion.call.finish == "length":
        return "The judge's answer could not be read: it was cut off. Raise sampling.max_tokens of the judge's model."
    return f"The judge's answer could not be read: {completion.turn.content[:200]!r}"


def transcript(turns: Sequence[Turn], per_turn: int, whole: int) -> str:
    """Return the turns as text, each with its index. All but a turn's first line are indented, so that no text can pass
    itself off as another turn. A text of more than `per_turn` characters loses its middle, and so does the whole beyond
    `whole` characters."""
    parts: list[str] = []
    for index, turn in enumerate(turns):
        who = f"tool {turn.name}" if turn.role == "tool" and turn.name else turn.role
        lines = [_cut(turn.content, per_turn)] if turn.content else []
        for call in turn.tool_calls:
            arguments = call.raw if call.raw is not None else json.dumps(call.arguments, ensure_ascii=False)
            lines.append(f"calls {call.name}({_cut(arguments, per_turn)})")
        parts.append(f"[{index}] {who}: " + "\n".join(lines).replace("\n", "\n    "))
    return _cut("\n".join(parts), whole)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def _schema(ids: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of the judge's reply. It has one property per criterion, so that constrained output
    answers each exactly once; the reason comes first, so that the answer can follow from it."""
    verdict = {
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "evidence": {"type": "array", "items": {"type": "integer"}},
            "answer": {"type": "string", "enum": ["yes", "no"]},
        },
        "required": ["reason", "evidence", "answer"],
        "additionalProperties": False,
    }
    return {
        "title": "verdicts",
        "type": "object",
        "properties": dict.fromkeys(ids, verdict),
        "required": list(ids),
        "additionalProperties": False,
    }
