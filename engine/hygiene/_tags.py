"""Thoughts in tags: <think>, [THINK], ◁think▷, <|begin_of_thought|"
">, <details>, fences and comments, in every spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.hygiene.prose import code_spans, is_mention

_PAIRS = {"<": ">", "&lt;": "&gt;", "[": "]", "◁": "▷", "＜": "＞", "【": "】", "{": "}"}
# Bounded everywhere, so that a text of nothing but brackets is read in linear time.
_TAG = re.compile(
    r"(?P<open>[<\[◁＜【{]|&lt;)[ \t]{0,3}[|｜]?[ \t]{0,3}(?P<slash>/{0,2}|"
    r"\\)[ \t]{0,3}(?P<name>[A-Za-z思推][\w:▁ 考理-]{0,30}?)"
    r"(?P<more>(?:[ \t]+[\w-]{1,20}=(?:\"[^\"\n<>]{0,60}\"|'[^'\n<>]{0,60}'|\w{1,20})){0,3})"
    r"[ \t]{0,3}(?P<empty>/?)[ \t]{0,3}[|｜]?[ \t]{0,3}(?P<close>[>\]▷＞】}]|&gt;)"
)
_STRONG = frozenset(
    """think thinking thinks thought thoughts ant_thinking antthinking ant:thinking seed:think mm:think longcat_think
    deep_think deepthink thinking_process thought_process think_process thinking_block think_block inner_thoughts
    inner_thought internal_thoughts internal_thought inner_monologue internal_monologue internal_reasoning
    hidden_reasoning scratchpad scratch_pad scratch chain_of_thought chain_of_thoughts cot reasoning_content
    seed:cot_budget_reflect private_thoughts private_reasoning thinking_mode 思考 思考过程 推理过程""".split()  # noqa: SIM905
)
_WEAK = frozenset(
    """reasoning reflection reflect reason analysis rationale planning plan monologue internal deliberation
    推理""".split()  # noqa: SIM905
)
"""Names that data has too: thoughts only where a text begins with them, or a line that no other tag stands before."""
_BEFORE = re.compile(r"\A(?:begin|start)_of_|\A(?:begin|start|open)_")
_BEFORE_END = re.compile(r"\A(?:end_of_|end_|close_|stop_)")
_AFTER = re.compile(r"_(?:start|begin|open)\Z")
_AFTER_END = re.compile(r"_(?:end|close|stop)\Z")
_LEADS_TO_NAME = re.compile(
    r"\b(?:the|an?|in|inside|into|between|with|and|or|of|like|called|named|uses?|using|tags?|element|closing|opening|"
    r"every|each|"
    r"no|stray|your|my|any|by|as|within|both|around|from|to|without|than|is|are|put|emit|write|add|wrap)[ ]\Z",
    re.IGNORECASE,
)
_JOINS = frozenset(("", "and", "or", "to", "/", "&", "-", "...", "…", "text", "content"))
_BLOCKS = re.compile(
    r"(?ims)^[ \t]*```[ \t]*(?:think(?:ing)?|thoughts?|reasoning|"
    r"scratchpad)[ \t]*\n(?P<fence>.*?)(?:^[ \t]*```(?!(?-i:[a-z]))[ \t]*|\Z)"
    r"|\AThinking\.\.\.[ \t]*\n(?P<ollama>.*?)(?:\.\.\.[ \t]?done thinking\.?|\Z)"
    r"|<!--\s*(?:think(?:ing)?|thoughts?|reasoning|scratchpad|internal)\b[ :\n]*(?P<comment>.*?)(?:-->|\Z)"
    r"|<details\b[^<>\n]{0,200}>\s*<summary>[^<\n]{0,80}(?:think|thought|reason)[^<\n]{0,80}</summary>(?P<fold>.*?)"
    r"(?:</details>|\Z)"
    r"|<details\b[^<>\n]{0,100}(?:reasoning|think)[^<\n>]{0,100}>(?P<details>.*?)(?:</details>|\Z)"
)


@dataclass(frozen=True)
class _Tag:
    start: int
    end: int
    kind: Literal["open", "close", "empty"]
    name: str
    strong: bool


def cut_tags(text: str) -> tuple[str, list[str]] | None:
    """Return (the text without tagged thoughts, the thoughts), or None when it has no such tag.

    An opener without a closer takes all that follows; a closer without an opener takes all that stands before. Where
    openers are more than closers, the thought ends at the last closer.
    """
    tags = list(_tags(text))
    return _Cut(text, tags).done() if tags else None


class _Cut:
    """Goes over the tags of a text once, from left to right."""

    def __init__(self, text: str, tags: Sequence[_Tag]) -> None:
        self._text, self._tags = text, tags
        self._kept, self._thoughts, self._position = list[str](), list[str](), 0
        self._first_angle = text.find("<")
        self._last_close: dict[str, int] = {}
        for number, tag in enumerate(tags):
            if tag.kind == "close":
                self._last_close["" if tag.strong else tag.name] = number

    def done(self) -> tuple[str, list[str]] | None:
        place = 0
        while place < len(self._tags):
            tag = self._tags[place]
            if tag.kind == "open":
                place = self._open(place)
            else:
                if tag.kind == "close":
                    self._close(place)
                else:
                    self._keep(tag)
                place += 1
        if not self._position:
            return None
        return joined([*self._kept, self._text[self._position :]]), self._thoughts

    def _keep(self, tag: _Tag) -> None:
        """Keep what stands between the last cut and this tag."""
        self._kept.append(self._text[self._position : tag.start])
        self._position = tag.end

    def _open(self, place: int) -> int:
        """Take the thought that begins here and return the place behind it; the next place when it is none."""
        tag = self._tags[place]
        if self._is_named(place):
            return place + 1 + (self._next_is_close(place) and self._names_both(place))
        if not tag.strong and not self._begins(place):
            return place + 1
        last = _end(self._tags, place)
        self._keep(tag)
        end = len(self._text) if last is None else self._tags[last].start
        self._thoughts.append(_without(self._text, tag.end, end, self._tags[place + 1 : last]))
        self._position = len(self._text) if last is None else self._tags[last].end
        return len(self._tags) if last is None else last + 1

    def _close(self, place: int) -> None:
        tag = self._tags[place]
        after = self._text[tag.end : tag.end + 2].lstrip(" ")[:1]
        if _leads(self._text, tag) and (not after or after.islower() or after in ".,;:)"):
            return
        if not tag.strong and self._first_angle < tag.start and tag.start >= 0 and self._opened(place):
            return
        self._keep(tag)
        self._thoughts.append("".join(self._kept))
        self._kept = []

    def _opened(self, place: int) -> bool:
        """Return whether an opener stands right before a closer whose name data has too: then it is data."""
        return (
            place > 0 and self._tags[place - 1].kind == "open" and self._tags[place - 1].name == self._tags[place].name
        )

    def _closed(self, place: int) -> bool:
        tag = self._tags[place]
        return self._last_close.get("" if tag.strong else tag.name, -1) > place

    def _is_named(self, place: int) -> bool:
        """Return whether an opener is spoken of ("put it between <think> and </think>"), or is a type "
        "(Box<Thought>)."""
        tag, closed = self._tags[place], self._closed(place)
        before = self._text[tag.start - 1 : tag.start]
        if before.isalnum() or before == "_":
            return not closed
        return _leads(self._text, tag) and (not closed or self._names_both(place))

    def _next_is_close(self, place: int) -> bool:
        return place + 1 < len(self._tags) and self._tags[place + 1].kind == "close"

    def _names_both(self, place: int) -> bool:
        """Return whether the tag that follows is spoken of too: only a word like "and" lies between, or leads to it."""
        if place + 1 >= len(self._tags):
            return False
        following = self._tags[place + 1]
        between = self._text[self._tags[place].end : min(following.start, self._tags[place].end + 20)]
        return between.strip(" .,") in _JOINS or (following.kind == "close" and _leads(self._text, following))

    def _begins(self, place: int) -> bool:
        """Return whether a tag with a name that data has too begins a text, or a line in a text without other tags."""
        tag = self._tags[place]
        if not any(piece.strip() for piece in self._kept) and not self._text[self._position : tag.start].strip():
            last = _end(self._tags, place) if self._closed(place) else None
            return last is None or "</" not in self._text[tag.end : self._tags[last].start]
        line = self._text[max(0, tag.start - 8) : tag.start].rstrip(" \t")
        no_other = self._first_angle < 0 or self._first_angle >= tag.start
        return line.endswith("\n") and no_other and self._closed(place)


