"""Rules that need no model: valid calls, no repetition, nothing claimed that nobody gave, the mode kept, a proper end.

Each rule is a score of its own in 0..1; a rule that does not apply to a trajectory is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import Field

from engine import modes
from engine.dialogue.requests import spans
from engine.judging.claims.check import Claim
from engine.judging.claims.dialogue import claims_of
from engine.judging.steadiness import made_the_reference_calls
from engine.protocols import Finding, Judge
from engine.reading.json_value import canonical
from engine.types import Options, Score, Trajectory, Turn

__all__ = ["RulesJudge"]

_VERSION = "2"
"""Of all scores of this judge. Since 2 `grounded` also asks whether what the answers state was given."""
_BAD = ("unknown_tool", "invalid_arguments")
_REASONS = {
    "valid_calls": "invalid_calls",
    "no_repetition": "repetition",
    "grounded": "no_call",
    "mode": "policy_rule",
}
_SHOWN = 3
"""How many claims a reason quotes."""
_ENDS = {"user_left": "gave_up", "done": "no_answer"}
"""Why a dialogue that ended so was not finished; the other ends are reasons as they are."""


class Config(Options):
    """Where repetition begins."""

    same_call_limit: int = Field(default=3, ge=1)
    """How often the very same call may be made for one request before it is repetition."""


class RulesJudge(Judge):
    """Reads the recorded turns; deterministic."""

    stage = "rules"

    def __init__(self, config: Config) -> None:
        self._config = config

    @classmethod
    def reason(cls, score: Score, trajectory: Trajectory) -> str:
        """Return what went wrong. An unfinished dialogue is named by how it ended, and `grounded` by whose messages
        show it: the request that was answered without a tool, or answers that claim what nobody gave."""
        if score.name == "finished":
            return _ENDS.get(trajectory.end, trajectory.end)
        if score.name == "grounded" and any(trajectory.turns[i].role == "assistant" for i in score.evidence):
            return "unsupported_claim"
        return _REASONS.get(score.name) or super().reason(score, trajectory)

    async def score(self, trajectory: Trajectory) -> Sequence[Score]:
        if not any(turn.role == "assistant" for turn in trajectory.turns):
            return [_given("finished", None, "There is no assistant turn to judge.")]
        return [
            _finished(trajectory),
            *_valid_calls(trajectory),
            *_repetition(trajectory, self._config.same_call_limit),
            *_grounded(trajectory),
            *_mode(trajectory),
        ]


def _calls(turns: Sequence[Turn]) -> Iterator[tuple[int, str, str]]:
    """Yield (turn index, tool name, canonical arguments) of every call."""
    for index, turn in enumerate(turns):
        for call in turn.tool_calls:
            yield index, call.name, canonical(call.arguments)


def _finished(trajectory: Trajectory) -> Score:
    last = trajectory.turns[-1]
    if trajectory.end != "done":
        return _given("finished", 0.0, f"The dialogue ended by {trajectory.end.replace('_', ' ')}.")
    if last.role != "assistant" or not last.content.strip():
        return _given("finished", 0.0, "The last turn is not an answer of the assistant.")
    return _given("finished", 1.0, "The dialogue ended with an answer.")


def _valid_calls(trajectory: Trajectory) -> Iterator[Score]:
    total = sum(1 for _ in _calls(trajectory.turns))
    if not total:
        return
    bad = [i for i, turn in enumerate(trajectory.turns) if turn.role == "tool" and turn.fault in _BAD]
    if not bad:
        yield _given("valid_calls", 1.0, f"All {total} calls name an offered tool and fit its schema.")
        return
    first = trajectory.turns[bad[0]]
    reason = f"{len(bad)} of {total} calls are invalid; the first: {first.content[:200]}"
    yield _given("valid_calls", max(0.0, 1 - len(bad) / total), reason, bad, passed=_recovered(trajectory))


def _recovered(trajectory: Trajectory) -> bool:
    """An invalid call that the teacher corrected in time is no failure; giving up on it is."""
    return trajectory.end == "done"


def _repetition(trajectory: Trajectory, limit: int) -> Iterator[Score]:
    found = list(_calls(trajectory.turns))
    if not found:
        return
    request = [sum(turn.role == "user" for turn in trajectory.turns[:index]) for index, _, _ in found]
    counted = Counter((at, n, a) for at, (_, n, a) in zip(request, found, strict=True))
    (_, name, arguments), times = counted.most_common(1)[0]
    where = [i for i, n, a in found if (n, a) == (name, arguments)]
    twins = [i for i, turn in enumerate(trajectory.turns) if _has_twins(turn)]
    if times > limit:
        reason = f"{name}({arguments[:120]}) was called {times} times for one request."
        yield _given("no_repetition", 0.0, reason, where)
    elif twins:
        yield _given("no_repetition", 0.0, "One turn holds the same parallel call twice.", twins)
    else:
        yield _given("no_repetition", 1.0, "No call is repeated without need.")


def _has_twins(turn: Turn) -> bool:
    keys = [(call.name, canonical(call.arguments)) for call in turn.tool_calls]
    return len(set(keys)) < len(keys)


def _grounded(trajectory: Trajectory) -> Iterator[Score]:
    """What needs a look or a change cannot be served before any tool has answered, however right the guess; and nothing
    may be claimed that no tool, user or policy gave."""
    if trajectory.task is None or trajectory.proof is None:
        return
    looked = _looked_first(trajectory)
    if looked is not None and looked.value != 1.0:
        yield looked
        return
    found = list(claims_of(trajectory.turns, trajectory.tools))
    wrong = [(index, claim) for index, claim in found if claim.certain]
    if wrong:
        yield _given("grounded", 0.0, _quoted(wrong), sorted({index for index, _ in wrong}))
    elif looked is not None or found:
        told = looked.reason if looked is not None else "No answer states what certainly nobody gave."
        yield _given("grounded", 1.0, f"{told} Not certain: {_quoted(found)}" if found else told)


def _looked_first(trajectory: Trajectory) -> Score | None:
    """Return whether a tool had answered before each request that needs one was served; None where none does."""
    proven = trajectory.proof.turns if trajectory.proof is not None else ()
    needing = [span for turn, span in zip(proven, spans(trajectory), strict=False) if turn.calls]
    for span in needing:
        if not any(turn.role == "tool" and turn.fault is None for turn in trajectory.turns[: span.end]):
            if made_the_reference_calls(trajectory):
                return _given("grounded", None, "The tools refused the very calls that they served in the proof.")
            told = "A request that needs a tool was answered before any tool had."
            return _given("grounded", 0.0, told, [span.start])
    if not needing:
        return None
    return _given("grounded", 1.0, "A tool had answered before the requests that need one were served.")


def _quoted(found: Sequence[tuple[int, Claim]]) -> str:
    told = "; ".join(f"in turn {index} {claim.reason}" for index, claim in found[:_SHOWN])
    return f"{told[0].upper()}{told[1:]}{f' (and {len(found) - _SHOWN} more)' if len(found) > _SHOWN else ''}."


def _mode(trajectory: Trajectory) -> Iterator[Score]:
    """Check what the modes demand beyond the end state; what could not be measured counts only alone."""
    found = [finding for finding in _findings(trajectory) if finding is not None]
    for met, value in ((False, 0.0), (True, 1.0), (None, None)):
        told = [finding for finding in found if finding.met is met]
        if told:
            reason = " ".join(finding.reason for finding in told)
            yield _given("mode", value, reason, sorted({i for finding in told for i in finding.evidence}))
            return


def _findings(trajectory: Trajectory) -> Iterator[Finding | None]:
    """Yield what the messages show of each request that was made; None where its mode demands nothing."""
    turns = trajectory.task.turns if trajectory.task else ()
    for number, (turn, span) in enumerate(zip(turns, spans(trajectory), strict=False)):
        mode = modes.find(turn.mode)
        if mode is None:
            yield Finding(None, f"There is no mode {turn.mode} here that could say what its messages must show.")
        else:
            yield mode.finding(trajectory, number, span)


def _given(
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
        version=_VERSION,
        evidence=tuple(evidence),
    )
