"""Other names for tools, so that a model learns to read the list of tools and not to know names by heart.

One dialogue gets one set of new names: in its tools and their descriptions, calls, results, the policy, and what the
assistant writes. Attempts at one task get the same, so pairs of them stay pairs. Values of arguments, results of calls
that worked and what the user says stay as they are, since a word there may be a value.
"""

from __future__ import annotations

import hashlib
import json
import keyword
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from engine.errors import InputError
from engine.exporting.alterations.altered import Altered
from engine.exporting.dialogue import timeless
from engine.exporting.record import changed
from engine.types import CLOCKS, NameStyle, Record, RecordTool, RecordTurn

RENAMED = "tool_names_changed"
_LENGTH = 64
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PLAIN = re.compile(r"[A-Za-z]?[a-z]*")
"""A name that may just as well be a word of a sentence; any other is taken for a name wherever it stands."""
_BEFORE, _BEHIND = "(?<![A-Za-z0-9_-])", "(?![A-Za-z0-9_-])"
"""What must not stand beside a name, since it would be a part of another one then."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH = 10
Texts = Callable[[str], str]
_STYLES: Mapping[NameStyle, Callable[[Sequence[str]], str]] = {
    "snake_case": "_".join,
    "camel_case": lambda words: words[0] + "".join(word.capitalize() for word in words[1:]),
    "pascal_case": lambda words: "".join(word.capitalize() for word in words),
    "upper_case": lambda words: "_".join(words).upper(),
}
_CASES = tuple(_STYLES)


class Renaming:
    """Renames the tools of records in one style, by the seed of a recipe and the task of the record."""

    def __init__(self, style: NameStyle, seed: int) -> None:
        self._style, self._seed = style, seed

    def renamed(self, record: Record) -> Altered:
        """Return the record with other names of its tools. Attachments quote the old ones, so only clocks stay."""
        names = _names(record)
        new = self.new_names(names, record.group_id)
        if all(name == other for name, other in new.items()):
            return Altered(record)
        fixed, said = _replacing(new, new), _replacing(new, _unmistakable(new, record.turns))
        return Altered(
            changed(
                record,
                tools=tuple([_tool(tool, new, fixed) for tool in record.tools]),
                turns=tuple([_turn(turn, new, fixed, said) for turn in record.turns]),
                attachments=tuple([one for one in record.attachments if one.kind in CLOCKS]),
            ),
            changed=(RENAMED,),
            lost=("attachments",) if timeless(record.attachments) else (),
        )

    def new_names(self, names: Iterable[str], group: str) -> dict[str, str]:
        """Return the new name of each name: at most 64 letters, digits and _, no two alike, and no word of Python."""
        found: dict[str, str] = {}
        style = self._style_for(group)
        for name in names:
            base = (self._random(name, group) if style == "random" else _in_style(name, style))[:_LENGTH]
            made, number = base, 2
            while made in found.values() or keyword.iskeyword(made) or made.startswith("_"):
                ending = f"_{number}"
                made, number = base.lstrip("_")[: _LENGTH - len(ending)] + ending, number + 1
            found[name] = made
        return found

    def _style_for(self, group: str) -> NameStyle:
        """Return the style of a task: for `mixed` one of the cases, drawn by its id."""
        if self._style != "mixed":
            return self._style
        return _CASES[self._digest(group)[0] % len(_CASES)]

    def _random(self, name: str, group: str) -> str:
        """Return letters drawn by seed, task and the old name, so that the order of tools does not matter."""
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in self._digest(group, name)[:_RANDOM_LENGTH])

    def _digest(self, *parts: str) -> bytes:
        return hashlib.sha256("\0".join([str(self._seed), *parts]).encode("utf-8", "surrogatepass")).digest()


def refuse_whole(style: NameStyle | None, format: str, whole: bool) -> None:
    """Raise InputError for a format whose rows hold what really ran, under the names that ran."""
    if style is not None and whole:
        move = "Leave the names as they are, or choose another format."
        raise InputError("tool_names", f"the format {format} holds what was really called.", move)


# ---------------------------------------------------------------- names


def _names(record: Record) -> list[str]:
    """Return all names of a dialogue: those of tools, then those that were called though there is no such tool. These
    are renamed too, so that a wrong call never becomes a right one."""
    called = [call.name for turn in record.turns for one in (turn, turn.original) if one for call in one.tool_calls]
    answered = [turn.name for turn in record.turns if turn.role == "tool" and turn.name]
    return list(dict.fromkeys([*[tool.name for tool in record.tools], *called, *answered]))


def _in_style(name: str, style: NameStyle) -> str:
    words = [word.lower() for word in _WORD.findall(name)] or ["tool"]
    if words[0][0].isdigit():
        words.insert(0, "tool")
    return _STYLES[style](words)


# ---------------------------------------------------------------- texts


def _unmistakable(names: Iterable[str], turns: Sequence[RecordTurn]) -> list[str]:
    """Return the names that occur nowhere among values: in what the user says, in results, in arguments."""
    values = [turn.content for turn in turns if turn.role == "user" or (turn.role == "tool" and turn.fault is None)]
    values += [json.dumps(call.arguments, ensure_ascii=False) for turn in turns for call in turn.tool_calls]
    text = "\n".join(values)
    return [name for name in names if not re.search(f"{_BEFORE}{re.escape(name)}{_BEHIND}", text)]


def _replacing(new: Mapping[str, str], anywhere: Iterable[str]) -> Texts:
    """Return a function that puts the new names into a text. Those of `anywhere` are replaced wherever they stand by
    themselves, unless they may be words; the others only in quotes or before a bracket, as tools are written."""
    by_length = sorted(filter(None, new), key=len, reverse=True)
    free = {name for name in anywhere if not _PLAIN.fullmatch(name)}
    parts = [re.escape(name) if name in free else _marked(name) for name in by_length]
    pattern = re.compile(f"{_BEFORE}(?:{'|'.join(parts)}){_BEHIND}") if parts else None
    return lambda text: pattern.sub(lambda found: new[found.group()], text) if pattern and text else text


def _marked(name: str) -> str:
    """Return a pattern for a name in quotes or backticks, or before a bracket."""
    escaped = re.escape(name)
    return rf"{escaped}(?=\()|(?<=[`'\"]){escaped}(?=[`'\"])"


def _tool(tool: RecordTool, new: Mapping[str, str], text: Texts) -> RecordTool:
    parameters = _described(tool.parameters, text)
    return changed(tool, name=new[tool.name], description=text(tool.description), parameters=parameters)


def _described(schema: Any, text: Texts) -> Any:
    """Return a JSON Schema with its descriptions changed; a parameter that is called `description` stays."""
    if isinstance(schema, Mapping):
        return {
            key: text(value) if key == "description" and isinstance(value, str) else _described(value, text)
            for key, value in schema.items()
        }
    return [_described(one, text) for one in schema] if isinstance(schema, list | tuple) else schema


def _turn(turn: RecordTurn, new: Mapping[str, str], fixed: Texts, said: Texts) -> RecordTurn:
    if turn.role == "system" or (turn.role == "tool" and turn.fault is not None):
        turn = changed(turn, content=fixed(turn.content))
    if turn.role == "tool":
        return changed(turn, name=new.get(turn.name, turn.name)) if turn.name else turn
    if turn.role != "assistant":
        return turn
    return changed(
        turn,
        content=said(turn.content),
        reasoning=said(turn.reasoning) if turn.reasoning else turn.reasoning,
        tool_calls=tuple([changed(call, name=new[call.name]) for call in turn.tool_calls]),
        original=_turn(turn.original, new, fixed, said) if turn.original else None,
    )
