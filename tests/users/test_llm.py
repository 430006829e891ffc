"""The model-driven user: what it is shown, what it must not reveal yet, when it may stop."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from engine import plugins
from engine.running.models import open_llm
from engine.types import Completion, Sampling, Task, Tool, ToolCall, Turn
from engine.users.llm import LLMUser
from tests.samples.models import scripted
from tests.samples.personas import ADA
from tests.samples.tasks import balance_proof, balance_task

HELD_BACK = balance_task(mode="missing_parameter", ask="Which account?", hidden="It is A-100.")
SYSTEM = Turn(role="system", content="SECRET POLICY")


class Recording:
    """Plays replies through the scripted plug-in and keeps what it was shown."""

    def __init__(self, replies: list[dict[str, Any]]) -> None:
        self._llm = open_llm(scripted(*replies), "user")
        self.seen: list[Sequence[Turn]] = []

    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool] = (),
        *,
        response_schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
        states: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> Completion:
        self.seen.append(list(messages))
        assert not tools
        return await self._llm.complete(
            messages, tools, response_schema=response_schema, sampling=sampling, states=states
        )

    async def aclose(self) -> None:
        await self._llm.aclose()


def made(given: Task, *replies: dict[str, Any]) -> tuple[LLMUser, Recording]:
    llm = Recording(list(replies))
    plugin = plugins.load("users", "llm")
    user: LLMUser = plugin.make(plugin.config(), llm=llm, task=given, proof=balance_proof(), persona=ADA, seed=0)
    return user, llm


def says(message: str, status: str = "continue") -> dict[str, Any]:
    return {"data": {"message": message, "status": status}}


def talk(*texts: str) -> list[Turn]:
    """Return a dialogue of these texts, user first, with a call and its result before every answer."""
    turns = [SYSTEM]
    for number, text in enumerate(texts):
        if number % 2:
            call = ToolCall(id=f"c{number}", name="get_balance", arguments={"account_id": "X"})
            turns.append(Turn(role="assistant", content="INTERNAL THOUGHT", tool_calls=(call,)))
            turns.append(Turn(role="tool", tool_call_id=call.id, name="get_balance", content="TOOL RESULT"))
        turns.append(Turn(role="assistant" if number % 2 else "user", content=text))
    return turns


async def text_of(user: LLMUser, turns: list[Turn]) -> str | None:
    reply = await user.reply(turns)
    return reply.turn.content if reply else None


async def test_it_opens_with_a_message_of_its_own() -> None:
    user, llm = made(balance_task(), says("Hi, Ada here, what do I have?"))
    assert await text_of(user, [SYSTEM]) == "Hi, Ada here, what do I have?"
    assert len(user.calls) == 1
    prompt = llm.seen[0][0].content
    for part in ("Ada teaches maths.", "friendly", "A-100", "What is on my accounts?", "And the first once more?"):
        assert part in prompt


async def test_it_sees_neither_policy_nor_tools_nor_results() -> None:
    user, llm = made(balance_task(), says("And the first?"))
    await user.reply(talk("What is on them?", "They hold 5, 6 and 7."))
    shown = json.dumps([turn.model_dump(mode="json") for turn in llm.seen[0]])
    for hidden in ("SECRET POLICY", "TOOL RESULT", "INTERNAL THOUGHT", "get_balance", "It holds 5."):
        assert hidden not in shown
    assert [turn.role for turn in llm.seen[0]] == ["system", "user", "assistant", "user"]
    assert llm.seen[0][-1].content == "They hold 5, 6 and 7."


async def test_the_prompt_lets_the_goal_win_over_the_persona() -> None:
    user, llm = made(balance_task(), says("What do I have?"))
    await user.reply([SYSTEM])
    prompt = llm.seen[0][0].content
    wanted = prompt.split("# What you want")[1]
    assert (
        "a date of birth, a job or a family here does\nnot go with who you are above, what is said here holds" in wanted
    )
    assert wanted.index(balance_task().goal) < wanted.index("what is said here holds")


async def test_the_prompt_masks_what_is_told_only_when_asked() -> None:
    user, llm = made(HELD_BACK, says("What do I have?"))
    await user.reply([SYSTEM])
    goal = llm.seen[0][0].content.split("# What you tell only")[0]
    assert "A-100" not in goal
    assert "It is A-100." in llm.seen[0][0].content


async def test_a_secret_told_unasked_is_taken_back() -> None:
    user, llm = made(HELD_BACK, says("What is on A-100?"), says("What do I have?"))
    assert await text_of(user, [SYSTEM]) == "What do I have?"
    assert "only when you are asked" in llm.seen[1][-1].content
    assert len(user.calls) == 2


async def test_a_model_that_insists_is_replaced_by_the_tasks_own_words() -> None:
    user, _ = made(HELD_BACK, says("What is on A-100?"), says("I said a-100!"))
    assert await text_of(user, [SYSTEM]) == HELD_BACK.turns[0].say


async def test_a_secret_told_in_place_of_an_early_goodbye_is_replaced_too() -> None:
    user, llm = made(HELD_BACK, says("", "gave_up"), says("It is A-100."))
    assert await text_of(user, [SYSTEM]) == HELD_BACK.turns[0].say
    assert len(llm.seen) == 3


async def test_a_secret_may_be_told_once_asked() -> None:
    user, _ = made(HELD_BACK, says("It is A-100."))
    assert await text_of(user, talk("What do I have?", "Please tell me the account id.")) == "It is A-100."


async def test_the_secret_of_a_later_request_waits_for_it() -> None:
    """What the assistant asks in the first request opens nothing that the second one holds back."""
    first, second = balance_task().turns
    later = second.model_copy(update={"hidden": "It is A-100.", "mode": "missing_parameter"})
    given = balance_task().model_copy(update={"turns": (first, later)})
    user, llm = made(given, says("Mine, A-100."), says("Mine."))
    assert await text_of(user, talk("What do I have?", "Whose are they?")) == "Mine."
    assert "only when you are asked" in llm.seen[1][-1].content
    user, _ = made(given, says("It is A-100."))
    spoken = talk("What do I have?", "5.", "And the first?", "Which one is it?")
    assert await text_of(user, spoken) == "It is A-100."


@pytest.mark.parametrize("question", ["What is your shoe size?", "Is it raining? Could you tell me the weather?"])
async def test_a_question_for_something_else_opens_no_secret(question: str) -> None:
    user, llm = made(HELD_BACK, says("It is A-100."), says("I don't know that."))
    assert await text_of(user, talk("What do I have?", question)) == "I don't know that."
    assert "only when you are asked" in llm.seen[1][-1].content


async def test_a_secret_may_be_told_when_the_assistant_asks_once_more() -> None:
    """A question can name a thing in words that nobody foresaw."""
    user, _ = made(HELD_BACK, says("It is A-100."))
    spoken = talk("What do I have?", "What is your shoe size?", "I don't know.", "And which nest egg?")
    assert await text_of(user, spoken) == "It is A-100."


@pytest.mark.parametrize(("about", "opens"), [("next_request", True), ("same_request", False), (None, None)])
async def test_it_says_whether_a_message_makes_a_request(about: str | None, opens: bool | None) -> None:
    user, llm = made(balance_task(), {"data": {"message": "And the first?", "status": "continue", "about": about}})
    reply = await user.reply(talk("What is on them?", "5.", "That is wrong.", "6."))
    assert reply is not None
    assert reply.opens is opens
    own = [json.loads(turn.content)["about"] for turn in llm.seen[0] if turn.role == "assistant"]
    assert own == ["next_request", "next_request"]


async def test_it_may_not_stop_before_every_request_was_answered() -> None:
    user, llm = made(balance_task(), says("", "satisfied"), says("And the first once more?"))
    assert await text_of(user, talk("x", "They hold 5, 6 and 7.")) == "And the first once more?"
    assert "1 of your 2 requests has been answered" in llm.seen[1][-1].content


ASKED_BACK = ("What is on them?", "Which ones do you mean?", "All of them.", "5, 6 and 7.")


async def test_an_answered_question_is_no_answered_request() -> None:
    user, llm = made(balance_task(), says("", "satisfied"), says("And the first once more?"))
    assert await text_of(user, talk(*ASKED_BACK)) == "And the first once more?"
    assert "1 of your 2 requests has been answered" in llm.seen[1][-1].content
    user, _ = made(balance_task(), says("", "satisfied"))
    assert await text_of(user, talk(*ASKED_BACK)) is None
    assert user.left is True


async def test_its_own_complaint_is_no_request_either() -> None:
    complaint = {"data": {"message": "That is wrong.", "status": "continue", "about": "same_request"}}
    user, llm = made(balance_task(), complaint, says("", "satisfied"), says("And the first once more?"))
    turns = talk("What is on them?", "5, 6 and 7.")
    assert await text_of(user, turns) == "That is wrong."
    turns += [Turn(role="user", content="That is wrong."), Turn(role="assistant", content="Oh, 8.")]
    assert await text_of(user, turns) == "And the first once more?"
    assert [json.loads(turn.content)["about"] for turn in llm.seen[1] if turn.role == "assistant"] == [
        "next_request",
        "same_request",
    ]


async def test_who_was_asked_for_the_missing_value_is_not_satisfied_yet() -> None:
    one = HELD_BACK.model_copy(update={"turns": HELD_BACK.turns[:1]})
    user, llm = made(one, says("", "satisfied"), says("It is A-100."))
    assert await text_of(user, talk("What do I have?", "Which account is it?")) == "It is A-100."
    assert "0 of your 1 request has been answered" in llm.seen[1][-1].content


@pytest.mark.parametrize(
    ("spoken", "words", "about"),
    [
        (("What is on them?", "Which ones do you mean?"), 0, False),
        (ASKED_BACK, 1, True),
        (("What is on them?", "5, 6 and 7."), 1, True),
        ((*ASKED_BACK, "And the first?", "5."), 1, False),
    ],
)
async def test_the_tasks_own_words_are_those_of_the_request_at_hand(spoken: Any, words: int, about: bool) -> None:
    first, second = balance_task().turns
    third = second.model_copy(update={"say": "And the last?", "hidden": "It is A-100.", "mode": "missing_parameter"})
    given = balance_task().model_copy(update={"turns": (first, second, third)})
    if words == 1 and not about:  # the second request was made: the next one is the third
        words, about = 2, True
    user, _ = made(given, says("A-100."))
    reply = await user.reply(talk(*spoken))
    assert reply is not None
    assert reply.turn.content == given.turns[words].say
    assert reply.opens is about


async def test_it_stops_satisfied() -> None:
    user, _ = made(balance_task(), says("Thanks, bye", "satisfied"))
    assert await text_of(user, talk("x", "a", "y", "b")) is None
    assert user.left is False
    assert len(user.calls) == 1


async def test_insisting_on_an_early_end_counts_as_leaving() -> None:
    user, _ = made(balance_task(), says("", "satisfied"))
    assert await text_of(user, talk("x", "a")) is None
    assert (user.left, user.fault) == (True, "made_no_request")
    assert len(user.calls) == 3


async def test_it_leaves_when_its_patience_is_used_up() -> None:
    user, _ = made(balance_task(), says("Try again", "continue"))
    assert await text_of(user, talk("x", "1", "x", "2", "x", "3")) == "Try again"
    assert await text_of(user, talk("x", "1", "x", "2", "x", "3", "x", "4")) is None
    assert user.left is True


async def test_text_without_json_is_taken_as_the_message() -> None:
    user, _ = made(balance_task(), {"text": "What do I have?"})
    assert await text_of(user, [SYSTEM]) == "What do I have?"
    user, _ = made(balance_task(), {"text": '{"message": "What do I have?", "status'})
    assert await text_of(user, [SYSTEM]) == "What do I have?"


# ---------------------------------------------------------------- how the talk ends

ONE = balance_task().model_copy(update={"turns": balance_task().turns[:1]})


@pytest.mark.parametrize("question", ["I found it. Shall I go on with it now?", "Which of the two do you mean?"])
async def test_a_yes_is_sent_whatever_its_status(question: str) -> None:
    user, llm = made(ONE, says("Yes, please go ahead.", "satisfied"))
    assert await text_of(user, talk("What is on them?", question)) == "Yes, please go ahead."
    assert (user.left, len(llm.seen)) == (False, 1)


async def test_a_yes_is_sent_where_the_assistant_has_not_asked_in_so_many_words() -> None:
    user, _ = made(ONE, says("Yes, go ahead.", "satisfied"))
    assert await text_of(user, talk("What is on them?", "I can look it up. Just say so.")) == "Yes, go ahead."


async def test_a_question_of_the_assistant_ends_nothing() -> None:
    user, llm = made(ONE, says("", "satisfied"), says("Yes, do."))
    assert await text_of(user, talk("What is on them?", "Shall I look them up?")) == "Yes, do."
    assert "has asked you something" in llm.seen[1][-1].content


async def test_who_insists_on_ending_before_a_question_is_done() -> None:
    user, llm = made(ONE, says("", "satisfied"))
    assert await text_of(user, talk("What is on them?", "They hold 5. Would you like a receipt?")) is None
    assert (user.left, user.fault, len(llm.seen)) == (False, "", 2)


@pytest.mark.parametrize("message", ["Thanks!", "Perfect, that's all. Bye!", "You are a star, thank you."])
@pytest.mark.parametrize("status", ["continue", "satisfied"])
async def test_thanks_after_the_last_answer_end_the_talk(message: str, status: str) -> None:
    user, llm = made(ONE, says(message, status))
    assert await text_of(user, talk("What is on them?", "They hold 5, 6 and 7.")) is None
    assert (user.left, user.fault, len(llm.seen)) == (False, "", 1)


async def test_a_complaint_after_the_last_answer_goes_on() -> None:
    user, _ = made(ONE, says("Thanks, but that is wrong.", "continue"))
    assert await text_of(user, talk("What is on them?", "They hold 5.")) == "Thanks, but that is wrong."


async def test_thanks_before_the_last_request_are_no_message() -> None:
    user, llm = made(balance_task(), says("Thank you!"), says("And the first once more?"))
    assert await text_of(user, talk("What is on them?", "They hold 5, 6 and 7.")) == "And the first once more?"
    assert "1 of your 2 requests has been answered" in llm.seen[1][-1].content


@pytest.mark.parametrize("reply", [says("Thanks, bye!"), says(""), says("", "satisfied")])
async def test_a_model_that_makes_no_request_is_at_fault(reply: dict[str, Any]) -> None:
    user, llm = made(balance_task(), reply)
    assert await text_of(user, [SYSTEM]) is None
    assert (user.left, user.fault, len(llm.seen)) == (True, "made_no_request", 3)


async def test_a_model_that_says_nothing_to_the_last_answer_is_content() -> None:
    user, llm = made(ONE, says("", "continue"))
    assert await text_of(user, talk("What is on them?", "They hold 5.")) is None
    assert (user.left, user.fault, user.ending, len(llm.seen)) == (False, "", None, 3)


async def test_a_model_that_says_nothing_to_a_question_is_at_fault() -> None:
    user, _ = made(ONE, says("", "continue"))
    assert await text_of(user, talk("What is on them?", "Shall I look them up?")) is None
    assert (user.left, user.fault) == (True, "said_nothing")


async def test_who_gives_up_before_a_request_made_none() -> None:
    words = {"data": {"message": "Forget it.", "status": "gave_up", "about": "same_request"}}
    user, llm = made(ONE, words)
    assert await text_of(user, [SYSTEM]) is None
    assert (user.left, user.fault, len(llm.seen)) == (True, "made_no_request", 3)


@pytest.mark.parametrize("status", ["transferred", "out_of_scope", "impossible"])
async def test_an_end_has_a_name(status: str) -> None:
    user, llm = made(ONE, says("Fine.", status))
    assert await text_of(user, talk("What is on them?", "I must hand you over to a colleague.")) is None
    assert (user.ending, user.left, user.fault, len(llm.seen)) == (status, False, "", 1)


async def test_no_end_before_the_assistant_has_spoken() -> None:
    user, _ = made(ONE, says("What is on them?", "transferred"))
    assert await text_of(user, [SYSTEM]) == "What is on them?"
    assert user.ending is None


async def test_what_cannot_be_done_ends_no_talk_with_further_requests() -> None:
    user, llm = made(balance_task(), says("", "impossible"), says("And the first?"))
    assert await text_of(user, talk("What is on them?", "That cannot be done.")) == "And the first?"
    assert "You have a further request. Make it now" in llm.seen[1][-1].content
    assert (user.ending, dict(user.unresolved), [call.not_taken for call in user.calls]) == (
        None,
        {0: "impossible"},
        ["", ""],
    )


async def test_the_last_request_that_cannot_be_done_is_judged_too() -> None:
    user, _ = made(balance_task(), says("And the first?", "impossible"), says("", "impossible"))
    talked = talk("What is on them?", "That cannot be done.")
    assert await text_of(user, talked) == "And the first?"
    assert await text_of(user, [*talked, *talk("And the first?", "Not that either.")[1:]]) is None
    assert (user.ending, user.unresolved) == ("impossible", {0: "impossible", 1: "impossible"})


async def test_a_request_that_is_gone_on_with_is_not_impossible() -> None:
    again = {"data": {"message": "Please try again.", "status": "continue", "about": "same_request"}}
    user, _ = made(balance_task(), says("And the first?", "impossible"), again)
    talked = talk("What is on them?", "That cannot be done.")
    assert await text_of(user, talked) == "And the first?"
    assert user.unresolved == {0: "impossible"}
    assert user.refused("And the first?", "it is wrong.")
    assert await text_of(user, talked) == "Please try again."
    assert user.unresolved == {}


async def test_a_model_that_judges_and_makes_no_request_is_at_fault() -> None:
    user, llm = made(balance_task(), says("", "impossible"))
    assert await text_of(user, talk("What is on them?", "That cannot be done.")) is None
    assert (user.fault, len(llm.seen)) == ("made_no_request", 3)


def asked(*texts: str) -> list[Turn]:
    """Return a request that the assistant meets with these texts, each answered with "I can't say."."""
    talked = [SYSTEM, Turn(role="user", content="What is on them?")]
    for text in texts:
        talked += [Turn(role="assistant", content=text), Turn(role="user", content="I can't say.")]
    return talked[:-1]


QUESTIONS = ("Which year?", "Which bank?", "Which branch?")


@pytest.mark.parametrize(("most", "goes_on"), [(2, False), (3, True), (0, True)])
async def test_one_question_too_many_ends_the_talk(most: int, goes_on: bool) -> None:
    user, llm = made_with({"clarifications": most}, balance_task(), says("I can't say."))
    assert await text_of(user, asked(*QUESTIONS[:2])) == "I can't say."
    assert (await text_of(user, asked(*QUESTIONS)) is not None) is goes_on
    assert user.left is not goes_on
    assert user.ending == (None if goes_on else "clarifications_used_up")
    assert user.unresolved == ({} if goes_on else {0: "clarifications_used_up"})
    assert len(llm.seen) == 1 + goes_on, "the end costs no call"


async def test_patience_has_its_own_end() -> None:
    user, _ = made(balance_task(), says("Try again", "continue"))
    assert await text_of(user, talk("x", "1", "x", "2", "x", "3", "x", "4")) is None
    assert (user.left, user.ending) == (True, "out_of_patience")


async def test_a_refused_message_is_told_of_and_not_part_of_the_talk() -> None:
    user, llm = made(balance_task(), says("What is on A-9?"), says("What is on them?"), says("And now?"))
    assert await text_of(user, [SYSTEM]) == "What is on A-9?"
    assert user.refused("What is on A-9?", "it gives a value that nobody gave.")
    assert await text_of(user, [SYSTEM]) == "What is on them?"
    assert "You had written: What is on A-9?" in llm.seen[1][0].content
    assert "it gives a value that nobody gave." in llm.seen[1][0].content
    assert [len(seen) for seen in llm.seen] == [2, 2]
    assert await text_of(user, talk("What is on them?", "5.")) == "And now?"
    assert "You had written" not in llm.seen[2][0].content


async def test_it_is_asked_three_times_at_most_at_one_place() -> None:
    user, llm = made(balance_task(), says("", "satisfied"), says("A-9?"))
    assert await text_of(user, [SYSTEM]) == "A-9?"
    assert user.refused("A-9?", "it is wrong.")
    assert await text_of(user, [SYSTEM]) == "A-9?"
    assert not user.refused("A-9?", "it is wrong.")
    assert len(llm.seen) == 3


@pytest.mark.parametrize("told", ["born 5 March 1987", "born on 05.03.1987", "1987/03/05 is my birthday"])
async def test_a_secret_is_watched_in_every_spelling(told: str) -> None:
    first = (
        balance_task()
        .turns[0]
        .model_copy(
            update={
                "hidden": "I was born on 1987-03-05.",
                "slots": {"birth": "1987-03-05"},
                "mode": "missing_parameter",
            }
        )
    )
    goal = "You are Ada, born on 5 March 1987, and want to know what you have."
    given = ONE.model_copy(update={"turns": (first,), "goal": goal})
    user, llm = made(given, says(f"What is on my accounts? I was {told}."), says("What is on my accounts?"))
    assert await text_of(user, [SYSTEM]) == "What is on my accounts?"
    assert "only when you are asked" in llm.seen[1][-1].content
    assert "You are Ada, born on (told only when asked), and want" in llm.seen[0][0].content


# ---------------------------------------------------------------- options


def made_with(options: dict[str, Any], given: Task, *replies: dict[str, Any]) -> tuple[LLMUser, Recording]:
    llm = Recording(list(replies))
    make, config = plugins.load("users", "llm").make, plugins.configure("users", "llm", options)
    return make(config, llm=llm, task=given, proof=balance_proof(), persona=ADA, seed=0), llm


async def test_the_first_message_may_be_the_templates() -> None:
    user, llm = made_with({"first_verbatim": True}, balance_task(), says("And the first?"))
    assert await text_of(user, [SYSTEM]) == balance_task().turns[0].say
    assert (user.calls, llm.seen) == ([], [])
    assert await text_of(user, talk(balance_task().turns[0].say, "5, 6 and 7.")) == "And the first?"


@pytest.mark.parametrize(("best_of", "message", "asked"), [(1, "What is on A-9?", 1), (3, "What is on them?", 3)])
async def test_the_best_of_several_messages_is_taken(best_of: int, message: str, asked: int) -> None:
    replies = [says("What is on A-9?"), says("Thanks!"), says("What is on them?"), says("Never asked for.")]
    user, llm = made_with({"best_of": best_of}, balance_task(), *replies)
    assert await text_of(user, [SYSTEM]) == message
    assert len(llm.seen) == asked
    wrong = ["invented_value", "ended_early", ""]
    assert [call.not_taken for call in user.calls] == (wrong if best_of == 3 else [""])


async def test_a_right_message_is_taken_at_once() -> None:
    user, llm = made_with({"best_of": 8}, balance_task(), says("What is on them?"))
    assert await text_of(user, [SYSTEM]) == "What is on them?"
    assert len(llm.seen) == 1


async def test_feedback_comes_from_the_dialogue_alone() -> None:
    given = {"satisfaction": 0.75, "feedback": "It told me all, but slowly."}
    user, llm = made_with({"feedback": True}, HELD_BACK, {"data": given})
    assert await user.feedback(talk("What do I have?", "5, 6 and 7.")) == given
    (prompt,) = llm.seen[0]
    assert "You: What do I have?" in prompt.content
    assert "Assistant: 5, 6 and 7." in prompt.content
    for hidden in ("A-100", "SECRET POLICY", "TOOL RESULT", "INTERNAL THOUGHT", "You are Ada"):
        assert hidden not in prompt.content


@pytest.mark.parametrize("reply", [{"text": "Good."}, {"data": {"satisfaction": 7, "feedback": "Good."}}])
async def test_feedback_that_cannot_be_read_is_none(reply: dict[str, Any]) -> None:
    user, llm = made_with({"feedback": True}, balance_task(), reply)
    assert await user.feedback(talk("What do I have?", "5.")) is None
    assert [call.not_taken for call in user.calls] == ["unreadable"] * 2
    user, llm = made(balance_task(), reply)
    assert await user.feedback(talk("What do I have?", "5.")) is None
    assert llm.seen == [], "off by default"
