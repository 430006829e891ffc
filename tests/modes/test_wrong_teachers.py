"""Each mode with a teacher that does the wrong thing, in the first request and in a later one.

The teachers play the proven task except where they go wrong, so nothing else can be the reason of the rejection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine.planning import tasks
from engine.protocols import SandboxPool
from engine.rolling.rollout import INJECTED
from engine.serving.choice import open_pool
from engine.types import (
    MODES,
    Choice,
    Domain,
    Mode,
    Persona,
    Task,
    ToolCall,
    Trajectory,
    Turn,
    Withhold,
)
from tests.modes.wrong_teachers import (
    Fits,
    Moment,
    Play,
    claims_success,
    failed,
    gives_up,
    guesses,
    has_tool,
    knows_without_looking,
    last_call_at_once,
    looks_first,
    model_user,
    of,
    one_after_the_other,
    one_call_then_done,
    passed,
    played,
    repeats_nothing,
    says,
    task_of,
    tries_another_call,
    wrong_account,
)
from tests.samples.batches import batch_of


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local")
    yield opened
    await opened.aclose()


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def domain(ledger: Domain) -> Domain:
    """The ledger, in which also the amount of a transfer can be missing."""
    changed = []
    for template in ledger.templates:
        if template.id == "move":
            held = Withhold(
                slot="amount",
                say=("I'm {{ owner }}. Move some money from my savings to my daily account.",),
                ask=("How much shall I move?",),
                reveal=("{{ amount }} please.",),
            )
            first = template.turns[0].model_copy(update={"withhold": held})
            template = template.model_copy(update={"turns": (first, *template.turns[1:])})
        changed.append(template)
    return ledger.model_copy(update={"templates": tuple(changed)})


RATE = looks_first("get_exchange_rate", currency="EUR")
BALANCE = looks_first("get_balance", account_id="A-1")
NOTE = looks_first("set_note", account_id="A-1", note="wish")
WRONG: list[tuple[Mode, str, Play, Fits, set[str], set[str] | None]] = [
    # mode, what goes wrong, the teacher, which tasks, what fails in the first request, and in a later one (None:
    # what an earlier request brought to light may have told it, so a right answer is no proof of a guess)
    ("single", "a made-up answer", says("It holds 987654."), of("balance"), {"grounded", "facts"}, {"facts"}),
    ("single", "a lucky guess", knows_without_looking, of("balance"), {"grounded"}, None),
    ("single", "looks around", BALANCE, of("balance"), {"mode"}, {"mode"}),
    ("single", "another account", wrong_account, of("balance"), {"grounded", "facts"}, {"facts"}),
    ("multiple", "claims without doing", one_call_then_done, of("move"), {"state"}, {"state"}),
    ("parallel", "one after the other", one_after_the_other, of("compare"), {"mode"}, {"mode"}),
    (
        "parallel",
        "only words",
        says("They are equal."),
        of("compare"),
        {"grounded", "mode", "facts"},
        {"mode", "facts"},
    ),
    ("dependent", "an id from nowhere", last_call_at_once, of("move"), {"mode"}, {"mode"}),
    ("no_tool", "a needless call", BALANCE, has_tool("get_balance"), {"mode"}, {"mode"}),
    ("missing_parameter", "turns it down", says("I can't help with that."), of("balance"), {"mode"}, {"mode"}),
    ("missing_parameter", "a lucky guess", guesses(""), of("balance"), {"mode"}, {"mode"}),
    ("missing_parameter", "a polite guess", guesses("Anything else?"), of("balance"), {"mode"}, {"mode"}),
    ("missing_parameter", "acts, then asks", guesses("Was that right?"), of("move"), {"mode"}, {"mode"}),
    ("missing_function", "an invented tool", looks_first("pay_out", amount=5), of("move"), {"mode"}, {"mode"}),
    ("missing_function", "another change", NOTE, has_tool("set_note"), {"mode"}, {"mode"}),
    ("missing_function", "claims success", says("Done, it is moved."), of("move"), {"facts"}, {"facts"}),
    ("distractors", "the distractor", RATE, lambda task, place: True, {"mode"}, {"mode"}),
    ("tool_error", "gives up", gives_up, of("balance"), {"grounded", "mode", "facts"}, {"mode", "facts"}),
    ("tool_error", "claims success", claims_success, of("balance"), {"grounded", "mode"}, {"mode"}),
    ("tool_error", "claims a change", claims_success, of("move"), {"mode"}, {"mode"}),
    ("tool_error", "tries another call", tries_another_call, of("balance"), {"mode"}, {"mode"}),
]


async def test_every_mode_has_a_wrong_teacher() -> None:
    assert {mode for mode, *_ in WRONG} == set(MODES)


@pytest.mark.parametrize(
    ("mode", "play", "fits", "place", "expected"),
    [
        pytest.param(mode, play, fits, place, expected, id=f"{mode}: {what}, request {place + 1}")
        for mode, what, play, fits, *both in WRONG
        for place, expected in enumerate(both)
        if expected is not None
    ],
)
async def test_a_wrong_teacher_is_rejected(
    domain: Domain,
    persona: Persona,
    pool: SandboxPool,
    mode: Mode,
    play: Play,
    fits: Fits,
    place: int,
    expected: set[str],
) -> None:
    task = task_of(domain, mode, place, fits)
    right = await played(domain, persona, pool, task, place)
    assert (right.status, right.outcome, len(right.begun)) == ("kept", "success", len(task.turns)), right.scores
    assert expected <= passed(right)
    found = await played(domain, persona, pool, task, place, play)
    assert expected <= failed(found), found.scores
    assert (found.status, found.outcome, found.culprit) == ("rejected", "failure", "agent")


@pytest.mark.parametrize("place", [0, 1])
async def test_asking_although_nothing_is_missing_is_fine(
    domain: Domain, persona: Persona, pool: SandboxPool, place: int
) -> None:
    def asks_first(moment: Moment) -> Turn | None:
        if not any(turn.role == "user" for turn in moment.since):
            return Turn(role="assistant", content="Shall I go ahead?")
        since = [turn for turn in moment.since if turn.role == "assistant"][1:]
        calls = moment.proven()
        return (
            moment.calling(calls[len(since)])
            if len(since) < len(calls)
            else Turn(role="assistant", content=moment.answer)
        )

    task = task_of(domain, "tool_error", place, of("balance"))
    plain = task.model_copy(
        update={"turns": tuple(turn.model_copy(update={"fault": None, "mode": "multiple"}) for turn in task.turns)}
    )
    found = await played(domain, persona, pool, plain, place, asks_first)
    assert found.outcome == "success", found.scores
    assert len(found.begun) == len(task.turns)
    assert sum(turn.role == "user" for turn in found.turns) == len(task.turns) + 1


# ---------------------------------------------------------------- one call and no more


async def test_a_single_call_may_need_a_second_try(domain: Domain, persona: Persona, pool: SandboxPool) -> None:
    """What was answered with an error is no call too many."""
    task = task_of(domain, "single", 0, of("balance"), turns=(1,))

    def stumbles(moment: Moment) -> Turn | None:
        wrong = ToolCall(id="", name="get_balance", arguments={"account_id": "Z-9"})
        if moment.replies < 2:
            return moment.calling(*(moment.proven() if moment.replies else [wrong]))
        return Turn(role="assistant", content=moment.answer)

    found = await played(domain, persona, pool, task, 0, stumbles)
    assert [turn.fault for turn in found.turns if turn.role == "tool"] == ["tool_error", None]
    assert found.status == "kept", found.scores
    assert "mode" in passed(found)


async def test_a_single_call_that_an_earlier_request_made_is_not_made_again(
    domain: Domain, persona: Persona, pool: SandboxPool
) -> None:
    once = task_of(domain, "single", 0, of("balance"), turns=(1,))
    first = once.turns[0].model_copy(update={"mode": "multiple"})
    again = once.turns[0].model_copy(update={"say": f"Once more, please: {once.turns[0].say}"})
    task = once.model_copy(update={"turns": (first, again), "modes": ("multiple", "single")})
    assert (await played(domain, persona, pool, task, 1)).status == "kept"
    found = await played(domain, persona, pool, task, 1, knows_without_looking)
    assert (found.status, found.reason) == ("rejected", "mode_not_exercised"), found.scores


# ---------------------------------------------------------------- where a fault is placed


@pytest.mark.parametrize("mode", ["tool_error", "single", "parallel"])
async def test_a_teacher_that_repeats_no_read_meets_every_mode(
    domain: Domain, persona: Persona, pool: SandboxPool, mode: Mode
) -> None:
    """It answers from what an earlier request brought to light, and still comes to what the mode is about."""
    later = 0
    for seed in range(12):
        task = tasks.sample(domain, mode=mode, turns=3, seed=seed)
        place = task.modes.index(mode)
        found = await played(domain, persona, pool, task, place, repeats_nothing)
        assert "mode" in passed(found), (seed, found.scores)
        assert found.status == "kept", (seed, found.reason, found.detail)
        later += place > 0
    assert later


async def test_a_mode_that_was_not_come_to_is_not_kept_under_it(
    domain: Domain, persona: Persona, pool: SandboxPool
) -> None:
    """The marked call reads what an earlier request had read; the teacher does not read it again."""
    task = task_of(domain, "single", 0, of("balance"), turns=(1,))
    first = task.turns[0].model_copy(update={"mode": "multiple"})
    marked = task.turns[0].model_copy(update={"mode": "tool_error", "fault": 0, "say": "And once more, please."})
    both = task.model_copy(update={"turns": (first, marked), "modes": ("multiple", "tool_error")})
    found = await played(domain, persona, pool, both, 1, repeats_nothing)
    assert not faults(found)
    assert (found.outcome, found.status, found.reason) == ("success", "rejected", "mode_not_exercised")
    assert found.detail == "The call that was to fail was never made."


async def test_what_the_user_tells_unasked_is_not_missing(domain: Domain, persona: Persona, pool: SandboxPool) -> None:
    task = task_of(domain, "missing_parameter", 0, of("balance"), turns=(1,))
    told = task.turns[0].model_copy(update={"say": f"How much is on {task.turns[0].slots['account_id']}?"})
    user = model_user(task.model_copy(update={"turns": (told,)}), persona, (told.say, "next_request"))

    def serves(moment: Moment) -> Turn:
        done, calls = moment.replies, moment.proven()
        return moment.calling(calls[done]) if done < len(calls) else Turn(role="assistant", content=moment.answer)

    found = await played(domain, persona, pool, task, 0, serves, user=user)
    assert (found.outcome, found.status, found.reason) == ("success", "rejected", "mode_not_exercised"), found.scores


def faults(found: Trajectory) -> list[tuple[int, str | None, str]]:
    return [(i, turn.name, turn.content) for i, turn in enumerate(found.turns) if turn.fault == "injected"]


@pytest.mark.parametrize("marked", [0, 1])
async def test_the_marked_call_fails_and_not_its_twin(
    domain: Domain, persona: Persona, pool: SandboxPool, marked: int
) -> None:
    def fits(task: Task, place: int) -> bool:
        return task.template == "compare" and task.turns[place].fault == marked

    task = task_of(domain, "tool_error", 0, fits)
    found = await played(domain, persona, pool, task, 0)
    ((index, name, content),) = faults(found)
    assert (name, content) == ("get_balance", INJECTED)
    wanted = found.proof.turns[0].calls[marked][0].call.arguments if found.proof else None
    assert found.turns[index - 1].tool_calls[0].arguments == wanted
    assert found.outcome == "success"


async def test_a_fault_waits_for_its_own_request(domain: Domain, persona: Persona, pool: SandboxPool) -> None:
    """The first request calls the tool that is marked in the second, after a confirmation that counts as no request."""

    def confirms(moment: Moment) -> Turn | None:
        if not any(turn.role == "user" for turn in moment.since):
            return Turn(role="assistant", content="Shall I go ahead?")
        since = [turn for turn in moment.since if turn.role == "assistant"][1:]
        return moment.calling(*moment.proven()) if not since else Turn(role="assistant", content=moment.answer)

    task = task_of(domain, "tool_error", 1, lambda task, _: task.templates == ("balance", "compare"))
    found = await played(domain, persona, pool, task, 0, confirms)
    assert len(found.begun) == 2
    assert found.turns[3].content == "Yes, please go ahead."
    assert all(index > found.begun[1] for index, _, _ in faults(found))
    assert len(faults(found)) == 1


async def test_a_fault_that_was_not_met_is_not_caught_up_later(
    domain: Domain, persona: Persona, pool: SandboxPool
) -> None:
    task = task_of(domain, "tool_error", 0, lambda task, _: task.templates == ("balance", "compare"))
    found = await played(domain, persona, pool, task, 0, says("I cannot do that."))
    assert not faults(found)
    assert next(score for score in found.scores if score.name == "mode").value is None
    assert found.outcome == "failure"


async def test_a_models_complaint_is_no_new_request(domain: Domain, persona: Persona, pool: SandboxPool) -> None:
    """The fault of the second request meets the second request, although a complaint stands between the two."""
    task = task_of(domain, "tool_error", 1, lambda task, _: task.templates == ("balance", "compare"))
    said = [
        (task.turns[0].say, "next_request"),
        ("That does not help me.", "same_request"),
        ("Now compare " + task.turns[1].say.split(" ", 1)[1], "next_request"),
    ]
    user = model_user(task, persona, *said)

    def stalls(moment: Moment) -> Turn:
        if not moment.since:
            return Turn(role="assistant", content="Do you really want to know?")
        calls = moment.proven()
        done = moment.replies - 1
        return moment.calling(calls[done]) if done < len(calls) else Turn(role="assistant", content=moment.answer)

    found = await played(domain, persona, pool, task, 0, stalls, user=user)
    users = [index for index, turn in enumerate(found.turns) if turn.role == "user"]
    assert found.begun == (users[0], users[2])
    assert [index > users[2] for index, _, _ in faults(found)] == [True]


async def test_a_marked_call_that_is_made_first_fails_first(
    domain: Domain, persona: Persona, pool: SandboxPool
) -> None:
    def other_way_round(moment: Moment) -> Turn | None:
        calls = moment.proven()
        order = [calls[1], calls[1], calls[0]]  # the first one fails, so it is made again
        if moment.replies < len(order):
            return moment.calling(order[moment.replies])
        return Turn(role="assistant", content=moment.answer)

    def fits(task: Task, place: int) -> bool:
        return task.template == "compare" and task.turns[place].fault == 1

    task = task_of(domain, "tool_error", 0, fits)
    found = await played(domain, persona, pool, task, 0, other_way_round)
    assert [index for index, _, _ in faults(found)] == [3]
    assert found.outcome == "success", found.scores


async def test_every_marked_request_has_a_fault_of_its_own(domain: Domain, persona: Persona, pool: SandboxPool) -> None:
    task = task_of(domain, "tool_error", 0, lambda task, _: task.templates == ("balance", "compare"))
    both = tuple(turn.model_copy(update={"fault": 0, "mode": "tool_error"}) for turn in task.turns)
    marked = task.model_copy(update={"turns": both, "modes": ("tool_error", "tool_error")})
    found = await played(domain, persona, pool, marked, 0)
    places = [index for index, _, _ in faults(found)]
    assert [index > found.begun[1] for index in places] == [False, True]
    assert found.outcome == "success"


async def test_a_guess_that_a_complaint_turned_into_a_question_was_a_guess(
    domain: Domain, persona: Persona, pool: SandboxPool
) -> None:
    task = task_of(domain, "missing_parameter", 0, of("balance"), turns=(1,))
    told = f"It is {task.turns[0].slots['account_id']}."
    said = [(task.turns[0].say, "next_request"), ("That is wrong.", "same_request"), (told, "same_request")]
    user = model_user(task, persona, *said)

    def guesses_first(moment: Moment) -> Turn:
        if moment.replies in (0, 3):
            return moment.calling(moment.proven()[0])
        texts = {1: moment.answer, 2: "Oh. Which account is it?", 4: moment.answer}
        return Turn(role="assistant", content=texts[moment.replies])

    found = await played(domain, persona, pool, task, 0, guesses_first, user=user)
    assert len(found.begun) == 1
    assert failed(found) == {"mode"}
    assert (found.culprit, found.reason) == ("agent", "policy_rule")


async def test_who_calls_nothing_before_the_user_explains_has_not_guessed(
    domain: Domain, persona: Persona, pool: SandboxPool
) -> None:
    task = task_of(domain, "missing_parameter", 0, of("balance"), turns=(1,))
    user = model_user(task, persona, (task.turns[0].say, "next_request"), ("The one I save on.", "same_request"))

    def waits(moment: Moment) -> Turn:
        texts = {0: "Gladly, once I know the account.", 2: moment.answer}
        return (
            Turn(role="assistant", content=texts[moment.replies])
            if moment.replies != 1
            else moment.calling(*moment.proven())
        )

    found = await played(domain, persona, pool, task, 0, waits, user=user)
    assert (found.outcome, len(found.begun)) == ("success", 1), found.scores
    assert "mode" in passed(found)


async def test_a_question_for_something_else_does_not_cover_a_guess(
    domain: Domain, persona: Persona, pool: SandboxPool
) -> None:
    """The same teacher with the right question is served."""
    task = task_of(domain, "missing_parameter", 0, of("balance"), turns=(1,))

    def asking(question: str) -> Play:
        def play(moment: Moment) -> Turn:
            texts = {0: question, 2: moment.answer}
            calls = moment.proven()
            return (
                moment.calling(*calls) if moment.replies == 1 else Turn(role="assistant", content=texts[moment.replies])
            )

        return play

    found = await played(domain, persona, pool, task, 0, asking("What is your shoe size?"))
    assert [turn.content for turn in found.turns if turn.role == "user"][1:] == ["I can't tell you that, sorry."]
    assert (failed(found), found.culprit) == ({"mode"}, "agent")
    assert (await played(domain, persona, pool, task, 0, asking("Which account?"))).outcome == "success"


async def test_a_model_user_that_drops_a_request_is_at_fault(
    domain: Domain, persona: Persona, pool: SandboxPool
) -> None:
    """A question in the first request counts neither as its answer nor as the second request."""
    task = task_of(domain, "multiple", 0, lambda task, _: task.templates[0] == "balance", turns=(2,))
    said = [(task.turns[0].say, "next_request"), ("Yes, that one.", "same_request")]
    user = model_user(task, persona, *said, insists=True)

    def asks_back(moment: Moment) -> Turn:
        if not moment.replies:
            return Turn(role="assistant", content="Do you mean that account?")
        done, calls = moment.replies - 1, moment.proven()
        return moment.calling(calls[done]) if done < len(calls) else Turn(role="assistant", content=moment.answer)

    batch = batch_of(domain).model_copy(update={"user": Choice(name="llm")})
    found = await played(domain, persona, pool, task, 0, asks_back, user=user, batch=batch)
    assert (found.end, found.reason) == ("user_left", "made_no_request")
    assert (found.outcome, found.culprit) == ("unmeasured", "user")


# ---------------------------------------------------------------- what is said too late or too early


async def test_that_a_tool_is_missing_must_be_said_in_its_own_request(
    domain: Domain, persona: Persona, pool: SandboxPool
) -> None:
    task = task_of(domain, "missing_function", 0, lambda task, _: True, turns=(2,))
    second = task.turns[1].model_copy(update={"answer": f"{task.turns[1].answer} I can't complain."})
    late = task.model_copy(update={"turns": (task.turns[0], second)})
    assert (await played(domain, persona, pool, late, 0)).outcome == "success"
    found = await played(domain, persona, pool, late, 0, says("Done, it is moved."))
    assert found.turns[-1].content.endswith("I can't complain.")
    assert "facts" in failed(found)


async def test_a_fact_that_the_next_request_asks_for_again_is_not_late(
    domain: Domain, persona: Persona, pool: SandboxPool
) -> None:
    """After the transfer nothing is said of the daily account, whose balance the next request asks for."""
    task = task_of(domain, "dependent", 0, of("move"), turns=(2,))
    assert (await played(domain, persona, pool, task, 0)).outcome == "success"

    def silent(moment: Moment) -> Turn | None:
        if moment.right.tool_calls:
            return None
        left = moment.proof.turns[0].facts[0][0]
        return Turn(role="assistant", content=f"Done, {left} is left on savings.")

    found = await played(domain, persona, pool, task, 0, silent)
    assert (found.outcome, failed(found)) == ("failure", {"facts"})


async def test_a_fact_may_come_a_little_late(domain: Domain, persona: Persona, pool: SandboxPool) -> None:
    task = task_of(domain, "multiple", 0, lambda task, _: task.templates == ("balance", "move"), turns=(2,))
    proof = (await played(domain, persona, pool, task, 0)).proof
    assert proof is not None
    late = task.turns[1].model_copy(update={"answer": f"{proof.turns[1].answer} And {proof.turns[0].answer}"})
    both = task.model_copy(update={"turns": (task.turns[0], late)})

    def waits(moment: Moment) -> Turn | None:
        return None if moment.right.tool_calls else Turn(role="assistant", content="I have looked it up.")

    assert (await played(domain, persona, pool, both, 0, waits)).outcome == "success"
    assert "facts" in failed(await played(domain, persona, pool, task, 0, waits))


async def test_what_an_earlier_request_tells_is_never_withheld(domain: Domain) -> None:
    seen = 0
    for seed in range(200):
        task = tasks.sample(domain, mode="missing_parameter", turns=3, seed=seed)
        place = next(i for i, turn in enumerate(task.turns) if turn.hidden)
        value = str(task.turns[place].slots["account_id" if "account_id" in task.turns[place].slots else "amount"])
        assert all(value not in turn.say.split() for turn in task.turns[:place])
        seen += place > 0
    assert seen
