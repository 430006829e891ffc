"""Deletions in a draft that can be undone: of files, or of one entry of questions.yaml."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

QUESTIONS = "questions.yaml"


@dataclass(frozen=True)
class Removal:
    """One press of Delete: `files` with their content, or an `entry` of the questions, its place among them, and the
    whole text `before` and `after`. `replaces` means that new files of the same paths took their place."""

    label: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    entry: str = ""
    place: int = 0
    before: str = ""
    after: str = ""
    warning: str = ""
    replaces: bool = False
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    def packed(self) -> dict[str, Any]:
        """Return the removal as JSON values; `unpacked` reads them."""
        files = {path: base64.b64encode(data).decode() for path, data in self.files.items()}
        return {**self.__dict__, "files": files}

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values())) + len(self.entry) + len(self.before) + len(self.after)

    def questions(self, text: str) -> str:
        """Return the present questions, `text`, with the entry back in its place."""
        return self.before if text == self.after else put_question(text, self.entry, self.place)


def unpacked(value: Mapping[str, Any]) -> Removal:
    """Return the removal that `packed` wrote."""
    files = {path: base64.b64decode(data) for path, data in value["files"].items()}
    return Removal(**{**value, "files": files})


# ---------------------------------------------------------------- one question in the text of all


def cut_question(text: str, place: int) -> tuple[str, str]:
    """Return (the other questions, the one at `place`) as texts; lines that are not touched stay as they are."""
    starts = _starts(text)
    if starts is None:  # written on one line: it cannot be cut by lines
        entries = yaml.safe_load(text)
        gone = entries.pop(place)
        return (_dumped(entries) if entries else ""), _dumped([gone])
    lines = text.splitlines(keepends=True)
    end = starts[place + 1] if place + 1 < len(starts) else len(lines)
    return "".join(lines[: starts[place]] + lines[end:]), "".join(lines[starts[place] : end])


def put_question(text: str, entry: str, place: int) -> str:
    """Return the questions with an entry that was cut, at its place as far as the others are still there."""
    starts = _starts(text) if text.strip() else []
    if starts is None:
        entries = yaml.safe_load(text)
        entries[place:place] = yaml.safe_load(entry)
        return _dumped(entries)
    lines = text.splitlines(keepends=True)
    at = starts[place] if place < len(starts) else len(lines)
    before = "".join(lines[:at])
    joint = "\n" if before and not before.endswith("\n") else ""
    return before + joint + (entry if entry.endswith("\n") else entry + "\n") + "".join(lines[at:])


def _starts(text: str) -> list[int] | None:
    """Return the first line of each entry, with the comments right above it; None when they share lines."""
    try:
        node = yaml.compose(text)
    except yaml.YAMLError:
        return []
    if not isinstance(node, yaml.SequenceNode):
        return []
    if node.flow_style:
        return None
    lines = text.splitlines()
    found = []
    for entry in node.value:
        line = entry.start_mark.line
        while not lines[line].lstrip().startswith("-"):
            line -= 1
        while found and line > 0 and lines[line - 1].lstrip().startswith("#"):
            line -= 1
        found.append(line)
    return found


def _dumped(entries: list[Any]) -> str:
    return yaml.safe_dump(entries, sort_keys=False, allow_unicode=True)
