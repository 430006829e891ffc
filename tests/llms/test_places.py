"""Which words before and behind a call make it an example."""

from __future__ import annotations

import pytest

from engine.llms._calls.places import in_thought, introduced, only_quoted, spoken_of


@pytest.mark.parametrize(
    "words",
    [
        "For example:",
        "Here's an example. It has two arguments.",
        "e.g.",
        "For instance, this one:",
        "It looks like this:",
        "The call would look like:",
        "Use the following format:",
        "The JSON format is:",
        "I could call it:",
        "One would simply send",
        "You can use the tool like so:",
        "You should call this next:",
        "Do not call",
        "Please don't execute",
        "Instead of calling",
        "If the order is late:",
        "The user wrote:",
        "The log shows this:",
        "I already called:",
        "Par exemple :",
        "Por ejemplo:",
        "比如",
        "Here is what the request looks like:",
        "You can look up your order with this request:",
        "Copy this into your terminal:",
        "A valid call has this shape:",
        "The last call that failed was:",
        "The system prompt tells me to answer with",
        "I cannot do the following:",
        "I refuse to run this:",
        "Shall I send this request?",
        "Do you want me to run it?",
        "Once you confirm, I will run:",
        "Next time I will use:",
        "According to the docs:",
        "Expected output:",
        "So sieht der Aufruf aus:",
        "User: look it up\nAssistant:",
    ],
)
def test_an_example_is_introduced(words: str) -> None:
    assert introduced(words)
    assert introduced(f"Gladly.\n\n{words}\n\n")


@pytest.mark.parametrize(
    "words",
    [
        "",
        "I'll look that up for you.",
        "Let me check:",
        "Calling the tool now:",
        "It looks like your order is late. Let me see.",
        "I'd be happy to help! First I need your account.",
        "I would like to make sure that this is right, one moment.",
        "I can run a search for that.",
        "I'll see if you have an order.",
        "You asked for the format of the file, so I open it.",
        "You would like this done today. I cancel it:",
        "I wasn't able to find it, so I try another way:",
        "Your order was delayed, so I ask the carrier:",
        "I use the balance from before. Now the transfer:",
        "That example was from another order.\n\nNow I look at yours.",
        "好的，我来查一下。",
        "After reviewing your account, I check the order:",
        "I cannot see it yet, so I run another search:",
        "Is there a cheaper one? Let me look:",
        "You asked me to cancel it. I look at it first:",
        "Your order was late:",
        "**User:** Ann Lee\n**Order:** A1\n\nLet me check.",
        "Assistant:",
        "Thought: I need the order.",
    ],
)
def test_usual_words_introduce_none(words: str) -> None:
    assert not introduced(words)


@pytest.mark.parametrize(
    "after",
    [
        "\nThis calls the tool.",
        "\nbut not now.",
        "\nOutput: shipped",
        "\n</pre>",
        "\nWould you like that?",
        " is the call.",
        "\n\nReplace A1 by your order.",
        "\nHere is",
    ],
)
def test_words_behind_speak_of_the_call(after: str) -> None:
    assert spoken_of(after)


@pytest.mark.parametrize("after", ["", "\n", "\nthen more.", "\n\nI tell you as soon as I know."])
def test_words_behind_go_on(after: str) -> None:
    assert not spoken_of(after)


@pytest.mark.parametrize(
    "before",
    [
        "I look.\n\n    ",
        "<code>",
        "<blockquote>\n",
        "I send ",
        "(",
        '"',
        "It is `",
        "> ",
        "```\nx\n",
        "<think>",
        "<parameter=a>\n",
        "a = ",
    ],
)
def test_json_inside_other_things_is_quoted(before: str) -> None:
    assert only_quoted(f"{before}{{}}", len(before), bare=True)


THOUGHTS = [
    "<think>hm ",
    "<THINKING>\n",
    "◁think▷",
    "[THINK]a ",
    "<|channel|>analysis<|message|>I could ",
    "<|channel>thought\n",
    "<scratchpad>",
]


@pytest.mark.parametrize("before", THOUGHTS)
@pytest.mark.parametrize("call", ["<tool_call>{", "{", "Action: find\nAction Input: {"])
def test_a_call_in_a_thought_of_any_spelling(before: str, call: str) -> None:
    assert in_thought(before, call)
    assert not in_thought("", call)
    assert not in_thought("<think>x</think>\n", call)
    assert not in_thought("x</think>\n", call)
    assert in_thought("I should call\n", call, "\n</think>\nHello!")


def test_a_call_behind_a_thought_of_harmony_is_none_of_it() -> None:
    for before, call in (
        ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant", "<|channel|>commentary to=functions.find "),
        ("analysisWe look.", "assistantcommentary to=functions.find json{"),
    ):
        assert not in_thought(before, call)


@pytest.mark.parametrize("before", ["", "I look. ", "I look:\n", "I look", "<think>x</think>", "- ", "Now → "])
def test_a_call_behind_words_is_none(before: str) -> None:
    assert not only_quoted(f"{before}<tool_call>", len(before))
