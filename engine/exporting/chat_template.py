"""Chat templates in Jinja: messages and tools -> the text that a model reads.

They run in jinja2's immutable sandbox, so a template of a stranger reaches neither files nor the engine. Templates get
what transformers gives them, but no clock; a date of their own where they ask for one may be fixed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import InputError

CHATML = """
{%- macro turn(role, text) %}{{ '<|im_start|>' + role + '\n' + text + '<|im_end|>\n' }}{% endmacro %}
{%- if tools %}{{ turn('tools', tools | tojson) }}{% endif %}
{%- for message in messages %}
{%- set said = namespace(text='') %}
{%- if message.reasoning_content %}
{%- set said.text = '<think>\n' + message.reasoning_content + '\n</think>\n\n' %}
{%- endif %}
{%- set said.text = said.text + message.content %}
{%- for call in message.tool_calls or [] %}
{%- set between = '\n' if message.content or not loop.first else '' %}
{%- set said.text = said.text + between + '<tool_call>\n' + call.function | tojson + '\n</tool_call>' %}
{%- endfor %}
{{- turn(message.role, said.text) }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
"""The template where none is given: ChatML with the tools as a turn of their own and calls as JSON in tags."""
NO_TOKENS: tuple[tuple[str, str], ...] = (("bos_token", ""), ("eos_token", ""))
REFUSALS = (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What rendering raises when a template cannot write these messages."""

Render = Callable[[Any, Any, bool], str]


class _Generation(Extension):
    """Reads the tag with which templates of TRL and transformers mark what the assistant wrote, and ignores it."""

    tags = {"generation"}  # noqa: RUF012  # as jinja2 declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@lru_cache(8)
def renderer(template: str, special: tuple[tuple[str, str], ...] = NO_TOKENS, today: date | None = None) -> Render:
    """Return a function from messages, tools and whether an answer is to follow to the text of a chat template.

    `special` are the special tokens by name, such as ("bos_token", "<s>"). A template that writes the date gets
    `today`; with None it has none to write. Raises InputError for a template that cannot be read.
    """
    settings: dict[str, Any] = {"trim_blocks": True, "lstrip_blocks": True}
    environment = ImmutableSandboxedEnvironment(extensions=[_Generation, "jinja2.ext.loopcontrols"], **settings)
    environment.filters["tojson"] = _as_json
    environment.globals["raise_exception"] = _refuse
    if today is not None:
        environment.globals["strftime_now"] = today.strftime
    tokens: Mapping[str, str] = dict(special)
    try:
        read = environment.from_string(template)
    except TemplateError as error:
        raise InputError("template", f"cannot be read: {error}.", "Give the chat template of a tokenizer.") from error

    def render(messages: Any, tools: Any, prompt: bool) -> str:
        return read.render(messages=messages, tools=tools, add_generation_prompt=prompt, documents=None, **tokens)

    return render


def _as_json(value: Any, indent: int | None = None, **options: Any) -> str:
    """Return JSON as templates expect it: without the escapes for HTML that jinja2 makes."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> None:
    raise TemplateError(message)
