"""Find tool calls in a model's text, where they stand when the server or its chat template does not parse them.

How each family writes a call is said in _notations/. When such a text is a call is the same for all families:

- It stands at the end of the text, or is all of it: a model makes a call and waits. Words before it are usual. Behind
  it may be control tokens only.
- It is not quoted there (_calls/places.py): inside a thought, a code span or another call, or behind words that
  introduce an example. JSON without any sign of a family must also begin a line or follow the end of a sentence.
- It names an offered tool. A list stays text unless it names offered tools only.
- When a call of the same family stands amid the words before, nothing is executed: nobody can tell which is meant.
- A code fence is no family's notation. Models go on talking behind one, so words may stand there, unless these or the
  words before speak of it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from engine.llms import _notations
from engine.llms._calls.arguments import object_in, repaired, repaired_calls, too_deep
from engine.llms._calls.bare_texts import typed
from engine.llms._calls.json_calls import calls_in
from engine.llms._calls.names import names_a_tool, offered_name
from engine.llms._calls.notation import Broken, Notation, NotWritten, Place, Tools, Written
from engine.llms._calls.places import enclosed, in_list, in_thought, introduced, only_quoted, spoken_of
from engine.llms._calls.python_calls import python_calls
from engine.reading.json_value import text_without_surrogates
from engine.types import Tool, ToolCall

_MOST_TRIES, _MOST_CALLS, _MOST_CHANGES = 200, 100, 4
"""Places in a text that are tried for each notation, calls or groups of one reply, and changes of the notation in it;
hostile texts have thousands."""
_TOKENS = (
    *("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>", "<|call|>"),
    *("<|return|>", "<|END_OF_TURN_TOKEN|>", "</s>", "<｜end▁of▁sentence｜>", "<|end▁of▁sentence|>"),
    *("<end_of_turn>", "<turn|>", "<eos>", "<|observation|>", "<|user|>"),
)
"""What a server may leave at the end of a reply."""
_RESIDUE = ("<tool_call>", "</tool>", "</tools>")
"""What small models put there in place of the tag that ends a call."""
_HEADER = re.compile(
    r"\s*(?:<\|im_start\|>\s*assistant|<\|start_header_id\|>\s*assistant\s*<\|end_header_id\|>|<\|assistant\|>"
    r"|<｜Assistant｜>|<start_of_turn>model|<\|turn>model)\s*"
)
"""What a server may leave at the start of a reply."""
_MARK = "```"
_WORD = re.compile(r"[A-Za-z]+")
_FENCE = re.compile(r"```[ \t]*([\w+-]*)[ \t]*\n?")
_MOST_FENCES, _MOST_CLOSINGS = 50, 12
_PYTHON = ("tool_code", "python", "py")


class Found(NamedTuple):
    """What a text holds: the words without the calls, the calls without ids, and how many of them were repaired."""

    rest: str
    calls: list[ToolCall]
    repaired: int = 0


class _Block(NamedTuple):
    """A stretch of a text that is in a notation; no calls where it makes none."""

    start: int
    end: int
    rest: str
    calls: list[ToolCall]
    repaired: int


def find_calls(text: str, tools: Tools, *, cut: bool = False) -> Found:
    """Return what a text holds; the text itself and no calls when it makes none. Never raises.

    cut: whether the text ends where its model was not done; then what looks whole may not be, and nothing is repaired.
    """
    if not any(sign in text for sign in _signs()) or not names_a_tool(text, tools):
        return Found(text, [])
    plain = _without_tokens(text_without_surrogates(text), cut)
    last = _block_at_the_end(plain, tools, cut)
    if last is None:
        return _in_fences(plain, tools, cut, len(plain)) or Found(text, [])
    block, notation = last
    if plain.count(_MARK, 0, block.start) % 2 or not block.calls:
        return _in_fences(plain, tools, cut, block.start) or Found(text, [])
    block, notation = _with_others_before(plain, block, notation, tools)
    before = plain[: block.start]
    if (
        not block.calls
        or only_quoted(plain, block.start, bare=notation.bare)
        or in_thought(before, plain[block.start :])
    ):
        return Found(text, [])
    return Found(_without_header(before + block.rest).strip(" \n\t,;\ufeff"), block.calls, block.repaired)


def _with_others_before(text: str, block: _Block, notation: Notation, tools: Tools) -> tuple[_Block, Notation]:
    """Return a block together with the calls in other notations that stand right before it, and the notation of the
    first; without calls where the notation changes more often than any model does."""
    for _ in range(_MOST_CHANGES):
        before = text[: block.start].rstrip(" \n\t,;")
        found = _block_at_the_end(before, tools, cut=True) if before else None
        if found is None or not found[0].calls or found[0].rest:
            return block, notation
        earlier, notation = found
        calls, repaired_count = earlier.calls + block.calls, earlier.repaired + block.repaired
        block = _Block(earlier.start, block.end, block.rest, calls, repaired_count)
    return block._replace(calls=[]), notation


@cache
def notations() -> Mapping[str, Notation]:
    """Return the notations by the names of their files."""
    found = {}
    for module in pkgutil.iter_modules(_notations.__path__):
        if not module.name.startswith("_"):
            found[module.name] = importlib.import_module(f"{_notations.__name__}.{module.name}").NOTATION
    return found


@cache
def _signs() -> tuple[str, ...]:
    """Return a few characters and words of which every call has one.

    Most replies have none of them, so that they cost a few microseconds instead of a look for each notation.
    """
    begins = [sign for notation in notations().values() for sign in notation.begins]
    short = {word[0] if (word := _WORD.match(sign)) else sign[0] for sign in begins} | {_MARK[0]}
    return tuple(sorted((sign for sign in short if not any(one != sign and one in sign for one in short)), key=len))


def _without_tokens(text: str, cut: bool = False) -> str:
    """Return a text without what a server or a model may leave at its end."""
    text, tokens = text.rstrip(), _TOKENS if cut else (*_TOKENS, *_RESIDUE)
    while text.endswith(tokens):
        token = next(token for token in tokens if text.endswith(token))
        text = text[: -len(token)].rstrip()
    return text


def _without_header(text: str) -> str:
    header = _HEADER.match(text)
    return text[header.end() :] if header else text


# ---------------------------------------------------------------- at the end of a text


def _block_at_the_end(text: str, tools: Tools, cut: bool) -> tuple[_Block, Notation] | None:
    """Return the block that runs to the end of a text, with its notation; of several the one that begins first, as it
    holds the others, whether it makes a call or is broken."""
    chains = [
        (chain, notation)
        for notation in notations().values()
        if any(sign in text for sign in notation.begins)
        if (chain := _last_chain(text, notation, tools, cut)) is not None
    ]
    start = min((chain.start for chain, _ in chains), default=0)
    blocks = [(chain.block(tools, cut), notation) for chain, notation in chains if chain.start == start]
    return next(((block, notation) for block, notation in blocks if block.calls), blocks[0] if blocks else None)


def _last_chain(text: str, notation: Notation, tools: Tools, cut: bool) -> _Chain | None:
    """Return what runs to the end of a text in a notation; None when nothing does, or a call of the same notation
    stands amid the words before."""
    position = 0
    for _ in range(_MOST_TRIES):
        start = _next_sign(text, notation.begins, position)
        if start is None or (notation.alone and text[:start].strip()):
            return None
        chain = _Chain.read(Place(text, start, tools, cut=cut), notation)
        if chain.units and Place(text, chain.end, tools).over:
            return chain
        if len(chain.units) == _MOST_CALLS or chain.block(tools, cut=True).calls:
            return None
        position = max(start + 1, chain.seen)
    return None


def _next_sign(text: str, begins: Sequence[str], position: int) -> int | None:
    return min((at for sign in begins if (at := text.find(sign, position)) >= 0), default=None)


class _Chain(NamedTuple):
    """What stands in a notation, one behind the other: the text of each call or group, and what is written there.
    `seen` is how far the text was looked at."""

    start: int
    end: int
    seen: int
    units: list[tuple[str, list[Written]]]

    @classmethod
    def read(cls, place: Place, notation: Notation) -> _Chain:
        start = end = place.at
        units: list[tuple[str, list[Written]]] = []
        while len(units) < _MOST_CALLS and place.sees(*notation.begins):
            place.space()
            begun = place.at
            try:
                written = notation.read(place)
            except NotWritten:
                break
            end = place.at
            units.append((place.text[begun:end], written))
        return cls(start, end, place.at, units)

    def block(self, tools: Tools, cut: bool) -> _Block:
        """Return the calls that are made here. A call or group that is none stays text."""
        meant = [_calls_meant(written, tools, cut) for _, written in self.units]
        rest = "".join(text for (text, _), calls in zip(self.units, meant, strict=True) if not calls)
        pairs = [pair for calls in meant for pair in calls]
        return _Block(self.start, self.end, rest, [call for call, _ in pairs], sum(repair for _, repair in pairs))


# ---------------------------------------------------------------- in fences


def _in_fences(text: str, tools: Tools, cut: bool, most: int) -> Found | None:
    """Return what fences that hold nothing but calls leave of a text; None when there are none, or one is spoken of.
    They begin before `most`, where a broken call begins that would hold later ones."""
    fences = [fence for fence in _fences(text, tools, cut) if fence.start < most]
    if not fences:
        return None
    first, last = fences[0].start, fences[-1].end
    if in_thought(text[:first], text[first:last], text[last:]):
        return None
    rest, position = "", 0
    for number, fence in enumerate(fences):
        before = text[position : fence.start]
        following = fences[number + 1].start if number + 1 < len(fences) else len(text)
        behind = text[fence.end : following]
        if enclosed(text, fence.start) or introduced(before) or spoken_of(behind):
            return None
        if behind.strip() and in_list(before):
            return None
        rest, position = rest + before, fence.end
    calls = [call for fence in fences for call in fence.calls]
    return Found((rest + text[position:]).strip(), calls, sum(fence.repaired for fence in fences))


def _fences(text: str, tools: Tools, cut: bool) -> Iterator[_Block]:
    """Yield the fences that hold calls and nothing else."""
    position, last = 0, text.rfind(_MARK)
    for _ in range(_MOST_FENCES):
        opened = _FENCE.search(text, position)
        if opened is None:
            return
        closings = _closings(text, opened.end())
        position = closings[0] + len(_MARK)
        if text[: opened.start()].rstrip().endswith("Action:"):  # a notation of its own, which is read at the end only
            continue
        for closed in reversed(closings):
            body = _without_tokens(text[opened.end() : closed].strip())
            block = _block_filling(body, opened[1].lower(), tools, cut or closed < last)
            if block is not None:
                position = closed + len(_MARK)
                yield block._replace(start=opened.start(), end=min(position, len(text)))
                break


def _closings(text: str, position: int) -> list[int]:
    """Return where a fence may end: at one of the next marks, as strings inside may hold marks too."""
    found: list[int] = []
    while len(found) < _MOST_CLOSINGS and (position := text.find(_MARK, position)) >= 0:
        found.append(position)
        position += len(_MARK)
    return found or [len(text)]


def _block_filling(body: str, language: str, tools: Tools, cut: bool) -> _Block | None:
    """Return the calls that fill a text, in Python where that is the language of its fence, else in any notation."""
    if language in _PYTHON:
        try:
            made = _calls_meant(python_calls(body), tools, cut)
        except NotWritten:
            return None
        return _Block(0, len(body), "", [call for call, _ in made], 0) if made else None
    for notation in notations().values():
        if body.startswith(tuple(notation.begins)):
            chain = _Chain.read(Place(body, 0, tools, cut=cut), notation)
            block = chain.block(tools, cut) if Place(body, chain.end, tools).over else None
            if block is not None and block.calls and not block.rest:
                return block
    return None


# ---------------------------------------------------------------- one call


def _calls_meant(written: Sequence[Written], tools: Tools, cut: bool) -> list[tuple[ToolCall, bool]]:
    """Return the calls that are meant, each with whether it was repaired; [] unless all of them are calls."""
    found: list[tuple[ToolCall, bool]] = []
    for one in written:
        made = _calls_in_broken_json(one, tools, cut) if one.name is None else [_call_meant(one, tools, cut)]
        if not made or None in made:
            return []
        found += [call for call in made if call is not None]
    return found


def _call_meant(written: Written, tools: Tools, cut: bool) -> tuple[ToolCall, bool] | None:
    name = offered_name(written.name or "", tools)
    if name is None:
        return None
    given, tool = written.arguments, tools[name]
    broken = given if isinstance(given, Broken) else Broken(str(given), closed=True)
    arguments = object_in(given) if not isinstance(given, Broken) else None
    if arguments is not None:
        arguments = typed(arguments, tool.parameters if tool is not None else {})
        return None if too_deep(arguments) else (ToolCall(id="", name=name, arguments=arguments), False)
    repair = None if cut else repaired(broken.text, tool)
    if repair is not None:
        return ToolCall(id="", name=name, arguments=repair), True
    return (ToolCall(id="", name=name, raw=broken.text.strip()), False) if broken.closed else None


def _calls_in_broken_json(written: Written, tools: Tools, cut: bool) -> list[tuple[ToolCall, bool] | None]:
    """Return the calls in JSON that is broken as a whole, name and all."""

    def read(value: Any) -> list[tuple[Tool, dict[str, Any]]]:
        try:
            found = calls_in(value, marked=True)
        except NotWritten:
            return []
        named = [(tools.get(offered_name(one.name or "", tools) or ""), object_in(one.arguments)) for one in found]
        sure = [(tool, given) for tool, given in named if tool is not None and given is not None]
        return sure if len(sure) == len(named) else []

    calls = [] if cut else repaired_calls(written.arguments.text, read)
    return [(ToolCall(id="", name=tool.name, arguments=given), True) for tool, given in calls]
