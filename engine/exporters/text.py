"""Rendered text: with a chat template of one's own, or plain for continued pretraining.

With a template each trained answer is a row of `prompt` and `completion`, both texts, so that nothing else is trained.
Plain rows hold a whole dialogue in `text`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from jinja2 import TemplateError
from pydantic import Field

from engine.exporting.chat_template import CHATML, renderer
from engine.exporting.content import content_id_of, offered_tools, tool_schemas
from engine.exporting.control_tokens import holds_own_tokens
from engine.exporting.dialogue import Turns, metadata, trained_stretches
from engine.exporting.draft import draft
from engine.exporting.json import dumps
from engine.exporting.messages import MessageForm
from engine.types import LINES, Converted, Options, Record, RecordTurn

__all__ = ["Text"]


class Config(Options):
    """How a dialogue becomes text."""

    form: Literal["template", "plain"] = "template"
    """Prompt and completion by a chat template, or one plain text."""
    template: str = Field(default="", json_schema_extra=LINES)
    """A chat template in Jinja, as in tokenizer_config.json; empty: ChatML with calls as JSON in tags."""
    reasoning: Literal["field", "drop"] = "field"
    """Given to the template as reasoning_content, or left out."""


class Text:
    """Writes texts. What a template leaves out is counted as lost, and a dialogue that it refuses is dropped."""

    suffix = ".jsonl"
    never_carried = ("tool_call_id", "task", "proof", "diff", "calls", "execution", "remarks", "tools.effect")

    def __init__(self, config: Config) -> None:
        self._is_plain = config.form == "plain"
        self._render = renderer(config.template or CHATML)
        self._form = MessageForm(reasoning=config.reasoning)

    def convert(self, record: Record) -> Converted:
        """Return the rows of one trajectory, or the reason why there is none."""
        made = draft(record, cut=self._is_plain)
        if isinstance(made, str):
            return Converted(dropped=made)
        turns = made.turns
        try:
            rows = list(self._plain(record, turns) if self._is_plain else self._rendered(record, turns))
        except (TemplateError, TypeError, ValueError):
            return Converted(dropped="template_refuses_it")
        if not rows:
            return Converted(dropped="no_opening_request")
        made.lost += self._form.lost(turns, made.found) + self._left_out(turns, rows)
        if holds_own_tokens(turns):
            made.changed.append("control_tokens_in_text")
        return made.finished(rows, [int(row["id"], 16) for row in rows])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}

    def _rendered(self, record: Record, turns: Turns) -> Iterator[dict[str, Any]]:
        """Yield a row for each trained answer. Raises ValueError where a template changes what it wrote before."""
        messages, tools = self._form.messages(turns), offered_tools(record.tools)
        schemas = tool_schemas(record.tools) or None
        for start, end in trained_stretches(turns):
            for place in range(start, end):
                if turns[place].role != "assistant":
                    continue
                prompt = self._render(messages[:place], schemas, True)
                whole = self._render(messages[: place + 1], schemas, False)
                if not whole.startswith(prompt):
                    raise ValueError("the template writes the prompt otherwise once the answer is there")
                texts = {"prompt": prompt, "completion": whole[len(prompt) :]}
                yield texts | _columns(record, content_id_of(turns[: place + 1], tools))

    def _plain(self, record: Record, turns: Turns) -> Iterator[dict[str, Any]]:
        text = "\n\n".join(_paragraph(turn) for turn in turns)
        yield {"text": text} | _columns(record, content_id_of(turns, offered_tools(record.tools)))

    def _left_out(self, turns: Turns, rows: list[dict[str, Any]]) -> list[str]:
        """Return what of calls and reasoning is in no text."""
        if self._is_plain:
            return ["reasoning"] if any(turn.reasoning for turn in turns) else []
        text = rows[-1]["prompt"] + "".join(row["completion"] for row in rows)
        names = {call.name for turn in turns for call in turn.tool_calls}
        lost = ["calls"] if any(name not in text for name in names) else []
        thoughts = [m["reasoning_content"] for m in self._form.messages(turns) if "reasoning_content" in m]
        return lost + (["reasoning"] if any(thought.strip() not in text for thought in thoughts) else [])


def _columns(record: Record, id: str) -> dict[str, Any]:
    return {"id": id, "group_id": record.group_id, "reward": record.reward, "metadata": metadata(record)}


def _paragraph(turn: RecordTurn) -> str:
    """Return a turn as plain text."""
    if turn.role == "tool":
        return f"Result of {turn.name}: {turn.content}"
    calls = [f"{call.name} {dumps(call.arguments)}" for call in turn.tool_calls]
    parts = [*([turn.content] if turn.content.strip() or not calls else []), *[f"Call: {call}" for call in calls]]
    return f"{turn.role.capitalize()}: " + "\n".join(parts)
