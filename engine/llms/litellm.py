"""Any provider through litellm (OpenAI, Anthropic, Gemini, vLLM, Ollama and others)

The library is imported at the first call, since that takes two seconds and 170 MB. Its retries are off, as Chat has its
own. The cost comes from its price table and is unknown for a model that is not in it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import Field

from engine import settings
from engine.errors import ModelError, ModelFault
from engine.examples import ModelExample
from engine.llms._faults import api_key, fault_kind, model_error, retry_after
from engine.llms._plugin import ChatLLM
from engine.llms._provider_state import States
from engine.llms._refusal_texts import said_kind
from engine.types import Completion, Endpoint, ModelRole, Options, Sampling, Tool, Turn

__all__ = ["LiteLLM"]


class Config(Options):
    """Options of the endpoint."""

    backoff: Annotated[float, Field(ge=0, le=60)] = 0.5
    """Seconds of the first wait before a call is tried again."""
    tokens: bool = False
    """Ask the server for token ids and log-probabilities; those that it gives are kept beside each answer."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Goes to litellm.acompletion as it is."""


class LiteLLM(ChatLLM):
    """Calls litellm.acompletion. The model's name starts with the provider, for example `anthropic/...`.

    All instances in a process share the library's connections, so the last one that closes closes them.
    """

    _in_use: ClassVar[set[int]] = set()

    def __init__(self, config: Config, endpoint: Endpoint, role: ModelRole) -> None:
        super().__init__(endpoint, role, backoff=config.backoff, tokens=config.tokens)
        self._extra = config.extra
        self._importing = asyncio.Lock()

    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool] = (),
        *,
        response_schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
        states: States | None = None,
    ) -> Completion:
        await self._ready()
        return await super().complete(
            messages, tools, response_schema=response_schema, sampling=sampling, states=states
        )

    async def _ready(self) -> None:
        """Import the library, and note which parameters it drops for this model."""
        if id(self) in self._in_use:
            return
        async with self._importing:  # in a thread, so that the engine's heartbeat does not wait for the import
            await asyncio.to_thread(library)
        if id(self) not in self._in_use:
            self._in_use.add(id(self))
            for name in dropped_parameters(self._endpoint.model, self._endpoint.api_base):
                self._parameters.left_out[name] = f"litellm leaves it out for {self._endpoint.model}"

    async def context_length(self) -> int | None:
        """Return what the library's price table says of this model."""
        await self._ready()
        try:
            found = library().get_model_info(self._endpoint.model).get("max_input_tokens")
        except Exception:  # a plain one, for a model that is not in the table
            return None
        return found if isinstance(found, int) and found > 0 else None

    async def aclose(self) -> None:
        if id(self) not in self._in_use:
            return
        self._in_use.discard(id(self))
        if not self._in_use:
            await library().close_litellm_async_clients()
            library().in_memory_llm_clients_cache.flush_cache()

    async def _send(self, body: dict[str, Any]) -> Any:
        key = api_key(self._endpoint)
        if key is None and self._endpoint.api_base:
            key = "none"
        try:
            answer = await library().acompletion(
                **self._arguments(body),
                api_base=self._endpoint.api_base,
                api_key=key,
                timeout=self._endpoint.timeout,
                num_retries=0,
                max_retries=0,
                drop_params=True,
            )
        except Exception as error:  # the library raises its own, openai's, httpx's and plain exceptions
            raise self._model_error(error) from None
        return _reply_body(answer)

    def _arguments(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a request body and the options as arguments of the library. What vLLM alone knows goes to servers
        that may be one, in the way that the library passes on as it is."""
        if "return_token_ids" not in body:
            return {**body, **self._extra}
        plain = {name: value for name, value in body.items() if name != "return_token_ids"}
        if not self._endpoint.model.startswith(_MAYBE_VLLM) or not self._endpoint.api_base:
            return {**plain, **self._extra}
        beside = {"return_token_ids": True, **self._extra.get("extra_body", {})}
        return {**plain, **self._extra, "extra_body": beside}

    def _model_error(self, error: Exception) -> ModelError:
        """Return our error for litellm's. The status alone misleads: litellm reports 500 also when no server was
        reached or the reply was no JSON, so class and text decide first."""
        names = {base.__name__ for base in type(error).__mro__}
        status, text = getattr(error, "status_code", None), str(getattr(error, "message", None) or error)
        kind = said_kind(int(status or 0), text)
        kind = kind or next((kind for name, kind in _KINDS.items() if name in names), None)
        if kind == "bad_request" and "LLM Provider NOT provided" in text:
            kind = "not_found"
        if kind is None and any(sign in text for sign in _NOT_JSON):
            kind = "malformed"
        elif kind is None and (status is None or any(sign in text for sign in _UNREACHED)):
            kind = "connection"
        elif kind is None:
            kind = fault_kind(int(status or 500), text)
        shown = status if kind not in ("connection", "malformed", "timeout") else None
        return model_error(kind, self._endpoint, text, status=shown, wait=retry_after(_headers(error)))


_MAYBE_VLLM = ("openai/", "hosted_vllm/", "vllm/", "custom_openai/")
_KINDS: dict[str, ModelFault] = {
    "ContextWindowExceededError": "context_length",
    "ContentPolicyViolationError": "moderated",
    "Timeout": "timeout",
    "AuthenticationError": "auth",
    "PermissionDeniedError": "auth",
    "NotFoundError": "not_found",
    "RateLimitError": "rate_limit",
    "BadRequestError": "bad_request",
    "UnprocessableEntityError": "bad_request",
    "APIResponseValidationError": "malformed",
}
_NOT_JSON = (
    "Empty or invalid response",
    "Expecting value",
    "Expecting property",
    "'choices' that is not",
    "no 'choices'",
    "JSONDecode",
)
_UNREACHED = ("Connection error", "Cannot connect", "Server disconnected", "Connection reset")


@cache
def library() -> Any:
    """Return the litellm module, configured to log only errors and to use the price table in its package."""
    settings.set_default("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    # without OpenAI's own client, which validates and copies every message again and takes a third of a call's CPU
    settings.set_default("EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER", "True")
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    gc.freeze()  # spares the collector the library's objects, which saves a tenth of each call's CPU
    return litellm


_TRIED = {"temperature": 0.4375, "top_p": 0.5625, "seed": 20_479, "parallel_tool_calls": False}
"""Numbers that are not found again unless the library sends them on, under whatever name. Whatever name it gives to
parallel_tool_calls holds the word "parallel"."""


def dropped_parameters(model: str, api_base: str | None) -> list[str]:
    """Return the parameters that the library does not send to this model's provider, [] where it cannot say."""
    try:
        name, provider, *_ = library().get_llm_provider(model, api_base=api_base)
        sent = library().utils.get_optional_params(
            model=name, custom_llm_provider=provider, tools=[_ANY_TOOL], drop_params=True, **_TRIED
        )
    except Exception:  # also plain ones: the call itself will say what is wrong
        return []
    kept = str({key: value for key, value in sent.items() if key != "tools"})
    return [name for name, value in _TRIED.items() if (str(value) if value else "parallel") not in kept]


_ANY_TOOL = {"type": "function", "function": {"name": "any", "description": "", "parameters": {"type": "object"}}}


def _headers(error: Exception) -> dict[str, str]:
    """Return the server's headers, wherever the library keeps them for this kind of error."""
    response = getattr(error, "response", None)
    found = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None)
    return {str(name).lower(): str(value) for name, value in dict(found or {}).items()}


