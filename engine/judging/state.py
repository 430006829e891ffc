"""Compares the end states of the reference and of a rollout, which began with the same workspace. Pure.

What only the reference changed is `missing`, what only the rollout changed is `extra`, what both changed to different
values is `different`. Which calls led to an end state does not matter. Values compare as JSON: numbers by value, true
is not 1, and null is not "no such key".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from engine.reading.json_value import same
from engine.types import ABSENT, Change, Frozen, Leaf, StateDiff


class Difference(Frozen):
    """One place where the end states differ; `place` is "path" or "path#pointer", `kind` as above."""

    place: str
    kind: str
    expected: str = ""
    found: str = ""

    def sentence(self) -> str:
        return {
            "missing": f"{self.place} should have become {self.expected}",
            "extra": f"{self.place} was changed to {self.found} and should not have been",
            "different": f"{self.place} should be {self.expected} and is {self.found}",
        }[self.kind]


@dataclass(frozen=True)
class Comparison:
    """Where two end states differ, sorted by place, and how many places the reference changes."""

    differences: tuple[Difference, ...]
    expected: int

    @property
    def made(self) -> int:
        """How many places of the reference's ended as they should."""
        return self.expected - sum(entry.kind in ("missing", "different") for entry in self.differences)

    @property
    def wrong(self) -> int:
        """How many places were changed to something that the reference does not leave there."""
        return sum(entry.kind in ("extra", "different") for entry in self.differences)


def compared(expected: StateDiff, found: StateDiff, ignore: Sequence[str] = ()) -> Comparison:
    """Compare two end states; patterns in `ignore` are globs over "path#pointer"."""
    wanted = {change.path: change for change in expected.changes}
    given = {change.path: change for change in found.changes}
    result: list[Difference] = []
    places = 0
    for path in sorted(wanted.keys() | given.keys()):
        if _ignored(path, ignore):
            continue
        here = _file_differences(wanted.get(path), given.get(path), path, ignore)
        result += here
        places += _expected_places(wanted.get(path), here, ignore)
    return Comparison(tuple(result), places)


def differences(expected: StateDiff, found: StateDiff, ignore: Sequence[str] = ()) -> list[Difference]:
    """Return where two end states differ, as in `compared`."""
    return list(compared(expected, found, ignore).differences)


def _expected_places(wanted: Change | None, here: Sequence[Difference], ignore: Sequence[str]) -> int:
    """Return how many places of a file the reference changes: its leaves where they are known and compared one by one,
    else the file as one place. `here` are the differences that were found in it."""
    if wanted is None:
        return 0
    if wanted.kind != "modified" or not wanted.leaves or wanted.truncated:
        return 1
    if any(entry.place == wanted.path for entry in here):
        return 1
    return sum(not _ignored(f"{wanted.path}#{leaf.pointer}", ignore) for leaf in wanted.leaves)


def paths_outside(found: StateDiff, allowed: Sequence[str]) -> list[str]:
    """Return the changed paths that match no glob in `allowed`; an empty list when there are no globs."""
    if not allowed:
        return []
    return [change.path for change in found.changes if not any(fnmatchcase(change.path, glob) for glob in allowed)]


def _file_differences(
    wanted: Change | None, given: Change | None, path: str, ignore: Sequence[str]
) -> list[Difference]:
    if wanted and given and (wanted.kind, wanted.after_digest) == (given.kind, given.after_digest):
        return []
    detailed = all(c is None or (c.kind == "modified" and c.leaves and not c.truncated) for c in (wanted, given))
    if detailed:
        left, right = wanted.leaves if wanted else (), given.leaves if given else ()
        found = _leaf_differences(left, right, path, ignore)
        if found or any(_ignored(f"{path}#{leaf.pointer}", ignore) for leaf in (*left, *right)):
            return found
        # The digests differ in a way that leaves do not show, such as an object that was removed or only emptied.
    if wanted and given:
        return [Difference(place=path, kind="different", expected=_summary(wanted), found=_summary(given))]
    if wanted:
        return [Difference(place=path, kind="missing", expected=_summary(wanted))]
    return [Difference(place=path, kind="extra", found=_summary(given))] if given else []


def _leaf_differences(
    wanted: Sequence[Leaf], given: Sequence[Leaf], path: str, ignore: Sequence[str]
) -> list[Difference]:
    left = {leaf.pointer: leaf for leaf in wanted}
    right = {leaf.pointer: leaf for leaf in given}
    result: list[Difference] = []
    for pointer in sorted(left.keys() | right.keys()):
        place = f"{path}#{pointer}"
        if _ignored(place, ignore):
            continue
        a, b = left.get(pointer), right.get(pointer)
        if a and b and same(a.became, b.became):
            continue
        if a and b:
            result.append(Difference(place=place, kind="different", expected=_short(a.became), found=_short(b.became)))
        elif a:
            result.append(Difference(place=place, kind="missing", expected=_short(a.became)))
        elif b:
            result.append(Difference(place=place, kind="extra", found=_short(b.became)))
    return result


def _ignored(place: str, ignore: Sequence[str]) -> bool:
    return any(fnmatchcase(place, pattern) for pattern in ignore)


def _summary(change: Change) -> str:
    return "removed" if change.kind == "removed" else f"{change.kind} ({change.after_digest[:8]})"


def _short(value: object) -> str:
    text = "absent" if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."
