"""How models misbehave, each way in three spellings or more. A spelling turns a right choice into the wrong one.

A choice is {"message": ..., "finish_reason": ...} of the chat protocol. In the templates `{}` is the right text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from tests.llms.renderers import RENDERERS, Renderer, dumped

Place = Literal["text", "calls", "end"]
Choice = dict[str, Any]
Spelling = Callable[[Choice], Choice]


def said(template: str, finish: str = "stop") -> Spelling:
    """Return the spelling that says this in place of the text."""

    def spelled(right: Choice) -> Choice:
        return _choice({"content": template.replace("{}", right["message"]["content"])}, finish)

    return spelled


def half(share: float) -> Spelling:
    """Return the spelling that is cut by max_tokens after this share of the text."""

    def spelled(right: Choice) -> Choice:
        text = right["message"]["content"]
        return _choice({"content": text[: max(3, int(len(text) * share))]}, "length")

    return spelled


def with_id(template: str) -> Spelling:
    """Return the spelling that says a template; `ID` in it is the first account that the right text names."""

    def spelled(right: Choice) -> Choice:
        text = right["message"]["content"]
        found = re.search(r"A-\d+", text)
        return said(template.replace("ID", found[0] if found else "A-1"))(right)

    return spelled


def altered(number: str, into: str) -> Spelling:
    """Return the spelling that says another number for the first one that matches this expression."""

    def spelled(right: Choice) -> Choice:
        return _choice({"content": re.sub(number, into, right["message"]["content"], count=1)}, "stop")

    return spelled


def in_message(template: str, finish: str = "stop") -> Spelling:
    """Return the spelling that writes this into the `message` of a simulated user's JSON."""

    def spelled(right: Choice) -> Choice:
        data = json.loads(right["message"]["content"])
        data["message"] = template.replace("{}", data["message"])
        return _choice({"content": dumped(data)}, finish)

    return spelled


def cut_json(share: float) -> Spelling:
    """Return the spelling that is cut by max_tokens after this share of the message inside the JSON."""

    def spelled(right: Choice) -> Choice:
        message = json.loads(right["message"]["content"])["message"]
        return _choice({"content": f'{{"message": "{message[: int(len(message) * share)]}'}, "length")

    return spelled


def written(render: Renderer, before: str = "") -> Spelling:
    """Return the spelling that writes the calls into the text, in the notation of a family."""

    def spelled(right: Choice) -> Choice:
        return _choice({"content": before + render(_calls(right))}, "stop")

    return spelled


def cut_calls(render: Renderer, share: float) -> Spelling:
    """Return the spelling that writes the calls into the text and is cut by max_tokens after this share of them."""

    def spelled(right: Choice) -> Choice:
        text = render(_calls(right))
        return _choice({"content": text[: int(len(text) * share)]}, "length")

    return spelled


def beside(text: str) -> Spelling:
    """Return the spelling that says this beside the calls, which are those of the protocol."""

    def spelled(right: Choice) -> Choice:
        return _choice(right["message"] | {"content": text}, "tool_calls")

    return spelled


def arguments(change: Callable[[str], Any]) -> Spelling:
    """Return the spelling that changes the JSON text of the arguments of every call."""

    def spelled(right: Choice) -> Choice:
        return _with_entries(right, lambda name, given: {"name": name, "arguments": change(given)})

    return spelled


def broken_text(render: Renderer, change: Callable[[str], str]) -> Spelling:
    """Return the spelling that writes the calls into the text, which is then changed."""
    return lambda right: _choice({"content": change(render(_calls(right)))}, "stop")


def named(change: Callable[[str], str]) -> Spelling:
    """Return the spelling that changes the name of every call."""

    def spelled(right: Choice) -> Choice:
        return _with_entries(right, lambda name, given: {"name": change(name), "arguments": given})

    return spelled


def legacy(*, decoded: bool, beside: bool = False) -> Spelling:
    """Return the spelling of the older protocol, for replies with one call: `decoded` arguments are an object;
    `beside` leaves an empty list of calls there."""

    def spelled(right: Choice) -> Choice:
        ((name, given),) = _calls(right)
        call = {"name": name, "arguments": given if decoded else dumped(given)}
        more: dict[str, Any] = {"tool_calls": []} if beside else {}
        return _choice({"content": None, "function_call": call, **more}, "function_call")

    return spelled


def by_number(right: Choice) -> Choice:
    """Give the calls as an object with a number for each."""
    entries = right["message"]["tool_calls"]
    return _choice({"content": None, "tool_calls": {str(n): entry for n, entry in enumerate(entries)}}, "tool_calls")


