"""Rules that need no model: valid calls, no repetition, nothing claimed that nobody gave, the mode kept, a proper end.

Each rule is a score of its own in 0..1; a rule that does not apply to a trajectory is left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter

from pydantic import Field

from engine import modes
from engine.dialogue.requests import spans
from engine.judging.claims.check import Claim
from engine.judging.claims.dialogue import claims_of
from engine.judging.steadiness import made_the_reference_calls
from engine.protocols import Judge
from engine.reading.json_value import canonical
from engine.types import ANSWERED_ENDS, CLAIMS, Attachment, Finding, Options, Score, ToolCall, Trajectory, Turn

__all__ = ["RulesJudge"]

_VERSIONS = {"grounded": "2"}
"""The versions of scores whose meaning has changed; all others are still "1". Since 2 `grounded` also asks whether what
the answers state was given."""
_BAD = ("unknown_tool", "invalid_arguments")
_ARGUMENTS, _ERROR = 120, 300
"""Characters of arguments, and of what was wrong with them, that a reason quotes."""
_REASONS = {
    "valid_calls": "invalid_calls",
    "no_repetition": "repetition",
    "called_tools": "no_tool_call",
    "grounded": "no_call",
    "mode": "policy_rule",
}
_MEANINGS = {
    "finished": "Whether the dialogue came to its end with an answer of the assistant.",
    "valid_calls": "The share of calls that name an offered tool and fit its schema.",
    "no_repetition": "Whether no call was made again and again without need.",
    "grounded": "Whether the answers state only what a tool, the user or the policy gave.",
    "mode": "Whether the messages show what their mode demands.",
    "called_tools": "Whether a call of the assistant succeeded, as the batch requires.",
}
_SHOWN = 3
"""How many claims a reason quotes."""
_ENDS = {"user_left": "gave_up", "done": "no_answer"}
"""The reason of an unfinished dialogue by its end; any other end is the reason itself."""


class Config(Options):
    """Where repetition begins, and whether a dialogue must use tools."""

    same_call_limit: int = Field(default=3, ge=1)
    """How often the very same call may be made for one request before it is repetition."""
    require_tool_calls: bool = False
    """Fail a dialogue in which no call of the assistant succeeded, also where its task needs none."""


class RulesJudge(Judge):
    """Reads the recorded turns; deterministic."""

    stage = "rules"
    makes = frozenset({CLAIMS})

    def __init__(self, config: Config) -> None:
        self._config = config
        self.notes: list[Attachment] = []

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        """Return the reason code of a failed rule; that of an unfinished dialogue is how it ended, and that of
        `grounded` depends on the turns that show it: a request that no tool served, or answers with wrong claims."""
        if score.name == "finished":
            return _ENDS.get(trajectory.end, trajectory.end)
        if score.name == "grounded" and any(trajectory.turns[i].role == "assistant" for i in score.evidence):
            return "unsupported_claim"
        return _REASONS.get(score.name) or super().reason(score, trajectory)

    @classmethod
    def measures(cls, score: Score, trajectory: Trajectory | None = None) -> str:
        return _MEANINGS.get(score.name, "")

    async def score(self, trajectory: Trajectory) -> Sequence[Score]:
        self.notes = []
        if not any(turn.role == "assistant" for turn in trajectory.turns):
            return [_score("finished", None, "There is no assistant turn to judge.")]
        return [
            _finished(trajectory),
            *_valid_calls(trajectory),
            *(_called_tools(trajectory) if self._config.require_tool_calls else ()),
            *_repetition(trajectory, self._config.same_call_limit),
            *self._grounded(trajectory),
            *_mode(trajectory),
        ]

    def _grounded(self, trajectory: Trajectory) -> Iterator[Score]:
        """Check that no request that needs a tool was answered before any tool had (that answer is a guess, even if
        right), and that no answer claims what no tool, user or policy gave. Claims are noted beside their turns."""
        if trajectory.task is None or trajectory.proof is None:
            return
        found = list(claims_of(trajectory.turns, trajectory.tools))
        self.notes = list(_noted(found))
        wrong = [(index, claim) for index, claim in found if claim.certain]
        looked = _looked_first(trajectory)
        if looked is not None and looked.value != 1.0:
            yield looked
        elif wrong:
            yield _score("grounded", 0.0, _quoted(wrong), sorted({index for index, _ in wrong}))
        elif looked is not None or found:
            told = looked.reason if looked is not None else "No answer states what certainly nobody gave."
            yield _score("grounded", 1.0, f"{told} Not certain: {_quoted(found)}" if found else told)


def _calls(turns: Sequence[Turn]) -> Iterator[tuple[int, str, str]]:
    """Yield (turn index, tool name, canonical arguments) of every call."""
    for index, turn in enumerate(turns):
        for call in turn.tool_calls:
            yield index, call.name, canonical(call.arguments)


def _finished(trajectory: Trajectory) -> Score:
    last = trajectory.turns[-1]
    if trajectory.end not in ANSWERED_ENDS:
        sentence = f"The dialogue ended by {trajectory.end.replace('_', ' ')}."
        first = _first_invalid_call(trajectory.turns) if trajectory.end == "invalid_calls" else None
        return _score("finished", 0.0, sentence if first is None else f"{sentence} The first was {first}")
    if last.role != "assistant" or not last.content.strip():
        return _score("finished", 0.0, "The last turn is not an answer of the assistant.")
    return _score("finished", 1.0, "The dialogue ended with an answer.")


def _first_invalid_call(turns: Sequence[Turn]) -> str | None:
    """Return the first call that was not executed, with what was wrong with it; None when there is none."""
    calls: dict[str | None, ToolCall] = {}
    for turn in turns:
        calls |= {call.id: call for call in turn.tool_calls}
        call = calls.get(turn.tool_call_id)
        if turn.role == "tool" and turn.fault in _BAD and call is not None:
            arguments = call.raw if call.raw is not None else json.dumps(call.arguments, ensure_ascii=False)
            return f"{call.name}({_cut(arguments, _ARGUMENTS)}): {_cut(_error_in(turn.content), _ERROR)}"
    return None


def _error_in(result: str) -> str:
    """Return the sentence in the result of a refused call."""
    try:
        return str(json.loads(result)["error"])
    except (ValueError, LookupError, TypeError):
        return result


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _valid_calls(trajectory: Trajectory) -> Iterator[Score]:
    total = sum(1 for _ in _calls(trajectory.turns))
    if not total:
        return
    bad = [i for i, turn in enumerate(trajectory.turns) if turn.role == "tool" and turn.fault in _BAD]
    if not bad:
        yield _score("valid_calls", 1.0, f"All {total} calls name an offered tool and fit its schema.")
        return
    first = trajectory.turns[bad[0]]
    reason = f"{len(bad)} of {total} calls are invalid; the first: {first.content[:200]}"
    yield _score("valid_calls", max(0.0, 1 - len(bad) / total), reason, bad, passed=_recovered(trajectory))


def _called_tools(trajectory: Trajectory) -> Iterator[Score]:
    answered = [i for i, turn in enumerate(trajectory.turns) if turn.role == "tool" and turn.fault is None]
    told = f"{len(answered)} calls succeeded." if answered else "No call succeeded, and the batch requires one."
    yield _score("called_tools", float(bool(answered)), told, answered[:1])


def _recovered(trajectory: Trajectory) -> bool:
    """Return whether the dialogue came to its end in spite of invalid calls: corrected ones are no failure."""
    return trajectory.end in ANSWERED_ENDS


def _repetition(trajectory: Trajectory, limit: int) -> Iterator[Score]:
    found = list(_calls(trajectory.turns))
    if not found:
        return
    request = [sum(turn.role == "user" for turn in trajectory.turns[:index]) for index, _, _ in found]
    counted = Counter((at, n, a) for at, (_, n, a) in zip(request, found, strict=True))
    (_, name, arguments), times = counted.most_common(1)[0]
    where = [i for i, n, a in found if (n, a) == (name, arguments)]
    doubled = [i for i, turn in enumerate(trajectory.turns) if _has_equal_calls(turn)]
    if times > limit:
        reason = f"{name}({arguments[:_ARGUMENTS]}) was called {times} times for one request."
        yield _score("no_repetition", 0.0, reason, where)
    elif doubled:
        yield _score("no_repetition", 0.0, "One turn holds the same parallel call twice.", doubled)
    else:
        yield _score("no_repetition", 1.0, "No call is repeated without need.")


def _has_equal_calls(turn: Turn) -> bool:
    keys = [(call.name, canonical(call.arguments)) for call in turn.tool_calls]
    return len(set(keys)) < len(keys)


def _looked_first(trajectory: Trajectory) -> Score | None:
    """Return whether a tool had answered before each request that needs one was served; None where none does."""
    proven = trajectory.proof.turns if trajectory.proof is not None else ()
    needing = [span for turn, span in zip(proven, spans(trajectory), strict=False) if turn.calls]
    for span in needing:
        if not any(turn.role == "tool" and turn.fault is None for turn in trajectory.turns[: span.end]):
            if made_the_reference_calls(trajectory):
                return _score("grounded", None, "The tools refused the very calls that they served in the proof.")
            told = "A request that needs a tool was answered before any tool had."
            return _score("grounded", 0.0, told, [span.start])
    if not needing:
        return None
    return _score("grounded", 1.0, "A tool had answered before the requests that need one were served.")


def _noted(found: Sequence[tuple[int, Claim]]) -> Iterator[Attachment]:
    """Yield one attachment for each turn with claims."""
    for turn, claims in groupby(found, key=itemgetter(0)):
        yield Attachment(turn=turn, kind=CLAIMS, value=[asdict(claim) for _, claim in claims])


def _quoted(found: Sequence[tuple[int, Claim]]) -> str:
    told = "; ".join(f"in turn {index} {claim.reason}" for index, claim in found[:_SHOWN])
    return f"{told[0].upper()}{told[1:]}{f' (and {len(found) - _SHOWN} more)' if len(found) > _SHOWN else ''}."


def _mode(trajectory: Trajectory) -> Iterator[Score]:
    """Check what the modes demand beyond the end state. One violation fails; the score is None only when nothing could
    be measured."""
    found = [finding for finding in _findings(trajectory) if finding is not None]
    for met, value in ((False, 0.0), (True, 1.0), (None, None)):
        decisive = [finding for finding in found if finding.met is met]
        if decisive:
            reason = " ".join(finding.reason for finding in decisive)
            yield _score("mode", value, reason, sorted({i for finding in decisive for i in finding.evidence}))
            return


def _findings(trajectory: Trajectory) -> Iterator[Finding | None]:
    """Yield the finding of each request's mode, None where the mode demands nothing."""
    turns = trajectory.task.turns if trajectory.task else ()
    for number, (turn, span) in enumerate(zip(turns, spans(trajectory), strict=False)):
        mode = modes.find(turn.mode)
        if mode is None:
            yield Finding(None, f"There is no mode {turn.mode} here that could say what its messages must show.")
        else:
            yield mode.finding(trajectory, number, span)


def _score(
    name: str, value: float | None, reason: str, evidence: Sequence[int] = (), passed: bool | None = None
) -> Score:
    if passed is None and value is not None:
        passed = value == 1.0
    return Score(
        name=name,
        value=value,
        passed=passed,
        reason=reason,
        source="rules",
        method="rule",
        version=_VERSIONS.get(name, "1"),
        evidence=tuple(evidence),
    )
