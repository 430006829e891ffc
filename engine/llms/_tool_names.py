"""Names of tools as providers take them: up to 64 letters, digits, underscores and hyphens, no digit or hyphen first.

That is the common part of what OpenAI, Anthropic and Gemini document (not tried live). A tool with another name goes
out under a safe one, in the list of tools, in earlier calls and in their results; calls come back under the real one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from engine.types import Tool, Turn, digest

_FITS = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_OTHERS = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 64
_DIGITS = 8
"""Digits of the hash that tells names apart which look the same once they are safe."""


@dataclass(frozen=True)
class ToolNames:
    """`safe` holds the safe name by the real one, for names that do not fit only; `tools` are those that a reply may
    name, under each of their names."""

    safe: Mapping[str, str]
    tools: tuple[Tool, ...]

    def rename(self, body: dict[str, Any]) -> None:
        """Put the safe names into a request body, whose parts are not shared with other requests."""
        for tool in body.get("tools", ()):
            tool["function"]["name"] = self._safe(tool["function"]["name"])
        for message in body["messages"]:
            if "name" in message:
                message["name"] = self._safe(message["name"])
            for call in message.get("tool_calls", ()):
                call["function"]["name"] = self._safe(call["function"]["name"])

    def with_real_names(self, turn: Turn) -> Turn:
        """Return a turn of the model with the real names of the tools that it calls."""
        real = {safe: name for name, safe in self.safe.items()}
        calls = tuple(
            call.model_copy(update={"name": real[call.name]}) if call.name in real else call for call in turn.tool_calls
        )
        return turn.model_copy(update={"tool_calls": calls})

    def _safe(self, name: str) -> str:
        return self.safe.get(name, name)


def tool_names(messages: Sequence[Turn], tools: Sequence[Tool]) -> ToolNames | None:
    """Return the names to use in a request, None when all fit, which is nearly always so.

    Names in earlier messages count too: a model may have called a tool that does not exist.
    """
    offered = tuple([tool.name for tool in tools])
    earlier = [call.name for turn in messages for call in turn.tool_calls if not _FITS.fullmatch(call.name)]
    earlier += [turn.name for turn in messages if turn.name and not _FITS.fullmatch(turn.name)]
    if not earlier and not _safe_names(offered):
        return None
    safe = _safe_names((*offered, *dict.fromkeys(name for name in earlier if name not in offered)))
    renamed = [tool.model_copy(update={"name": safe[tool.name]}) for tool in tools if tool.name in safe]
    return ToolNames(safe, (*tools, *renamed))


@lru_cache(maxsize=1024)
def _safe_names(names: tuple[str, ...]) -> Mapping[str, str]:
    """Return a safe name for each that does not fit, unlike all others. The same names give the same result."""
    taken = {name for name in names if _FITS.fullmatch(name)}
    safe: dict[str, str] = {}
    for name in names:
        if name in taken or name in safe:
            continue
        number, found = 0, _readable(name)
        while not found or found in taken:
            start = (found or "tool")[: _LONGEST - _DIGITS - 1] if number == 0 else found[: -_DIGITS - 1]
            found, number = f"{start}_{digest([name, number], _DIGITS)}", number + 1
        safe[name] = found
        taken.add(found)
    return safe


def _readable(name: str) -> str:
    """Return a name of allowed characters that still tells what the tool does, "" where letters would be lost."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    if len(plain) > _LONGEST or any(c.isalnum() and not c.isascii() for c in plain):
        return ""
    found = _OTHERS.sub("_", plain).strip("_")
    return f"_{found}"[:_LONGEST] if found and not _FITS.fullmatch(found) else found