def cut_blocks(text: str) -> tuple[str, list[str]] | None:
    """Return (the text without fences, comments and folds that say they hold thoughts, the thoughts), or None."""
    thoughts, kept, position = list[str](), list[str](), 0
    for match in _BLOCKS.finditer(text):
        kept.append(text[position : match.start()])
        thoughts.append(next(part for part in match.groups() if part is not None))
        position = match.end()
    if not thoughts:
        return None
    return joined([*kept, text[position:]]), thoughts


def joined(pieces: Sequence[str]) -> str:
    """Return what stays of a text around what was cut, with one space or an empty line between the pieces."""
    found, lines = list[str](), False
    for piece in pieces:
        bare = piece.strip()
        if not bare:
            lines = lines or "\n" in piece
            continue
        lines = lines or "\n" in piece[: len(piece) - len(piece.lstrip())]
        if found:
            # a line's end, too, where a bracket could become a new tag with what follows
            found.append("\n\n" if lines or any(mark in found[-1][-40:] for mark in "<[◁＜【{&") else " ")
        found.append(bare)
        lines = "\n" in piece[len(piece.rstrip()) :]
    return "".join(found)


def _tags(text: str) -> Iterator[_Tag]:
    """Yield the tags of thoughts that are no code, no data with such a name, and not spoken of."""
    spans = code_spans(text) if "`" in text or "~~~" in text else []
    place = 0
    for match in _TAG.finditer(text):
        tag = _read(match)
        if tag is None:
            continue
        while place < len(spans) and spans[place][1] <= tag.start:
            place += 1
        in_code = place < len(spans) and spans[place][0] <= tag.start
        if not in_code and not is_mention(text, tag.start, tag.end):
            yield tag


