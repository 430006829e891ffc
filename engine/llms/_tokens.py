"""Token ids and log-probabilities of a reply, as far as its server gives them.

They are asked for by `logprobs` (OpenAI and most servers) and `return_token_ids` (vLLM). A server that refuses one of
them is asked without it from then on (_parameters.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.reading.json_value import text_without_surrogates

ASKED: Mapping[str, Any] = {"logprobs": True, "return_token_ids": True}
"""What a request that asks for tokens holds."""
_FIELDS = frozenset(("logprobs", "token_ids", "prompt_token_ids"))
_LARGEST = 1_000_000
"""Log-probabilities beyond this are none."""


def tokens_of(body: Mapping[str, Any], choice: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return {"ids", "logprobs", "texts", "prompt_ids"}, each a list and only where it was given; None without any.

    `ids`, `logprobs` and `texts` are those of the tokens that the model wrote, in order; a log-probability is None
    where the server gives no finite number.
    """
    if _FIELDS.isdisjoint(choice) and "prompt_token_ids" not in body:
        return None
    stated, ids = choice.get("logprobs"), choice.get("token_ids")
    prompt = body.get("prompt_token_ids") or choice.get("prompt_token_ids")
    if stated is None and ids is None and prompt is None:
        return None
    content = stated.get("content") if isinstance(stated, Mapping) else None
    entries = [one for one in content if isinstance(one, Mapping)] if isinstance(content, list) else []
    found = {
        "ids": _whole_numbers(ids),
        "logprobs": [_finite(one.get("logprob")) for one in entries],
        "texts": [text_without_surrogates(str(one.get("token", ""))) for one in entries],
        "prompt_ids": _whole_numbers(prompt),
    }
    return {name: values for name, values in found.items() if values} or None


def _whole_numbers(given: Any) -> list[int]:
    """Return a list of ids; empty when it is none, because ids of only some tokens would be wrong ones."""
    fits = isinstance(given, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in given)
    return given if fits else []


def _finite(given: Any) -> float | None:
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) < _LARGEST:
        return float(given)
    return given if isinstance(given, float) and math.isfinite(given) else None
