"""Notes which requests came to nothing in the eyes of the simulated user, and cuts such requests from the end of a
dialogue where the user's options ask for it.

What is left must be judged as if the cut requests had never been made. So a request is cut only when it changed
nothing, and the rest is proved anew as a task of its own: with the goal, the templates and the expected end state of
the requests that it has. Its id stays, so that an export still keeps all attempts at the task together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import chain, combinations
from typing import Any

from engine.errors import InputError
from engine.judging.state import differences
from engine.planning.goals import by_request, goal_of
from engine.planning.task_rubrics import Part, rubrics_of
from engine.planning.tasks import difficulty
from engine.rolling.attempt import Attempt
from engine.types import CUT, UNRESOLVED, Attachment, Domain, Proof, Task, TaskTemplate, Unresolved

_JUDGEMENTS: dict[Unresolved, int] = {"impossible": -1, "clarifications_used_up": 0}
_ENDS = frozenset(_JUDGEMENTS)
"""Ends of a dialogue by which its last request came to nothing."""

Prove = Callable[[Task], Awaitable[Proof]]


async def settle(attempt: Attempt, prove: Prove, *, cut: bool) -> None:
    """Note the requests that came to nothing beside their messages; with `cut` take those at the end out of the
    attempt, or note why they stay. `attempt.diff` must be set. Raises what `prove` raises."""
    made = range(len(attempt.begun))
    attempt.unresolved = {number: reason for number, reason in attempt.unresolved.items() if number in made}
    first = _first_of_the_end(attempt)
    why = ""
    if cut and first is not None:
        why = _why_it_stays(attempt, first)
        rest = None if why else rest_of(attempt.task, attempt.domain, first)
        if not why and rest is None:
            why = "The goal of the task does not say what the requests before it want."
        if rest is not None:
            why = await _cut(attempt, first, rest, prove)
    for number, reason in sorted(attempt.unresolved.items()):
        value: dict[str, Any] = {"request": number + 1, "judgement": _JUDGEMENTS[reason], "reason": reason}
        if why and first is not None and number >= first:
            value["not_cut"] = why
        attempt.attachments.append(Attachment(turn=attempt.begun[number], kind=UNRESOLVED, value=value))


def _first_of_the_end(attempt: Attempt) -> int | None:
    """Return the number of the first of the requests at the end that came to nothing; None where the last did not."""
    first = len(attempt.begun)
    while first > 0 and first - 1 in attempt.unresolved:
        first -= 1
    return first if first < len(attempt.begun) and attempt.end in _ENDS else None


def _why_it_stays(attempt: Attempt, first: int) -> str:
    """Return why the requests from number `first` on cannot be cut, "" when they can."""
    if first == 0:
        return "No other request would be left."
    before = attempt.states[first]
    assert before is not None
    assert attempt.diff is not None
    changed = differences(before, attempt.diff, attempt.task.state_ignore)
    if changed:
        more = f" (and {len(changed) - 1} more places)" if len(changed) > 1 else ""
        return f"It had changed the state: {changed[0].place}{more}."
    if attempt.spec.mode is not None and attempt.spec.mode not in attempt.task.modes[:first]:
        return f"It is the one that exercises the mode {attempt.spec.mode}."
    return ""


async def _cut(attempt: Attempt, first: int, rest: Task, prove: Prove) -> str:
    """Take the requests from number `first` on out of the attempt, whose task becomes `rest`. Return why nothing was
    done, "" otherwise."""
    proof = await prove(rest)
    if proof.reason is not None:
        return f"The rest proves nothing by itself: {proof.detail}"
    start, ends = attempt.begun[first], [*attempt.begun[first + 1 :], len(attempt.turns)]
    requests = [
        {
            "request": number + 1,
            "judgement": _JUDGEMENTS[attempt.unresolved[number]],
            "reason": attempt.unresolved[number],
            "messages": end - attempt.begun[number],
        }
        for number, end in enumerate(ends, first)
    ]
    noted = Attachment(turn=start - 1, kind=CUT, value={"end": attempt.end, "requests": requests})
    attempt.attachments = [*(one for one in attempt.attachments if one.turn < start), noted]
    del attempt.turns[start:], attempt.begun[first:]
    attempt.unresolved = {number: why for number, why in attempt.unresolved.items() if number < first}
    attempt.spec, attempt.proof, attempt.end = attempt.spec.model_copy(update={"task": rest}), proof, "done"
    return ""


# ---------------------------------------------------------------- the task that is left


def rest_of(task: Task, domain: Domain, requests: int) -> Task | None:
    """Return the task with its first requests only; None where its goal cannot be told apart by requests, or its hidden
    tests belong to a request that is left out."""
    parts = _parts(task, domain)
    left = list(_first_parts(parts, requests))
    goal = _goal_of_the_rest(task.goal, parts, left)
    used = [template for template, turns in left if template is not None]
    tested = task.hidden_tests is not None and all(template.hidden_tests is None for template in used)
    if goal is None or tested:
        return None
    turns = task.turns[:requests]
    return task.model_copy(
        update={
            "template": used[0].id if used else f"question:{turns[0].slots['question']}",
            "templates": tuple(template.id for template in used),
            "modes": task.modes[:requests],
            "goal": goal,
            "turns": turns,
            "difficulty": difficulty(turns),
            "rubrics": rubrics_of(domain, left),
        }
    )


def _parts(task: Task, domain: Domain) -> list[Part]:
    questions = {question.id for question in domain.questions}
    templates = iter(task.templates)
    found: list[Part] = []
    for segment in sorted({turn.segment for turn in task.turns}):
        turns = tuple(turn for turn in task.turns if turn.segment == segment)
        asks_policy = turns[0].slots.keys() == {"question"} and turns[0].slots["question"] in questions
        found.append((None if asks_policy else _template(domain, next(templates)), turns))
    return found


def _template(domain: Domain, name: str) -> TaskTemplate:
    return next(template for template in domain.templates if template.id == name)


def _first_parts(parts: Sequence[Part], requests: int) -> Iterator[Part]:
    for template, turns in parts:
        if requests > 0:
            yield template, turns[:requests]
        requests -= len(turns)


def _goal_of_the_rest(goal: str, parts: Sequence[Part], left: Sequence[Part]) -> str | None:
    """Return a task's goal as it is for the parts that are `left`, None when it cannot be found. A goal joins those of
    its parts, so those that are left out are taken from its end."""
    for part in reversed(parts[len(left) :]):
        text = next((text for text, _ in _goals(part) if goal.endswith(f"\n\n{text}")), None)
        if text is None:
            return None
        goal = goal.removesuffix(f"\n\n{text}")
    (whole, (template, turns)) = (parts[len(left) - 1], left[-1])
    if len(turns) == len(whole[1]):
        return goal
    if template is None or not by_request(template, len(turns)):
        return None
    for text, known in _goals(whole):
        if goal == text or goal.endswith(f"\n\n{text}"):
            return goal.removesuffix(text) + goal_of(template, len(turns), turns[0].slots, known)
    return None


def _goals(part: Part) -> Iterator[tuple[str, frozenset[int]]]:
    """Yield each goal that a part may have, with the turns before which an earlier request said who is speaking: a task
    does not store these."""
    template, turns = part
    if template is None:
        yield turns[0].say, frozenset()
        return
    places = range(len(turns))
    for known in chain.from_iterable(combinations(places, size) for size in range(len(turns) + 1)):
        try:
            yield goal_of(template, len(turns), turns[0].slots, known), frozenset(known)
        except InputError:  # a template that cannot be rendered so was not rendered so
            continue
