"""What a chat template leaves out: it is shown small dialogues of marked words, and the text is searched for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.exporting.chat_template import REFUSALS, Render

LOSSES: Mapping[str, str] = {
    "system": "the system message",
    "tools": "the list of tools",
    "calls": "tool calls",
    "parallel_calls": "a second call in one turn",
    "results": "results of tools",
    "text_beside_call": "text beside a call",
    "reasoning": "reasoning",
    "earlier_reasoning": "reasoning of turns before the last request",
    "stable_prefix": "what it wrote before, once a later turn is there, so a mask drawn turn by turn does not fit",
}
"""What each loss means: "it drops ...", and for the last "it changes ..."."""
_SYSTEM, _ASKED, _FOLLOWED = "zsystemz", "zaskedz", "zfollowedz"
_TOOL, _OTHER_TOOL, _DESCRIBED = "zlookz", "zwritez", "zdescribedz"
_VALUE, _OTHER_VALUE, _RESULT, _OTHER_RESULT = "zvaluez", "zothervaluez", "zresultz", "zotherresultz"
_BESIDE, _THOUGHT, _EARLIER, _ANSWER = "zbesidez", "zthoughtz", "zearlierz", "zanswerz"
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": _DESCRIBED,
            "parameters": {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]},
        },
    }
    for name in (_TOOL, _OTHER_TOOL)
]
Messages = list[dict[str, Any]]


def losses(render: Render) -> tuple[str, ...]:
    """Return the keys of LOSSES that hold for a template. What it refuses to write counts as lost too."""
    opening: Messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _ASKED}]
    one = [*opening, _calling([(_TOOL, _VALUE)]), _result("call00001", _TOOL, _RESULT), _answer()]
    beside = [*opening, _calling([(_TOOL, _VALUE)], text=_BESIDE), _result("call00001", _TOOL, _RESULT), _answer()]
    two = [
        *opening,
        _calling([(_TOOL, _VALUE), (_OTHER_TOOL, _OTHER_VALUE)]),
        _result("call00001", _TOOL, _RESULT),
        _result("call00002", _OTHER_TOOL, _OTHER_RESULT),
        _answer(),
    ]
    thinking = [*opening, _answer(_THOUGHT)]
    earlier = [*opening, _answer(_EARLIER), {"role": "user", "content": _FOLLOWED}, _answer()]
    shown = {
        "system": _shows(render, opening, (_SYSTEM,)),
        "tools": _shows(render, opening, (_TOOL, _DESCRIBED)),
        "calls": _adds(render, one, (_TOOL, _VALUE)),
        "parallel_calls": _adds(render, two, (_VALUE, _OTHER_VALUE)),
        "results": _shows(render, one, (_RESULT,)),
        "text_beside_call": _shows(render, beside, (_BESIDE,)),
        "reasoning": _shows(render, thinking, (_THOUGHT,)),
        "earlier_reasoning": _shows(render, earlier, (_EARLIER,)),
        "stable_prefix": _is_stable(render, earlier, 3) and _is_stable(render, one, 3),
    }
    lost = [name for name in LOSSES if not shown[name]]
    implied = {"parallel_calls": "calls", "earlier_reasoning": "reasoning"}  # saying both would say it twice
    return tuple(name for name in lost if implied.get(name) not in lost)


def sentence(lost: Sequence[str]) -> str:
    """Return what a template drops as one sentence; "" where it drops nothing."""
    dropped = [LOSSES[name] for name in lost if name != "stable_prefix"]
    parts = [f"This template drops {_listed(dropped)}."] if dropped else []
    parts += [f"It changes {LOSSES['stable_prefix']}."] if "stable_prefix" in lost else []
    return " ".join(parts)


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _text(render: Render, messages: Messages, tools: Any = _TOOLS) -> str:
    try:
        return render(messages, tools, False)
    except REFUSALS:
        return ""


def _shows(render: Render, messages: Messages, words: Sequence[str]) -> bool:
    text = _text(render, messages)
    return all(word in text for word in words)


def _adds(render: Render, messages: Messages, words: Sequence[str]) -> bool:
    """Return whether the calls are there: their tools may be named in the list of tools too, so that is left out."""
    text = _text(render, messages, None) or _text(render, messages)
    return all(word in text for word in words)


def _is_stable(render: Render, messages: Messages, end: int) -> bool:
    """Return whether the first messages are written alike, whether others follow or not."""
    before, whole = _text(render, messages[:end]), _text(render, messages)
    return not before or not whole or whole.startswith(before)


def _calling(calls: Sequence[tuple[str, str]], text: str = "") -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": text,
        "tool_calls": [
            {
                "id": f"call{number:05d}",
                "type": "function",
                "function": {"name": name, "arguments": {"key": value}},
            }
            for number, (name, value) in enumerate(calls, 1)
        ],
    }


def _result(id: str, name: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "content": text, "tool_call_id": id, "name": name}


def _answer(reasoning: str = "") -> dict[str, Any]:
    return {"role": "assistant", "content": _ANSWER} | ({"reasoning_content": reasoning} if reasoning else {})
