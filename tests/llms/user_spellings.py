"""How models misbehave as a person, each way in three spellings or more. A spelling turns a right choice into the wrong
one; in the templates `{}` is the right message."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.llms.spellings import Choice, Spelling, in_message


def altered_id(change: str) -> Spelling:
    """Return the spelling that writes the first identifier of the message otherwise; `ID` is its number."""

    def spelled(right: Choice) -> Choice:
        data = json.loads(right["message"]["content"])
        data["message"] = re.sub(r"A-(\d+)", lambda found: change.replace("ID", found[1]), data["message"], count=1)
        return _choice(json.dumps(data))

    return spelled


def fields(**changes: Any) -> Spelling:
    """Return the spelling with other values in these fields; None leaves a field out."""

    def spelled(right: Choice) -> Choice:
        data = json.loads(right["message"]["content"]) | changes
        return _choice(json.dumps({name: value for name, value in data.items() if value is not None}))

    return spelled


def misspelled(words: Mapping[str, str], names: Mapping[str, str] | None = None) -> Spelling:
    """Return the spelling with other words for these values, and other names for these fields."""

    def spelled(right: Choice) -> Choice:
        data = json.loads(right["message"]["content"])
        return _choice(json.dumps({(names or {}).get(name, name): words.get(v, v) for name, v in data.items()}))

    return spelled


def plain(ending: str) -> Spelling:
    """Return the spelling that says the message without JSON, and ends the talk with this text."""

    def spelled(right: Choice) -> Choice:
        return _choice(json.loads(right["message"]["content"])["message"] or ending)

    return spelled


def on_lines(right: Choice) -> Choice:
    """Return the choice with its fields on lines."""
    data = json.loads(right["message"]["content"])
    return _choice("\n".join(f"**{name.title()}**: {value}" for name, value in data.items()))


def _choice(text: str) -> Choice:
    return {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}


WRONG: Mapping[str, Sequence[Spelling]] = {
    "names_the_exercise": [
        in_message("First call get_balance for each of the two accounts, then tell me the totals. {}"),
        in_message("{} Use getBalance twice and compare the results."),
        in_message("{} Please use the get balance tool with the account_id, then answer."),
        in_message("{} You need two function calls for that."),
        in_message("{} In this exercise you should look up both."),
    ],
    "invented_value": [
        in_message("{} My customer number is 4820913."),
        in_message("{} I am customer C-77120."),
        in_message("{} You can reach me at ada.lovelace@example.org."),
        in_message("{} I opened them on 3 May 2019."),
        in_message("{} One should hold $941.20."),
        in_message("{} One should hold nine hundred and forty-one dollars."),
        altered_id("A-9ID7"),
        altered_id("B-ID"),
    ],
    "special_tokens": [
        in_message("{} ###STOP###"),
        in_message("{}\n###TRANSFER###"),
        in_message("{} [END OF CONVERSATION]"),
        in_message("{} <STOP>"),
        in_message("{}\n## DONE ##"),
        in_message("{} STOP"),
    ],
    "played_both_sides": [
        in_message("Hello! How can I help you today?"),
        in_message("I've looked up your accounts. Is there anything else I can help you with?"),
        in_message("Thank you for contacting us. Could you please provide your account number?"),
        in_message("I'd be happy to help you with that! Let me check your accounts right away."),
    ],
    "leaked_thinking": [
        in_message("My persona is direct, so I should write briefly. {}"),
        in_message("The assistant is asking for my request, so I need to answer now. {}"),
        in_message("<think>I begin with my first request. {}"),
    ],
    "leftovers": [
        in_message('{} {"status": "continue"}'),
        in_message('{"message": "{}", "about": "next_request"}'),
        in_message("{}\n```"),
    ],
}
"""Messages that cannot be a person's, by the reason under which they are rejected."""
MADE_NO_REQUEST: Sequence[Spelling] = [
    fields(message="Thank you so much!", about="same_request"),
    fields(message="Thanks, bye!", status="satisfied"),
    fields(message="Great, thanks for your help. Have a nice day!"),
    fields(message="", status="satisfied"),
    fields(message=""),
]
"""Replies that come in place of a request."""
THANKS: Sequence[Spelling] = [
    fields(message="Thank you so much!", status="continue", about="same_request"),
    fields(message="Perfect, that's all. Have a great day!", status="continue"),
    fields(
        message="You are a star, thanks, I will tell my friends about this.", status="continue", about="same_request"
    ),
    fields(message="Cheers, bye!", status="continue", about="next_request"),
    fields(message="Much appreciated!", status=None, about=None),
]
"""Replies that come in place of the end, again and again."""
MISSPELLED: Sequence[Spelling] = [
    misspelled({"continue": "Continue", "satisfied": "SATISFIED", "next_request": "Next Request"}),
    misspelled({"continue": "continuing", "satisfied": "satisified", "next_request": "nextrequest"}),
    misspelled({"continue": "in progress", "satisfied": "done", "next_request": "new request"}),
    misspelled({"continue": "go-on", "satisfied": "completed", "same_request": "same"}),
    misspelled({"satisfied": "satisfied."}, {"message": "mesage", "status": "Status"}),
    misspelled({}, {"status": "state", "about": "About"}),
]
"""Replies in the right form with words that are not among those that were offered."""
PLAIN: Sequence[Spelling] = [
    plain("Thanks, that's all."),
    plain("satisfied"),
    plain("Great, thank you! Bye."),
    plain("status: satisfied"),
    on_lines,
]
"""Replies without the JSON that was asked for."""
