"""Which words before and behind a call make it an example."""

from __future__ import annotations

import pytest

from engine.llms._calls.places import introduced, only_quoted, spoken_of


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
    ],
)
def test_usual_words_introduce_none(words: str) -> None:
    assert not introduced(words)


@pytest.mark.parametrize(
    "after",
    ["\nThis calls the tool.", "\nWould you like that?", " is the call.", "\n\nReplace A1 by your order.", "\nHere is"],
)
def test_words_behind_speak_of_the_call(after: str) -> None:
    assert spoken_of(after)


@pytest.mark.parametrize("after", ["", "\n", "\nthen more.", "\n\nI tell you as soon as I know."])
def test_words_behind_go_on(after: str) -> None:
    assert not spoken_of(after)


@pytest.mark.parametrize(
    "before", ["I send ", "(", '"', "It is `", "> ", "```\nx\n", "<think>", "<parameter=a>\n", "a = "]
)
def test_json_inside_other_things_is_quoted(before: str) -> None:
    assert only_quoted(f"{before}{{}}", len(before), bare=True)


@pytest.mark.parametrize("before", ["", "I look. ", "I look:\n", "I look", "<think>x</think>", "- ", "Now → "])
def test_a_call_behind_words_is_none(before: str) -> None:
    assert not only_quoted(f"{before}<tool_call>", len(before))
