"""Build a ModelError from a failed call. It names the setting to change and never contains the key.

HTTP 401 403 auth · 404 405 not_found · 408 504 timeout · 429 rate_limit · other 4xx bad_request · 5xx server

What the server says of a refusal comes before its status (_refusal_texts.py): a dialogue that is too long, a server
without a tool parser or an account without money come as 400, 403 or 429 as well.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine import settings
from engine.errors import ModelError, ModelFault
from engine.llms._parameters import refused_parameter
from engine.llms._refusal_texts import said_kind
from engine.types import Endpoint

_EXCERPT = 300
_READ = 4_000
"""Characters of a server's text that code reads; servers that check each message list all its faults."""


def api_key(endpoint: Endpoint) -> str | None:
    """Return the endpoint's key, or None when it names no variable. Raises ModelError `auth` for an unset one."""
    if endpoint.key_variable is None:
        return None
    found = settings.key(endpoint.key_variable)
    if found is None:
        raise ModelError(
            "auth",
            f"The environment variable {endpoint.key_variable} is not set. Set it to the key of {endpoint.model} and "
            "start the engine again, or name another variable in the model's settings (key_variable).",
        )
    return found


def fault_kind(status: int, said: str = "") -> ModelFault:
    """Return the kind of fault of an answer with this HTTP status. `said` is its text, with its code where it has
    one."""
    if (named := said_kind(status, said)) is not None:
        return named
    if status == 402:
        return "quota"
    if status in (401, 403):
        return "auth"
    if status in (404, 405):
        return "not_found"
    if status in (408, 504):
        return "timeout"
    if status == 429:
        return "rate_limit"
    if 400 <= status < 500:
        return "bad_request"
    return "server" if status >= 500 else "malformed"


def model_error(
    kind: ModelFault, endpoint: Endpoint, answer: str = "", *, status: int | None = None, wait: float | None = None
) -> ModelError:
    """Return the error for a failed call. `answer` is the server's text, quoted without the key and cut; `wait` is how
    many seconds it asks to wait."""
    status_text = f" (HTTP {status})" if status else ""
    said = without_key(answer, endpoint)
    quoted = f" It said: {_cut(said, _EXCERPT)}" if said else ""
    error = ModelError(kind, f"{endpoint.model}: {_advice(kind, endpoint)}{status_text}.{quoted}", retry_after=wait)
    error.refused, error.said = refused_parameter(status, answer), said
    return error


def _advice(kind: ModelFault, endpoint: Endpoint) -> str:
    where = endpoint.api_base or "the provider"
    variable = endpoint.key_variable or "none is named"
    return {
        "auth": f"the key was refused; check key_variable ({variable}) and the variable's value",
        "not_found": f"{where} does not know this model or address; check the model's name and api_base",
        "bad_request": "the server refused the request; check the model's name, its options and sampling",
        "rate_limit": "too many calls for this key; lower the batch's concurrency or raise patience",
        "server": f"{where} failed; look at its log, or try again later",
        "timeout": f"no answer within {endpoint.timeout:g} s; raise timeout or lower the batch's concurrency",
        "connection": f"{where} cannot be reached or dropped the connection; check api_base and that the server is up",
        "malformed": f"{where} answered, but not with a chat completion; check api_base (it often ends in /v1)",
        "empty": "the model answered with nothing",
        "context_length": "the dialogue does not fit the model's context; choose a model or server with a longer one, "
        "or lower the batch's rounds, steps or sampling.max_tokens",
        "max_tokens": f"the model cannot write {endpoint.sampling.max_tokens} tokens; lower sampling.max_tokens",
        "tool_parser": f"{where} takes no tools for this model; start it with its tool parser (vLLM: "
        "--enable-auto-tool-choice --tool-call-parser, llama.cpp: --jinja), or choose a model that calls tools",
        "quota": f"the account of the key ({variable}) has no quota or money left; top it up or use another key",
        "moderated": "the provider's content filter blocked this prompt or its answer; look at the task and its data",
    }[kind]


def without_key(text: str, endpoint: Endpoint) -> str:
    """Return the text on one line, cut after _READ characters, with the key replaced by ***."""
    key = settings.key(endpoint.key_variable)
    if key:
        text = text.replace(key, "***")
    text = re.sub(r"\bBearer\s+[^\s\"']+", "Bearer ***", " ".join(text.split()))
    return _cut(text, _READ)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "…"


def error_text(body: Any) -> str:
    """Return the message in an error body of a usual form, or else the body as text."""
    if isinstance(body, Mapping):
        inner = body.get("error", body.get("detail", body.get("message")))
        if isinstance(inner, Mapping):
            inner = inner.get("message", inner)
        return str(inner if inner is not None else dict(body))
    return str(body)


def error_words(body: Any) -> str:
    """Return what tells the kind of a fault in an error body: message, code and type, for `fault_kind`."""
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(inner, Mapping):
        return str(inner)
    parts = [inner.get(name) for name in ("code", "type", "status", "message", "detail", "metadata")]
    return " ".join(str(part) for part in parts if part)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header asks for (a number or a date), else None."""
    value = headers.get("Retry-After") or headers.get("retry-after")
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return max(0.0, (when - datetime.now(UTC if when.tzinfo else None)).total_seconds())
