"""Whatever comes in: nothing raises, a split text stays as it is, and hostile texts take linear time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.hygiene.check import Context, check
from engine.hygiene.thoughts import split
from engine.types import Turn

PIECES = (
    *(
        "<think>",
        "</think>",
        "< think >",
        "<//think>",
        "<think/>",
        "[THINK]",
        "[/THINK]",
        "◁think▷",
        "◁/think▷",
        "<reasoning>",
    ),
    *("</reasoning>", "<|begin_of_thought|>", "<|end_of_thought|>", "<|begin_of_solution|>", "<|end_of_solution|>"),
    *(
        "<|start|>",
        "<|channel|>",
        "<|message|>",
        "<|end|>",
        "<|return|>",
        "<|call|>",
        "<|constrain|>",
        "assistant",
        "analysis",
    ),
    *(
        "commentary",
        "final",
        "assistantfinal",
        " to=functions.get_order ",
        "<|channel>thought\n",
        "<channel|>",
        "<ctrl94>",
    ),
    *("Thought: ", "\nFinal Answer: ", "\n**Answer**: ", "Here is my thought process: ", "\nHere is my response: "),
    *(
        "[BEGIN FINAL RESPONSE]",
        "[END FINAL RESPONSE]",
        "<answer>",
        "</answer>",
        "<output>",
        "</output>",
        "(thinking: ",
        ")",
    ),
    *(
        "*(",
        ")*",
        "[Internal: ",
        "]",
        "<!-- thinking: ",
        "-->",
        "```thinking\n",
        "```",
        "\n```\n",
        "`",
        "~~~",
        "<details>",
    ),
    *(
        "<summary>Thought</summary>",
        "</details>",
        "User: hi",
        "\nAssistant: ",
        "\nObservation: {",
        "Action: ",
        "Tool result: {",
    ),
    *(
        "<tool_response>",
        '{"thought": "a", "answer": "b"}',
        '{"message": "',
        '", "status": "continue"}',
        "{",
        "}",
        "[",
        "]",
        '"',
    ),
    *(
        "I'm sorry, but I can't assist with that.",
        "As an AI, I can't",
        "the user wants",
        "I should",
        "Okay, ",
        "<|im_end|>",
        "</s>",
    ),
    *(
        "<s>",
        "[INST]",
        "您好，",
        "我的",
        "Ваш ",
        "ihre bestellung ",
        "Ġ",
        "▁",
        "\ud800",
        "\x00",
        "\\n\\n",
        "*",
        "#",
        "|",
        ":",
        "\n",
        " ",
    ),
    *("the ", "word ", "get_order", "1", "İ", "ß", "ﬁ", "\u2028", "\r\n", "A" * 30),
)
TEXTS = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
CONTEXTS = st.builds(
    Context,
    role=st.sampled_from(["assistant", "user", "judge"]),
    tools=st.sampled_from([frozenset[str](), frozenset(["get_order", "a(b", ""])]),
    policy=st.text(max_size=40),
    earlier=st.lists(st.builds(Turn, role=st.sampled_from(["user", "tool"]), content=TEXTS), max_size=2),
    finish=st.sampled_from([None, "stop", "length", "", "\u0130"]),
    language=st.sampled_from(["en", "zh", "de", "zh-CN", "", "xx"]),
    names=st.lists(st.text(max_size=5), max_size=2),
)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_splitting_never_raises_and_a_second_time_changes_nothing(text: str) -> None:
    cut = split(text)
    again = split(cut.text)
    assert again.text is cut.text
    assert (again.reasoning, again.found) == (None, False)
    assert cut.found or cut.text is text
    assert cut.reasoning is None or cut.reasoning.strip()


@settings(max_examples=400, deadline=None)
@given(TEXTS, CONTEXTS)
def test_checking_never_raises_and_quotes_are_short(text: str, context: Context) -> None:
    found = check(text, context)
    assert len({one.reason for one in found}) == len(found)
    assert all(0 < len(one.quote) <= 120 for one in found)


@given(st.text(alphabet="abcdefghijklmopqrsuvwxyz ,.\n", max_size=400))
def test_a_text_without_marks_comes_back_unchanged(text: str) -> None:
    assert split(text).text is text


HOSTILE = (
    *PIECES,
    *(
        "<",
        "</",
        "< ",
        "<|",
        "[",
        "[[",
        "{",
        "(",
        "**",
        "`a`",
        "``",
        "```a\n",
        "<think><",
        "<thinkx ",
        "think ",
        "a.b:c ",
    ),
    *(
        "*checking ",
        "[checking the ",
        "Thought: a\nFinal Answer: ",
        "<plan>",
        "<plan></x>",
        "<reason>a",
        "Box<Thought>",
    ),
    *(
        "User: Lavender\n",
        "\nuser: x.",
        "**user**\n",
        "Observation: a\n",
        "tool result: \n",
        "i can't ",
        "sorry, but ",
        "the policy says ",
    ),
    *(
        "okay, so the ",
        "i should maybe ",
        "<think> and ",
        "put <think> ",
        "</think> a",
        "the </think> a",
        "his ",
        "Ihre Bestellung wurde ",
        "我",
    ),
    *(
        "ул. ",
        "as an ai ",
        "\\n",
        '\\"',
        '"a" ',
        "- \n",
        "|  |\n",
        "# \n",
        "> User: hi\n",
        "The log:\nUser: hi\n",
        '{"a": ',
        "[1, ",
    ),
    *(
        '{"role": "user", ',
        "<user>a</x>",
        "(thinking: a",
        "*(thinking: a",
        "<details><summary>thought",
        "<!-- thinking ",
        "get_order (",
    ),
)


def _seconds(work: Callable[[], object]) -> float:
    """Return the less processor time of two tries, as others work on this machine too."""
    return min(_once(work) for _ in range(2))


def _once(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.mark.parametrize("piece", sorted(set(HOSTILE)), ids=repr)
def test_hostile_texts_take_linear_time(piece: str) -> None:
    """A text four times as long may take nine times as long: more is more than linear, whatever the machine."""
    context = Context("assistant", tools=frozenset(["get_order"]))

    def take(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        return _seconds(lambda: check(split(text).text, context) or check(text, context))

    short, long = take(4_000), take(16_000)
    assert long < 9 * short + 0.02
