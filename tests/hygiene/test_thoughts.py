"""Thoughts in every known form are cut out of a text and kept as reasoning."""

from __future__ import annotations

import pytest

from engine.hygiene.check import Context, check
from engine.hygiene.thoughts import Thoughts, split

THOUGHT = "The user wants a refund. I look at the order first."
ANSWER = "Your refund of 12.00 is on its way."

TAGS = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<SCRATCHPAD>", "</SCRATCHPAD>"),
    ("<analysis>", "</analysis>"),
    ("<inner_monologue>", "</inner_monologue>"),
    ("<internal_thoughts>", "</internal_thoughts>"),
    ("<chain_of_thought>", "</chain_of_thought>"),
    ("<antThinking>", "</antThinking>"),
    ("<seed:think>", "</seed:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<THINK>", "</THINK>"),
    ("<Think>", "</think>"),
    ("< think >", "< / think >"),
    ("<think >", "</ think>"),
    ("<think>", "<//think>"),
    ("<think>", "<\\think>"),
    ("[THINK]", "[/THINK]"),
    ("[think]", "[/think]"),
    ("[Thinking]", "[/Thinking]"),
    ("◁think▷", "◁/think▷"),
    ("＜think＞", "＜/think＞"),
    ("&lt;think&gt;", "&lt;/think&gt;"),
    ("<|think|>", "<|/think|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|think_start|>", "<|think_end|>"),
    ("<｜begin▁of▁thought｜>", "<｜end▁of▁thought｜>"),
    ("{thinking}", "{/thinking}"),
    ('<think mode="deep">', "</think>"),
    ('<details type="reasoning">', "</details>"),
    ("<details>\n<summary>Thought for 3 seconds</summary>", "</details>"),
    ("```thinking\n", "\n```"),
    ("```reasoning\n", "\n```"),
    ("<!-- thinking:", "-->"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
    ("<|start|>assistant<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
    ("<|channel|>analysis ", "<|end|><|channel|>final "),
    ("analysis<|message|>", "<|end|>assistant<|channel|>final<|message|>"),
    ("analysis", "assistantfinal"),
    ("assistantanalysis", "assistantfinal"),
    ("<|channel>thought\n", "<channel|>"),
    ("<ctrl94>thought\n", "<ctrl95>"),
    ("Thought: ", "\nFinal Answer: "),
    ("**Thought:** ", "\n\n**Final Answer:** "),
    ("**Reasoning**: ", "\n\n**Answer**: "),
    ("Reasoning:\n", "\n\nResponse:\n"),
    ("## Thinking\n\n", "\n\n## Final Response\n\n"),
    ("Internal monologue: ", "\nReply to the user: "),
    ("Here is my thought process: ", "\n\nHere is my response: "),
    ("Here are my reasoning steps:\n", "\n[BEGIN FINAL RESPONSE]\n"),
    ("思考过程：", "\n最终答案："),
    ("(thinking: ", ")"),
    ("[Internal: ", "]"),
    ("*(inner thought: ", ")*"),
]


@pytest.mark.parametrize(("opens", "closes"), TAGS, ids=[one[0].strip() for one in TAGS])
@pytest.mark.parametrize("gap", ["", "\n\n"])
def test_a_thought_before_the_answer(opens: str, closes: str, gap: str) -> None:
    assert split(f"{opens}{THOUGHT}{closes}{gap}{ANSWER}") == Thoughts(ANSWER, THOUGHT, True)


PLACES = [
    ("<think>{t}", "", "{t}"),
    ("{a}\n\n<think>{t}", "{a}", "{t}"),
    ("{t}</think>{a}", "{a}", "{t}"),
    ("{t}\n</think>\n\n{a}", "{a}", "{t}"),
    ("{t}[/THINK]\n{a}", "{a}", "{t}"),
    ("{t}◁/think▷{a}", "{a}", "{t}"),
    ("{t}</reasoning>\n{a}", "{a}", "{t}"),
    ("</think>\n\n{a}", "{a}", None),
    ("<think></think>{a}", "{a}", None),
    ("<think>\n\n</think>\n\n{a}", "{a}", None),
    ("{a}<think/>", "{a}", None),
    ("Hello! <think>{t}</think> {a}", "Hello! {a}", "{t}"),
    ("Hello!\n<thinking>\n{t}\n</thinking>\n{a}", "Hello!\n\n{a}", "{t}"),
    ("Hello.\n\n<reflection>{t}</reflection>\n\n{a}", "Hello.\n\n{a}", "{t}"),
    ("<think>{t}</think>{a}<think>More.</think>", "{a}", "{t}\n\nMore."),
    ("<think>One.</think>Hello. <think>Two.</think>{a}", "Hello. {a}", "One.\n\nTwo."),
    ("<think>One. <think>Two.</think> Three.</think>{a}", "{a}", "One. Two. Three."),
    ("<think>\n<think>{t}</think>{a}", "{a}", "{t}"),
    ("<thinking>One. <reflection>Two.</reflection></thinking>{a}", "{a}", "One. Two."),
    ("<think>The tag `</think>` ends it.</think>{a}", "{a}", "The tag `</think>` ends it."),
    ("<think>{t}</think><answer>{a}</answer>", "{a}", "{t}"),
    ("<think>{t}</think>\n<answer>\n{a}", "{a}", "{t}"),
    ("<thinking>{t}</thinking><output>{a}</output>", "{a}", "{t}"),
    ("<think>{t}</think>\n\n**Final Answer:** {a}", "{a}", "{t}"),
    ("{t}\n\n<answer>{a}</answer>", "{a}", "{t}"),
    ("<answer>{a}</answer>", "{a}", None),
    ("<|begin_of_thought|>{t}<|end_of_thought|>\n<|begin_of_solution|>{a}<|end_of_solution|>", "{a}", "{t}"),
    ("<|START_THINKING|>{t}<|END_THINKING|><|START_RESPONSE|>{a}<|END_RESPONSE|>", "{a}", "{t}"),
    ("Here are my reasoning steps:\n{t}\n[BEGIN FINAL RESPONSE]\n{a}\n[END FINAL RESPONSE]", "{a}", "{t}"),
    ("<|channel|>final<|message|>{a}<|return|>", "{a}", None),
    ("{t}<|end|><|start|>assistant<|channel|>final<|message|>{a}", "{a}", "{t}"),
    ("analysis{t}", "", "{t}"),
    ("assistantfinal{a}", "{a}", None),
    ("Final Answer: {a}", "{a}", None),
    ('{{"thought": "{t}", "answer": "{a}"}}', "{a}", "{t}"),
    ('{{"reasoning": "{t}", "response": "{a}"}}', "{a}", "{t}"),
]


@pytest.mark.parametrize(("text", "rest", "reasoning"), PLACES, ids=[one[0][:50] for one in PLACES])
def test_a_thought_at_any_place(text: str, rest: str, reasoning: str | None) -> None:
    def filled(form: str) -> str:
        return form.format(t=THOUGHT, a=ANSWER)

    expected = None if reasoning is None else filled(reasoning)
    cut = split(filled(text))
    assert cut == Thoughts(filled(rest), expected, True)
    assert split(cut.text).text is cut.text
    assert check(cut.text, Context("assistant")) == ()


def test_a_preamble_is_said_and_a_call_stays_as_it_was_written() -> None:
    call = (
        '<|start|>assistant<|channel|>commentary to=functions.get_order <|constrain|>json<|message|>{"id": 1}<|call|>'
    )
    preamble = "<|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
    text = f"<|channel|>analysis<|message|>{THOUGHT}<|end|>{preamble}{call}"
    assert split(text) == Thoughts(f"I look.\n\n{call}", THOUGHT, True)


def test_calls_in_the_text_stay_behind_a_thought() -> None:
    call = '<tool_call>\n{"name": "get_order", "arguments": {"id": "A1"}}\n</tool_call>'
    assert split(f"<think>{THOUGHT}</think>\n{call}") == Thoughts(call, THOUGHT, True)


def test_a_chain_with_an_observation_is_left_whole_so_that_it_is_found() -> None:
    text = 'Thought: I look.\nAction: get_order\nObservation: {"total": 12}\nFinal Answer: It is 12.'
    assert split(text) == Thoughts(text)
    assert [one.reason for one in check(text, Context("assistant"))] == ["leaked_thinking", "invented_result"]


NOT_CUT = [
    "Box<Thought> is the type.",
    "Put it between <think> and </think>.",
    "The closing </think> tag is missing in line 3.",
    'He wrote "<think>" on the wall.',
    "`<think>` and `</think>` mark it.",
    "```\n<think>x</think>\n```",
    "<order><reason>damaged</reason></order>",
    "Thought: nothing follows it",
    "I think, therefore I ship.",
]


@pytest.mark.parametrize("text", NOT_CUT)
def test_what_only_looks_like_a_thought_comes_back_as_the_same_object(text: str) -> None:
    cut = split(text)
    assert cut.text is text
    assert (cut.reasoning, cut.found) == (None, False)
