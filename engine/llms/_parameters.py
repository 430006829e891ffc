"""Parameters that a server does not take: they are left out, or renamed, and the call is made again at once.

OpenAI's gpt-5 and o-series are known by name. Any other server says so itself, in an answer with status 400 or 422 that
names the parameter. The texts are those of OpenAI, Azure, vLLM, Mistral, Groq, xAI, Gemini, Anthropic and Bedrock
(from their documentation and issues; not tried live).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import ModelError

LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""The two names of the limit of tokens, each with the one to try in its place."""
MAY_BE_LEFT_OUT = (
    "temperature",
    "top_p",
    "seed",
    "parallel_tool_calls",
    "logprobs",
    "top_logprobs",
    "return_token_ids",
)
"""Without these a model still does what it was asked, unlike without tools or messages."""

_NAME = rf"(?P<name>{'|'.join(sorted((*MAY_BE_LEFT_OUT, *LIMITS), key=len, reverse=True))})(?!\w)"
_REFUSALS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:unsupported|unrecognized|unknown|unexpected|extraneous)(?: \w+){{0,4}}\W{{1,4}}{_NAME}",
        rf"(?<!\w){_NAME}\W{{1,4}}(?:\w+ ){{0,3}}?(?:is|are) (?:not supported|unsupported|not permitted|deprecated)",
        rf"does not support (?:the )?(?:parameters? )?\W{{0,2}}{_NAME}",
        rf"not supported on this model: {_NAME}",
        rf"extra_forbidden\W.{{0,40}}\bbody\W+{_NAME}",
        rf"(?<!\w){_NAME}\W{{1,12}}Extra inputs are not permitted",
        r"(?P<name>top_p)\W+cannot both be specified",
    )
)
_CODES = ("unsupported_parameter", "unsupported_value", "unknown_parameter")
_BY_NAME = re.compile(r"(?:openai/)?(?:gpt-5|o[134])(?![\w])(?P<chat>-chat)?")


def refused_parameter(status: int | None, said: str) -> str | None:
    """Return the parameter of MAY_BE_LEFT_OUT or LIMITS that a server does not take, None when its answer names none.
    A wrong value of a parameter is no such refusal."""
    if status not in (400, 422):
        return None
    matches = (pattern.search(said) for pattern in _REFUSALS)
    return next((match["name"].lower() for match in matches if match), None)


def parameter_of_code(body: Any) -> str | None:
    """Return the same for an error body of OpenAI's form, which has `param` and `code`."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping) or error.get("code") not in _CODES:
        return None
    name = error.get("param")
    return name if name in MAY_BE_LEFT_OUT or name in LIMITS else None


@dataclass
class Parameters:
    """What one LLM has learnt of its server. `left_out` holds the reason by the parameter's name; `limit` is the name
    under which the limit of tokens goes out."""

    limit: str = "max_tokens"
    left_out: dict[str, str] = field(default_factory=dict)
    _refused_limits: set[str] = field(default_factory=set)

    @classmethod
    def of_model(cls, model: str, limit: str) -> Parameters:
        """Return what is known of a model by its name. gpt-5-chat takes a temperature."""
        known = _BY_NAME.match(model)
        if known is None:
            return cls(limit)
        why = f"models named {known[0].removeprefix('openai/')} do not take it"
        return cls("max_completion_tokens", {} if known["chat"] else {"temperature": why, "top_p": why})

    def shaped(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body as this server takes it."""
        if not self.left_out and self.limit in body:
            return body
        return {
            self.limit if name == "max_tokens" else name: value
            for name, value in body.items()
            if name not in self.left_out
        }

    def missing(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the parameters of a body that `shaped` leaves out."""
        return tuple(name for name in self.left_out if name in body)

    def learn(self, error: ModelError, sent: Mapping[str, Any]) -> bool:
        """Return whether a call that failed can be made again at once, without or with another name for what was
        refused. Other calls may be in flight, which learn the same."""
        name = error.refused
        if name is None or name not in sent:
            return False
        if name not in LIMITS:
            self.left_out.setdefault(name, str(error))
            return True
        if name == self.limit:
            self._refused_limits.add(name)
            if LIMITS[name] in self._refused_limits:
                return False
            self.limit = LIMITS[name]
        return True
