"""Tokens of templates and tokenizers, and what broken decoding leaves."""

from __future__ import annotations

import pytest

from tests.hygiene.tables import reasons

TEXTS = [
    "Your order has shipped.<|im_end|>",
    "<|im_start|>assistant\nYour order has shipped.",
    "Your order has shipped.<|eot_id|>",
    "Your order has shipped.<|endoftext|>",
    "Your order has shipped.<|im_end",
    "Your order has shipped.</s>",
    "<s> Your order has shipped.",
    "<s>Your order has shipped.</s>",
    "[INST] Hello [/INST] Your order has shipped.",
    "<<SYS>>Be kind.<</SYS>> Your order has shipped.",
    "Your order has shipped.<end_of_turn>",
    "<start_of_turn>model\nYour order has shipped.",
    "<|assistant|>Your order has shipped.",
    "Your order has shipped.<｜end▁of▁sentence｜>",
    "Your order<unused12> has shipped.",
    "<pad><pad>Your order has shipped.",
    "Your <unk> has shipped.",
    "Your order has shipped.<|reserved_special_token_5|>",
    "Your order has shipped. <tool_call>",
    "</tool_call>Your order has shipped.",
    "<function=get_order>\nYour order has shipped.",
    "Your order has shipped.[TOOL_CALLS]",
    "Your order has shipped.<0x0A>Bye.",
    "Your order has shipped \ufffd Bye.",
    "Your order has \ud83d shipped.",
    "YourĠorderĠhasĠshipped.",
    "Your order has shipped.ĊBye.",
    "▁Your▁order▁has▁shipped.",
    "Your cafÃ© order has shipped.",
    "Donâ€™t worry, your order has shipped.",
    "\x1b[32mYour order has shipped.\x1b[0m",
    "Your order has shipped.\x00",
    "Your order has shipped. ###STOP###",
    "Your order has shipped. [end of text]",
    "Your order has shipped. TERMINATE",
    "Your order has shipped.<|end|>",
    "<|start_header_id|>assistant<|end_header_id|>\n\nYour order has shipped.",
    "<|turn>model\nYour order has shipped.<turn|>",
    "<|tool_calls_section_begin|>Your order has shipped.",
    '<|channel|>commentary to=functions.get_order<|message|>{"id": 1}<|call|>',
    '<function_calls>\n<invoke name="get_order">',
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("role", ["assistant", "user", "judge"])
def test_a_token(text: str, role: str) -> None:
    assert "special_tokens" in reasons(text, role)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "The `<|im_end|>` token ends a message.",
        "The <|endoftext|> token ends a file.",
        "```\n<s>[INST] hi [/INST]\n```\nThis is the old template.",
        "<s>24.90</s> 19.90",
        "Ġgantija lies on Gozo.",
        "The trend is ▁▂▃.",
        "a < b and b > c",
    ],
)
def test_a_token_that_is_shown_or_is_none(text: str) -> None:
    assert reasons(text) == []