def _read(match: re.Match[str]) -> _Tag | None:
    if _PAIRS[match["open"]] != match["close"]:
        return None
    name = re.sub(r"[ ▁-]+", "_", match["name"].lower()).strip("_")
    closes = bool(match["slash"])
    for begin, finish, is_end in (
        (_BEFORE, _AFTER, False),
        (_BEFORE_END, _AFTER_END, True),
    ):
        bare = finish.sub("", begin.sub("", name))
        if bare != name and bare in _STRONG | _WEAK:
            name, closes = bare, closes or is_end
            break
    if name not in _STRONG and name not in _WEAK:
        return None
    if match["open"] in "[【{" and not (closes or match["name"].isupper() or match["open"] == "【") and name in _WEAK:
        return None
    kind: Literal["open", "close", "empty"] = "close" if closes else "empty" if match["empty"] else "open"
    return _Tag(match.start(), match.end(), kind, name, name in _STRONG)


def _end(tags: Sequence[_Tag], place: int) -> int | None:
    """Return the index of the tag that closes the one at `place`; None when nothing does."""
    opener, depth, last = tags[place], 1, None
    for number in range(place + 1, len(tags)):
        tag = tags[number]
        if tag.name != opener.name and not (tag.strong and opener.strong):
            continue
        if tag.kind == "open":
            depth += 1
        elif tag.kind == "close":
            depth, last = depth - 1, number
            if depth == 0:
                return number
    return last


def _without(text: str, start: int, end: int, tags: Sequence[_Tag]) -> str:
    """Return a part of a text without the tags in it."""
    pieces = list[str]()
    for tag in tags:
        if start <= tag.start < end:
            pieces.append(text[start : tag.start])
            start = tag.end
    return "".join((*pieces, text[start:end]))


def _leads(text: str, tag: _Tag) -> bool:
    """Return whether the word before a tag leads to its name, as in "the <think> ..."."""
    return _LEADS_TO_NAME.search(text[max(0, tag.start - 16) : tag.start]) is not None
