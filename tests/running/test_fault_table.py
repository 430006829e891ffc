"""One table of the faults of a simulated user and of a judge: twelve dialogues each, and one figure over all of them.

Every batch asks its models over HTTP: the double of tests/llms/misbehaving.py plays the proven chain but for the fault.
A fault that is gone when the model is asked again must cost no dialogue. Any other one must be booked on whoever it is
of, under its name. The requests that it costs are counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from engine.rolling.clean_replies import USER_TRIES
from engine.rolling.rollout import RERUNS
from engine.types import ANSWERED_ENDS, EARLIER_RUNS, NOT_TAKEN, RAW_REPLY, ModelRole, Proof, RolloutSpec
from tests.llms import spellings, user_spellings
from tests.llms.misbehaving import ALWAYS, Dialogue, Double, SilentJudge
from tests.llms.spellings import Spelling
from tests.running.test_misbehaving_models import (
    JUDGES,
    KEPT,
    SIX,
    SIZE,
    Orders,
    Played,
    Runs,
    always,
    db,
    drawn,
    is_as_proven,
    not_taken,
    notes,
    once_and_always,
    runs,
    wide,
)

__all__ = ["db", "runs", "wide"]  # fixtures
LEAST_RIGHT = 0.95
"""The share of dialogues that must end as the table says, with the reason and the culprit that it names."""
MOST: Mapping[str, int] = {"user": USER_TRIES * (1 + RERUNS), "teacher": 10, "judge": 2}
"""Requests for one dialogue that no fault may exceed, by role. The teacher's are those of a person who asks again until
its patience is used up."""
Ending = tuple[str, str | None, str | None]


@dataclass(frozen=True)
class Fault:
    """A fault with what it must lead to: how each of the twelve dialogues ends (status, reason, culprit), and how often
    each role is asked in it. `check` looks closer at the batch."""

    endings: Sequence[Ending]
    user: Sequence[int] = (2,) * SIZE
    teacher: Sequence[int] = (3,) * SIZE
    verdicts: int | None = None
    """How often each record is sent to the judge; None where there is none or that is looked at by `check`."""
    orders: Orders = field(default_factory=dict)
    made: Callable[..., Double] = Double
    judged: Sequence[Spelling] = ()
    judged_times: int = ALWAYS
    changes: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[Played], None] = lambda _: None


def by_the_user(reason: str) -> Ending:
    return ("rejected", reason, "user")


# ---------------------------------------------------------------- faults of the user


def not_a_person(spelled: Sequence[Spelling], reason: str, seed: int) -> Fault:
    """Return the fault of a first message that cannot be sent: six are right when asked again, six never are."""
    most = MOST["user"]

    def check(played: Played) -> None:
        if reason != "made_no_request":  # that is known of the last reply only, the others ended the talk too early
            assert [not_taken(row) for row in played.rows] == [[reason]] * SIX + [[reason] * most] * SIX
        for row in played.rows[SIX:]:
            assert (row.outcome, row.scores) == ("unmeasured", ())
            ((first, second),) = notes(row, EARLIER_RUNS)
            assert len({first["seed"], second["seed"], row.seed}) == 3
            assert (first["reason"], second["reason"]) == (reason, reason)
            assert "also when it was asked again" in row.detail
            if row.end == "unclean":
                assert [len(refused) for refused in notes(row, NOT_TAKEN)] == [USER_TRIES - 1]

    return Fault(
        endings=[KEPT] * SIX + [by_the_user(reason)] * SIX,
        user=[3] * SIX + [most] * SIX,
        teacher=[3] * SIX + [0] * SIX,
        orders=once_and_always(spelled, seed, role="user"),
        check=check,
    )


def at_the_end(spelled: Sequence[Spelling], seed: int, user: int = 2, ends: Ending = KEPT, **more: Any) -> Fault:
    """Return the fault of replies that come in place of the end, again and again."""
    orders = always(spelled, seed, "end", "user")
    return Fault(endings=[ends] * SIZE, user=[user] * SIZE, orders=orders, **more)


class _Spelled(Dialogue):
    """Every reply of the user is spelled in one way."""

    spelling: Spelling

    async def right(self, role: ModelRole, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        found = await super().right(role, messages)
        return self.spelling(found) if role == "user" else found


class _Everywhere(Double):
    def __init__(
        self, spelled: Sequence[Spelling], specs: Sequence[RolloutSpec], proofs: Sequence[Proof], *more: Any
    ) -> None:
        super().__init__(specs, proofs, *more)
        self.dialogues = [_Spelled(spec, proof, None) for spec, proof in zip(specs, proofs, strict=True)]
        for dialogue, spelling in zip(self.dialogues, spelled, strict=True):
            assert isinstance(dialogue, _Spelled)
            dialogue.spelling = staticmethod(spelling)


def everywhere(spelled: Sequence[Spelling], seed: int) -> Fault:
    """Return the fault of a form that is kept badly in all replies, the end of the talk too."""
    return Fault(endings=[KEPT] * SIZE, made=partial(_Everywhere, drawn(spelled, seed, SIZE)))


ASKS, YES = "I have both accounts here. Shall I go ahead and look them up now?", "Yes, please go ahead."


class _Confirming(Dialogue):
    """The assistant asks for a yes before it calls anything, and the person answers with `says`, as the end."""

    says = YES

    async def right(self, role: ModelRole, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        texts = [message["content"] for message in messages]
        if role == "teacher" and ASKS not in texts:
            return {"message": {"role": "assistant", "content": ASKS}, "finish_reason": "stop"}
        while role == "user" and texts[-1].startswith("(") and len(texts) > 2:  # what was refused, and the word to it
            del texts[-2:]
        if role == "user" and texts[-1] == ASKS:
            return _user_says(self.says, "satisfied")
        return await super().right(role, [m for m in messages if m["content"] != ASKS and YES not in str(m["content"])])


class _Silent(_Confirming):
    says = ""


AGAIN = "Please look once more."


class _NeverSatisfied(Dialogue):
    """The person asks for the same once more after each answer, and the assistant says it again."""

    async def right(self, role: ModelRole, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        asked_again = any(AGAIN in str(m["content"]) for m in messages)
        answered = len(messages) > 2 and messages[-1]["role"] == "user"
        if role == "user" and answered:
            return _user_says(AGAIN, "continue")
        if role == "teacher" and asked_again:
            answer = next(m["content"] for m in reversed(messages) if m["role"] == "assistant" and m.get("content"))
            return {"message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        return await super().right(role, messages)


def _user_says(message: str, status: str) -> dict[str, Any]:
    content = json.dumps({"message": message, "status": status, "about": "same_request"})
    return {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}


class _Played(Double):
    def __init__(
        self, kind: type[Dialogue], specs: Sequence[RolloutSpec], proofs: Sequence[Proof], *given: Any
    ) -> None:
        super().__init__(specs, proofs, *given)
        self.dialogues = [kind(spec, proof, None) for spec, proof in zip(specs, proofs, strict=True)]


def _said_yes(played: Played) -> None:
    for row in played.rows:
        assert [turn.content for turn in row.turns if turn.role == "user"][1:] == [YES]
        assert (row.end, row.turns[-1].role) == ("done", "assistant")


def _thought_apart(played: Played) -> None:
    assert all(len(notes(row, RAW_REPLY)) == 1 for row in played.rows)
    texts = [turn.content + (turn.reasoning or "") for row in played.rows for turn in row.turns]
    assert not any("first request" in text for text in texts)


_END = user_spellings.fields
USER: Mapping[str, Fault] = {
    **{
        f"user says what no person does: {reason}": not_a_person(spelled, reason, 31)
        for reason, spelled in user_spellings.WRONG.items()
    },
    **{
        f"user's text cannot be data: {reason}": not_a_person(spelled, reason, 13)
        for reason, spelled in spellings.USER_WRONG.items()
    },
    "user thanks in place of a request": not_a_person(user_spellings.MADE_NO_REQUEST, "made_no_request", 34),
    "user gives up before it began": not_a_person(
        [
            _END(message="", status="gave_up"),
            _END(message="Forget it, thanks.", status="gave_up", about="same_request"),
        ],
        "made_no_request",
        41,
    ),
    "user thanks for ever": at_the_end(user_spellings.THANKS, 35),
    "user says nothing at the end": at_the_end([_END(message="", status="continue")], 36, user=4),
    "user gives up though all was done": at_the_end(
        [_END(message="", status="gave_up")], 37, user=3, ends=by_the_user("gave_up")
    ),
    "user was transferred, it says, though all was done": at_the_end([_END(message="", status="transferred")], 38),
    "user finds impossible what was done": at_the_end([_END(message="", status="impossible")], 39),
    "user is out of scope though all was done": at_the_end(
        [_END(message="", status="out_of_scope")], 40, ends=by_the_user("out_of_scope")
    ),
    "user is never satisfied": Fault(
        [by_the_user("out_of_patience")] * SIZE,
        user=[8] * SIZE,
        teacher=[9] * SIZE,
        made=partial(_Played, _NeverSatisfied),
    ),
    "user misspells the words of the form": everywhere(user_spellings.MISSPELLED, 36),
    "user writes without the form": everywhere(user_spellings.PLAIN, 36),
    "user thinks aloud in tags": Fault(
        [KEPT] * SIZE, orders=always(spellings.USER_CLOSED, 15, "text", "user"), check=_thought_apart
    ),
    "user calls its yes the end": Fault(
        [KEPT] * SIZE, user=[3] * SIZE, teacher=[4] * SIZE, made=partial(_Played, _Confirming), check=_said_yes
    ),
    "user leaves the assistant's question": Fault(
        [by_the_user("no_call")] * SIZE, user=[3] * SIZE, teacher=[1] * SIZE, made=partial(_Played, _Silent)
    ),
}


# ---------------------------------------------------------------- faults of the judge


def unmeasured(reason: str) -> Ending:
    return ("unmeasured", reason, "infrastructure")


def judged(spelled: Sequence[Spelling], seed: int, asked: int, times: int = ALWAYS, ends: Ending = KEPT) -> Fault:
    """Return the fault of a judge whose first verdicts on each record, so many `times`, are spelled so."""

    def check(played: Played) -> None:
        measured = None if ends[0] == "unmeasured" else 1.0
        assert [s.value for row in played.rows for s in row.scores if s.name == "rubric"] == [measured] * SIZE
        assert {row.reward is None for row in played.rows} == {measured is None}
        if measured is None:
            assert {(row.outcome, row.stage) for row in played.rows} == {("unmeasured", "judged")}
            assert "12 trajectories could not be measured" in played.batch.reason
            assert played.batch.progress.unmeasured == SIZE

    return Fault(
        endings=[ends] * SIZE,
        verdicts=asked,
        judged=drawn(spelled, seed, SIZE),
        judged_times=times,
        changes={"judges": JUDGES, "pause_unmeasured": 0},
        check=check,
    )


def silent(made: Callable[..., Double], endings: Sequence[Ending], **changes: Any) -> Fault:
    """Return the fault of a judge that gives no answer."""
    usual = {"judges": JUDGES, "pause_unmeasured": 0, "concurrency": 1}
    return Fault(endings=endings, verdicts=1, made=made, changes=usual | changes)


class _Briefly(SilentJudge):
    first, many = 3, 4


_UNREADABLE = unmeasured("judge_unreadable")
_INCOMPLETE = [
    spellings.reshaped(lambda found: dict([*found.items()][1:])),
    spellings.reshaped(lambda found: dict([*found.items()][:-1])),
    spellings.reshaped(lambda found: dict([*found.items()][:1])),
]
_WITH_TOKENS = [
    spellings.reshaped(lambda found: {n: one | {"reason": "It shows.<|im_end|>"} for n, one in found.items()}),
    spellings.reshaped(lambda found: {n: one | {"reason": "<|eot_id|>It shows."} for n, one in found.items()}),
]
_REFUSES = [
    spellings.said("I'm sorry, but I can't assist with that."),
    spellings.said("I cannot judge this conversation."),
]
_NO_ANSWER = unmeasured("judge_no_answer")
JUDGE: Mapping[str, Fault] = {
    "judge thinks aloud or fences its verdicts": judged(spellings.FENCED, 26, 1),
    "judge answers in another shape": judged(spellings.RESHAPED, 29, 1),
    "judge is unreadable once": judged(spellings.UNREADABLE, 27, 2, 1),
    "judge is unreadable": judged(spellings.UNREADABLE, 27, 2, ends=_UNREADABLE),
    "judge says neither yes nor no once": judged(spellings.UNCLEAR, 27, 2, 1),
    "judge says neither yes nor no": judged(spellings.UNCLEAR, 27, 2, ends=_UNREADABLE),
    "judge leaves questions out once": judged(_INCOMPLETE, 42, 2, 1),
    "judge leaves questions out": judged(_INCOMPLETE[:1], 42, 2, ends=_UNREADABLE),
    "judge writes control tokens": judged(_WITH_TOKENS, 43, 2, ends=_UNREADABLE),
    "judge refuses": judged(_REFUSES, 44, 2, ends=_UNREADABLE),
    "judge's server filters the record": judged([spellings.said("", "content_filter")], 45, 1, ends=_NO_ANSWER),
    "judge is dead": silent(SilentJudge, [_NO_ANSWER] * SIZE),
    "judge is dead where failures are kept": silent(SilentJudge, [_NO_ANSWER] * SIZE, keep_failures=True),
    "judge is out for a while": silent(_Briefly, [KEPT] * 3 + [_NO_ANSWER] * 4 + [KEPT] * 5, pause_unmeasured=5),
}


# ---------------------------------------------------------------- the table


TABLE = {**USER, **JUDGE}


@pytest.fixture(scope="module")
def tally() -> dict[str, int]:
    """How many dialogues ended as the table says, by fault, as far as its tests have run."""
    return {}


@pytest.mark.parametrize("name", list(TABLE))
async def test_a_fault(runs: Runs, tally: dict[str, int], name: str) -> None:
    fault = TABLE[name]
    found = await runs(fault.orders, fault.judged, fault.judged_times, fault.made, **fault.changes)
    endings: list[Ending] = [(row.status, row.reason, row.culprit) for row in found.rows]
    tally[name] = sum(one == due for one, due in zip(endings, fault.endings, strict=True))
    user, teacher, verdicts = found.double.asked("user"), found.double.asked("teacher"), found.double.verdicts
    assert max(user) <= MOST["user"]
    assert max(teacher) <= MOST["teacher"]
    assert max(verdicts, default=0) <= MOST["judge"]
    lost = [one for one, due in zip(endings, fault.endings, strict=True) if due == KEPT != one]
    assert not lost, "a good dialogue was lost"
    assert Counter(endings) == Counter(fault.endings)
    assert (user, teacher) == (list(fault.user), list(fault.teacher))
    assert verdicts == ([fault.verdicts] * SIZE if fault.verdicts is not None else [])
    assert all(is_as_proven(row) for row in found.rows if row.status == "kept" and len(row.turns) == 6)
    assert all(row.end in ANSWERED_ENDS for row in found.rows if row.status == "kept")
    fault.check(found)


def test_the_figure_over_all_faults(tally: dict[str, int]) -> None:
    if tally.keys() != TABLE.keys():
        pytest.skip("the figure is over the whole table, of which only a part was run")
    assert min(len(USER), len(JUDGE)) >= 10
    dialogues = SIZE * len(TABLE)
    assert dialogues >= 240
    right = sum(tally.values())
    assert right / dialogues >= LEAST_RIGHT, f"{right} of {dialogues} dialogues ended as they should: {tally}"
