"""What servers say of a refusal: the fault gets its own name, and rate limits stay what they are."""

from __future__ import annotations

import pytest

from engine.errors import ModelError, ModelFault
from engine.llms._faults import fault_kind
from engine.running.models import open_llm
from engine.types import Endpoint, Turn
from tests.llms.server import serving

SAID: list[tuple[int, str, ModelFault]] = [
    (
        400,
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000.",
        "context_length",
    ),
    (400, "context_length_exceeded", "context_length"),
    (400, "prompt is too long: 210000 tokens > 200000 maximum", "context_length"),
    (500, "the request exceeds the available context size. try increasing the context size", "context_length"),
    (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", "context_length"),
    (413, "Request body: input is too long for this model", "context_length"),
    (400, "'max_tokens' is too large: 100000. This model's maximum context length is 32768 tokens.", "max_tokens"),
    (400, "max_tokens: 9000 > 8192, which is the maximum allowed number of output tokens", "max_tokens"),
    (400, "max_tokens is too large: 99999. This model supports at most 16384 completion tokens.", "max_tokens"),
    (400, "Invalid max_tokens value, the valid range of max_tokens must be [1, 8192]", "max_tokens"),
    (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', "tool_parser"),
    (500, "tools param requires --jinja flag", "tool_parser"),
    (400, "registry/small-model:1b does not support tools", "tool_parser"),
    (404, "No endpoints found that support tool use.", "tool_parser"),
    (429, "insufficient_quota You exceeded your current quota, please check your plan and billing details.", "quota"),
    (402, "Insufficient Balance", "quota"),
    (400, "Your credit balance is too low to access the API. Please go to Plans & Billing.", "quota"),
    (402, "whatever it says", "quota"),
    (403, "Your chosen model requires moderation and your input was flagged for violence.", "moderated"),
    (
        400,
        "content_filter The response was filtered due to the prompt triggering the content management policy.",
        "moderated",
    ),
    (400, "data_inspection_failed Input data may contain inappropriate content.", "moderated"),
    (403, "The request was blocked by our usage policies", "moderated"),
    (429, "Rate limit reached for requests per min. Limit 3. Visit the billing page to add a card.", "rate_limit"),
    (429, "Request too large on tokens per min (TPM): Limit 30000, Requested 40000.", "rate_limit"),
    (429, "Too many requests", "rate_limit"),
    (401, "Incorrect API key provided. You exceeded your current quota.", "auth"),
    (403, "You have no access to this model.", "auth"),
    (404, "The model `x` does not exist.", "not_found"),
    (400, "temperature must be between 0 and 2", "bad_request"),
    (400, "response_format of type json_schema is not supported", "bad_request"),
    (503, "The server is overloaded: content filter service is starting", "server"),
]


@pytest.mark.parametrize(("status", "text", "kind"), SAID)
def test_each_has_its_own_name(status: int, text: str, kind: ModelFault) -> None:
    assert fault_kind(status, text) == kind


@pytest.mark.parametrize(("status", "text", "kind"), [said for said in SAID if said[2] not in ("rate_limit", "server")])
@pytest.mark.parametrize("plugin", ["openai_compatible", "litellm"])
async def test_over_http_it_is_named_with_its_next_move_and_not_tried_again(
    plugin: str, status: int, text: str, kind: ModelFault
) -> None:
    async with serving() as server:
        server.plays = [{"status": status, "said": text}]
        name = "openai/m" if plugin == "litellm" else "m"
        endpoint = Endpoint(model=name, llm=plugin, api_base=server.base, attempts=3, options={"backoff": 0.001})
        llm = open_llm(endpoint, "teacher")
        try:
            with pytest.raises(ModelError) as caught:
                await llm.complete([Turn(role="user", content="Hi")])
        finally:
            await llm.aclose()
        assert (caught.value.kind, len(server.requests)) == (kind, 1)
