"""A model answers yes/no questions about the whole dialogue

One model call per trajectory, or one for each vote of a panel (`times`, several models); a second one, which quotes the
error, where an answer cannot be used. Each criterion gives a score `rubric.<id>` with a reason and the turns that show
it. The score `rubric` is the weighted share of yes; it alone passes or fails, at the rubric's threshold. Votes that
cannot be used, or are split, are a score of None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

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
        self._version = f"{self._rubric.id}/{self._rubric.version}/{prompting.version('rubric')}"
        self._schema = _schema(self._rubric)
        self._ids = [criterion.id for criterion in self._rubric.criteria]
        self.calls: list[ModelCall] = []

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        return "low_rubric"

    @classmethod
    def measures(cls, score: Score) -> str:
        """Return the question; of a rubric that is no set of ours, its name, since scores do not hold the question."""
        name = score.version.split("/")[0]
        if score.name == score.source:
            return f"The weighted share of yes among the questions of the rubric {name}."
        id = score.name.removeprefix(f"{score.source}.")
        known = next((rubric for rubric in SETS.values() if rubric.id == name), None)
        asked = next((one.question for one in known.criteria if one.id == id), None) if known else None
        return asked or f"The yes/no question {id} of the rubric {name}."

    async def score(self, trajectory: Trajectory) -> Sequence[Score]:
        """Return one score per criterion, then the overall one."""
        if not any(turn.role == "assistant" for turn in trajectory.turns):
            return self.unmeasured("There is no assistant turn to judge.")
        prompt = Turn(role="user", content=self._prompt(trajectory))
        ballots = [await self._ballot(prompt, llm) for llm in self._members for _ in range(self._config.times)]
        cast = [ballot for ballot in ballots if ballot.verdicts]
        model = ", ".join(dict.fromkeys(ballot.model for ballot in ballots if ballot.model)) or None
        if 2 * len(cast) <= len(ballots):
            return self.unmeasured(next(ballot.fault for ballot in ballots if not ballot.verdicts), model)
        scores = [
            self._criterion_score(entry, [ballot.verdicts.get(entry.id) for ballot in ballots], trajectory, model)
            for entry in self._rubric.criteria
        ]
        return [*scores, self._overall_score(scores, model)]

    async def _ballot(self, prompt: Turn, llm: LLM) -> _Ballot:
        """Return what one model answers. An answer that cannot be used is asked for once more, with what is wrong."""
        messages = [prompt]
        known: dict[str, Verdict] = {}
        for last in (False, True):
            try:
                completion = await llm.complete(messages, response_schema=self._schema)
            except ModelError as error:
                if error.fatal:
                    raise
                if error.call is not None:
                    self.calls.append(error.call)
                return _Ballot({}, None, f"The judge gave no answer: {error}")
            read = read_verdicts(completion.data, completion.turn.content, self._ids)
            fault = _fault(read, completion, [id for id in self._ids if id not in known | read])
            self.calls.append(completion.call.model_copy(update={"not_taken": fault[0]}) if fault else completion.call)
            if fault is None or fault[0] == "incomplete":
                known |= read
            if fault is None or last:
                break
            messages = [*messages, *self._asked_again(completion, fault[1])]
        return _Ballot(known, completion.call.model, "" if fault is None else fault[1])

    def _asked_again(self, completion: Completion, fault: str) -> list[Turn]:
        """Return the messages that ask once more: the reply, cut where it is long, and what was wrong with it."""
        said = _cut(completion.turn.content, self._config.chars_per_turn).strip() or "(empty)"
        again = prompting.render("rubric_again", fault=fault, ids=self._ids)
        return [Turn(role="assistant", content=said), Turn(role="user", content=again)]

    def unmeasured(self, reason: str, model: str | None = None) -> list[Score]:
        """Return all scores of the judge with value None and this reason."""
        names = [*(f"rubric.{criterion.id}" for criterion in self._rubric.criteria), "rubric"]
        return [self._new_score(name, None, reason, model) for name in names]

    def _prompt(self, trajectory: Trajectory) -> str:
        record = transcript(trajectory.turns, self._config.chars_per_turn, self._config.chars)
        return prompting.render(
            "rubric",
            fence=f"===== record {digest(record, 12)} =====",
            transcript=record,
            goal=trajectory.task.goal if trajectory.task else "",
            criteria=[_anchored(criterion) for criterion in self._rubric.criteria],
        )

    def _criterion_score(
        self, criterion: Criterion, votes: Sequence[Verdict | None], trajectory: Trajectory, model: str | None
    ) -> Score:
        """Return what most votes say, with the reason of the first of them; None for a tie and where half of them or
        fewer say anything."""
        name, given = f"rubric.{criterion.id}", [vote for vote in votes if vote is not None]
        yes = sum(vote.yes for vote in given)
        if 2 * len(given) <= len(votes) or 2 * yes == len(given):
            told = "The judge gave no readable answer to it." if len(votes) == 1 else _split(yes, given, votes)
            return self._new_score(name, None, told, model)
        won = [vote for vote in given if vote.yes is (2 * yes > len(given))]
        evidence = {index for vote in won for index in vote.evidence if 0 <= index < len(trajectory.turns)}
        reason = next((vote.reason for vote in won if vote.reason), "The judge gave no reason.")
        if len(votes) > 1:
            reason = f"{len(won)} of {len(given)} say {'yes' if won[0].yes else 'no'}. {reason}"
        agreement = len(won) / len(given) if len(votes) > 1 else None
        score = self._new_score(name, float(won[0].yes), reason, model, tuple(sorted(evidence)))
        return score if agreement is None else score.model_copy(update={"agreement": agreement})

    def _overall_score(self, scores: Sequence[Score], model: str | None) -> Score:
        """Return the weighted share of yes; None when a criterion has no value, as the share would mean less then."""
        unread = [score.name for score in scores if score.value is None]
        if unread:
            return self._new_score("rubric", None, f"Not measured: {', '.join(unread)}.", model)
        weights = [criterion.weight for criterion in self._rubric.criteria]
        value = sum(w * (s.value or 0.0) for w, s in zip(weights, scores, strict=True)) / sum(weights)
        no = [score.name.removeprefix("rubric.") for score in scores if not score.value]
        reason = f"No to: {', '.join(no)}." if no else f"Yes to all {len(scores)} questions."
        overall = self._new_score("rubric", value, reason, model, passed=value >= self._rubric.threshold)
        shares = [score.agreement for score in scores if score.agreement is not None]
        return overall.model_copy(update={"agreement": sum(shares) / len(shares)}) if shares else overall

    def _new_score(
        self,
        name: str,
        value: float | None,
        reason: str,
        model: str | None,
        evidence: tuple[int, ...] = (),
        passed: bool | None = None,
    ) -> Score:
        return Score(
            name=name,
            value=value,
            passed=passed,
            reason=reason,
            source="rubric",
            method="model",
            model=model,
            version=self._version,
            evidence=evidence,
        )


@dataclass(frozen=True)
class _Ballot:
    """What one model answered: the verdicts that could be read, the model (None where it gave no answer), and what was
    wrong, "" where nothing was."""

    verdicts: Mapping[str, Verdict]
    model: str | None
    fault: str


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


def _schema(rubric: Rubric) -> dict[str, Any]:
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
    names = [criterion.id for criterion in rubric.criteria]
    return {
        "title": "verdicts",
        "type": "object",
        "properties": dict.fromkeys(names, verdict),
        "required": names,
        "additionalProperties": False,
    }