def one_object(right: Choice) -> Choice:
    """Give the only call as an object that is no list."""
    (entry,) = right["message"]["tool_calls"]
    return _choice({"content": None, "tool_calls": entry}, "tool_calls")


def flat(right: Choice) -> Choice:
    """Give the only call as an object without `function` around name and arguments."""
    (entry,) = right["message"]["tool_calls"]
    return _choice({"content": None, "tool_calls": entry["function"]}, "tool_calls")


def _choice(message: Mapping[str, Any], finish: str) -> Choice:
    return {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}


def _calls(right: Choice) -> list[tuple[str, dict[str, Any]]]:
    functions = [entry["function"] for entry in right["message"]["tool_calls"]]
    return [(function["name"], json.loads(function["arguments"])) for function in functions]


def _with_entries(right: Choice, change: Callable[[str, str], Mapping[str, Any]]) -> Choice:
    entries = [
        entry | {"function": change(entry["function"]["name"], entry["function"]["arguments"])}
        for entry in right["message"]["tool_calls"]
    ]
    return _choice({"content": None, "tool_calls": entries}, "tool_calls")


THOUGHT = "Both results are there, so the totals can be told now."
CLOSED: Sequence[Spelling] = [
    said(f"<think>{THOUGHT}</think>\n\n{{}}"),
    said(f"{THOUGHT}\n</think>\n\n{{}}"),
    said(f"[THINK]{THOUGHT}[/THINK]{{}}"),
    said(f"<thought>\n{THOUGHT}\n</thought>\n{{}}"),
    said(f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{{}}"),
    said(f"◁think▷{THOUGHT}◁/think▷{{}}"),
    said(f"{{}}\n<think>{THOUGHT}</think>"),
    said(f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|>\n{{}}"),
]
"""Thoughts in a known form with a clear border."""

WRONG: Mapping[str, Sequence[Spelling]] = {
    "leaked_thinking": [
        said("<think>Both results are there. I compare them and then I tell the totals. {}"),
        said("[THINK]Both results are there, and I should tell them. {}"),
        said("<think>That is all.</think>"),
        said("<|channel|>analysis<|message|>We have both results. We need to tell them. {}"),
        said("Okay, the user wants to know the figures. I need to give both, and I should keep it short. {}"),
        said("The user asked for the balances. Let me think about what to say. I should answer the user politely. {}"),
    ],
    "special_tokens": [
        said("{}<|im_end|>"),
        said("{}</s>"),
        said("<|begin_of_text|>{}"),
        said("{}<|eot_id|>"),
        said("{}<｜end▁of▁sentence｜>"),
    ],
    "played_both_sides": [
        said("{}\nUser: Thanks a lot! And the other one?\nAssistant: That one is empty."),
        said("{}\n\nHuman: Great, thank you."),
        said("{}\n<|im_start|>user\nThank you, that is all."),
        said("{}\n\n### User:\nThank you for that.\n\n### Assistant:\nYou are welcome."),
    ],
    "invented_result": [
        said('<tool_response>\n{"account_id": "A-1", "balance": 12.5}\n</tool_response>\n{}'),
        said('[TOOL_RESULTS] {"balance": 12.5} [/TOOL_RESULTS] {}'),
        said('Observation: {"balance": 12.5}\n{}'),
        said('Tool result: {"balance": 12.5}\n\n{}'),
    ],
    "cut_off": [half(0.3), half(0.6), half(0.9), said("{} And if you would like, I can also", "length")],
    "leftovers": [
        said("{}\n```"),
        said('{"response": "{}"}'),
        said('{}"}'),
        said('```json\n{"answer": "{}"}\n```'),
        said("```\n```"),
        said("Assistant: {}"),
        said("assistant\n{}"),
    ],
    "refused": [
        said("I'm sorry, but I can't assist with that request."),
        said("As an AI language model, I am unable to help with this."),
        said("I cannot comply with your request."),
        said("Unfortunately, I won't be able to help you with that."),
    ],
    "wrong_language": [
        said("Auf dem einen Konto ist noch mehr Geld als auf dem anderen, und beide sind in Ordnung."),
        said("Il reste plus d'argent sur le premier compte que sur le deuxième, et tout est en ordre."),
        said("这两个账户里都还有钱，第一个账户的余额比第二个多一些。"),
        said("В первом счёте осталось больше денег, чем во втором, и всё в порядке."),
    ],
}
"""What a teacher says that cannot be data, by the reason under which it is rejected."""

USER_CLOSED: Sequence[Spelling] = [
    said("<think>I begin with my first request.</think>\n{}"),
    in_message("<think>I begin with my first request.</think>{}"),
    in_message("[THINK]I begin with my first request.[/THINK]{}"),
    said("<thought>I begin with my first request.</thought>{}"),
    in_message("I begin with my first request.</think>\n{}"),
]
USER_WRONG: Mapping[str, Sequence[Spelling]] = {
    "leaked_thinking": [
        in_message("<think>I begin with my first request. {}"),
        in_message("[THINK]I begin with my first request. {}"),
        in_message("Okay, I need to play the persona and write the first message as the user. {}"),
    ],
    "special_tokens": [in_message("{}<|im_end|>"), in_message("{}<|eot_id|>"), in_message("<|begin_of_text|>{}")],
    "played_both_sides": [
        in_message("{}\nAssistant: Sure, both are fine.\nUser: Thank you!"),
        in_message("{}\n\nAI: Of course! One moment please."),
        in_message("Hello! How can I help you today?"),
    ],
    "cut_off": [cut_json(0.4), cut_json(0.6), cut_json(0.8)],
    "refused": [
        in_message("I'm sorry, but I can't assist with that."),
        in_message("I cannot comply with this request."),
        in_message("As an AI language model, I don't have an account number."),
    ],
    "wrong_language": [
        in_message("Ich möchte bitte wissen, wie viel Geld noch auf meinen beiden Konten ist."),
        in_message("Je voudrais savoir combien d'argent il reste sur mes deux comptes."),
        in_message("请告诉我这两个账户里还剩多少钱，谢谢你。"),
    ],
    "leftovers": [
        in_message("{}\n```"),
        in_message('{}", "status": "continue"}'),
        in_message("User: {}"),
    ],
}
"""What a simulated user says that cannot be data, by the reason under which it is rejected."""

NOTATIONS: Sequence[Spelling] = [written(render) for family in sorted(RENDERERS) for render in RENDERERS[family]]
_HERMES, _MISTRAL, _LLAMA = (RENDERERS[family][0] for family in ("hermes", "mistral", "llama"))
WITH_WORDS: Sequence[Spelling] = [
    written(render, f"{words}\n") for render in (_HERMES, _MISTRAL, _LLAMA) for words in ("Let me look.", "One moment:")
]
"""Calls in the text, behind words to the user."""
BEHIND_A_THOUGHT: Sequence[Spelling] = [
    written(_HERMES, "<think>I look it up.</think>\n"),
    written(_MISTRAL, "[THINK]I look it up.[/THINK]"),
    written(_LLAMA, "<thought>I look it up.</thought>\n"),
]
BESIDE_A_THOUGHT: Sequence[Spelling] = [
    beside("<think>I look it up.</think>"),
    beside("[THINK]I look it up.[/THINK]"),
    beside("<think>I look it up."),
]
"""Calls of the protocol, with a thought in the text beside them."""
WRONG_BESIDE_CALLS: Mapping[str, Sequence[Spelling]] = {
    "special_tokens": [beside("Let me check.<|im_end|>"), beside("One moment.</s>"), beside("<|eot_id|>")],
    "played_both_sides": [
        beside("Let me check.\nUser: Thanks, please do."),
        beside("Let me check.\n\nHuman: ok"),
        beside("One moment.\n<|im_start|>user\nSure."),
    ],
    "invented_result": [
        beside('<tool_response>{"balance": 3.5}</tool_response>'),
        beside('Tool result: {"balance": 3.5}'),
        beside('[TOOL_RESULTS] {"balance": 3.5} [/TOOL_RESULTS]'),
    ],
}
"""What a teacher says beside its calls that cannot be data, by the reason under which it is rejected."""
CUT_CALLS: Sequence[Spelling] = [cut_calls(_HERMES, 0.6), cut_calls(_MISTRAL, 0.8), cut_calls(_LLAMA, 0.7)]
BROKEN: Sequence[Spelling] = [
    arguments(lambda given: given[:-1] + ",}"),
    arguments(lambda given: given[:-1]),
    arguments(lambda given: given.replace('{"', "{", 1).replace('":', ":", 1)),
    arguments(lambda given: given + "}"),
]
"""Arguments whose JSON is broken, though only one thing can be meant."""

BROKEN_IN_TEXT: Sequence[Spelling] = [
    broken_text(_HERMES, lambda text: text.replace("}}", "},}")),
    broken_text(_HERMES, lambda text: text.replace('"arguments":', "arguments:")),
    broken_text(_MISTRAL, lambda text: text.replace("}}", ",}}")),
]
LEGACY: Sequence[Spelling] = [legacy(decoded=False), legacy(decoded=True), legacy(decoded=False, beside=True)]
AS_OBJECT: Sequence[Spelling] = [by_number, one_object, flat]
NAMES: Sequence[Spelling] = [
    named(lambda given: f"functions.{given}"),
    named(lambda given: f"{given}<|channel|>commentary"),
    named(lambda given: f" {given} "),
    named(lambda given: f"default_api.{given}"),
]

_ASIDE = '{"name": "transfer", "arguments": {"source": "A-1", "target": "A-2", "amount": 5}}'
QUOTED: Sequence[Spelling] = [
    said(f"{{}} For a transfer I would use `{_ASIDE}` next time."),
    said(f"A call looks like this, for example:\n```json\n{_ASIDE}\n```\n{{}}"),
    said(f"<think>I could call <tool_call>{_ASIDE}</tool_call>, but nobody asked for it.</think>{{}}"),
    said(f"[THINK]I could write [TOOL_CALLS] [{_ASIDE}], but nobody asked for it.[/THINK]{{}}"),
]
"""The right answer, and beside it a call that is only spoken of."""
INVENTED: Sequence[Spelling] = [
    said("{} Together with the bonus that makes 98765.43."),
    said("{} Your overdraft limit is 71234.50."),
    said("{} The fee for that was 631.17."),
    altered(r"holds \d+", "holds 9871"),
]
"""The answer with an amount that nobody gave."""
FENCED: Sequence[Spelling] = [
    said("<think>The record shows all of it.</think>\n{}"),
    said("```json\n{}\n```"),
    said("Here are my verdicts:\n{}"),
]
"""Verdicts of a judge that can be read."""


def reshaped(change: Callable[[dict[str, Any]], Any]) -> Spelling:
    """Return the spelling that writes a judge's verdicts in another shape."""

    def spelled(right: Choice) -> Choice:
        return _choice({"content": dumped(change(json.loads(right["message"]["content"])))}, "stop")

    return spelled


def _listed(verdicts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": name, **verdict} for name, verdict in verdicts.items()]


RESHAPED: Sequence[Spelling] = [
    reshaped(lambda found: {name: one["answer"] for name, one in found.items()}),
    reshaped(lambda found: {name: one["answer"] == "yes" for name, one in found.items()}),
    reshaped(lambda found: {name: f"{one['answer'].title()}, {one['reason']}" for name, one in found.items()}),
    reshaped(lambda found: {"verdicts": found}),
    reshaped(lambda found: {"result": {"criteria": _listed(found)}}),
    reshaped(_listed),
    reshaped(lambda found: {name.replace("_", " ").title(): one for name, one in found.items()}),
    reshaped(
        lambda found: {name: {"verdict": one["answer"], "explanation": "It shows."} for name, one in found.items()}
    ),
]
"""Verdicts in another shape than was asked for, that say the same beyond doubt."""
UNCLEAR: Sequence[Spelling] = [
    reshaped(lambda found: dict.fromkeys(found, "partly")),
    reshaped(lambda found: {name: {"score": 4} for name in found}),
    reshaped(lambda found: {name: "yes and no" for name in found}),
    reshaped(lambda found: {"overall": "yes"}),
    reshaped(lambda found: [*_listed(found), *({"id": name, "answer": "no"} for name in found)]),
]
"""Verdicts that say neither yes nor no, or both."""
UNREADABLE: Sequence[Spelling] = [
    said("I find that the assistant did all of it well."),
    half(0.3),
    said("<think>The record shows all of it, and I should answer in JSON."),
]

AROUND_AN_ANSWER: Mapping[str, tuple[str, Spelling]] = {
    "one line of the person": ("played_both_sides", with_id("{}\nUser: Compare ID once more.")),
    "a call as JSON": ("leftovers", with_id('{"name": "get_balance", "arguments": {"account_id": "ID"}}\n\n{}')),
    "a call as Python": ("leftovers", with_id('[get_balance(account_id="ID")]\n{}')),
    "a call as in ReAct": ("leftovers", with_id('Action: get_balance\nAction Input: {"account_id": "ID"}\n{}')),
}
"""An answer behind a call without tags, or before one line of the person: the reason that it has, and its spelling."""