def _reply_body(answer: Any) -> dict[str, Any]:
    """Return the parts of litellm's answer that we read, as wire JSON; usage is None when it reports 0 tokens, which
    stands for unknown."""
    choices = []
    for choice in answer.choices:
        message = choice.message
        fields = getattr(message, "provider_specific_fields", None) or {}
        calls = [_call(call) for call in message.tool_calls or ()]
        older = getattr(message, "function_call", None)
        plain = {
            "content": message.content,
            "reasoning_content": getattr(message, "reasoning_content", None),
            "refusal": fields.get("refusal"),
            "tool_calls": calls,
            "function_call": {"name": older.name, "arguments": older.arguments} if older else None,
            "thinking_blocks": getattr(message, "thinking_blocks", None),
            "reasoning_details": fields.get("reasoning_details"),
            "extra_content": fields.get("extra_content"),
            "provider_specific_fields": fields,
        }
        choices.append({"finish_reason": choice.finish_reason, "message": plain, **_tokens(choice)})
    usage = getattr(answer, "usage", None)
    prompt, completion = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    body = {"choices": choices, "prompt_token_ids": getattr(answer, "prompt_token_ids", None)}
    if not prompt and not completion:
        return {**body, "usage": None}
    cost = (getattr(answer, "_hidden_params", None) or {}).get("response_cost")
    return {**body, "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "cost": cost}}


def _call(call: Any) -> dict[str, Any]:
    """Return a call of litellm's as wire JSON, with what its provider wants back."""
    found = {"id": call.id, "function": {"name": call.function.name, "arguments": call.function.arguments}}
    for name in ("provider_specific_fields", "extra_content"):
        if beside := getattr(call, name, None):
            found[name] = beside
    return found


def _tokens(choice: Any) -> dict[str, Any]:
    """Return the token ids and log-probabilities of a choice of litellm's."""
    stated, beside = getattr(choice, "logprobs", None), getattr(choice, "provider_specific_fields", None) or {}
    if stated is not None and not isinstance(stated, dict):
        stated = stated.model_dump()
    return {"logprobs": stated, "token_ids": beside.get("token_ids")}


EXAMPLE = ModelExample("openai/test-model", options={"backoff": 0.001})
