"""OpenAI-compatible server, direct and fast (vLLM, Ollama, llama.cpp, OpenAI)

One aiohttp session per LLM, any number of calls in flight, about a third of a millisecond of CPU each. The price per
token is an option, since servers do not state it; without it the cost is unknown.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, Literal

import aiohttp
import orjson
from pydantic import Field

from engine.errors import InputError, ModelError
from engine.examples import ModelExample
from engine.llms._faults import api_key, error_text, error_words, fault_kind, model_error, retry_after
from engine.llms._parameters import Parameters, parameter_of_code
from engine.llms._plugin import ChatLLM
from engine.reading.json_value import loads, loads_leniently
from engine.types import Endpoint, ModelRole, Options

__all__ = ["OpenAICompatible"]

Price = Annotated[float, Field(ge=0)]


class Config(Options):
    """Options of the endpoint."""

    input_cost_per_token: Price | None = None
    """US dollars for each token that the model reads."""
    output_cost_per_token: Price | None = None
    """US dollars for each token that the model writes."""
    backoff: Annotated[float, Field(ge=0, le=60)] = 0.5
    """Seconds of the first wait before a call is tried again."""
    token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The name under which the server takes the limit of tokens. A server that refuses it gets the other one."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every request. They must not hold keys."""
    tokens: bool = False
    """Ask the server for token ids and log-probabilities; those that it gives are kept beside each answer."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """Merged into every request."""


class OpenAICompatible(ChatLLM):
    """Talks to `<api_base>/chat/completions`. Raises InputError when the endpoint has no api_base."""

    def __init__(self, config: Config, endpoint: Endpoint, role: ModelRole) -> None:
        if not endpoint.api_base:
            raise InputError(
                "api_base", f"the model {endpoint.model} has none.", "Give it, for example one ending in /v1."
            )
        base = endpoint.api_base.rstrip("/")
        self._base = base.removesuffix("/chat/completions")
        self._url = f"{self._base}/chat/completions"
        super().__init__(
            endpoint,
            role,
            backoff=config.backoff,
            price=self._cost,
            parameters=Parameters.of_model(endpoint.model, config.token_limit_field),
            tokens=config.tokens,
        )
        self._config = config
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def context_length(self) -> int | None:
        """Return what the server's list of models says of this one."""
        seconds = min(_LIST_SECONDS, self._endpoint.timeout)
        try:
            async with asyncio.timeout(seconds), self._open_session().get(f"{self._base}/models") as response:
                body = _body(await response.read()) if response.status == 200 else None
        except (aiohttp.ClientError, OSError, ValueError, ModelError):
            return None
        return _listed_length(body, self._endpoint.model)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            key = api_key(self._endpoint)
            headers = {**self._config.headers, "Content-Type": "application/json"}
            if key:
                headers["Authorization"] = f"Bearer {key}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
                timeout=aiohttp.ClientTimeout(total=None),
                headers=headers,
            )
        return self._session

    async def _send(self, body: dict[str, Any]) -> Any:
        body = {**body, **self._config.extra_body}
        try:
            async with self._open_session().post(self._url, data=_body_json(body)) as response:
                status, headers, data = response.status, response.headers, await response.read()
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise model_error("connection", self._endpoint, str(error) or type(error).__name__) from None
        if status == 200:
            return self._reply_body(data)
        raise self._http_error(status, data, retry_after(headers))

    def _reply_body(self, data: bytes) -> Any:
        try:
            body = _body(data)
        except ValueError:
            raise model_error("malformed", self._endpoint, data[:400].decode(errors="replace")) from None
        if isinstance(body, dict) and body.get("error") and not body.get("choices"):
            code = body["error"].get("code") if isinstance(body["error"], dict) else None
            kind = fault_kind(code if isinstance(code, int) else 500, error_words(body))
            raise model_error(kind, self._endpoint, error_text(body))
        return body

    def _http_error(self, status: int, data: bytes, wait: float | None) -> ModelError:
        try:
            body = _body(data)
        except ValueError:
            body = data[:400].decode(errors="replace")
        kind = fault_kind(status, error_words(body))
        error = model_error(kind, self._endpoint, error_text(body), status=status, wait=wait)
        error.refused = error.refused or parameter_of_code(body)
        return error

    def _cost(self, prompt: int | None, completion: int | None) -> float | None:
        given, taken = self._config.input_cost_per_token, self._config.output_cost_per_token
        if given is None or taken is None or prompt is None or completion is None:
            return None
        return prompt * given + completion * taken


_LIST_SECONDS = 10.0
_LENGTHS = ("max_model_len", "context_length", "context_window", "max_context_length")
"""Under which the context length stands in a list of models: vLLM and SGLang, OpenRouter, Groq, Mistral."""


def _listed_length(body: Any, model: str) -> int | None:
    listed = body.get("data") if isinstance(body, dict) else body
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    named = [entry for entry in entries if entry.get("id") == model]
    for entry in named or (entries if len(entries) == 1 else []):
        for name in _LENGTHS:
            if type(value := entry.get(name)) is int and value > 0:
                return value
    return None


def _body(data: bytes) -> Any:
    """Return a body of JSON, also of a server that begins it with a byte order mark or cuts characters in halves.
    Raises ValueError."""
    try:
        return loads(data)
    except ValueError:
        return loads_leniently(data)


def _body_json(body: dict[str, Any]) -> bytes:
    """Return the body as JSON; orjson refuses lone surrogates and very large whole numbers, json does not."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body).encode()


EXAMPLE = ModelExample(options={"backoff": 0.001})
